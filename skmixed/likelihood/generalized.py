"""Rows and a family to the fitted parameters of a generalised linear mixed model."""

import hashlib
from dataclasses import dataclass
from functools import partial

import numpy as np

from skmixed.errors import ArgumentError, IdentifiabilityError
from skmixed.likelihood.coarse import (
    COARSE_FROM,
    add_nodes,
    estimate_coarsely,
)
from skmixed.likelihood.criterion.agq import QuadratureDeviance
from skmixed.likelihood.criterion.laplace import LaplaceDeviance
from skmixed.likelihood.families import Family
from skmixed.likelihood.products.sweeps import RowSweeps
from skmixed.likelihood.result import FitResult
from skmixed.likelihood.search.generalized import (
    fit_without_effects,
    moments_theta,
    search_generalized,
    search_roughly,
)
from skmixed.likelihood.working import (
    covariance_of_estimates,
    raw_effects,
    working_products,
)

# Nodes per group at the most.
MOST_NODES = 1000
# Fall of Laplace's deviance that may be left where quadrature of many rows takes over.
STAGE_TOL = 10.0
# Nodes per effect that Laplace's approximation is held against, by number of effects,
# rows times nodes that it is done for at the most, and the modes' tolerance.
SHIFT_NODES, MOST_ROW_NODES, SHIFT_TOL = {1: 9, 2: 5}, 5_000_000, 1e-9


@dataclass(frozen=True, eq=False, kw_only=True)
class GeneralizedResult(FitResult):
    """A fitted generalised linear mixed model, as its working linear model.

    What a :class:`FitResult` says holds on the scale of the linear predictor: ``A`` are
    the cross-products of the working response at the modes, weighted by the rows'
    ``-d2l/deta2``; ``sigma`` is 1, so that covariances are absolute; ``reml`` is False.
    Everything that starts from ``A`` and ``Lambdas`` (conditional covariances,
    contrasts, marginal means) therefore serves unchanged. ``coef_cov`` is twice the
    inverse of the deviance's Hessian, theta and psi being estimated too, not
    ``(X'V^-1 X)^-1``.

    Parameters
    ----------
    family : Family
    psi : ndarray of shape (n_psi,)
        The family's own parameters on the scale that is searched: see
        ``family.dispersion(psi)``; of grades the thresholds.
    psi_cov : ndarray of shape (n_psi, n_psi)
    joint_cov : ndarray of shape (n_theta + r + n_psi, n_theta + r + n_psi)
        Covariance of theta, ``coef`` and ``psi`` together; zero in a theta at the
        boundary.
    directions : tuple of ndarray of shape (m_j, k_j, k_j)
        Slopes of the raw covariance matrices in each theta of their factor.
    means : tuple of ndarray of shape (G_j, k_j)
        Posterior means of the random effects to first order, beside their ``modes``:
        averaged predictions of known groups are taken around them.
    n_quadrature : int
        Nodes per effect; 1 is Laplace's approximation.
    laplace_shift : float or None
        How far, in standard errors, the parameter that moves most would move if the
        integral were taken by quadrature; None where it was not looked at.
    fingerprint : str
        Of responses, weights and offsets: models of one response share it.
    """

    family: Family
    psi: np.ndarray
    psi_cov: np.ndarray
    joint_cov: np.ndarray
    directions: tuple[np.ndarray, ...]
    means: tuple[np.ndarray, ...]
    n_quadrature: int
    laplace_shift: float | None
    fingerprint: str

    @property
    def n_parameters(self):
        """Fixed effects, covariance parameters and the family's own."""
        return len(self.coef) + self.n_theta + len(self.psi)

    @property
    def approximation(self):
        """How the random effects are integrated out, in words."""
        if not self.A.factors:
            return "none"
        if self.n_quadrature == 1:
            return "Laplace"
        return f"adaptive Gauss-Hermite quadrature, {self.n_quadrature} nodes"


