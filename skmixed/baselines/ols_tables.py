"""Summaries of the baselines: least squares, and many regressions side by side."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skmixed.printing.printed import Printed, Table


@dataclass(frozen=True, eq=False, repr=False)
class LinearSummary(Printed):
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
    heading: tuple[str, ...]
    footing: tuple[str, ...]

    @property
    def frame(self):
        """Table of the coefficients: ``fixed``."""
        return self.fixed

    def blocks(self):
        """Yield the heading, the coefficients and the foot lines."""
        yield "\n".join(self.heading)
        headings = {"estimate": "Estimate", "std_error": "Std. Error"}
        yield Table(self.fixed, headings=headings)
        if not len(self.fixed):
            yield "(no coefficients)"
        yield "\n".join(self.footing)


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
