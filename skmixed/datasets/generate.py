"""Simulated data with a known mixed model behind them."""

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr
from sklearn.utils import Bunch, check_random_state

from skmixed.errors import ArgumentError

_MEANS = {
    "logit": expit,
    "probit": ndtr,
    "cloglog": lambda eta: -np.expm1(-np.exp(eta)),
}
SECOND_COLUMNS = {"crossed": "item", "nested": "subgroup"}


def make_mixed_regression(  # noqa: PLR0913 - one keyword per part of the model
    n_groups=50,
    n_per_group=20,
    *,
    n_features=2,
    n_random_slopes=1,
    intercept=0.0,
    coef=None,
    covariance=None,
    sigma=1.0,
    second_factor=None,
    n_second=10,
    second_sd=0.5,
    unbalanced=False,
    return_truth=False,
    random_state=None,
):
    r"""Generate data from a linear mixed model.

    Parameters
    ----------
    n_groups : int, default=50
        Number of groups.
    n_per_group : int, default=20
        Number of rows in each group, or their mean if `unbalanced`.
    n_features : int, default=2
        Number of covariates ``x0``, ``x1``, ..., independent and standard normal.
    n_random_slopes : int, default=1
        The first so many covariates have a slope that varies between groups.
    intercept : float, default=0.0
        Fixed intercept.
    coef : array-like of shape (n_features,), default=None
        Fixed slopes; drawn from a standard normal distribution if None.
    covariance : array-like, default=None
        Covariance matrix of intercept and slopes of a group, of shape
        ``(1 + n_random_slopes, 1 + n_random_slopes)``. None is diagonal, with variance
        1 for the intercept and 0.25 for each slope.
    sigma : float, default=1.0
        Residual standard deviation.
    second_factor : {"crossed", "nested"}, default=None
        A second factor with a random intercept. "crossed": `n_second` items, one drawn
        at random for each row (column ``item``). "nested": `n_second` subgroups within
        each group, filled in turn, numbered anew in every group (column ``subgroup``).
    n_second : int, default=10
        Number of items, or of subgroups per group.
    second_sd : float, default=0.5
        Standard deviation of the second factor's intercepts.
    unbalanced : bool, default=False
        Draw the sizes of the groups: one plus a Poisson variable.
    return_truth : bool, default=False
        Return the parameters and the random effects drawn as well.
    random_state : int, RandomState instance or None, default=None
        Seed or generator, for the same data at every call.

    Returns
    -------
    X : DataFrame of shape (n_rows, n_features + 1 or 2)
        Covariates, ``group``, and ``item`` or ``subgroup`` if there is a second factor.
    y : Series of shape (n_rows,)
        Response, named ``y``.
    truth : Bunch
        If ``return_truth=True``: `formula`, `intercept`, `coef` of shape (n_features,),
        `sigma`, and two dictionaries with the factor's name as key: `covariances`
        (ndarray of shape (k, k)) and `random_effects` (DataFrame of shape (levels, k)).

    Raises
    ------
    ValueError
        If a number is out of range or an array does not have the right shape.

    See Also
    --------
    make_mixed_classification : The same with classes.

    Notes
    -----
    Row j of group i, with a second intercept :math:`w` if asked for:

    .. math:: y_{ij} = (\beta_0 + b_{i0}) + \sum_r (\beta_r + b_{ir}) x_{ijr} + w_{ij}
              + \varepsilon_{ij},
              \quad b_i \sim N(0, \Psi), \ w \sim N(0, \tau^2),
              \ \varepsilon \sim N(0, \sigma^2)

    Examples
    --------
    >>> from skmixed.datasets import make_mixed_regression
    >>> X, y, truth = make_mixed_regression(
    ...     n_groups=30, n_per_group=5, return_truth=True, random_state=0
    ... )
    >>> X.shape, list(X.columns)
    ((150, 3), ['x0', 'x1', 'group'])
    >>> truth.formula
    'y ~ x0 + x1 + (1 + x0 | group)'
    """
    _check_scales(sigma=sigma)
    rng = check_random_state(random_state)
    X, y, truth = _draw_predictor(
        rng,
        (n_groups, n_per_group, unbalanced),
        (n_features, n_random_slopes),
        (intercept, coef, covariance),
        (second_factor, n_second, second_sd),
    )
    truth.sigma = sigma
    y = pd.Series(y + rng.normal(scale=sigma, size=len(X)), name="y")
    return (X, y, truth) if return_truth else (X, y)


