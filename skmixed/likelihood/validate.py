"""Designs whose parameters the data cannot tell apart, and fits that do not fit in."""

from itertools import combinations, pairwise

import numpy as np
from scipy.linalg import lapack

from skmixed.errors import IdentifiabilityError
from skmixed.likelihood.linalg.grouped import levels_major
from skmixed.likelihood.search.boundary import DEPENDENT, spanned_effects

# Random effects whose variance is this many residual variances leave no trace of the
# residual: the deviance is then looked at further out still.
SATURATING = 1e3
# A covariance whose span leaves this share of the residual's identity contains it.
REDUNDANT = 1e-8
# Share of the response's variation that counts as none.
SATURATED = 1e-12
# Share of the response's squared length that is rounding of these products; rows for
# every column of [X Z] of which some may be copies of others.
REPRODUCED, MOST_COPIES = 1e-11, 2
# More columns of [X Z] than this are not factored to see whether they span all rows.
LARGEST_RANK = 1500


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


def check_bounded(A):
    """Refuse a design for which maximum likelihood has no maximum.

    Parameters
    ----------
    A : CrossProducts

    Raises
    ------
    ValueError
        If fixed effects and the random effects of some factors reproduce any response,
        though the random effects alone do not.

    Notes
    -----
    Let the variances of some factors, whose columns are Z_s, grow by t. Where [X Z_s]
    has rank n the deviance goes as ``(rank Z_s - n) log t``. The restricted likelihood
    counts n - p rows and is bounded there.
    """
    n, p = A.n_obs, A.n_fixed
    sizes = [factor.size for factor in A.factors]
    if p + sum(sizes) < n or p + sum(sizes) > LARGEST_RANK:
        return
    gram, spans = joint_gram(A)
    for count in range(1, len(sizes) + 1):
        for some in combinations(range(len(sizes)), count):
            columns = np.concatenate([spans[j] for j in some])
            if p + len(columns) < n or rank(gram, columns) >= n:
                continue
            if rank(gram, np.append(np.arange(p), columns)) >= n:
                groups = " and ".join(f"`{A.factors[j].group}`" for j in some)
                raise IdentifiabilityError(
                    f"The {p} fixed effects and the {len(columns)} random effects of "
                    f"{groups} reproduce any response of {n} rows, so that the "
                    "likelihood has no maximum. Leave out fixed effects or a random "
                    "term, or fit by REML."
                )


def joint_gram(A, with_y=False):
    """``[X Z]'[X Z]`` with columns of unit length, and where each factor's are.

    Parameters
    ----------
    A : CrossProducts
    with_y : bool, default=False
        Whether the response comes last.

    Returns
    -------
    gram : ndarray of shape (p + N, p + N), or one more
    spans : list of ndarray of int
    """
    p, ends = A.n_fixed, np.cumsum([A.n_fixed, *[f.size for f in A.factors]])
    gram = np.zeros((ends[-1], ends[-1]))
    gram[:p, :p] = A.gram[:p, :p]
    for j, (ZtZ, ZtXy) in enumerate(zip(A.ZtZ, A.ZtXy, strict=True)):
        own, (k, _, G) = slice(ends[j], ends[j + 1]), ZtZ.shape
        block, level = np.zeros((G, k, G, k)), np.arange(G)
        block[level, :, level] = ZtZ.transpose(2, 0, 1)
        gram[own, own] = block.reshape(G * k, G * k)
        gram[own, :p] = levels_major(ZtXy[:, :p])
        gram[:p, own] = gram[own, :p].T
    for pair in A.pairs:
        i, j = (A.factors[f] for f in (pair.first, pair.second))
        block = np.zeros(
            (i.n_levels, pair.data.shape[1], j.n_levels, pair.data.shape[2])
        )
        block[pair.rows, :, pair.indices] = pair.data
        first, second = (slice(ends[f], ends[f + 1]) for f in (pair.first, pair.second))
        gram[first, second] = block.reshape(i.size, j.size)
        gram[second, first] = gram[first, second].T
    if with_y:
        y = np.concatenate(
            [A.gram[:p, p], *(levels_major(ZtXy[:, p:])[:, 0] for ZtXy in A.ZtXy)]
        )
        gram = np.block([[gram, y[:, None]], [y, A.gram[p, p]]])
    lengths = np.sqrt(np.where(np.diag(gram) > 0, np.diag(gram), 1.0))
    spans = [np.arange(a, b) for a, b in pairwise(ends)]
    return gram / lengths / lengths[:, None], spans


