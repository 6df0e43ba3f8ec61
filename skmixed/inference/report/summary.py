"""Tables of a fitted model: fixed effects, random effects, fit; and lme4's print."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skmixed.inference.fixed.contrasts import estimate_table
from skmixed.inference.fixed.degrees_of_freedom import choose_degrees_of_freedom
from skmixed.inference.report.residual import (
    residual_block,
    residual_intervals,
    residual_table,
)
from skmixed.likelihood.result import is_linear
from skmixed.printing.numbers import fixed_decimals
from skmixed.printing.printed import WIDTH, Printed, Table, once, text_of
from skmixed.printing.render import convergence_line, dropped_line

RANDOM_COLUMNS = ["group", "effect", "variance", "sd"]


@dataclass(frozen=True, eq=False, repr=False)
class Summary(Printed):
    """Tables of a fitted model, printed as lme4 prints them.

    Attributes
    ----------
    fixed : DataFrame
        One row per coefficient: ``estimate``, ``std_error``, ``df``, ``t``, ``p``,
        ``lower``, ``upper``.
    random : DataFrame
        One row per random effect and one for the residual: ``group``, ``effect``,
        ``variance``, ``sd``, and ``corr_1``, ``corr_2``, ... with the effects before it
        in the same term.
    fit : DataFrame
        One row: rows, criterion, AIC, BIC and how the fit ended.
    n_groups : dict of str to int
        Number of levels of every grouping factor, and of a residual covariance's
        subjects.
    residual : DataFrame or None
        Of a residual covariance the standard deviation at every visit, ``sd``, and the
        correlations with the visits; None where residuals are independent.
    residual_parameters : DataFrame or None
        Of a structured one its correlations or range, with Wald's intervals: all others
        are in ``conf_int("variance")``.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
    >>> summary = model.fit(load_sleepstudy().frame).summary()
    >>> summary.fixed.drop(columns="p").round(2)
               estimate  std_error    df      t   lower   upper
    Intercept    251.41       6.82  17.0  36.84  237.01  265.80
    Days          10.47       1.55  17.0   6.77    7.21   13.73
    """

    fixed: pd.DataFrame
    random: pd.DataFrame
    fit: pd.DataFrame
    n_groups: dict[str, int]
    heading: tuple[str, ...]
    footing: tuple[str, ...]
    residual: pd.DataFrame | None = None
    residual_parameters: pd.DataFrame | None = None

    @property
    def frame(self):
        """Table of the fixed effects: ``fixed``."""
        return self.fixed

    def blocks(self, bounds=True):
        """Yield text and tables in lme4's order, with or without intervals."""
        yield "\n".join(self.heading)
        if not np.isnan(
            self.fit["deviance"].iloc[0]
        ):  # it is, where variances are held
            yield criterion_block(self.fit.iloc[0])
        if self.residual is None:
            yield random_block(self.random, self.counts)
        else:
            yield residual_block(self.residual, self.counts)
        if self.residual_parameters is not None:
            yield Table(self.residual_parameters, "Residual parameters:")
        yield fixed_block(self.fixed, bounds)
        yield "\n".join(self.footing)

    def to_text(self, width=WIDTH):
        """Write the summary as text, as lme4 prints it: without intervals.

        Parameters
        ----------
        width : int, default=80

        Returns
        -------
        str
        """
        return text_of(self.blocks(bounds=False), width)

    @property
    def counts(self):
        """How many rows and groups there are, in a line."""
        counts = f"Number of obs: {self.fit['n_obs'].iloc[0]}"
        if self.n_groups:
            sizes = "; ".join(f"{name}, {size}" for name, size in self.n_groups.items())
            counts += f", groups:  {sizes}"
        return counts


