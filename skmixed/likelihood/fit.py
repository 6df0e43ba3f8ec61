"""Cross-products to the fitted parameters of a linear mixed model."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import lapack
from threadpoolctl import threadpool_limits

from skmixed.likelihood.boundary import leave_boundary, singular_terms
from skmixed.likelihood.covariance import block_entries, lower_root
from skmixed.likelihood.cross_products import CrossProducts
from skmixed.likelihood.deviance import ProfiledDeviance
from skmixed.likelihood.elimination import choose_elimination
from skmixed.likelihood.grouped import shared_left, shared_right
from skmixed.likelihood.optimize import Optimum, minimise
from skmixed.likelihood.precondition import Preconditioned
from skmixed.likelihood.start import starting_theta
from skmixed.likelihood.validate import check_identified, check_not_exact, is_exact

# Dense complements from this many columns on are worth more than one BLAS thread.
THREADED = 1000


@dataclass(frozen=True, eq=False)
class FitResult:
    """A fitted linear mixed model, on the raw scale of its columns.

    Factors are the distinct grouping factors in order of first appearance; a factor's
    random terms lie side by side.

    Parameters
    ----------
    A : CrossProducts
        What was fitted, in its frame.
    reml : bool
    solver : str
        Regime that eliminated the random effects.
    coef : ndarray of shape (r,)
        Fixed effects of the columns that are kept.
    coef_cov : ndarray of shape (r, r)
    kept : ndarray of bool of shape (p,)
        The other columns are aliased.
    sigma : float
        Residual standard deviation.
    relative_factors : tuple of ndarray of shape (k_j, k_j)
        Lambda, with ``b = Lambda u`` and ``u`` of variance sigma^2; lower triangular
        within terms, with nonnegative diagonals.
    modes : tuple of ndarray of shape (G_j, k_j)
        Conditional modes b of the random effects.
    loglik : float
        Log-likelihood, or restricted log-likelihood.
    converged : bool
    n_iter : int
        Evaluations of the deviance.
    decrement : float
        Half the Newton decrement at the end: fall of the deviance still predicted.
    singular_terms : tuple of tuple (term, effects)
        Terms on the boundary and the positions of their effects of zero variance.
    scale_free_theta : ndarray of shape (m,)
        Theta in the basis in which it was optimised.
    """

    A: CrossProducts
    reml: bool
    solver: str
    coef: np.ndarray
    coef_cov: np.ndarray
    kept: np.ndarray
    sigma: float
    relative_factors: tuple[np.ndarray, ...]
    modes: tuple[np.ndarray, ...]
    loglik: float
    converged: bool
    n_iter: int
    decrement: float
    singular_terms: tuple
    scale_free_theta: np.ndarray

    @property
    def groups(self):
        """Names of the grouping factors."""
        return tuple(factor.group for factor in self.A.factors)

    @property
    def effects(self):
        """Names of every factor's effects."""
        return tuple(factor.effects for factor in self.A.factors)

    @property
    def terms(self):
        """Random terms as written: (factor, positions of its effects, diagonal)."""
        return self.A.terms

    @property
    def n_levels(self):
        """Levels of every factor."""
        return tuple(factor.n_levels for factor in self.A.factors)

    @property
    def n_obs(self):
        """Rows that entered the fit."""
        return self.A.n_obs

    @property
    def n_parameters(self):
        """Fixed effects, covariance parameters and sigma."""
        return len(self.coef) + len(self.scale_free_theta) + 1

    @property
    def df_resid(self):
        """Rows less parameters, as R's df.residual has it."""
        return self.n_obs - self.n_parameters

    @property
    def deviance(self):
        """Minus twice the log-likelihood: the deviance, or the REML criterion."""
        return -2.0 * self.loglik

    @property
    def singular(self):
        """Whether any covariance is estimated on the boundary."""
        return bool(self.singular_terms)

    @property
    def covariances(self):
        """Covariance matrices of the random effects, of shape (k_j, k_j)."""
        return tuple(self.sigma**2 * L @ L.T for L in self.relative_factors)

    @property
    def theta(self):
        """Free entries of the relative factors, in lme4's order, of shape (m,)."""
        if not self.terms:
            return np.zeros(0)
        parts = []
        for term in lme4_order([self.n_levels[j] for j, _, _ in self.terms]):
            j, effects, diagonal = self.terms[term]
            rows, cols = np.transpose(block_entries(0, len(effects), diagonal))
            parts.append(self.relative_factors[j][np.ix_(effects, effects)][rows, cols])
        return np.concatenate(parts)

    @cached_property
    def mode_covariances(self):
        """Conditional covariances of the random effects given theta and beta.

        Returns
        -------
        tuple of ndarray of shape (G_j, k_j, k_j)
            ``sigma^2 (Psi - Psi P_gg Psi)`` with P = Z'V^-1 Z: lme4's condVar.
        """
        scale_free = Preconditioned.of(self.A)
        elimination = choose_elimination(scale_free.A)
        deviance = ProfiledDeviance(scale_free.A, elimination, self.reml)
        deviance.evaluate(self.scale_free_theta)
        elimination.solve()
        found = []
        for P, Lambda, T in zip(
            elimination.diagonal(),
            deviance.Lambdas,
            raw_bases(scale_free),
            strict=True,
        ):
            Psi = Lambda @ Lambda.T
            within = Psi[:, :, None] - shared_left(Psi, shared_right(P, Psi))
            raw = shared_left(T, shared_right(within, T.T))
            found.append(self.sigma**2 * raw.transpose(2, 0, 1))
        return tuple(found)


