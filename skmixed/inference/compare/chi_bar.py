"""Chi-bar-squared: the law of a likelihood ratio where variances may be zero."""

import numpy as np
from scipy import stats
from scipy.optimize import nnls

from skmixed.errors import ComparisonError
from skmixed.inference.compare.nesting import embed
from skmixed.inference.fixed.kenward_roger import trace_terms
from skmixed.inference.opened.open_fit import open_at

# Draws for the weights of a mixture that has no closed form.
DRAWS = 4000
# Accelerated projection steps; far more than small cones need.
STEPS = 150


def mixture_weights(small, large, difference, seed=0):
    """Weights of the chi-squares that a likelihood ratio is a mixture of.

    Parameters
    ----------
    small, large : FitResult
        By maximum likelihood.
    difference : Difference
    seed : int, default=0
        Of the draws, where weights have to be found by simulation.

    Returns
    -------
    weights : dict of int to float
        By degrees of freedom.
    simulated : bool

    Notes
    -----
    With fixed effects and covariances of either sign besides a cone of covariance
    matrices, the ratio is asymptotically chi-square plus the squared length of the
    projection of a normal vector on the cone, in the metric of the information (Self &
    Liang 1987, JASA 82; Stram & Lee 1994, Biometrics 50; Shapiro 1988, Int. Stat. Rev.
    56). One variance: half and half. Several: weights are estimated from projections of
    drawn vectors, whatever the metric.
    """
    base = difference.n_fixed + difference.n_free
    refuse_structured(difference)
    D = difference.n_cone
    if D > 1 and large.residual is not None:
        raise ComparisonError(
            "Several variances are tested at zero beside a residual covariance: the "
            "weights of the mixture are not known. Use bootstrap_test, or add one "
            "random effect at a time."
        )
    if D == 0:
        return {base: 1.0}, False
    if D == 1:
        return {base: 0.5, base + 1: 0.5}, False
    metric, shapes = cone_metric(small, large, difference)
    volumes = cone_volumes(metric, shapes, np.random.default_rng(seed))
    return {base + d: float(v) for d, v in enumerate(volumes)}, True


def refuse_structured(difference):
    """Raise where correlations mean nothing under the null hypothesis."""
    if any(not block.structure.free_blocks for block in difference.blocks):
        raise ComparisonError(
            "The smaller model has no variance where the larger one has a structured "
            "covariance: its correlations mean nothing there, and the law of the "
            "likelihood ratio is not known. Use bootstrap_test, or compare with a "
            "model that has the same effects, for example with `homdiag`."
        )


def mixture_survival(statistic, weights):
    """Upper tail of a mixture of chi-squares.

    Parameters
    ----------
    statistic : float
    weights : dict of int to float
        By degrees of freedom; those of 0 are a point mass at zero.

    Returns
    -------
    float

    Examples
    --------
    >>> from skmixed.inference.compare.chi_bar import mixture_survival
    >>> round(mixture_survival(2.706, {0: 0.5, 1: 0.5}), 4)
    0.05
    """
    tail = (stats.chi2.sf(statistic, df) if df else statistic <= 0 for df in weights)
    return float(np.dot(list(weights.values()), list(tail)))


def cone_metric(small, large, difference):
    """Information of the new covariances at the smaller model, others profiled out.

    Parameters
    ----------
    small, large : FitResult
    difference : Difference

    Returns
    -------
    metric : ndarray of shape (D, D)
        In entries scaled to unit information each.
    shapes : list of Structure
        The cone: a product of covariance matrices.
    """
    own, raw = large.A.basis.random, embed(small, large, difference)
    roots = [old.coordinates @ root for old, root in zip(own, raw, strict=True)]
    deviance, point = open_at(large.A, False, roots)
    inverses = [basis.coordinates for basis in deviance.A.basis.random]
    units, inside, shapes = raw_units(deviance, point.theta, difference, inverses)
    if not deviance.exact:
        return np.eye(sum(inside)), shapes
    K = trace_terms(point.factored, point.scores, units, large.n_obs)
    inside = np.append(inside, False)
    outside = ~inside
    outside[-1] = large.A.sigma is None  # the direction of sigma^2
    scale = np.sqrt(np.diag(K))
    K = K / np.outer(scale, scale)
    rest = np.linalg.pinv(K[np.ix_(outside, outside)], rcond=1e-10)
    across = K[np.ix_(inside, outside)]
    return 0.5 * (K[np.ix_(inside, inside)] - across @ rest @ across.T), shapes


