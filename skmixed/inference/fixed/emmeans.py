"""Estimated marginal means: predictions on a balanced grid, averaged and compared."""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from skmixed.errors import ArgumentError, ContrastError
from skmixed.inference.arguments import check_confidence_level
from skmixed.inference.fixed.contrasts import estimate_table
from skmixed.inference.fixed.degrees_of_freedom import choose_degrees_of_freedom
from skmixed.inference.fixed.multiplicity import adjust_p, check_adjust, critical_values
from skmixed.inference.fixed.reference_grid import ReferenceGrid
from skmixed.inference.fixed.response_scale import (
    check_scale,
    spread_of_effects,
    to_response,
)
from skmixed.inference.opened.fitted import fitted
from skmixed.likelihood.result import is_linear
from skmixed.printing.numbers import say_level
from skmixed.printing.printed import Printed, PrintedTable, Table

CONTRASTS = ("pairwise", "trt.vs.ctrl", "consec", "eff")
MEANS = ("estimate", "std_error", "df", "lower", "upper")
# With more means the comparisons are too many to print; ``pairs`` has them.
MOST_COMPARED = 12


def emmeans(
    model,
    specs,
    by=None,
    *,
    at=None,
    adjust="tukey",
    ddf="auto",
    confidence_level=0.95,
    vcov=None,
    scale="link",
    averaged=False,
):
    """Estimated marginal means of a fitted mixed model.

    The fixed effects are predicted on a grid of all levels of the categorical columns,
    with numeric columns at their means, and averaged with equal weights over the
    columns that are not named.

    Parameters
    ----------
    model : MixedLinearRegressor
        Fitted.
    specs : str or list of str
        Columns of the fixed part whose combinations the means are for; or R's
        ``"~ a + b | c"``, where c is `by`.
    by : str or list of str, default=None
        Columns within whose levels the means are compared.
    at : dict of str to list, default=None
        Values of columns in the grid, in place of all levels or of the mean. A numeric
        column with two values has both in the grid, as in R.
    adjust : {"tukey", "bonferroni", "holm", "sidak", "fdr", "none"}, default="tukey"
        Adjustment of the pairwise comparisons, within each combination of `by`.
    ddf : {"auto", "satterthwaite", "kenward-roger", "normal", "residual"}, \
            default="auto"
        Degrees of freedom, as in ``summary``.
    confidence_level : float, default=0.95
    vcov : ClusterRobust, default=None
        Robust covariance of the fixed effects; see `cluster_robust`.
    scale : {"link", "response"}, default="link"
        Of generalised models: means on the scale of the linear predictor, or
        transformed to that of the response, with standard errors by the delta method.
        Comparisons are on the scale of the linear predictor.
    averaged : bool, default=False
        With ``scale="response"``: average the means over the random effects, whose
        variances count as known. Else they are those of groups whose effects are 0, as
        in R's emmeans.

    Returns
    -------
    MarginalMeans
        With the data frames ``frame`` and ``pairs`` and the method ``contrasts``.

    Raises
    ------
    ValueError
        For a column that is not in the fixed part, an unknown adjustment or an
        excessive grid.

    See Also
    --------
    emtrends : Slopes in place of means.
    contrast_test : Any linear combination of coefficients.

    Notes
    -----
    Searle, Speed and Milliken (1980), The American Statistician 34(4); R's emmeans
    gives the same. A mean that empty cells of the design leave undetermined is NaN.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, emmeans
    >>> from skmixed.datasets import load_machines
    >>> model = MixedLinearRegressor("score ~ Machine + (1 | Worker/Machine)")
    >>> means = emmeans(model.fit(load_machines().frame), "Machine")
    >>> print(means.frame.round(2))
      Machine  estimate  std_error    df  lower  upper
    0       A     52.36       2.49  8.52  46.68  58.03
    1       B     60.32       2.49  8.52  54.65  65.99
    2       C     66.27       2.49  8.52  60.60  71.94
    >>> means.pairs[["contrast", "estimate", "std_error", "df", "p"]].round(3)
      contrast  estimate  std_error    df      p
    0    A - B    -7.967      2.177  10.0  0.011
    1    A - C   -13.917      2.177  10.0  0.000
    2    B - C    -5.950      2.177  10.0  0.051
    """
    fit = fitted(model, "emmeans", residual=True, generalized=True)
    confidence_level = check_confidence_level(confidence_level)
    specs, by = read_specs(specs, by)
    grid = ReferenceGrid(fit, specs, by, at or {})
    method, reason = choose_degrees_of_freedom(fit, ddf, vcov)
    check_adjust(adjust, pairwise=True)
    check_scale(scale, averaged, fit.result)
    spread = spread_of_effects(fit) if averaged else 0.0
    return MarginalMeans(
        fit.result, grid, method, reason, adjust, confidence_level, scale, spread
    )


