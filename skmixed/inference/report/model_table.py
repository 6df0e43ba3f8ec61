"""Several models side by side, as a table for a paper."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skmixed.errors import ArgumentError
from skmixed.inference.opened.fitted import fitted
from skmixed.inference.report.summary import (
    correlated_with,
    fixed_effects_table,
    random_effects_table,
)
from skmixed.inference.variance.family_variance import family_components
from skmixed.inference.variance.variance_partition import (
    VarianceComponents,
    nakagawa_r2,
    partition_table,
)
from skmixed.likelihood.result import is_linear
from skmixed.printing.numbers import (
    fixed_decimals,
    format_count,
    format_number,
    format_p,
)
from skmixed.printing.printed import Printed, Table
from skmixed.printing.render import latex_table

SECTIONS = ("fixed effects", "random effects", "shares", "fit")
RESIDUAL = "var Residual"


def compare_table(models, names=None, *, statistic="std_error", digits=3):
    """Put fitted mixed models side by side.

    Parameters
    ----------
    models : list of estimators, or dict of str to estimator
        Fitted mixed models, linear or of another family. One may stand by itself.
    names : list of str, default=None
        Headings; by default the keys of the dict, else "(1)", "(2)", ...
    statistic : {"std_error", "interval", "p"}, default="std_error"
        What stands beside the estimates: standard errors, 95 % intervals or p-values.
        The latter two take the degrees of freedom of ``summary()``.
    digits : int, default=3
        Significant digits in the rendered tables.

    Returns
    -------
    ModelTable
        With the data frame ``frame`` and the methods ``to_markdown``, ``to_latex`` and
        ``to_html``.

    Raises
    ------
    ValueError
        For an unknown statistic, no models, or headings that are not one per model.

    See Also
    --------
    likelihood_ratio_test : Tests of the models against each other.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, compare_table
    >>> from skmixed.datasets import load_sleepstudy
    >>> sleep = load_sleepstudy().frame
    >>> formulas = ["~ 1 + (1 | Subject)", "~ Days + (Days | Subject)"]
    >>> models = [MixedLinearRegressor(f"Reaction {f}").fit(sleep) for f in formulas]
    >>> print(compare_table(models, ["null", "growth"]))
                                        null      growth
    Intercept                     299 (9.05)  251 (6.82)
    Days                                     10.5 (1.55)
    var Subject: Intercept              1278         612
    var Subject: Days                               35.1
    corr Subject: Intercept, Days                 0.0656
    var Residual                        1959         655
    ICC Subject                        0.395       0.722
    R² marginal                            0       0.279
    R² conditional                     0.395       0.799
    log-likelihood                    -952.2      -871.8
    AIC                               1910.3      1755.6
    BIC                               1919.9      1774.8
    rows                                 180         180
    groups Subject                        18          18
    <BLANKLINE>
    null: Reaction ~ 1 + (1 | Subject)
    growth: Reaction ~ 1 + Days + (1 + Days | Subject)
    Standard errors in parentheses.
    Fitted by REML: compare AIC only between models with the same fixed effects.
    """
    headings, fits = read_models(models, names)
    if statistic not in ("std_error", "interval", "p"):
        raise ArgumentError(
            f"statistic={statistic!r} should be 'std_error', 'interval' or 'p'."
        )
    columns = [describe(fit, statistic) for fit in fits]
    frame = pd.concat(columns, axis=1, keys=headings).reindex(row_order(columns))
    reml = [fit.result.reml for fit in fits]
    formulas = tuple(say_model(fit) for fit in fits)
    return ModelTable(frame, headings, statistic, digits, fit_note(reml), formulas)


def say_model(fit):
    """Formula, and the family of a generalised model."""
    text, result = fit.spec.formula_text, fit.result
    if is_linear(result):
        return text
    return f"{text}; {result.family.name} ({result.family.link.name})"


def fit_note(reml):
    """Say by which criterion the models were fitted, and what follows for AIC."""
    if not any(reml):
        return "Fitted by maximum likelihood."
    if all(reml):
        advice = "compare AIC only between models with the same fixed effects"
        return f"Fitted by REML: {advice}."
    return "Fitted by REML or by maximum likelihood: do not compare their AIC."


def read_models(models, names):
    """Headings and fits from the arguments of :func:`compare_table`."""
    if isinstance(models, dict):
        names, models = list(models) if names is None else names, models.values()
    models = [models] if hasattr(models, "get_params") else list(models)
    if names is None:
        names = [f"({place})" for place in range(1, len(models) + 1)]
    names = list(map(str, names))
    if not models or len(set(names)) != len(models) or len(names) != len(models):
        raise ArgumentError(
            f"compare_table needs one or more models with a heading each; given are "
            f"{len(models)} models and the headings {names}."
        )
    return names, [fitted(m, "compare_table", generalized=True) for m in models]


def row_order(columns):
    """Rows of all models, each section in the order of first appearance."""
    rows = list(dict.fromkeys(row for column in columns for row in column.index))
    rows.sort(key=lambda row: (SECTIONS.index(row[0]), row[1] == RESIDUAL))
    return pd.MultiIndex.from_tuples(rows, names=["section", "row"])


def describe(fit, statistic):
    """All numbers of one model.

    Parameters
    ----------
    fit : Fitted
    statistic : {"std_error", "interval", "p"}

    Returns
    -------
    DataFrame
        Index (section, row); columns ``value`` and what `statistic` needs.
    """
    beside = ["lower", "upper"] if statistic == "interval" else [statistic]
    fixed = fixed_rows(fit, statistic)[["estimate", *beside]]
    fixed = fixed.rename(columns={"estimate": "value"})
    fixed.index = [("fixed effects", name) for name in fixed.index]
    others = pd.DataFrame({"value": dict(scalar_rows(fit))}, dtype=float)
    table = pd.concat([fixed, others])
    table.index = pd.MultiIndex.from_tuples(table.index)
    return table


def fixed_rows(fit, statistic):
    """Fixed effects; tests only where they are asked for, for they may be slow."""
    ddf = "normal" if statistic == "std_error" else "auto"
    return fixed_effects_table(fit, ddf)[0]


def scalar_rows(fit):
    """Yield the numbers of a model that stand alone, by (section, row)."""
    result = fit.result
    random = random_effects_table(result)
    for row in random.to_dict("records"):
        where = f"{row['group']}: {row['effect']}" if row["effect"] else row["group"]
        yield ("random effects", f"var {where}"), row["variance"]
    yield from correlation_rows(result)
    yield from share_rows(fit)
    yield ("fit", "log-likelihood"), result.loglik
    yield ("fit", "AIC"), result.aic
    yield ("fit", "BIC"), result.bic
    yield ("fit", "rows"), result.n_obs
    for group, n_levels in zip(result.groups, result.n_levels, strict=True):
        yield ("fit", f"groups {group}"), n_levels


def share_rows(fit):
    """Yield intraclass correlations and R2; of families on the scale of the predictor.

    Not every family has a variance there; of some the dispersion stands in its place.
    A model with a known sigma has no shares.
    """
    result = fit.result
    linear = is_linear(result)
    if not linear and result.family.dispersion(result.psi) is not None:
        yield ("shares", "dispersion"), result.family.dispersion(result.psi)
    try:
        components = VarianceComponents.of(fit) if linear else family_components(fit)
    except ValueError:
        return
    if result.groups:
        icc = partition_table(components)["adjusted_share"]
        for group in result.groups:
            yield ("shares", f"ICC {group}"), icc[group]
    marginal, conditional = nakagawa_r2(components)
    yield ("shares", "R² marginal"), marginal
    yield ("shares", "R² conditional"), conditional


def correlation_rows(result):
    """Yield the correlations between effects of one term."""
    for factor, positions, structure in result.terms:
        covariance = result.covariances[factor]
        sd = np.sqrt(np.diag(covariance))
        names, group = result.effects[factor], result.groups[factor]
        for i, a in enumerate(positions):
            for b in (positions[j] for j in correlated_with(structure, i)):
                with np.errstate(divide="ignore", invalid="ignore"):
                    value = covariance[a, b] / (sd[a] * sd[b])
                yield ("random effects", f"corr {group}: {names[b]}, {names[a]}"), value


@dataclass(frozen=True, eq=False, repr=False)
class ModelTable(Printed):
    r"""Models side by side; made by :func:`compare_table`.

    Attributes
    ----------
    frame : DataFrame
        Numbers: rows (section, row), columns (model, value or what stands beside it).

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, compare_table
    >>> from skmixed.datasets import load_penicillin
    >>> model = MixedLinearRegressor("diameter ~ 1 + (1 | plate) + (1 | sample)")
    >>> table = compare_table({"both": model.fit(load_penicillin().frame)})
    >>> int(table.frame.loc[("fit", "groups plate"), ("both", "value")])
    24
    >>> print(table.to_latex().splitlines()[0])
    \begin{tabular}{lr}
    """

    frame: pd.DataFrame
    headings: list
    statistic: str
    digits: int
    criterion: str
    formulas: tuple

    def blocks(self):
        """Yield the table and its notes."""
        rows = [row for section in self.sections() for row in section]
        table = pd.DataFrame(rows, columns=["", *self.headings]).set_index("")
        yield Table(table.rename_axis(None), right=tuple(self.headings))
        yield self.note

    def to_latex(self):
        """Write the table as a LaTeX ``tabular``; it needs the package booktabs.

        Returns
        -------
        str
        """
        rows, rules = [], []
        for section in self.sections():
            rules.append(len(rows))
            rows += section
        return latex_table(["", *self.headings], rows, rules=tuple(rules[1:]))

    @property
    def note(self):
        """Formulas, what stands beside the estimates, and how models were fitted."""
        beside = {
            "std_error": "Standard errors in parentheses.",
            "interval": "95 % intervals in brackets.",
            "p": "p-values in parentheses.",
        }
        formulas = [
            f"{heading}: {formula}"
            for heading, formula in zip(self.headings, self.formulas, strict=True)
        ]
        return "\n".join([*formulas, beside[self.statistic], self.criterion])

    def sections(self):
        """Yield the rows of each section as text."""
        for _, block in self.frame.groupby(level=0, sort=False):
            yield [
                [name, *(self.cell(row[heading], name) for heading in self.headings)]
                for (_, name), row in block.iterrows()
            ]

    def cell(self, entry, name):
        """Write one cell: a number with what stands beside it."""
        value = entry["value"]
        if np.isnan(value):
            return ""
        if name == "rows" or name.startswith("groups "):
            return format_count(value)
        if name in ("AIC", "BIC", "log-likelihood"):
            return fixed_decimals(1)(value)
        text = format_number(value, self.digits)
        if self.statistic == "p":
            beside = [format_p(entry["p"])]
        else:
            beside = [format_number(v, self.digits) for v in entry.iloc[1:]]
        if not all(beside):
            return text
        if self.statistic == "interval":
            return f"{text} [{', '.join(beside)}]"
        return f"{text} ({beside[0]})"
