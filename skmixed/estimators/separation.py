"""Warn about estimates of generalised models that have no bound, or are rough."""

import numpy as np

from skmixed.warnings import LaplaceAccuracyWarning, SeparationWarning, warn

# On the logit scale: odds of three million to one, between the levels of a column or
# along a standard deviation of it.
FARTHEST = 15.0
# A column with less of its own says nothing without the others.
REMOTE = 0.02
# Standard deviation of random effects on the logit scale that no data bound.
WIDEST = 10.0
# Shift of an estimate by quadrature, in standard errors, that is too much.
ROUGH = 0.5


def warn_about_generalized(fit, design):
    """Warn about separation and about the accuracy of Laplace's approximation.

    Parameters
    ----------
    fit : Fitted
    design : Design
        Of the fit.

    Warns
    -----
    SeparationWarning
        Where the mean, a coefficient or a variance of discrete responses has no bound.
    LaplaceAccuracyWarning
        Where quadrature would move an estimate by more than half a standard error.
    """
    result = fit.result
    if result.family.discrete:
        scale = scale_of(result.family.link)
        _warn_about_constant(result.family, design.y)
        _warn_about_columns(fit, design, FARTHEST * scale)
        _warn_about_variances(result, WIDEST * scale)
    shift = result.laplace_shift
    if shift is not None and shift > ROUGH:
        warn(
            "Laplace's approximation is rough here: quadrature would move an estimate "
            f"by about {shift:.1f} standard errors, as far as one step from here tells."
            " Fit with n_quadrature=15.",
            LaplaceAccuracyWarning,
        )


def _warn_about_constant(family, y):
    """Warn where all responses lie at one end of what they can be."""
    ends = (0.0, 1.0) if family.name == "binomial" else (0.0,)
    if family.name == "ordinal" or y.min() != y.max() or y[0] not in ends:
        return
    warn(
        f"All responses are {y[0]:g}: their mean has no bound on the scale of the "
        "linear predictor, and nothing is left for predictors or groups to explain.",
        SeparationWarning,
    )


def scale_of(link):
    """Size of a link's unit beside that of the logit."""
    variance = link.latent_variance
    return 1.0 if variance is None else float(np.sqrt(variance / (np.pi**2 / 3)))


def _warn_about_columns(fit, design, farthest):
    X, coef = design.X[:, fit.result.kept], fit.result.coef
    far = np.abs(coef) * np.array([spread_of(x) for x in X.T]) > farthest
    # coefficients at a remote origin are as large as they like, their sums are not
    if not far.any() or np.ptp(X @ coef) <= farthest:
        return
    far &= own_shares(X) > REMOTE
    names = zip(fit.names, far, strict=True)
    found = [name for name, is_far in names if is_far and name != "Intercept"]
    if not found:
        return
    named = ", ".join(f"`{name}`" for name in found)
    warn(
        f"The response is (nearly) determined wherever {named} says so: such a "
        "coefficient has no bound, its standard error no meaning, and what is reported "
        "is where the likelihood ceased to rise. Merge levels with their neighbours, "
        "leave the column out, or move its levels into a random effect.",
        SeparationWarning,
    )


def spread_of(x):
    """Difference of a column of two values, standard deviation of others."""
    low, high = x.min(), x.max()
    two = ((x == low) | (x == high)).all()
    return float(high - low) if two else float(x.std())


def own_shares(X):
    """Share of every column's length that the other columns do not give.

    Parameters
    ----------
    X : ndarray of shape (n, r)
        Independent columns.

    Returns
    -------
    ndarray of shape (r,)
        Of columns about their means, if one is constant. Beside ``x f`` the column f
        speaks of x = 0, which may be far from the data.
    """
    constant = np.ptp(X, axis=0) == 0
    C = X - X.mean(axis=0) if constant.any() else X
    length = np.linalg.norm(C, axis=0)
    varies, shares = ~constant & (length > 0), np.ones(len(length))
    R = np.linalg.qr(C[:, varies] / length[varies], mode="r")
    inverse = np.linalg.pinv(R, rcond=0.0)
    shares[varies] = 1.0 / np.linalg.norm(inverse, axis=1)
    return shares


def _warn_about_variances(result, widest):
    for group, effects, covariance in zip(
        result.groups, result.effects, result.covariances, strict=True
    ):
        if "Intercept" not in effects:
            continue
        value = smallest_spread(covariance, effects.index("Intercept"))
        if value > widest:
            warn(
                f"The intercepts of `{group}` have a standard deviation of {value:.3g} "
                "on the scale of the linear predictor: within most groups all "
                "responses are alike, and the data hardly bound it. Try n_quadrature="
                "15, or a coarser grouping.",
                SeparationWarning,
            )


def smallest_spread(covariance, intercept):
    """Standard deviation of a predictor where it is least.

    Parameters
    ----------
    covariance : ndarray of shape (k, k)
        Of effects; far from a slope's own data they say nothing of separation.
    intercept : int

    Returns
    -------
    float
        That of the intercept given the slopes.
    """
    others = np.delete(np.arange(len(covariance)), intercept)
    own, slopes = covariance[intercept, others], covariance[np.ix_(others, others)]
    size = np.sqrt(np.diag(slopes))
    size[size == 0.0] = 1.0
    weights = np.linalg.lstsq(slopes / np.outer(size, size), own / size, rcond=1e-8)[0]
    left = covariance[intercept, intercept] - weights @ (own / size)
    return float(np.sqrt(max(left, 0.0)))