def fixed_effects_table(fit, ddf="auto", confidence_level=0.95, vcov=None):
    """Estimates, tests and intervals of the fixed effects.

    Parameters
    ----------
    fit : Fitted
    ddf : str, default="auto"
        Of :func:`skmixed.inference.fixed.degrees_of_freedom.choose_degrees_of_freedom`.
    confidence_level : float, default=0.95
    vcov : ClusterRobust, optional

    Returns
    -------
    table : DataFrame of shape (r, 7)
        ``estimate``, ``std_error``, ``df``, ``t``, ``p``, ``lower`` and ``upper``.
    reason : str
        Which tests these are, and why.
    """
    result = fit.result
    method, reason = choose_degrees_of_freedom(fit, ddf, vcov)
    identity = np.eye(len(result.coef))
    table = estimate_table(result, method, identity, fit.names, confidence_level)
    return table, reason


def random_effects_table(result):
    """Variances, standard deviations and correlations of the random effects.

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    DataFrame
        ``group``, ``effect``, ``variance``, ``sd`` and as many ``corr_j`` as needed:
        the correlation with the j-th effect of the same term; with the first alone
        where the term has a structured covariance. The last row is the residual, of
        linear models.
    """
    rows = [row for term in result.terms for row in _term_rows(result, *term)]
    if is_linear(result):
        residual = {"variance": result.sigma**2, "sd": result.sigma}
        rows.append({"group": "Residual", "effect": "", **residual})
    return pd.DataFrame(rows, columns=None if rows else RANDOM_COLUMNS)


def _term_rows(result, factor, positions, structure):
    """Describe one random term; rows of a correlated one have ``corr_j``."""
    positions = list(positions)
    covariance = np.asarray(result.covariances[factor])[np.ix_(positions, positions)]
    sd = np.sqrt(np.diag(covariance))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = covariance / np.outer(sd, sd)
    for i, position in enumerate(positions):
        row = {
            "group": result.groups[factor],
            "effect": result.effects[factor][position],
            "variance": float(covariance[i, i]),
            "sd": float(sd[i]),
        }
        shown = correlated_with(structure, i)
        row |= {f"corr_{j + 1}": float(correlation[i, j]) for j in shown}
        yield row


def correlated_with(structure, effect):
    """Effects before one whose correlations with it tell all that are estimated.

    Parameters
    ----------
    structure : Structure
    effect : int

    Returns
    -------
    range
        The first alone where the correlations of a structured covariance follow from
        those with it.
    """
    most = {"all": effect, "first": min(effect, 1), "none": 0}
    return range(most[structure.correlated])


def fit_table(result):
    """Describe the fit in one row.

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    DataFrame of shape (1, 12)
    """
    row = {
        "n_obs": result.n_obs,
        "reml": result.reml,
        "loglik": result.loglik,
        "deviance": result.deviance,
        "aic": result.aic,
        "bic": result.bic,
        "sigma": result.sigma if is_linear(result) else np.nan,
        "n_parameters": result.n_parameters,
        "df_resid": result.df_resid,
        "converged": result.converged,
        "singular": result.singular,
        "solver": result.solver,
    }
    return pd.DataFrame([row])


def summarize(fit, *, n_dropped=0, ddf="auto", confidence_level=0.95, vcov=None):
    """Gather the tables of a fitted model.

    Parameters
    ----------
    fit : Fitted
    n_dropped : int, default=0
        Rows left out for missing values.
    ddf : str, default="auto"
        Degrees of freedom of the tests of fixed effects.
    confidence_level : float, default=0.95
        Of the intervals of fixed effects.
    vcov : ClusterRobust, optional

    Returns
    -------
    Summary
    """
    result, aliased = fit.result, fit.aliased
    heading = [f"Formula: {fit.spec.formula_text}"]
    if result.residual is not None:
        heading += residual_heading(result.residual)
    fixed, reason = fixed_effects_table(fit, ddf, confidence_level, vcov)
    footing = [reason] if len(fixed) else []
    footing += dropped_line(n_dropped)
    if aliased:
        footing.append(f"Columns left out (rank deficiency): {', '.join(aliased)}")
    if result.singular:
        footing.append(
            "Boundary (singular) fit: a variance is 0 or a correlation is -1 or +1."
        )
    if is_linear(result) and result.A.sigma is not None:
        footing.append(
            "The residual standard deviation, of a row of weight 1, is known."
        )
    if result.held_from is not None:
        n = result.held_from.n_obs
        footing.append(f"Variances held at those of the first {n} rows.")
    elif not result.independent:
        footing.append(convergence_line(result))
    n_groups = dict(zip(result.groups, result.n_levels, strict=True))
    if result.residual is not None and fit.spec.residual is not None:
        n_groups[fit.spec.residual.term.subject] = result.residual.products.n_subjects
    return Summary(
        fixed=fixed,
        random=random_effects_table(result),
        fit=fit_table(result),
        n_groups=n_groups,
        heading=(*titles(result), *heading),
        residual=residual_table(result, fit.spec),
        residual_parameters=residual_intervals(fit, confidence_level),
        footing=tuple(footing),
    )