def rank(gram, columns):
    """Rank of some columns, by a Cholesky factorisation with pivots."""
    some = gram[np.ix_(columns, columns)]
    return int(lapack.dpstrf(some, tol=DEPENDENT)[2])


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


def check_not_saturated(A, deviance, optimum):
    """Refuse a response that fixed and random effects reproduce without a residual.

    Parameters
    ----------
    A : CrossProducts
    deviance : ProfiledDeviance
    optimum : Optimum

    Raises
    ------
    ValueError
        If the search ran off because the deviance has no minimum, or is flat; or it
        ended at a minimum beside which the deviance falls without end.
    """
    if optimum.converged and np.abs(optimum.theta).max(initial=0.0) < SATURATING:
        if not reproduces(A):
            return
    else:
        r2 = deviance.at(optimum.theta * SATURATING).r2
        # an infinite one is that of a factorisation which rounding has made fail
        if not (np.isinf(r2) or r2 <= SATURATED * A.gram[-1, -1]):
            return
    for j, factor in enumerate(A.factors):
        if deviance.reml and spanned_effects(A, j).all():
            raise IdentifiabilityError(
                f"The fixed effects span the random effects of `{factor.group}` and "
                "leave nothing to estimate their variance from. Leave out these fixed "
                "effects or the random term."
            )
    groups = " and ".join(f"`{factor.group}`" for factor in A.factors)
    raise IdentifiabilityError(
        f"The fixed effects and the random effects of {groups} reproduce the "
        "response exactly, so there is no residual variance to estimate. Is the "
        "response constant within groups?"
    )


def reproduces(A):
    """Whether fixed effects and effects of some factors reproduce the response alone.

    Parameters
    ----------
    A : CrossProducts

    Returns
    -------
    bool
        False where they would reproduce any response, and for large designs, and those
        with so many rows that it could not come by chance.

    Notes
    -----
    Where [X Z_s] has rank r < n and its span holds y, as with rows that are there
    twice, the deviance goes as ``(rank Z_s - n) log t``, the restricted one as
    ``(r - n) log t``, when the variances of the factors s grow by t.
    """
    n, p, size = A.n_obs, A.n_fixed, sum(factor.size for factor in A.factors)
    if not (n <= MOST_COPIES * (p + size) and p + size <= LARGEST_RANK):
        return False
    gram, spans = joint_gram(A, with_y=True)
    y, fixed = len(gram) - 1, np.arange(p)
    some = np.concatenate([fixed, *spans])
    if rest_of(gram, some, y)[1] > REPRODUCED:
        return False
    for count in range(1, len(spans) + 1):
        for chosen in combinations(spans, count):
            found, rest = rest_of(gram, np.concatenate([fixed, *chosen]), y)
            if found < n and rest <= REPRODUCED:
                return True
    return False


def rest_of(gram, columns, y):
    """Rank of some columns, and what they leave of the squared length of another."""
    some = gram[np.ix_(columns, columns)]
    root, pivots, found, _ = lapack.dpstrf(some, lower=1, tol=DEPENDENT)
    kept = gram[columns, y][pivots[:found] - 1]
    part = lapack.dtrtrs(root[:found, :found], kept, lower=1)[0]
    return int(found), 1.0 - float(part @ part)


def is_exact(A):
    """Whether least squares leaves nothing but rounding of the response."""
    return bool(A.gram[-1, -1] <= A.n_obs * A.basis.y_rounding**2)