def make_mixed_classification(  # noqa: PLR0913 - one keyword per part of the model
    n_groups=50,
    n_per_group=20,
    *,
    n_features=2,
    n_random_slopes=1,
    intercept=0.0,
    coef=None,
    covariance=None,
    link="logit",
    second_factor=None,
    n_second=10,
    second_sd=0.5,
    unbalanced=False,
    return_truth=False,
    random_state=None,
):
    r"""Generate yes-or-no responses from a logistic or probit mixed model.

    Parameters
    ----------
    n_groups, n_per_group, n_features, n_random_slopes, intercept, coef, covariance
        As in `make_mixed_regression`, on the scale of the linear predictor.
    second_factor, n_second, second_sd, unbalanced, return_truth, random_state
        As in `make_mixed_regression`.
    link : {"logit", "probit", "cloglog"}, default="logit"
        From the linear predictor to the probability of 1.

    Returns
    -------
    X : DataFrame of shape (n_rows, n_features + 1 or 2)
        Covariates, ``group``, and ``item`` or ``subgroup`` if there is a second factor.
    y : Series of shape (n_rows,)
        Response 0 or 1, named ``y``.
    truth : Bunch
        If ``return_truth=True``: `formula`, `link`, `intercept`, `coef`, `covariances`,
        `random_effects` as in `make_mixed_regression`, and `probabilities` of the rows.

    Raises
    ------
    ValueError
        If a number is out of range or an array does not have the right shape.

    See Also
    --------
    make_mixed_regression : Normal responses.

    Notes
    -----
    Given the effects of its groups a row is 1 with the probability
    :math:`g^{-1}(\eta)`, where

    .. math:: \eta_{ij} = (\beta_0 + b_{i0}) + \sum_r (\beta_r + b_{ir}) x_{ijr}
              + w_{ij}.

    Examples
    --------
    >>> from skmixed.datasets import make_mixed_classification
    >>> X, y, truth = make_mixed_classification(
    ...     n_groups=30, n_per_group=5, return_truth=True, random_state=0
    ... )
    >>> X.shape, sorted(y.unique().tolist()), truth.formula
    ((150, 3), [0, 1], 'y ~ x0 + x1 + (1 + x0 | group)')
    """
    if link not in _MEANS:
        raise ArgumentError(f"link={link!r} should be one of {', '.join(_MEANS)}.")
    rng = check_random_state(random_state)
    X, eta, truth = _draw_predictor(
        rng,
        (n_groups, n_per_group, unbalanced),
        (n_features, n_random_slopes),
        (intercept, coef, covariance),
        (second_factor, n_second, second_sd),
    )
    truth.link, truth.probabilities = link, _MEANS[link](eta)
    y = (rng.uniform(size=len(X)) < truth.probabilities).astype(np.int64)
    y = pd.Series(y, name="y")
    return (X, y, truth) if return_truth else (X, y)


def _draw_predictor(rng, sizes, columns, effects, second):
    """Draw the rows, and what fixed and random effects make of them.

    Returns
    -------
    X : DataFrame
    eta : ndarray of shape (n_rows,)
    truth : Bunch
    """
    n_groups, n_per_group, unbalanced = sizes
    n_features, n_random_slopes = columns
    intercept, coef, covariance = effects
    second_factor, n_second, second_sd = second
    counts = {"n_groups": n_groups, "n_per_group": n_per_group, "n_second": n_second}
    _check_counts(n_features, n_random_slopes, counts)
    _check_scales(second_sd=second_sd)
    covariance = _checked_covariance(covariance, 1 + n_random_slopes)
    coef = _checked_coef(coef, n_features, rng)
    X = _draw_table(rng, n_groups, n_per_group, n_features, unbalanced)
    slopes = [f"x{r}" for r in range(n_random_slopes)]
    drawn = _draw_effects(rng, covariance, n_groups, ["Intercept", *slopes])
    truth = Bunch(
        formula=_formula(n_features, slopes),
        intercept=intercept,
        coef=coef,
        covariances={"group": covariance},
        random_effects={"group": drawn},
    )
    y = intercept + X.drop(columns="group").to_numpy() @ coef
    y += _group_share(X, drawn)
    if second_factor is not None:
        y += _add_second_factor(rng, X, truth, second_factor, n_second, second_sd)
    return X, y, truth


