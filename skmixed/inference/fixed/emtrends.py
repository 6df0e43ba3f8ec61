"""Simple slopes: how steep the fixed part is in one column, at values of others."""

import copy

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq

from skmixed.errors import ArgumentError
from skmixed.inference.arguments import check_confidence_level
from skmixed.inference.fixed.degrees_of_freedom import choose_degrees_of_freedom
from skmixed.inference.fixed.emmeans import MarginalMeans, read_specs
from skmixed.inference.fixed.multiplicity import check_adjust
from skmixed.inference.fixed.reference_grid import ReferenceGrid
from skmixed.inference.opened.fitted import fitted
from skmixed.printing.numbers import say_level
from skmixed.printing.printed import PrintedTable

# Half the step of a difference, relative to the size of the value.
STEP = 1e-3
# Points between the ends of a moderator at which the sign of a bound is looked up.
POINTS = 401


def emtrends(
    model,
    var,
    specs,
    by=None,
    *,
    at=None,
    adjust="tukey",
    ddf="auto",
    confidence_level=0.95,
    vcov=None,
):
    """Estimate slopes of a numeric column, and compare them.

    Parameters
    ----------
    model : MixedLinearRegressor
        Fitted.
    var : str
        Numeric column of the fixed part.
    specs : str or list of str
        Columns at whose combinations the slopes are; as in `emmeans`.
    by : str or list of str, default=None
        Columns within whose levels the slopes are compared.
    at : dict of str to list, default=None
        Values of columns in the grid: of a numeric moderator, or of `var` itself where
        the fixed part is curved in it.
    adjust, ddf, confidence_level, vcov
        As in `emmeans`.

    Returns
    -------
    MarginalMeans
        Whose ``frame``, ``pairs`` and ``contrasts`` are those of slopes.

    Raises
    ------
    ValueError
        As `emmeans`; and for a column that is not numeric.

    See Also
    --------
    emmeans : Means instead of slopes.
    johnson_neyman : Where a slope differs from zero.
    skmixed.inspection.SlopesDisplay : The picture.

    Notes
    -----
    Central differences of the fixed part on the grid: exact for lines and parabolas.
    Of generalised models the slopes are those of the linear predictor: log odds, or
    logarithms of means, per unit. R's ``emmeans::emtrends`` gives the same.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, emtrends
    >>> from skmixed.datasets import load_cake
    >>> model = MixedLinearRegressor("angle ~ recipe * temp + (1 | recipe:replicate)")
    >>> slopes = emtrends(model.fit(load_cake().frame), "temp", "recipe")
    >>> slopes.frame.round(4)
      recipe  estimate  std_error     df   lower   upper
    0      A    0.1537     0.0282  222.0  0.0981  0.2093
    1      B    0.1646     0.0282  222.0  0.1090  0.2202
    2      C    0.1558     0.0282  222.0  0.1002  0.2114
    """
    fit = fitted(model, "emtrends", residual=True, generalized=True)
    level = check_confidence_level(confidence_level)
    specs, by = read_specs(specs, by)
    grid = trend_grid(fit, var, specs, by, at or {})
    method, reason = choose_degrees_of_freedom(fit, ddf, vcov)
    check_adjust(adjust, pairwise=True)
    return MarginalMeans(fit.result, grid, method, reason, adjust, level)


def trend_grid(fit, var, specs, by, at):
    """A grid whose weights are those of slopes.

    Parameters
    ----------
    fit : Fitted
    var : str
    specs, by : list of str
    at : dict of str to list

    Returns
    -------
    ReferenceGrid
    """
    typical = fit.spec.typical.get(var)
    if typical is None or typical[1] or len(typical[0]) != 1:
        numeric = [c for c, (_, levels) in fit.spec.typical.items() if not levels]
        raise ArgumentError(
            f"var={var!r} should be a numeric column of the fixed part: {numeric}."
        )
    if var in [*specs, *by]:
        raise ArgumentError(
            f"The slopes of {var!r} are to be at values of other columns."
        )
    values = at.get(var, typical[0])
    values = np.atleast_1d(values)
    if len(values) != 1:
        raise ArgumentError(f"at needs one value of {var!r}, not {values.tolist()}.")
    value = float(values[0])
    step = STEP * max(1.0, abs(value))
    low, high = (
        ReferenceGrid(fit, specs, by, {**at, var: [value + side * step]})
        for side in (-1.0, 1.0)
    )
    grid = copy.copy(high)
    grid.title = f"Slopes of {var}"
    grid.L = (high.L - low.L) / (2.0 * step)
    grid.offset = (high.offset - low.offset) / (2.0 * step)
    grid.held = {**high.held, var: value}
    grid.interactions = {
        term: rest
        for term, others in high.interactions.items()
        if (rest := [c for c in others if c != var])
    }
    return grid