def lme4_order(n_levels):
    """Order of the random terms in lme4's theta: by falling number of levels.

    Parameters
    ----------
    n_levels : list of int
        Of every term's grouping factor, in the order of the formula.

    Returns
    -------
    ndarray of int
    """
    if np.any(np.diff(n_levels) > 0):
        return np.argsort(n_levels, kind="stable")[::-1]
    return np.arange(len(n_levels))


def fit_linear(A, *, reml=True, solver="auto", tol=1e-8, max_iter=100, verbose=0):
    """Fit a linear mixed model to its cross-products.

    Parameters
    ----------
    A : CrossProducts
    reml : bool, default=True
        Restricted maximum likelihood, else maximum likelihood.
    solver : {"auto", "exact"} or name of a regime, default="auto"
        The names are those of :func:`choose_elimination`, for tests.
    tol : float, default=1e-8
        Bound on the fall of the deviance that a further Newton step would bring.
    max_iter : int, default=100
        Evaluations of the deviance at the most.
    verbose : int, default=0
        1 shows a progress bar, 2 a line per evaluation.

    Returns
    -------
    FitResult

    Raises
    ------
    ValueError
        If the data cannot tell the parameters apart, or the fit would not fit into
        memory.
    """
    check_identified(A)
    # Threads cost more than they give on the small products of most designs.
    limit = 1 if largest_dense(A) < THREADED else None
    with threadpool_limits(limit, user_api="blas"):
        if not A.factors:
            return fit_least_squares(A, reml)
        check_not_exact(A)
        scale_free = Preconditioned.of(A)
        regime = None if solver in ("auto", "exact") else solver
        elimination = choose_elimination(scale_free.A, regime)
        deviance = ProfiledDeviance(scale_free.A, elimination, reml)
        options = {"tol": tol, "max_iter": max_iter, "verbose": verbose}
        optimum = minimise(deviance, starting_theta(scale_free.A), **options)
        optimum = leave_boundary(deviance, optimum, **options)
        return finish(scale_free, deviance, optimum)


def fit_least_squares(A, reml):
    """Fit a model without random effects: ordinary or weighted least squares.

    Parameters
    ----------
    A : CrossProducts
    reml : bool

    Returns
    -------
    FitResult
    """
    p, n = A.n_fixed, A.n_obs
    R = np.linalg.cholesky(A.gram[:p, :p])
    right = lapack.dtrtrs(R, A.gram[:p, p], lower=1)[0] if p else np.zeros(0)
    r2 = max(float(A.gram[p, p] - right @ right), 0.0)
    nu = n - p if reml else n
    loglik = np.inf
    if nu > 0 and not is_exact(A):
        loglik = -0.5 * (
            nu * (1.0 + np.log(2.0 * np.pi * r2 / nu))
            + reml * 2.0 * (np.log(np.diag(R)).sum() - A.frame.fixed.logdet)
            - A.sum_log_weights
        )
    return assemble(
        A,
        reml,
        solver="least squares",
        beta=lapack.dtrtrs(R, right, lower=1, trans=1)[0] if p else right,
        RX=R,
        sigma=np.sqrt(r2 / nu) if nu > 0 else 0.0,
        loglik=loglik,
        optimum=Optimum(np.zeros(0), 0.0, 0.0, 1, True),
    )


