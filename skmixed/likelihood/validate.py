"""Designs whose parameters the data cannot tell apart."""

import numpy as np

from skmixed.errors import IdentifiabilityError

# A covariance whose span leaves this share of the residual's identity contains it.
REDUNDANT = 1e-8


def check_identified(A):
    """Refuse a design whose variances the data cannot tell apart.

    Parameters
    ----------
    A : CrossProducts

    Raises
    ------
    ValueError
        If there are no rows, fewer rows than fixed effects, a grouping factor has one
        level or one per row, or a random term has as many effects as there are rows.
    """
    n, p = A.n_obs, A.n_fixed
    if A.factors and n <= p:
        raise IdentifiabilityError(
            f"{n} rows cannot tell {p} fixed effects and a residual variance apart; "
            "leave out fixed effects or add rows."
        )
    for factor in A.factors:
        if factor.n_levels < 2:
            raise IdentifiabilityError(
                f"The grouping factor `{factor.group}` has {factor.n_levels} level in "
                f"{n} rows; its variance needs at least 2."
            )
        if factor.n_levels >= n and A.sigma is None:
            raise IdentifiabilityError(
                f"The grouping factor `{factor.group}` has {factor.n_levels} levels "
                f"for {n} rows; with one level per row its variance cannot be told "
                "from the residual variance. Is it an identifier of rows, or a number?"
            )
    for term in A.terms if A.sigma is None else ():
        if len(term.effects) * A.factors[term.factor].n_levels >= n:
            refuse_saturated(A, term)


def refuse_saturated(A, term):
    """Refuse a term with an effect per row, unless its structure leaves sigma room.

    Parameters
    ----------
    A : CrossProducts
    term : Term
        With at least as many random effects as there are rows.

    Raises
    ------
    ValueError
    """
    factor, structure = A.factors[term.factor], term.structure
    names = " + ".join(factor.effects[e] for e in term.effects)
    size = len(term.effects) * factor.n_levels
    if holds_residual(A, term):
        residual = structure.name + ("h" if structure.heterogeneous else "")
        raise IdentifiabilityError(
            f"The random term {structure.name}({names} | {factor.group}) contains the "
            "residual variance: with one row per effect and group the two cannot be "
            "told apart. The covariance of the rows of a group is written "
            f"residual='{residual}(f | {factor.group})', with f the column that tells "
            "the rows apart; as random effects use fewer of them, or a structure with "
            "fewer parameters, for example ar1."
        )
    if structure.free_blocks:
        raise IdentifiabilityError(
            f"The random term ({names} | {factor.group}) has {size} random effects "
            f"for {A.n_obs} rows; they cannot be told from the residuals. Use fewer "
            "effects per level."
        )


def holds_residual(A, term):
    """Whether some direction of a term's covariance is the residual variance.

    Parameters
    ----------
    A : CrossProducts
    term : Term

    Returns
    -------
    bool
        For a covariance in general position.

    Notes
    -----
    The distance of I from the span of ``Z D Z'`` over the directions D of Psi is that
    of a least-squares problem whose products are sums over groups of products of Z'Z.
    """
    structure, effects = term.structure, list(term.effects)
    theta = np.cos(np.arange(1.0, 1.0 + structure.n_theta)) / 2.0 + 1.0
    D, k = structure.tangent(theta), len(effects)
    ZtZ = A.ZtZ[term.factor][np.ix_(effects, effects)]
    flat = ZtZ.reshape(k * k, -1)
    products = (flat @ flat.T).reshape(k, k, k, k)
    K = np.einsum("mxy,yzwx,nzw->mn", D, products, D, optimize=True)
    t = np.einsum("mxy,xy->m", D, ZtZ.sum(axis=2))
    scale = np.sqrt(np.diag(K))
    t, K = t / scale, K / np.outer(scale, scale)
    explained = t @ np.linalg.pinv(K, rcond=1e-10, hermitian=True) @ t
    return bool(A.n_obs - explained < REDUNDANT * A.n_obs)


def check_not_exact(A, covary=False):
    """Refuse a response that the fixed effects reproduce without a residual.

    Parameters
    ----------
    A : CrossProducts
        Without random effects there is nothing to refuse, unless residuals covary.
    covary : bool, default=False
        Whether residuals do.

    Raises
    ------
    ValueError
    """
    if (A.factors or covary) and is_exact(A):
        what = "correlations" if covary else "the random effects"
        raise IdentifiabilityError(
            "The fixed effects reproduce the response exactly, so there is no residual "
            f"variance to compare {what} with. Is the response constant, or "
            "computed from the predictors?"
        )


def is_exact(A):
    """Whether least squares leaves nothing but rounding of the response."""
    return bool(A.gram[-1, -1] <= A.n_obs * A.basis.y_rounding**2)