def read_specs(specs, by):
    """Columns of the means and of their families, also from ``"~ a + b | c"``.

    Parameters
    ----------
    specs : str or list of str
    by : str, list of str or None

    Returns
    -------
    specs, by : list of str
    """
    if isinstance(specs, str) and "~" in specs:
        means, bar, families = specs.partition("~")[2].partition("|")
        if bar and by is not None:
            raise ArgumentError(
                f"specs={specs!r} already says by what; leave by={by!r} out."
            )
        specs = split_names(means)
        by = split_names(families) if bar else by
    return as_names(specs), as_names(by)


def split_names(text):
    """List the columns of one side of a formula of names."""
    return [name.strip(" `") for name in re.split(r"[+*:]", text)]


def as_names(names):
    """List column names given as nothing, one or several."""
    if names is None:
        return []
    return [names] if isinstance(names, str) else list(names)


def contrast_weights(method, labels):
    """Weights of some means in each contrast.

    Parameters
    ----------
    method : {"pairwise", "trt.vs.ctrl", "consec", "eff"} or dict
        As :meth:`MarginalMeans.contrasts` takes it.
    labels : list of str of length g
        Of the means.

    Returns
    -------
    names : list of str
    weights : ndarray of shape (q, g)
    """
    g = len(labels)
    unit = np.eye(g)
    if isinstance(method, dict):
        weights = np.array(list(method.values()), dtype=float).reshape(len(method), -1)
        if weights.shape[1] != g:
            raise ContrastError(
                f"Each contrast needs {g} weights, one for each of {labels}; given "
                f"are {weights.shape[1]}."
            )
        return list(map(str, method)), weights
    if method == "eff":
        return [f"{label} effect" for label in labels], unit - 1.0 / g
    pairs = {
        "pairwise": [(i, j) for i in range(g) for j in range(i + 1, g)],
        "trt.vs.ctrl": [(i, 0) for i in range(1, g)],
        "consec": [(i + 1, i) for i in range(g - 1)],
    }
    if method not in pairs:
        raise ArgumentError(
            f"method={method!r} should be one of {', '.join(CONTRASTS)}, or a dict of "
            "contrasts."
        )
    names = [f"{labels[i]} - {labels[j]}" for i, j in pairs[method]]
    weights = [unit[i] - unit[j] for i, j in pairs[method]]
    return names, np.reshape(weights, (-1, g))