def residual_heading(residual):
    """Lines that name a residual covariance and a dispersion."""
    pairs = {"Residual": residual.text, "Dispersion": residual.dispersion}
    return [f"{name}: {text}" for name, text in pairs.items() if text is not None]


def titles(result):
    """Say what was fitted, and how.

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    list of str
    """
    kind = "inear mixed model" if result.groups else "inear model"
    if result.residual is not None:
        kind += " with a residual covariance"
    if is_linear(result):
        return [f"L{kind} fit by {'REML' if result.reml else 'maximum likelihood'}"]
    way = f" ({result.approximation})" if result.groups else ""
    family = result.family
    lines = [f"Generalized l{kind} fit by maximum likelihood{way}"]
    lines.append(f"Family: {family.name} ({family.link.name})")
    dispersion = family.dispersion(result.psi)
    if dispersion is not None:
        lines.append(f"Dispersion: {dispersion:.4g}")
    return lines


def exponentiated(fixed):
    """Odds ratios, rate ratios or ratios of means, with the bounds of their logs.

    Parameters
    ----------
    fixed : DataFrame
        Of the fixed effects, on the scale of a logit or a logarithm.

    Returns
    -------
    DataFrame
        Standard errors by the delta method; tests are those of the logs.
    """
    ratio = np.exp(fixed["estimate"])
    return fixed.assign(
        estimate=ratio,
        std_error=ratio * fixed["std_error"],
        lower=np.exp(fixed["lower"]),
        upper=np.exp(fixed["upper"]),
    )


def criterion_block(fit):
    """The criterion of the fit: a line of REML, a table of likelihoods."""
    if fit["reml"]:
        return f"REML criterion at convergence: {fit['deviance']:.1f}"
    row = {key: fit[key] for key in ("aic", "bic", "loglik", "deviance")}
    # lme4's df.resid takes off the variance parameters too
    row["df_resid"] = float(fit["n_obs"] - fit["n_parameters"])
    names = ("AIC", "BIC", "logLik", "deviance", "df.resid")
    headings = dict(zip(row, names, strict=True))
    return Table(pd.DataFrame([row]), headings=headings, index=False)


def random_block(random, counts):
    """Table of variances, standard deviations and correlations."""
    correlations = list(random.columns[4:])
    headings = {"group": "Groups", "effect": "Name"}
    headings |= {"variance": "Variance", "sd": "Std.Dev."}
    headings |= dict.fromkeys(correlations, "")
    headings |= dict.fromkeys(correlations[:1], "Corr")
    return Table(
        random.assign(group=once(random["group"].tolist())),
        "Random effects:",
        headings=headings,
        rules=dict.fromkeys(correlations, fixed_decimals(2)),
        index=False,
        note=counts,
    )


def fixed_block(fixed, bounds):
    """Table of fixed effects with tests, and intervals where they are asked for."""
    normal = bool(np.isinf(fixed["df"]).all())
    letter = "z" if normal else "t"
    headings = {"estimate": "Estimate", "std_error": "Std. Error"}
    headings |= {"t": f"{letter} value", "p": f"Pr(>|{letter}|)"}
    if normal:
        headings["df"] = None
    if not bounds:
        headings |= dict.fromkeys(("lower", "upper"))
    return Table(fixed, "Fixed effects:", headings=headings)