def fit_generalized(
    design,
    family,
    *,
    n_quadrature=1,
    solver="auto",
    tol=1e-8,
    max_iter=200,
    verbose=0,
):
    """Fit a generalised linear mixed model by maximum likelihood.

    Parameters
    ----------
    design : Design
        ``y`` is the response (a share of successes for binomial counts, grades
        0 to J - 1 for ordinal ones), ``weights`` multiply the log-likelihood and are
        the trials of shares: positive, or None for 1. ``offset`` is added to the
        linear predictor. Of ordinal responses X holds no constant. Without random
        terms the plain generalised linear model is fitted.
    family : Family
        Of :func:`skmixed.likelihood.families.family_of`; ``family.check(y, w)`` is the
        caller's.
    n_quadrature : int, default=1
        Nodes of the adaptive Gauss-Hermite quadrature per effect, for one grouping
        factor; 1 is Laplace's approximation, for any design.
    solver : {"auto", "exact"} or name of a regime, default="auto"
    tol : float, default=1e-8
        Bound on the fall of the deviance that a further Newton step would bring.
    max_iter : int, default=200
        Evaluations of the deviance at the most.
    verbose : int, default=0
        1 shows a progress bar, 2 a line per evaluation.

    Returns
    -------
    GeneralizedResult

    Raises
    ------
    ValueError
        If quadrature is asked of more than one factor, or of too many nodes; or a
        grouping factor has fewer than two levels, or levels of one row each in a family
        with a dispersion of its own; or second derivatives are no doubles.
    """
    check_levels(design, family)
    regime = None if solver in ("auto", "exact") else solver

    options = {"tol": tol, "max_iter": max_iter, "verbose": verbose}
    staged = n_quadrature > 1 and len(design.y) >= COARSE_FROM

    def opened(some, coarse=None):
        n_nodes = 1 if staged else n_quadrature
        return open_deviance(RowSweeps(some, family), n_nodes, regime, coarse)

    def searched():
        coarse = estimate_coarsely(design, opened)
        deviance, x = opened(design, coarse)
        if not staged:
            return deviance, search_generalized(deviance, x, **options)
        check_quadrature(deviance.sweeps, n_quadrature)
        x = search_roughly(deviance, x, **(options | {"tol": STAGE_TOL})).theta
        part_opened = partial(opened, coarse=coarse)
        deviance, x = add_nodes(design, deviance, x, n_quadrature, part_opened)
        return deviance, search_generalized(deviance, x, **options)

    try:
        with np.errstate(over="ignore", invalid="ignore"):
            return assemble(*searched(), design, n_quadrature)
    except np.linalg.LinAlgError:
        raise IdentifiabilityError(unbounded_reason(design)) from None


def unbounded_reason(design):
    """Say why second derivatives of the likelihood may have left the doubles."""
    sizes = [f"responses up to {np.abs(design.y).max():.3g}"]
    if design.offset is not None:
        sizes.append(f"offsets up to {np.abs(design.offset).max():.3g}")
    if design.weights is not None:
        weights = design.weights
        sizes.append(f"weights from {weights.min():.3g} to {weights.max():.3g}")
    return (
        "The likelihood's second derivatives leave the range of doubles, with "
        f"{', '.join(sizes)}. Offsets are on the scale of the linear predictor, such "
        "as log(time); look for outliers, and change units where numbers are extreme."
    )


def open_deviance(sweeps, n_quadrature, regime=None, coarse=None):
    """Deviance of some rows, and where its search starts.

    Parameters
    ----------
    sweeps : RowSweeps
    n_quadrature : int
    regime : str, optional
    coarse : CoarseEstimates, optional
        Of some of the rows.

    Returns
    -------
    deviance : LaplaceDeviance
    x : ndarray of shape (m,)
    """
    if n_quadrature > 1:
        check_quadrature(sweeps, n_quadrature)
    known = coarse is not None and coarse.serve(sweeps)
    if known:
        beta, psi = coarse.beta(sweeps), coarse.psi
    else:
        with np.errstate(all="ignore"):
            beta, psi = fit_without_effects(sweeps)
    zero = [np.zeros((f.n_effects, f.n_levels)) for f in sweeps.factors]
    state = sweeps.evaluate(beta, zero, psi)
    if known:
        state.XtX = sweeps.fixed_gram(state.W)
    else:
        sweeps.complete(state, psi)
    deviance = (
        LaplaceDeviance(sweeps, state, regime)
        if n_quadrature == 1
        else QuadratureDeviance(sweeps, state, n_quadrature)
    )
    deviance.search.without_effects = beta, psi, state
    theta = coarse.theta(deviance) if known else moments_theta(deviance, state)
    return deviance, deviance.pack(theta, beta, psi)