@dataclass(frozen=True, eq=False, repr=False)
class MarginalMeans(Printed):
    """Marginal means, and comparisons of them.

    Made by :func:`emmeans`.

    Attributes
    ----------
    frame : DataFrame
        A row per mean: its levels, ``estimate``, ``std_error``, ``df``, ``lower``,
        ``upper``. The bounds hold for one mean at a time.
    pairs : PrintedTable
        All differences within each combination of the columns `by`, with adjusted
        p-values and bounds.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, emmeans
    >>> from skmixed.datasets import load_cake
    >>> model = MixedLinearRegressor("angle ~ recipe * temp + (1 | recipe:replicate)")
    >>> means = emmeans(model.fit(load_cake().frame), "recipe", at={"temp": 200})
    >>> means.frame["estimate"].round(2).tolist()
    [33.12, 31.64, 31.6]
    """

    result: object
    grid: ReferenceGrid
    method: object
    reason: str
    adjust: str
    confidence_level: float
    scale: str = "link"
    spread: float = 0.0

    @cached_property
    def frame(self):
        """Table of the means."""
        table = self._estimates(self.grid.L, self.grid.offset)[list(MEANS)]
        if self.scale == "response" and not is_linear(self.result):
            table = to_response(table, self.result.family.link, self.spread)
        return pd.concat([self.grid.cells, table.reset_index(drop=True)], axis=1)

    @cached_property
    def pairs(self):
        """Table of the pairwise differences."""
        return self.contrasts("pairwise", adjust=self.adjust)

    def contrasts(self, method="pairwise", *, adjust=None):
        """Compare the means within each combination of the columns `by`.

        Parameters
        ----------
        method : {"pairwise", "trt.vs.ctrl", "consec", "eff"} or dict, \
                default="pairwise"
            All pairs, each with the first, each with the one before, each with the
            mean of all; or weights by name, in the order of ``frame``.
        adjust : str, default=None
            As in :func:`emmeans`. By default Tukey's for pairs, else Holm's.

        Returns
        -------
        PrintedTable
            Its ``frame`` has ``contrast``, the columns `by`, ``estimate``,
            ``std_error``, ``df``, ``t``, ``p``, ``lower``, ``upper``.

        Raises
        ------
        ValueError
            For an unknown method or adjustment, and weights of the wrong length.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor, emmeans
        >>> from skmixed.datasets import load_machines
        >>> model = MixedLinearRegressor("score ~ Machine + (1 | Worker/Machine)")
        >>> means = emmeans(model.fit(load_machines().frame), "Machine")
        >>> found = means.contrasts({"C - (A + B) / 2": [-0.5, -0.5, 1]})
        >>> found[["contrast", "estimate", "p"]].round(4)
                  contrast  estimate       p
        0  C - (A + B) / 2    9.9333  0.0004
        """
        pairwise = isinstance(method, str) and method == "pairwise"
        if adjust is None:
            adjust = "tukey" if pairwise else "holm"
        check_adjust(adjust, pairwise=pairwise)
        cells, by = self.grid.cells, self.grid.by
        families = [cells.index.to_numpy()]
        if by:
            family = cells.groupby(by, sort=False).ngroup().to_numpy()
            families = [np.flatnonzero(family == k) for k in range(family.max() + 1)]
        tables = [self._family(rows, method, adjust) for rows in families]
        table = pd.concat(tables, ignore_index=True)
        return PrintedTable(
            table, "Comparisons:", [f"Comparisons adjusted by: {adjust}."], index=False
        )

    def _family(self, rows, method, adjust):
        """Compare the means of one combination of the columns `by`."""
        cells = self.grid.cells.loc[rows]
        labels = [
            " ".join(map(str, row))
            for row in cells[self.grid.specs].itertuples(index=False)
        ]
        names, weights = contrast_weights(method, labels)
        table = self._estimates(
            combine(weights, self.grid.L[rows]), weights @ self.grid.offset[rows]
        )
        t, df = table["t"].to_numpy(), table["df"].to_numpy()
        table["p"] = adjust_p(t, df, adjust, len(rows))
        level = self.confidence_level
        half = critical_values(df, adjust, len(rows), len(names), level)
        half = half * table["std_error"]
        table["lower"] = table["estimate"] - half
        table["upper"] = table["estimate"] + half
        for column in reversed(self.grid.by):
            table.insert(0, column, cells[column].iloc[0])
        table.insert(0, "contrast", names)
        return table

    def _estimates(self, L, offset):
        """Estimates of combinations of the fixed effects, NaN where not estimable."""
        known = ~np.isnan(L).any(axis=1)
        table = estimate_table(
            self.result,
            self.method,
            L[known],
            np.flatnonzero(known),
            self.confidence_level,
        ).reindex(range(len(L)))
        for column in ("estimate", "lower", "upper"):
            table[column] += offset
        return table

    @property
    def notes(self):
        """What a reader must know: averages, values held, adjustment, df."""
        grid, notes = self.grid, []
        if grid.averaged:
            notes.append(f"Averaged over the levels of {', '.join(grid.averaged)}.")
        held = [f"{c} = {value:.4g}" for c, value in grid.held.items()]
        if held:
            notes.append(f"At {', '.join(held)}.")
        for term, others in grid.interactions.items():
            notes.append(
                f"{term} is an interaction: means may mislead that are averages over "
                f"{', '.join(others)}, or held at one value of it; see by= and at=."
            )
        plain = not grid.response or grid.response.isidentifier()
        if not plain and is_linear(self.result):
            notes.append(f"On the scale of {grid.response}.")
        if np.isnan(grid.L).any():
            notes.append("NaN: not estimable, cells of the design are empty.")
        notes += self._scale_notes()
        notes += [say_level(self.confidence_level), self.reason]
        if self._shows_pairs():
            notes.append(f"Comparisons adjusted by: {self.adjust}.")
        return notes

    def _scale_notes(self):
        """Which scales means and comparisons of a generalised model are on."""
        if is_linear(self.result):
            return []
        means = "." if self.scale == "response" else ", as the means."
        notes = [f"Comparisons on the scale of the linear predictor{means}"]
        if self.spread:
            notes.append("Means are averaged over the random effects.")
        return notes

    def _shows_pairs(self):
        """Whether the comparisons are few enough to print with the means."""
        return 1 < len(self.grid.cells) <= MOST_COMPARED

    def blocks(self):
        """Yield the means, their comparisons and the notes."""
        yield Table(self.frame, f"{self.grid.title}:", index=False)
        if self._shows_pairs():
            yield self.pairs.table
        yield "\n".join(self.notes)


def combine(weights, L):
    """``weights @ L``, where means of weight zero need not be estimable."""
    unknown = np.isnan(L).any(axis=1)
    combined = weights @ np.where(unknown[:, None], 0.0, L)
    combined[(weights[:, unknown] != 0).any(axis=1)] = np.nan
    return combined
