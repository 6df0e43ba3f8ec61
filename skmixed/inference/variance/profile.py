"""Profile likelihoods: how much a model loses when one parameter is held."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.interpolate import CubicSpline

from skmixed.inference.arguments import check_confidence_level
from skmixed.inference.opened.residual_refit import by_pattern
from skmixed.inference.variance.constraints import HeldParameter
from skmixed.inference.variance.held_residual import HeldResidualParameter
from skmixed.inference.variance.held_rows import HeldRowParameter
from skmixed.inference.variance.parameters import values_of
from skmixed.likelihood.covariance.structure import lifted
from skmixed.likelihood.search.optimize import minimise
from skmixed.printing.numbers import fixed_decimals, say_level
from skmixed.printing.printed import Printed, PrintedTable, Table
from skmixed.printing.progress import count_done

# Steps to each side are meant to be this long in zeta.
STEP = 0.5
# Most points to each side.
MOST = 40
# Rise of the deviance at the estimate beyond which a double cannot hold the parameter.
LOST = 1e-3
# A step towards a limit of the domain ends on it when it comes this near, relative.
NEAR = 0.05
# Points added around the target, and how near to it is near enough, in zeta.
REFINED, CLOSE = 4, 1e-3
# Kinds of parameters that cannot be zero.
POSITIVE = ("sigma", "ratio", "range")
# Share of the estimate of sigma that stands for zero, where sigma cannot be.
SMALLEST_SIGMA = 1e-3
# Entries of a warm start smaller than this could not leave zero: they start at FLOOR.
STUCK, FLOOR = 1e-3, 1e-2
# Of the estimates of the others.
PRECISION = {"tol": 1e-7, "max_iter": 60}


@dataclass(frozen=True, eq=False, repr=False)
class ProfileLikelihood(Printed):
    """Signed roots of likelihood ratios along every parameter.

    Attributes
    ----------
    table : DataFrame
        ``parameter``, ``value`` and ``zeta``: the square root of the rise of the
        deviance when the parameter is held at the value and all others are estimated
        anew, negative below the estimate. Where zeta is a straight line, Wald's
        intervals are right.
    estimates : Series
        Maximum-likelihood estimates.
    model_estimates : Series
        Those of the model itself, by REML where that was asked for.
    limits : dict of str to tuple of float
        Smallest and largest possible value of every parameter.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> model = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)", reml=False)
    >>> profile = model.fit(load_sleepstudy().frame).profile("fixed")
    >>> profile.conf_int(0.95).round(2)
               estimate   lower   upper
    Intercept    251.41  231.99  270.82
    Days          10.47    8.89   12.05
    """

    table: pd.DataFrame
    estimates: pd.Series
    limits: dict
    model_estimates: pd.Series | None = None

    @property
    def frame(self):
        """The points of all profiles: ``table``."""
        return self.table

    def blocks(self):
        """Yield the intervals, and how far the profiles go."""
        yield from self.conf_int().blocks()
        ends = self.table.groupby("parameter", sort=False)["zeta"]
        ends = ends.agg(["count", "min", "max"])
        ends.columns = ["points", "zeta from", "to"]
        two = fixed_decimals(2)
        yield Table(ends, "Profiles", rules={"zeta from": two, "to": two})

    def conf_int(self, confidence_level=0.95):
        """Intervals of the values whose likelihood ratio is not significant.

        Parameters
        ----------
        confidence_level : float, default=0.95

        Returns
        -------
        PrintedTable
            Its ``frame`` has ``estimate``, ``lower`` and ``upper`` per parameter. A
            bound at the limit of what is possible, such as a standard deviation of 0,
            is that limit.
        """
        level = check_confidence_level(confidence_level)
        z = stats.norm.ppf(0.5 + level / 2.0)
        rows = {}
        for name, part in self.table.groupby("parameter", sort=False):
            zeta, value = part["zeta"].to_numpy(), part["value"].to_numpy()
            rows[name] = {
                "estimate": self.estimates[name],
                "lower": bound(zeta, value, -z, self.limits[name][0]),
                "upper": bound(zeta, value, z, self.limits[name][1]),
            }
        columns = ["estimate", "lower", "upper"]
        table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
        notes = ["Estimates and bounds by maximum likelihood.", say_level(level)]
        return PrintedTable(table, "Profile-likelihood intervals", notes)


def bound(zeta, value, target, limit):
    """Value at which zeta reaches a target, by a spline through the points.

    Parameters
    ----------
    zeta, value : ndarray
        In order of the values.
    target : float
    limit : float
        Limit of the domain on this side.

    Returns
    -------
    float
        The limit where zeta stays within the target; NaN if it was not followed so far.
    """
    end = zeta[0] if target < 0 else zeta[-1]
    if abs(end) < abs(target):
        edge = value[0] if target < 0 else value[-1]
        return float(limit) if np.isclose(edge, limit, atol=1e-12) else np.nan
    rising = np.concatenate([[True], np.diff(np.maximum.accumulate(zeta)) > 1e-9])
    zeta, value = zeta[rising], value[rising]
    if len(zeta) < 4:
        return float(np.interp(target, zeta, value))
    return float(CubicSpline(zeta, value)(target))


def profile_likelihood(result, parameters, target, verbose=None):
    """Follow the likelihood along some parameters.

    Parameters
    ----------
    result : FitResult
        By maximum likelihood.
    parameters : list of Parameter
    target : float
        Zeta to be found to both sides; the profiles end just beyond it.
    verbose : int, optional
        1 shows a progress bar, 0 none; by default one appears in a terminal or a
        notebook when it takes more than a few seconds.

    Returns
    -------
    ProfileLikelihood
    """
    estimates = values_of(result, parameters)
    std_error = np.sqrt(np.diag(result.coef_cov))
    widths = [
        guess_width(parameter, estimate, result.sigma, std_error)
        for parameter, estimate in zip(parameters, estimates, strict=True)
    ]
    return follow_all(
        parameters,
        estimates,
        widths,
        lambda parameter: hold_one(result, parameter),
        target,
        verbose,
    )


def hold_one(result, parameter):
    """The held form of a parameter."""
    if result.residual is None:
        return HeldParameter(result, parameter)
    kind = HeldResidualParameter if by_pattern(result) else HeldRowParameter
    return kind(result, parameter)


def follow_all(parameters, estimates, widths, hold, target, verbose):
    """Follow the likelihood along each of some parameters.

    Parameters
    ----------
    parameters : list of Parameter
    estimates, widths : sequence of float
        The widths are first steps: standard errors.
    hold : callable
        Gives the held form of a parameter.
    target : float
    verbose : int or None

    Returns
    -------
    ProfileLikelihood
    """
    tables = []
    with count_done(len(parameters), "profile", "parameters", verbose) as done:
        for parameter, estimate, width in zip(
            parameters, estimates, widths, strict=True
        ):
            held = hold(parameter) if np.isfinite(estimate) else None
            if held is None or held.deviance_rise(estimate) > LOST:
                points = [(np.nan, np.nan)]
            else:
                points = [(estimate, 0.0)]
                for side in (-width, width):
                    points += follow(held, estimate, side, target)
                points.sort()
            table = pd.DataFrame(points, columns=["value", "zeta"])
            table.insert(0, "parameter", parameter.name)
            tables.append(table)
            done()
    names = [p.name for p in parameters]
    return ProfileLikelihood(
        pd.concat(tables, ignore_index=True),
        pd.Series(estimates, index=names, name="estimate"),
        {p.name: p.domain for p in parameters},
    )


def guess_width(parameter, estimate, sigma, std_error):
    """Guess a standard error: the first step of a profile.

    Parameters
    ----------
    parameter : Parameter
    estimate, sigma : float
    std_error : ndarray of shape (r,)
        Of the fixed effects.

    Returns
    -------
    float
    """
    if parameter.kind == "fixed":
        return float(std_error[parameter.effects[0]])
    if parameter.kind in ("correlation", "dispersion"):
        return 0.2
    return max(0.2 * estimate, 0.01 * sigma if estimate <= 0 else 0.0)


def follow(held, estimate, width, target):
    """Follow the deviance from the estimate to one side.

    Parameters
    ----------
    held : HeldParameter
    estimate : float
    width : float
        Standard error; negative to go down.
    target : float
        Zeta to be reached, and to be met by points around it.

    Returns
    -------
    list of tuple (value, zeta)
    """
    edge = limit = held.parameter.domain[0 if width < 0 else 1]
    if held.parameter.kind in POSITIVE and width < 0:
        limit = SMALLEST_SIGMA * estimate
    sign = np.sign(width)
    at_estimate = held.deviance_at(estimate)
    y, points = held.start(), []
    value, step, last = estimate, STEP * width, 0.0
    while len(points) < MOST and value != limit:
        value = step_towards(value, step, limit, held.parameter)
        y, rise = descend(held, value, y, at_estimate)
        if not np.isfinite(rise):
            break
        zeta = sign * np.sqrt(rise)
        points.append((value if value != limit else edge, zeta))
        if abs(zeta) >= target:
            refine(held, points, sign * target, y, at_estimate)
            break
        # the next step as long as it should be, were zeta a straight line
        ratio = STEP / max(abs(zeta - last), STEP / 4.0)
        step, last = step * min(ratio, 4.0), zeta
    return points


def descend(held, value, y, at_estimate):
    """Hold the parameter and estimate the others.

    Parameters
    ----------
    held : HeldParameter
    value : float
    y : ndarray of shape (c,)
        Start.
    at_estimate : float
        Deviance of the whole model.

    Returns
    -------
    y : ndarray of shape (c,)
    rise : float
        Of the deviance; not negative.
    """
    y, found = lowest(held, value, y)
    if held.mirrored(y):
        y, found = lowest(held, value, held.reflected(y))
        if held.mirrored(y):
            y, found = held.reflected(y), np.inf
    found = min(found, without_correlation(held))
    return y, max(float(found - at_estimate), 0.0)


def lowest(held, value, y):
    """Estimates of the others from some start, and their deviance."""
    optimum = minimise(held.hold(value), unstuck(held, y), **PRECISION)
    return optimum.theta, float(optimum.value)


def without_correlation(held):
    """Least deviance where a correlated effect does not vary; infinite without."""
    if not hasattr(held, "least_without"):
        held.least_without = min(
            (
                float(minimise(deviance, start, **PRECISION).value)
                for deviance, start in held.boundaries
            ),
            default=np.inf,
        )
    return held.least_without


def refine(held, points, target, y, at_estimate):
    """Add points where a straight line through the last ones meets the target.

    Parameters
    ----------
    held : HeldParameter
    points : list of tuple (value, zeta)
        The last one is beyond the target; more are added.
    target : float
    y : ndarray of shape (c,)
        Start.
    at_estimate : float
    """
    beyond = points[-1]
    within = points[-2] if len(points) > 1 else (held.estimate, 0.0)
    for _ in range(REFINED):
        share = (target - within[1]) / (beyond[1] - within[1])
        value = within[0] + share * (beyond[0] - within[0])
        y, rise = descend(held, value, y, at_estimate)
        point = (value, np.sign(target) * np.sqrt(rise))
        points.append(point)
        if abs(point[1]) >= abs(target):
            beyond = point
        else:
            within = point
        if abs(point[1] - target) < CLOSE:
            break


def step_towards(value, step, limit, parameter):
    """Next value; on the limit where the step comes near it.

    A sigma cannot be zero, so its steps shrink with it; nor can a correlation of
    residuals be one.
    """
    if parameter.kind in POSITIVE:
        return max(value * np.exp(step / value), limit) if step < 0 else value + step
    moved = value + step
    if np.isfinite(limit) and (limit - moved) * np.sign(step) <= NEAR * abs(step):
        return limit if parameter.closed else 0.5 * (value + limit)
    return moved


def unstuck(held, y):
    """Let zero standard deviations in the warm start move: zero is stationary."""
    y = y.copy()
    free = held.restricted.M[:, : len(y)] != 0.0
    for place, is_log in held.deviance.scales:
        sources = np.flatnonzero(free[place])
        if len(sources) == 1:
            y[sources[0]] = lifted(y[sources[0]], is_log, STUCK, FLOOR)
    return y