def assemble(deviance, optimum, design, n_quadrature):
    """Bring an optimum to the raw scale.

    Parameters
    ----------
    deviance : LaplaceDeviance
    optimum : Optimum
    design : Design
    n_quadrature : int

    Returns
    -------
    GeneralizedResult
    """
    point = deviance.closely(optimum.theta)
    effects = raw_effects(deviance, point)
    A = working_products(deviance, point)
    V = covariance_of_estimates(deviance, optimum.theta)
    beta, psi = deviance.fixed(optimum.theta)
    fixed = deviance.sweeps.basis.fixed
    kept = np.zeros(fixed.n_raw, dtype=bool)
    kept[fixed.kept] = True
    to_raw = np.eye(len(V))
    to_raw[deviance.at_beta, deviance.at_beta] = fixed.to_raw @ deviance.beta_basis
    V_raw = to_raw @ V @ to_raw.T
    return GeneralizedResult(
        A=A,
        reml=False,
        solver=deviance.elimination.name,
        coef=fixed.raw(beta),
        coef_cov=V_raw[deviance.at_beta, deviance.at_beta],
        kept=kept,
        sigma=1.0,
        loglik=-0.5 * optimum.value,
        converged=optimum.converged,
        n_iter=optimum.n_iter,
        decrement=optimum.decrement,
        n_theta=deviance.n_theta,
        family=deviance.family,
        psi=psi,
        psi_cov=V_raw[deviance.at_psi, deviance.at_psi],
        joint_cov=V_raw,
        n_quadrature=n_quadrature,
        laplace_shift=laplace_shift(deviance, point, V),
        fingerprint=fingerprint_of(design),
        **effects,
    )


def laplace_shift(deviance, point, V):
    """How far quadrature would move the estimates, in standard errors.

    Parameters
    ----------
    deviance : LaplaceDeviance
    point : LaplacePoint
        The optimum.
    V : ndarray of shape (m, m)
        Covariance of the estimates.

    Returns
    -------
    float or None
        The largest entry of Newton's step ``-H^-1 g`` with the gradient g of the
        deviance by quadrature; None where it is not looked at.
    """
    if len(deviance.structures) != 1 or isinstance(deviance, QuadratureDeviance):
        return None
    k, x = deviance.structures[0].n_effects, point.theta
    n_nodes = SHIFT_NODES.get(k)
    if n_nodes is None or n_nodes**k * deviance.sweeps.n > MOST_ROW_NODES:
        return None
    quadrature = QuadratureDeviance.beside(deviance, n_nodes)
    quadrature.tangent, quadrature.tol_now = deviance.tangent, SHIFT_TOL
    near = quadrature.at(x)
    if not np.isfinite(near.value):
        return None
    with np.errstate(all="ignore"):
        quadrature.pieces(near)
        step = 0.5 * V @ quadrature.refined(near, np.zeros(len(x)))
    free = np.diag(V) > 0
    return float(np.abs(step[free] / np.sqrt(np.diag(V)[free])).max(initial=0.0))


def check_levels(design, family):
    """Refuse grouping factors that a variance cannot be estimated from.

    Raises
    ------
    ValueError
    """
    n = len(design.y)
    for block in design.random:
        if block.n_levels < 2:
            raise IdentifiabilityError(
                f"The grouping factor `{block.group}` has {block.n_levels} level in "
                f"{n} rows; its variance needs at least 2."
            )
        if block.n_levels >= n and family.n_psi and not family.name == "ordinal":
            raise IdentifiabilityError(
                f"The grouping factor `{block.group}` has one level per row: its "
                "variance cannot be told from the dispersion that the family "
                f"{family.name} estimates. Leave out the term, or take a family "
                "without a dispersion."
            )


def check_quadrature(sweeps, n_quadrature):
    """Refuse quadrature of more than a few dimensions.

    Raises
    ------
    ValueError
    """
    groups = [factor.group for factor in sweeps.factors]
    if len(groups) != 1:
        raise ArgumentError(
            f"Quadrature with {n_quadrature} nodes needs one grouping factor; there "
            f"are {len(groups)}: {', '.join(groups) or 'none'}. Use n_quadrature=1, "
            "Laplace's approximation."
        )
    k = sweeps.factors[0].n_effects
    if n_quadrature**k > MOST_NODES:
        most = int(MOST_NODES ** (1.0 / k) + 1e-9)
        raise ArgumentError(
            f"Quadrature with {n_quadrature} nodes for each of {k} effects takes "
            f"{n_quadrature**k} nodes per group; use n_quadrature={most} or less."
        )


def fingerprint_of(design):
    """Digest of responses, weights and offsets: models of one response share it."""
    digest = hashlib.sha256()
    for column in (design.y, design.weights, design.offset):
        if column is not None:
            digest.update(np.ascontiguousarray(column, dtype=float).tobytes())
        digest.update(b"|")
    return digest.hexdigest()[:32]
