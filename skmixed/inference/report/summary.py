"""Tables of a fitted model: fixed effects, random effects, fit; and lme4's print."""

import textwrap
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from skmixed.inference.fixed.contrasts import estimate_table
from skmixed.inference.fixed.degrees_of_freedom import choose_degrees_of_freedom
from skmixed.printing.render import convergence_line, dropped_line, summary_html

# lme4 prints four significant digits of the smallest number in a column.
_DIGITS = 4
# Beyond this many decimals a column is unreadable; numbers go their own way.
_MOST_DECIMALS = 8


@dataclass(frozen=True)
class Summary:
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
        Number of levels of every grouping factor.

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
    heading: tuple[str, ...] = field(repr=False)
    footing: tuple[str, ...] = field(repr=False)

    def __str__(self):
        parts = ["\n".join(self.heading), _print_criterion(self.fit.iloc[0])]
        counts = f"Number of obs: {self.fit['n_obs'].iloc[0]}"
        if self.n_groups:
            sizes = "; ".join(f"{name}, {size}" for name, size in self.n_groups.items())
            counts += f", groups:  {sizes}"
        parts.append(f"Random effects:\n{_print_random(self.random)}\n{counts}")
        if len(self.fixed):
            parts.append("Fixed effects:\n" + _print_fixed(self.fixed))
        if self.footing:
            parts.append("\n".join(textwrap.fill(line, 79) for line in self.footing))
        return "\n\n".join(parts)

    def __repr__(self):
        return str(self)

    def _repr_html_(self):
        return summary_html(self)


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
        where the term has a structured covariance. The last row is the residual.
    """
    rows = [row for term in result.terms for row in _term_rows(result, *term)]
    residual = {"variance": result.sigma**2, "sd": result.sigma}
    rows.append({"group": "Residual", "effect": "", **residual})
    return pd.DataFrame(rows)


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
        "sigma": result.sigma,
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
    kind = "Linear mixed model" if result.groups else "Linear model"
    method = "REML" if result.reml else "maximum likelihood"
    fixed, reason = fixed_effects_table(fit, ddf, confidence_level, vcov)
    footing = [reason] if len(fixed) else []
    footing += dropped_line(n_dropped)
    if aliased:
        footing.append(f"Columns left out (rank deficiency): {', '.join(aliased)}")
    if result.singular:
        footing.append(
            "Boundary (singular) fit: a variance is 0 or a correlation is -1 or +1."
        )
    if result.groups:
        footing.append(convergence_line(result))
    return Summary(
        fixed=fixed,
        random=random_effects_table(result),
        fit=fit_table(result),
        n_groups=dict(zip(result.groups, result.n_levels, strict=True)),
        heading=(f"{kind} fit by {method}", f"Formula: {fit.spec.formula_text}"),
        footing=tuple(footing),
    )


def _print_criterion(fit):
    if fit["reml"]:
        return f"REML criterion at convergence: {fit['deviance']:.1f}"
    names = ("AIC", "BIC", "logLik", "deviance", "df.resid")
    cells = [f"{fit[key]:.1f}" for key in ("aic", "bic", "loglik", "deviance")]
    # lme4's df.resid takes off the variance parameters too
    cells.append(f"{fit['n_obs'] - fit['n_parameters']:d}")
    return align([names, cells], left=())


def _print_random(random):
    groups = random["group"].where(random["group"] != random["group"].shift(), "")
    head = ["Groups", "Name", "Variance", "Std.Dev."]
    columns = [
        groups.tolist(),
        random["effect"].tolist(),
        format_column(random["variance"]),
        format_column(random["sd"]),
    ]
    for name in random.columns[4:]:
        head.append("Corr" if len(head) == 4 else "")
        columns.append(["" if np.isnan(r) else f"{r:.2f}" for r in random[name]])
    return align([head, *zip(*columns, strict=True)], left=(0, 1))


def _print_fixed(fixed):
    numbers = fixed[["estimate", "std_error"]].to_numpy()
    cells = np.reshape(format_column(numbers.ravel()), numbers.shape)
    normal = np.isinf(fixed["df"]).all()
    letter = "z" if normal else "t"
    head = ["", "Estimate", "Std. Error", "df", f"{letter} value", f"Pr(>|{letter}|)"]
    rows = [
        [name, *pair, f"{row.df:.4g}", f"{row.t:.3f}", format_p(row.p)]
        for name, pair, row in zip(fixed.index, cells, fixed.itertuples(), strict=True)
    ]
    lines = [head, *rows]
    if normal:
        lines = [line[:3] + line[4:] for line in lines]
    return align(lines, left=(0,))


def format_p(p):
    """Write a p-value as R does.

    Parameters
    ----------
    p : float

    Returns
    -------
    str
        Three significant digits, and nothing below the precision of a double.

    Examples
    --------
    >>> from skmixed.inference.report.summary import format_p
    >>> format_p(0.04321), format_p(3.2637e-06), format_p(1e-20)
    ('0.0432', '3.26e-06', '< 2e-16')
    """
    if p < 2.2e-16:
        return "< 2e-16"
    return f"{p:.3g}"


def format_column(numbers):
    """Write numbers with as many decimals as the smallest needs."""
    numbers = np.asarray(numbers, dtype=float)
    size = np.abs(numbers[np.isfinite(numbers) & (numbers != 0)])
    decimals = _DIGITS - 1
    if size.size:
        decimals -= int(np.floor(np.log10(size.min())))
    if decimals > _MOST_DECIMALS:
        return [f"{v:.{_DIGITS}g}" for v in numbers]
    return [f"{v:.{max(decimals, 0)}f}" for v in numbers]


def align(rows, left):
    """Lay cells out in columns; those at the positions `left` start at the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if j in left else cell.rjust(width)
            for j, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(" ".join(cells).rstrip())
    return "\n".join(lines)