def finish(scale_free, deviance, optimum):
    """Turn the optimum into a result on the raw scale.

    Parameters
    ----------
    scale_free : Preconditioned
    deviance : ProfiledDeviance
    optimum : Optimum

    Returns
    -------
    FitResult
    """
    A = scale_free.original
    f = deviance.conditional_scores(optimum.theta)
    at = deviance.at
    bases = raw_bases(scale_free)
    Lambdas = deviance.Lambdas
    value = optimum.value - A.sum_log_weights
    if deviance.reml:
        value -= 2.0 * A.frame.fixed.logdet
    return assemble(
        A,
        deviance.reml,
        solver=deviance.elimination.solver,
        beta=at.beta,
        RX=at.RX,
        sigma=np.sqrt(at.r2 / deviance.nu),
        loglik=-0.5 * value,
        optimum=optimum,
        relative_factors=tuple(
            canonical(T @ Lambda, template)
            for T, Lambda, template in zip(
                bases, Lambdas, deviance.templates, strict=True
            )
        ),
        scale_free_factors=Lambdas,
        modes=tuple(
            (T @ (Lambda @ (Lambda.T @ f_j))).T
            for T, Lambda, f_j in zip(bases, Lambdas, f, strict=True)
        ),
    )


def assemble(
    A,
    reml,
    *,
    solver,
    beta,
    RX,
    sigma,
    loglik,
    optimum,
    relative_factors=(),
    scale_free_factors=(),
    modes=(),
):
    """Bring the frame's parameters to the raw scale.

    Parameters
    ----------
    A : CrossProducts
    reml : bool
    solver : str
    beta : ndarray of shape (r,)
        In the frame.
    RX : ndarray of shape (r, r)
        Lower triangular, ``RX RX' = X'V^-1 X`` in the frame.
    sigma, loglik : float
    optimum : Optimum
    relative_factors, scale_free_factors, modes : sequence of ndarray

    Returns
    -------
    FitResult
    """
    fixed = A.frame.fixed
    root = np.linalg.solve(RX, fixed.to_raw.T) if len(RX) else RX
    kept = np.zeros(fixed.n_raw, dtype=bool)
    kept[fixed.kept] = True
    return FitResult(
        A=A,
        reml=bool(reml),
        solver=solver,
        coef=A.frame.coef_to_raw(beta),
        coef_cov=sigma**2 * root.T @ root,
        kept=kept,
        sigma=float(sigma),
        relative_factors=relative_factors,
        modes=modes,
        loglik=float(loglik),
        converged=optimum.converged,
        n_iter=optimum.n_iter,
        decrement=optimum.decrement,
        singular_terms=singular_terms(A, scale_free_factors, relative_factors),
        scale_free_theta=optimum.theta,
    )


def canonical(Lambda, template):
    """Lower-triangular factor of the same covariance, nonnegative on its diagonal.

    Parameters
    ----------
    Lambda : ndarray of shape (k, k)
    template : CovarianceTemplate

    Returns
    -------
    ndarray of shape (k, k)
    """
    factor = np.zeros_like(Lambda)
    for block in template.free_blocks():
        factor[block, block] = lower_root(Lambda[block, block])
    return factor


def raw_bases(scale_free):
    """Maps from scale-free random effects to raw ones, of shape (k_j, k_j).

    ``z_scale_free = z_raw T``, so ``b_raw = T b_scale_free``.
    """
    return [
        frame.to_raw @ basis
        for frame, basis in zip(
            scale_free.A.frame.random, scale_free.bases, strict=True
        )
    ]


def largest_dense(A):
    """Columns of the largest matrix that an elimination will factor."""
    sizes = sorted(factor.size for factor in A.factors)
    return sum(sizes[:-1])