def johnson_neyman(
    model,
    var,
    moderator,
    bounds,
    *,
    at=None,
    ddf="auto",
    confidence_level=0.95,
    vcov=None,
):
    """Find where, along a numeric moderator, a slope differs from zero.

    Parameters
    ----------
    model : MixedLinearRegressor
        Fitted, with an interaction of `var` and `moderator` in the fixed part.
    var : str
        Numeric column whose slope it is.
    moderator : str
        Numeric column that changes the slope.
    bounds : tuple of two float
        Smallest and largest value of the moderator to look at, as in the data.
    at : dict of str to list, default=None
        Values of other columns, as in `emtrends`.
    ddf : str, default="auto"
        Degrees of freedom; see `MixedLinearRegressor.summary`.
    confidence_level : float, default=0.95
        Of the interval that holds zero or does not, for one value at a time.
    vcov : ClusterRobust, default=None
        Robust covariance of the fixed effects; see `cluster_robust`.

    Returns
    -------
    PrintedTable
        Its ``frame`` has a row per stretch of the moderator: ``from``, ``to`` and
        ``sign``, which is -1 or 1 where the slope's interval lies below or above zero,
        else 0.

    Raises
    ------
    ValueError
        As `emtrends`; and for bounds that do not rise.

    See Also
    --------
    emtrends : The slopes themselves.
    skmixed.inspection.SlopesDisplay : The picture.

    Notes
    -----
    Johnson & Neyman (1936); Bauer & Curran (2005, Multivariate Behav. Res. 40).

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, johnson_neyman
    >>> from skmixed.datasets import load_london_schools
    >>> model = MixedLinearRegressor("exam ~ lrt * school_avg + (lrt | school)")
    >>> model = model.fit(load_london_schools().frame)
    >>> johnson_neyman(model, "lrt", "school_avg", (-3, 3)).round(2)
       from    to  sign
    0 -3.00 -2.01     0
    1 -2.01  3.00     1
    """
    fit = fitted(model, "johnson_neyman", residual=True, generalized=True)
    level = check_confidence_level(confidence_level)
    low, high = (float(end) for end in bounds)
    if not low < high:
        raise ArgumentError(f"bounds={bounds!r} should rise.")
    points = np.linspace(low, high, POINTS)
    method, reason = choose_degrees_of_freedom(fit, ddf, vcov)
    near = distance(fit.result, method, level)

    def bounds_at(places):
        own = {**(at or {}), moderator: places}
        return near(trend_grid(fit, var, [moderator], [], own).L)

    values = bounds_at(points.tolist())
    edges = [low]
    for side in (0, 1):
        for i in np.flatnonzero(np.diff(np.sign(values[:, side]))):
            ends = points[i], points[i + 1]

            def gap(z, side=side):
                return bounds_at([float(z)])[0, side]

            edges.append(brentq(gap, *ends))
    edges = np.array([*sorted(edges), high])
    middles = (edges[:-1] + edges[1:]) / 2.0
    ends = bounds_at(middles.tolist())
    sign = np.where(ends[:, 0] > 0, 1, np.where(ends[:, 1] < 0, -1, 0))
    table = pd.DataFrame({"from": edges[:-1], "to": edges[1:], "sign": sign})
    title = f"Sign of the slope of {var} along {moderator}"
    notes = ["0: its interval holds zero.", say_level(level), reason]
    return PrintedTable(table, title, notes, index=False)


def distance(result, method, level):
    """Function of contrasts that gives the ends of their intervals, (q, 2)."""

    def ends(L):
        estimate = L @ result.coef
        spread = np.sqrt(np.einsum("qa,ab,qb->q", L, method.covariance, L))
        half = stats.t.ppf(0.5 + level / 2.0, method.df(L)) * spread
        return np.column_stack([estimate - half, estimate + half])

    return ends