def _check_counts(n_features, n_random_slopes, counts):
    for name, value in counts.items():
        if value < 1:
            raise ArgumentError(f"{name} must be at least 1, got {value}.")
    if not 0 <= n_random_slopes <= n_features:
        raise ArgumentError(
            "n_random_slopes must lie between 0 and n_features, got "
            f"n_random_slopes={n_random_slopes} and n_features={n_features}."
        )


def _check_scales(**scales):
    for name, value in scales.items():
        if value < 0:
            raise ArgumentError(f"{name} must not be negative, got {value}.")


def _checked_covariance(covariance, k):
    if covariance is None:
        return np.diag([1.0] + [0.25] * (k - 1))
    covariance = np.asarray(covariance, dtype=float)
    if covariance.shape != (k, k):
        raise ArgumentError(
            f"covariance must have shape {(k, k)} for an intercept and {k - 1} random "
            f"slopes, got {covariance.shape}."
        )
    # Rounding may leave a singular matrix with an eigenvalue just below zero.
    smallest_allowed = -1e-10 * np.abs(covariance).max()
    symmetric = np.array_equal(covariance, covariance.T)
    if not symmetric or np.linalg.eigvalsh(covariance)[0] < smallest_allowed:
        raise ArgumentError(
            "covariance must be symmetric with no negative eigenvalue, got "
            f"{covariance.tolist()}."
        )
    return covariance


def _checked_coef(coef, n_features, rng):
    if coef is None:
        return rng.standard_normal(n_features)
    coef = np.asarray(coef, dtype=float)
    if coef.shape != (n_features,):
        raise ArgumentError(
            f"coef must have one value for each of {n_features} features, got shape "
            f"{coef.shape}."
        )
    return coef


def _draw_table(rng, n_groups, n_per_group, n_features, unbalanced):
    """Draw the covariates; rows of a group stand together."""
    sizes = np.full(n_groups, n_per_group)
    if unbalanced:
        sizes = 1 + rng.poisson(n_per_group - 1, size=n_groups)
    names = [f"x{r}" for r in range(n_features)]
    X = pd.DataFrame(rng.standard_normal((sizes.sum(), n_features)), columns=names)
    return X.assign(group=np.repeat(np.arange(n_groups), sizes))


def _draw_effects(rng, covariance, n_levels, names):
    """Draw random effects; works for a singular covariance matrix too."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    draws = rng.standard_normal((n_levels, len(names))) @ root.T
    return pd.DataFrame(draws, columns=names)


def _formula(n_features, slopes):
    fixed = " + ".join(f"x{r}" for r in range(n_features)) or "1"
    return f"y ~ {fixed} + ({' + '.join(['1', *slopes])} | group)"


def _group_share(X, effects):
    """Return b_i0 + sum_r b_ir x_ijr for each row, shape (n,)."""
    slopes = effects.columns.drop("Intercept")
    b = effects.to_numpy()[X["group"]]
    return b[:, 0] + (X[slopes].to_numpy() * b[:, 1:]).sum(axis=1)


def _add_second_factor(rng, X, truth, kind, n_second, second_sd):
    """Add the column to `X` and the terms to `truth`; return its share of y, (n,)."""
    if kind not in SECOND_COLUMNS:
        raise ArgumentError(
            f"second_factor must be 'crossed', 'nested' or None, got {kind!r}."
        )
    column = SECOND_COLUMNS[kind]
    covariance = np.array([[second_sd**2]])
    if kind == "crossed":
        factor, n_levels = column, n_second
        X[column] = codes = rng.randint(n_second, size=len(X))
    else:
        factor, n_levels = f"group:{column}", X["group"].nunique() * n_second
        X[column] = X.groupby("group").cumcount() % n_second
        codes = (X["group"] * n_second + X[column]).to_numpy()
    effects = _draw_effects(rng, covariance, n_levels, ["Intercept"])
    contribution = effects["Intercept"].to_numpy()[codes]
    if kind == "nested":
        effects.index = pd.MultiIndex.from_product(
            [range(n_levels // n_second), range(n_second)], names=["group", column]
        )
    truth.formula += f" + (1 | {factor})"
    truth.covariances[factor] = covariance
    truth.random_effects[factor] = effects
    return contribution
