"""Likelihoods without a maximum: random effects that leave no residual variance."""

from itertools import combinations, pairwise, product

import numpy as np
from scipy.linalg import lapack

from skmixed.errors import IdentifiabilityError
from skmixed.likelihood.linalg.grouped import levels_major
from skmixed.likelihood.products.precondition import change_basis, scale_free
from skmixed.likelihood.search.boundary import DEPENDENT, spanned_effects

# Random effects whose variance is this many residual variances leave no trace of the
# residual: the deviance is then looked at further out still.
SATURATING = 1e3
# Share of the response's variation that counts as none.
SATURATED = 1e-12
# A smaller share is rounding of the products themselves.
EXACT = 1e-14
# Share of the response's squared length that is rounding of these products; rows for
# every column of [X Z] of which some may be copies of others.
REPRODUCED, MOST_COPIES = 1e-11, 2
# More columns of [X Z] than this are not factored to see whether they span all rows.
LARGEST_RANK = 1500
# Ranks of all covariances are combined while these are no more.
MOST_RANKS = 200


def check_bounded(A):
    """Refuse a design for which maximum likelihood has no maximum.

    Parameters
    ----------
    A : CrossProducts

    Raises
    ------
    ValueError
        If fixed effects and some combinations of the random effects reproduce any
        response, though these combinations alone do not.

    Notes
    -----
    Let covariances Psi_s of ranks that are full or not grow by t, and let Z_s be the
    columns of Z that they span. Where [X Z_s] has rank n the deviance goes as
    ``(rank Z_s - n) log t``. The restricted likelihood counts n - p rows and is bounded
    there.
    """
    n, p = A.n_obs, A.n_fixed
    size = p + sum(factor.size for factor in A.factors)
    if not A.factors or size < n or size > LARGEST_RANK:
        return
    gram, spans = joint_gram(in_general_position(A))
    for columns, groups in combinations_of_effects(A, spans):
        if p + len(columns) < n or rank(gram, columns) >= n:
            continue
        if rank(gram, np.append(np.arange(p), columns)) >= n:
            raise IdentifiabilityError(
                f"{p} columns of fixed effects and {len(columns)} of the random "
                f"effects of {groups} reproduce any response of {n} rows, so that the "
                "likelihood has no maximum. Leave out fixed effects or a random term, "
                "or fit by REML."
            )


def in_general_position(A):
    """The same model with all effects turned whose covariance is free.

    Parameters
    ----------
    A : CrossProducts

    Returns
    -------
    CrossProducts
        The first r effects of a block are those of a covariance of rank r.
    """
    rng, turns = np.random.default_rng(0), []
    for factor in A.factors:
        turn = np.eye(factor.n_effects)
        for block in factor.structure.free_blocks:
            normal = rng.normal(size=(block.stop - block.start,) * 2)
            turn[block, block] = np.linalg.qr(normal)[0]
        turns.append(turn)
    return change_basis(scale_free(A), turns)


def combinations_of_effects(A, spans):
    """Columns that covariances of all ranks span, one combination at a time.

    Parameters
    ----------
    A : CrossProducts
    spans : list of ndarray of int
        As :func:`joint_gram` gives them.

    Yields
    ------
    columns : ndarray of int
    groups : str
    """
    choices, names = [], [f"`{factor.group}`" for factor in A.factors]
    for j, (factor, span) in enumerate(zip(A.factors, spans, strict=True)):
        places, free = span.reshape(factor.n_levels, -1), factor.structure.free_blocks
        for block in factor.structure.blocks:
            whole = block.stop - block.start
            ranks = range(whole + 1) if block in free else (0, whole)
            own = places[:, block]
            choices.append([(j, own[:, :rank].ravel()) for rank in ranks])
    if np.prod([len(ranks) for ranks in choices]) > MOST_RANKS:
        choices = [ranks[:: len(ranks) - 1] for ranks in choices]
    for chosen in product(*choices):
        columns = np.concatenate([part for _, part in chosen])
        factors = sorted({j for j, part in chosen if len(part)})
        yield columns, " and ".join(names[j] for j in factors)


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
    share = 0.0
    if optimum.converged and np.abs(optimum.theta).max(initial=0.0) < SATURATING:
        if not reproduces(A):
            return
    else:
        share = deviance.at(optimum.theta * SATURATING).r2 / A.gram[-1, -1]
        # an infinite one is that of a factorisation which rounding has made fail
        if SATURATED < share < np.inf:
            return
    for j, factor in enumerate(A.factors):
        if deviance.reml and spanned_effects(A, j).all():
            raise IdentifiabilityError(
                f"The fixed effects span the random effects of `{factor.group}` and "
                "leave nothing to estimate their variance from. Leave out these fixed "
                "effects or the random term."
            )
    raise IdentifiabilityError(why_saturated(A, share))


def why_saturated(A, share):
    """Say why no residual variance is left, and what to do.

    Parameters
    ----------
    A : CrossProducts
    share : float
        Of the response's variation, that fixed and random effects leave.

    Returns
    -------
    str
    """
    n, size = A.n_obs, A.n_fixed + sum(factor.size for factor in A.factors)
    groups = " and ".join(f"`{factor.group}`" for factor in A.factors)
    effects = f"The fixed effects and the random effects of {groups} reproduce"
    if n <= size <= LARGEST_RANK and rank(joint_gram(A)[0], np.arange(size)) >= n:
        return (
            f"{effects} any response of {n} rows, and the best fit leaves no residual "
            "variance. Use fewer random effects."
        )
    if EXACT < share <= SATURATED:
        return (
            f"{effects} the response but for {np.sqrt(share):.0e} of its spread, too "
            "little to tell a residual variance from rounding. Take what is known to "
            "set the groups apart off the response, with offset(...)."
        )
    return (
        f"{effects} the response exactly, to within {np.sqrt(EXACT):.0e} of its "
        "spread, so there is no residual variance to estimate. Is the response "
        "constant within groups?"
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


def rest_of(gram, columns, y):
    """Rank of some columns, and what they leave of the squared length of another."""
    some = gram[np.ix_(columns, columns)]
    root, pivots, found, _ = lapack.dpstrf(some, lower=1, tol=DEPENDENT)
    kept = gram[columns, y][pivots[:found] - 1]
    part = lapack.dtrtrs(root[:found, :found], kept, lower=1)[0]
    return int(found), 1.0 - float(part @ part)
