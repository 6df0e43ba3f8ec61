"""Cluster-robust standard errors of a mixed model, from its rows."""

import dataclasses

import numpy as np

from skmixed.errors import ArgumentError, TooLargeError, UnavailableError
from skmixed.estimators.rows import Rows
from skmixed.inference.fixed.cluster_robust import (
    KINDS,
    LARGEST_CLUSTER,
    ClusterRobust,
)
from skmixed.inference.opened.fitted import fitted
from skmixed.inference.resample.row_draws import refuse_other_rows


def cluster_robust(model, X, y=None, *, sample_weight=None, kind="CR2", cluster=None):
    """Covariance of the fixed effects that holds where the random part is wrong.

    Parameters
    ----------
    model : MixedLinearRegressor
        Fitted, with random effects.
    X : data frame or array-like of shape (n_samples, n_features)
        The rows of the fit.
    y : array-like of shape (n_samples,), default=None
        Their response; by default the left side of the formula is read from `X`.
    sample_weight : array-like of shape (n_samples,), default=None
        Of the fit.
    kind : {"CR2", "CR1", "CR0"}, default="CR2"
        CR2 is the one for few clusters.
    cluster : str, default=None
        Grouping factor of the model whose levels are the clusters; all others are
        nested in it. By default the one with the fewest levels.

    Returns
    -------
    ClusterRobust
        To be passed as `vcov` to `summary`, `conf_int`, `anova`, `contrast_test` and
        `emmeans`. Its ``covariance`` is of shape (r, r).

    Raises
    ------
    ValueError
        For other rows than those of the fit, crossed factors, an unknown kind, and
        clusters of more than 3000 rows.

    See Also
    --------
    contrast_test : Tests of fixed effects, with ``vcov``.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, cluster_robust
    >>> from skmixed.datasets import load_sleepstudy
    >>> sleep = load_sleepstudy().frame
    >>> model = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)").fit(sleep)
    >>> robust = cluster_robust(model, sleep)
    >>> columns = ["std_error", "df"]
    >>> model.summary(vcov=robust).fixed[columns].round(2)
               std_error    df
    Intercept       6.82  17.0
    Days            1.55  17.0
    """
    fit = fitted(model, "cluster_robust")
    if kind not in KINDS:
        raise ArgumentError(f"kind={kind!r} should be one of {', '.join(KINDS)}.")
    if not fit.result.groups:
        raise UnavailableError(
            "cluster_robust needs random effects, whose groups are the clusters; "
            "PooledLinearRegressor has cluster-robust standard errors without."
        )
    rows = Rows.read_known(model, X, sample_weight)
    design, y = rows.design, rows.response(y)
    design = dataclasses.replace(design, y=np.asarray(y, dtype=float))
    refuse_other_rows(fit.result.A, design)
    name, codes = choose_clusters(fit.result, design, cluster)
    largest = np.bincount(codes).max()
    if largest > LARGEST_CLUSTER:
        raise TooLargeError(
            f"The largest {name} has {largest} rows; the covariance of a cluster is "
            f"held densely, up to {LARGEST_CLUSTER} rows."
        )
    return ClusterRobust(fit.result, design, codes, kind, name, fit.names)


def choose_clusters(result, design, cluster):
    """Name and codes of the factor in which all others are nested."""
    codes = {block.group: block.codes for block in design.random}
    sizes = dict(zip(result.groups, result.n_levels, strict=True))
    name = min(sizes, key=sizes.get) if cluster is None else cluster
    if name not in codes:
        raise ArgumentError(
            f"cluster={cluster!r} should be a grouping factor: {list(codes)}."
        )
    for other, own in codes.items():
        pairs = np.unique(np.stack([own, codes[name]]), axis=1)
        if len(np.unique(pairs[0])) < pairs.shape[1]:
            raise ArgumentError(
                f"`{other}` is not nested in `{name}`: rows of one level lie in "
                "several clusters. Robust covariances need independent clusters."
            )
    return name, codes[name]
