"""Where the variance of the response lies: ICC, R2, shares and design effects."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from skmixed.errors import UnavailableError

# Components below this share of the residual variance are at their boundary.
ZERO_SHARE = 1e-8
# The profile of one variance is followed up to this relative standard deviation.
LARGEST_THETA = 1e4


@dataclass(frozen=True, eq=False)
class VarianceComponents:
    """The response's variance, averaged over the rows of the fit.

    Parameters
    ----------
    fixed : float
        Variance of the fixed effects' predictions over the rows.
    random : ndarray of shape (q,)
        Mean over the rows of z'C z, per grouping factor.
    residual : float
    groups : tuple of str
    fixed_gradient : ndarray of shape (r,)
        Derivative of ``fixed`` in the raw fixed effects.

    Notes
    -----
    With random slopes a factor's variance differs between rows; its mean over the rows
    is ``tr(C mean(z z'))`` (Johnson, 2014, Methods in Ecology and Evolution 5(9),
    equation 10). The residual variance is that of a row of weight 1.
    """

    fixed: float
    random: np.ndarray
    residual: float
    groups: tuple[str, ...]
    fixed_gradient: np.ndarray

    @classmethod
    def of(cls, fit):
        """Compute them.

        Parameters
        ----------
        fit : Fitted

        Returns
        -------
        VarianceComponents

        Raises
        ------
        ValueError
            Where sigma is known: it is no variance of a typical row.
        """
        result = fit.result
        if result.A.sigma is not None:
            raise UnavailableError(
                f"Shares of variance need one residual variance, and with sigma="
                f"{result.A.sigma:g} every row has a known one of its own. Look at "
                "random_effects_cov_ and variance_std_errors() instead."
            )
        moments = fit.moments
        into = result.A.basis.fixed.coordinates
        coef = into @ result.coef
        slope = moments.fixed @ coef
        random = [
            np.trace(Lambda.T @ S @ Lambda)
            for Lambda, S in zip(result.Lambdas, moments.random, strict=True)
        ]
        return cls(
            fixed=float(coef @ slope),
            random=result.sigma**2 * np.array(random),
            residual=result.sigma**2,
            groups=result.groups,
            fixed_gradient=2.0 * slope @ into,
        )

    @property
    def total(self):
        """All of it."""
        return self.fixed + float(self.random.sum()) + self.residual


def nakagawa_r2(components):
    """Coefficients of determination of Nakagawa and Schielzeth.

    Parameters
    ----------
    components : VarianceComponents

    Returns
    -------
    marginal, conditional : float
        Share of the fixed effects, and of fixed and random effects, in the variance.

    Notes
    -----
    Nakagawa, Johnson and Schielzeth (2017), J. R. Soc. Interface 14(134), equations
    2.1 and 2.2.
    """
    explained = components.fixed + float(components.random.sum())
    return components.fixed / components.total, explained / components.total


def partition_table(components):
    """Variance of each component and its shares.

    Parameters
    ----------
    components : VarianceComponents

    Returns
    -------
    DataFrame
        ``variance``; ``share`` of the whole; ``adjusted_share`` of what the fixed
        effects leave.
    """
    variance = np.array(
        [components.fixed, *components.random, components.residual], dtype=float
    )
    rest = variance.copy()
    rest[0] = np.nan
    return pd.DataFrame(
        {
            "variance": variance,
            "share": variance / components.total,
            "adjusted_share": rest / np.nansum(rest),
        },
        index=["Fixed effects", *components.groups, "Residual"],
    )


def correlation_table(fit, confidence_level):
    """Intraclass correlations with their intervals.

    Parameters
    ----------
    fit : Fitted
        With at least one grouping factor.
    confidence_level : float

    Returns
    -------
    DataFrame
        A row per grouping factor, and one for all together where there are several:
        ``adjusted``, ``lower``, ``upper``, ``unadjusted``, ``unadjusted_lower``,
        ``unadjusted_upper``.

    Notes
    -----
    Intervals are those of the delta method for the logit, from the asymptotic
    covariances of the variance parameters and of the fixed effects. With one variance
    parameter the adjusted interval inverts the profile of the criterion instead, which
    holds at its boundary too. Elsewhere a component at its boundary has no upper bound.
    """
    components = VarianceComponents.of(fit)
    delta = LogitDelta(fit, components, confidence_level)
    q = len(components.random)
    members = [[j] for j in range(q)] + ([list(range(q))] if q > 1 else [])
    rows = [(*delta.adjusted(m), *delta.unadjusted(m)) for m in members]
    if fit.result.n_theta == 1:
        bounds = profile_bounds(fit, confidence_level)
        rows[0] = (rows[0][0], *bounds, *rows[0][3:])
    names = [*components.groups, *(["all"] if q > 1 else [])]
    columns = ["adjusted", "lower", "upper"]
    columns += ["unadjusted", "unadjusted_lower", "unadjusted_upper"]
    return pd.DataFrame(rows, index=names, columns=columns)


class LogitDelta:
    """Delta method for logits of shares of variance.

    Parameters
    ----------
    fit : Fitted
    components : VarianceComponents
    confidence_level : float
    """

    def __init__(self, fit, components, confidence_level):
        self.quantile = stats.norm.ppf(0.5 + confidence_level / 2.0)
        self.coef_cov = fit.result.coef_cov
        self.v = components.random / components.residual
        self.fixed = components.fixed / components.residual
        self.fixed_gradient = components.fixed_gradient / components.residual
        opened = fit.open
        self.covariance = opened.curvature.covariance
        self.gradients = relative_gradients(opened, fit.moments)

    def adjusted(self, members):
        """Share of some factors in what the fixed effects leave, with bounds."""
        return self.share(members, 0.0)

    def unadjusted(self, members):
        """Share of some factors in the whole variance, with bounds."""
        return self.share(members, 1.0)

    def share(self, members, with_fixed):
        """Share and bounds; ``with_fixed`` is 1 or 0."""
        inside = np.isin(np.arange(len(self.v)), members)
        part = float(self.v[inside].sum())
        rest = 1.0 + float(self.v[~inside].sum()) + with_fixed * self.fixed
        estimate = part / (part + rest)
        if part < ZERO_SHARE:
            return estimate, 0.0, np.nan
        weights = np.where(inside, 1.0 / part, -1.0 / rest)
        gradient = np.append(
            weights @ self.gradients, 2.0 * with_fixed * self.fixed / rest
        )
        beta = with_fixed * self.fixed_gradient / rest
        sd = np.sqrt(
            gradient @ self.covariance @ gradient + beta @ self.coef_cov @ beta
        )
        logit = np.log(part / rest)
        half = self.quantile * sd
        return estimate, expit(logit - half), expit(logit + half)


def expit(logit):
    """Inverse of the logit."""
    return float(1.0 / (1.0 + np.exp(-logit)))


def relative_gradients(opened, moments):
    """Derivatives of each factor's relative variance in the free theta, (q, m)."""
    deviance, moments = opened.deviance, scale_free_moments(opened, moments)
    gradients = np.zeros((len(moments), deviance.n_theta))
    for j, (S, structure, span) in enumerate(
        zip(moments, deviance.structures, deviance.spans, strict=True)
    ):
        gradients[j, span] = structure.gradient(opened.theta[span], S)
    return gradients[:, opened.curvature.free]


def scale_free_moments(opened, moments):
    """Mean of z z' in the basis of a reopened likelihood."""
    own, other = opened.result.A.basis.random, opened.deviance.A.basis.random
    bases = [new.mixture(old) for old, new in zip(own, other, strict=True)]
    return [B.T @ S @ B for B, S in zip(bases, moments.random, strict=True)]


def profile_bounds(fit, confidence_level):
    """Bounds of the adjusted ICC of a model with one variance parameter.

    Parameters
    ----------
    fit : Fitted
    confidence_level : float

    Returns
    -------
    lower, upper : float
        Where the criterion exceeds its minimum by the quantile of chi-square(1).
    """
    opened = fit.open.estimation
    S = scale_free_moments(opened, fit.moments)[0][0, 0]
    best, theta = opened.point.value, abs(float(opened.theta[0]))
    bound = best + stats.chi2.ppf(confidence_level, 1)

    def excess(value):
        return opened.plain.at(np.array([value])).value - bound

    lower, upper = 0.0, max(2.0 * theta, 1.0)
    if excess(0.0) > 0:
        lower = optimize.brentq(excess, 0.0, theta)
    while excess(upper) < 0 and upper < LARGEST_THETA:
        upper *= 2.0
    upper = optimize.brentq(excess, theta, upper) if excess(upper) > 0 else np.inf
    return tuple(1.0 - 1.0 / (1.0 + bound**2 * S) for bound in (lower, upper))


def design_effects(fit):
    """Factor by which grouping inflates the variance of a mean.

    Parameters
    ----------
    fit : Fitted

    Returns
    -------
    Series
        Per grouping factor ``1 + (m - 1) ICC`` with the adjusted ICC and the mean
        number ``m = sum n_g^2 / n`` of rows in the group of a row; NaN for a factor
        without random intercept, whose sizes the cross-products do not hold.

    Notes
    -----
    Kish (1965), Survey Sampling, section 5.4. With weights, sizes are sums of weights.
    """
    result, components = fit.result, VarianceComponents.of(fit)
    rest = components.random.sum() + components.residual
    effects = []
    for factor, ZtZ, variance in zip(
        result.A.factors, result.A.ZtZ, components.random, strict=True
    ):
        size = np.nan
        if "Intercept" in factor.effects:
            place = factor.effects.index("Intercept")
            sizes = ZtZ[place, place]
            size = float(sizes @ sizes / sizes.sum())
        effects.append(1.0 + (size - 1.0) * variance / rest)
    return pd.Series(effects, index=list(components.groups), name="design_effect")