def raw_units(deviance, theta, difference, inverses):
    """Directions of all covariances, those of the cone in their blocks' order.

    Parameters
    ----------
    deviance : ProfiledDeviance
        Of the larger model.
    theta : ndarray of shape (m,)
    difference : Difference
    inverses : list of ndarray of shape (k_j, k_j)
        From raw to scale-free random effects.

    Returns
    -------
    units : list of ndarray of shape (m_j, k_j, k_j)
    inside : ndarray of bool of shape (m,)
    shapes : list of Structure
    """
    units, inside, shapes = [], [], []
    for j, (structure, inverse) in enumerate(
        zip(deviance.structures, inverses, strict=True)
    ):
        raw = structure.tangent(theta[deviance.spans[j]])
        cone, rows = set(), []
        for _, effects, shape in (b for b in difference.blocks if b.factor == j):
            shapes.append(shape)
            for a, b in zip(shape.cols, shape.rows, strict=True):
                cone.add((effects[a], effects[b]))
                rows.append(unit(len(inverse), effects[a], effects[b]))
        others = [
            S
            for S in raw
            if not {(int(i), int(k)) for i, k in np.argwhere(np.triu(S))} <= cone
        ]
        stacked = np.array(rows + others)
        units.append(np.einsum("ab,mbc,dc->mad", inverse, stacked, inverse))
        inside += [True] * len(rows) + [False] * len(others)
    return units, np.array(inside), shapes


def unit(k, row, col):
    """Symmetric unit matrix of shape (k, k)."""
    S = np.zeros((k, k))
    S[row, col] = S[col, row] = 1.0
    return S


def cone_volumes(metric, shapes, rng):
    """Intrinsic volumes of a cone of covariance matrices, by projecting draws.

    Parameters
    ----------
    metric : ndarray of shape (D, D)
    shapes : list of Structure
    rng : Generator

    Returns
    -------
    ndarray of shape (D + 1,)
        Their sum is one, and so is twice the sum of every other one.

    Notes
    -----
    The squared length of the projection is a mixture of chi-squares with the volumes as
    weights; they are fitted to its moments, and to how often it is zero and the draw
    itself.
    """
    D = len(metric)
    root = np.linalg.cholesky(metric)
    draws = np.linalg.solve(root.T, rng.standard_normal((D, DRAWS))).T
    projected = project(draws, metric, shapes)
    length = np.einsum("ni,ij,nj->n", projected, metric, projected)
    gap = draws - projected
    inside = np.einsum("ni,ij,nj->n", gap, metric, gap) < 1e-6
    df = np.arange(D + 1)
    rows = [
        (np.ones(D + 1), 1.0, 1e3),
        ((-1.0) ** df, 0.0, 1e3),
        (df == D, inside.mean(), 10.0),
        (df == 0, np.mean(length < 1e-6), 10.0),
        (df, length.mean(), 3.0),
        (df * (df + 2.0), np.mean(length**2), 1.0 / D),
    ]
    left = np.array([weight * np.asarray(row, float) for row, _, weight in rows])
    right = np.array([weight * value for _, value, weight in rows])
    volumes = nnls(left, right)[0]
    return volumes / volumes.sum()


def project(draws, metric, shapes):
    """Project vectors on a cone in a metric, by accelerated gradient steps.

    Parameters
    ----------
    draws : ndarray of shape (n, D)
    metric : ndarray of shape (D, D)
    shapes : list of Structure

    Returns
    -------
    ndarray of shape (n, D)
    """
    # off-diagonal entries count twice in the Frobenius norm of the step's projection
    scale = np.concatenate([entry_scale(shape) for shape in shapes])
    metric = metric / np.outer(scale, scale)
    target = draws * scale
    step = 1.0 / np.linalg.eigvalsh(metric)[-1]
    at, ahead, momentum = target, target, 1.0
    for _ in range(STEPS):
        moved = onto_cone(ahead - step * (ahead - target) @ metric, shapes)
        further = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        ahead = moved + (momentum - 1.0) / further * (moved - at)
        at, momentum = moved, further
    return at / scale


def entry_scale(shape):
    """Weights that make the entries' norm that of the matrix."""
    return np.where(shape.rows == shape.cols, 1.0, np.sqrt(2.0))


def onto_cone(vectors, shapes):
    """Nearest covariance matrices in the Frobenius norm, block by block."""
    out, start = np.empty_like(vectors), 0
    for shape in shapes:
        part = slice(start, start + shape.n_theta)
        if len(shape.free_blocks) == shape.n_effects:
            out[:, part] = np.maximum(vectors[:, part], 0.0)
        else:
            out[:, part] = nearest_covariances(vectors[:, part], shape)
        start = part.stop
    return out


def nearest_covariances(entries, shape):
    """Clip negative eigenvalues of matrices given by their scaled free entries."""
    size, rows, cols = shape.n_effects, shape.rows, shape.cols
    scale = entry_scale(shape)
    matrices = np.zeros((len(entries), size, size))
    matrices[:, rows, cols] = matrices[:, cols, rows] = entries / scale
    values, vectors = np.linalg.eigh(matrices)
    clipped = (vectors * np.maximum(values, 0.0)[:, None]) @ vectors.transpose(0, 2, 1)
    return clipped[:, rows, cols] * scale
