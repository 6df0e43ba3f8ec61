"""Summaries of the baselines: least squares, and many regressions side by side."""

import html
import textwrap
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from skmixed.inference.report.summary import align, format_column

_SMALLEST_P = 1e-4
_WIDTH = 88


@dataclass(frozen=True)
class LinearSummary:
    """Tables of a least-squares fit, printed.

    Attributes
    ----------
    fixed : DataFrame
        One row per coefficient: ``estimate``, ``std_error``, ``df``, ``t``, ``p``,
        ``lower``, ``upper``; of separate regressions ``count``, ``mean``, ``sd``,
        ``sem`` over the groups.
    fit : DataFrame
        One row: rows, groups, degrees of freedom, residual sd, R2.

    Examples
    --------
    >>> from skmixed import PooledLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> model = PooledLinearRegressor("Reaction ~ Days + (Days | Subject)")
    >>> summary = model.fit(load_sleepstudy().frame).summary()
    >>> summary.fixed[["estimate", "std_error"]].round(2)
               estimate  std_error
    Intercept    251.41       6.61
    Days          10.47       1.24
    """

    fixed: pd.DataFrame
    fit: pd.DataFrame
    heading: tuple[str, ...] = field(repr=False)
    footing: tuple[str, ...] = field(repr=False)

    def __str__(self):
        parts = ["\n".join(self.heading), print_coefficients(self.fixed)]
        if self.footing:
            parts.append("\n".join(textwrap.fill(t, _WIDTH) for t in self.footing))
        return "\n\n".join(parts)

    def __repr__(self):
        return str(self)

    def _repr_html_(self):
        heading, *rest = self.heading
        parts = [f"<h4>{html.escape(heading)}</h4>"]
        parts += [f"<p><code>{html.escape(line)}</code></p>" for line in rest]
        for title, table in (("Coefficients", self.fixed), ("Fit", self.fit)):
            text = table.to_html(
                index=table is self.fixed, float_format="{:.5g}".format, border=0
            )
            parts.append(f"<h5>{title}</h5>\n{text}")
        parts += [f"<p>{html.escape(line)}</p>" for line in self.footing]
        return "\n".join(parts)


def print_coefficients(table):
    """Lay out a table of coefficients.

    Parameters
    ----------
    table : DataFrame
        Of `coefficient_table` or `spread_table`.

    Returns
    -------
    str
    """
    if not len(table):
        return "(no coefficients)"
    head, columns = [""], [[str(name) for name in table.index]]
    together = ["estimate", "std_error", "lower", "upper"]
    if "mean" in table.columns:
        together = ["mean", "sd", "sem"]
    numbers = table[together].to_numpy()
    cells = np.reshape(format_column(numbers.ravel()), numbers.shape)
    for name in table.columns:
        head.append(_HEADS.get(name, name))
        if name in together:
            text = list(cells[:, together.index(name)])
        elif name == "p":
            text = [format_p(p) for p in table[name]]
        elif name == "t":
            text = [f"{t:.2f}" for t in table[name]]
        else:
            text = [f"{v:.6g}" for v in table[name]]
        columns.append(["" if cell == "nan" else cell for cell in text])
    return align([head, *zip(*columns, strict=True)], left=(0,))


_HEADS = {"estimate": "Estimate", "std_error": "Std. Error"}


def format_p(p):
    """Write a p-value with four decimals, or as below the smallest of these."""
    if np.isnan(p):
        return ""
    return f"<{_SMALLEST_P:.4f}" if p < _SMALLEST_P else f"{p:.4f}"


def spread_table(coef):
    """Describe the coefficients of many regressions.

    Parameters
    ----------
    coef : DataFrame of shape (n_groups, p)
        NaN where a group does not determine a coefficient.

    Returns
    -------
    DataFrame of shape (p, 4)
        ``count``, ``mean``, ``sd`` and ``sem`` (the sd over the root of the count).

    Examples
    --------
    >>> import pandas as pd
    >>> from skmixed.baselines.ols_tables import spread_table
    >>> spread_table(pd.DataFrame({"x": [1.0, 2.0, 3.0, None]}))
       count  mean   sd      sem
    x      3   2.0  1.0  0.57735
    """
    count, sd = coef.count(), coef.std(ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        sem = sd / np.sqrt(count)
    return pd.DataFrame({"count": count, "mean": coef.mean(), "sd": sd, "sem": sem})
