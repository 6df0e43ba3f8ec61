"""More rows of a few groups of one factor: the other groups are not looked at."""

from dataclasses import dataclass, replace

import numpy as np

from skmixed.inference.opened.curvature import whitening_root
from skmixed.likelihood.criterion.profiled import profile_out
from skmixed.likelihood.elimination.regime import choose_elimination
from skmixed.likelihood.fit import assemble
from skmixed.likelihood.linalg.deferred import Deferred
from skmixed.likelihood.products.cross_products import CrossProducts
from skmixed.likelihood.products.levels import among_levels, at_levels, spread
from skmixed.likelihood.products.plan import cross_products
from skmixed.likelihood.products.precondition import change_basis
from skmixed.likelihood.search.optimize import Optimum

# Fits of fewer groups are evaluated as a whole in no more time.
FEWEST_GROUPS = 1000
# Groups with new rows are few while they are no more than this share.
FEW = 0.05


@dataclass(frozen=True, eq=False)
class FewGroups:
    """A fit, and all the rows of those of its groups that came to have more.

    Parameters
    ----------
    fit : Fitted
        With its likelihood open; of one grouping factor.
    own : ndarray of int of shape (t,)
        Codes of the groups with new rows, ascending; those beyond the fit's are new.
    old, products : CrossProducts
        Of these groups' rows in the fit, without the gram matrix, and of all they have.
    n_levels : int
        Groups by now.

    Notes
    -----
    V is block diagonal, so that ``S = [X y]'V^-1[X y]`` is a sum over groups, to which
    the groups without new rows contribute what they did. Their modes move with the
    fixed effects alone: ``b_g = Psi F_g [-beta; 1]`` with their ``F_g`` of the fit.
    """

    fit: object
    own: np.ndarray
    old: CrossProducts
    products: CrossProducts
    n_levels: int

    @classmethod
    def of(cls, fit, design, known=None):
        """Look at the groups of new rows alone, where they are few.

        Parameters
        ----------
        fit : Fitted
        design : Design
            The new rows.
        known : FewGroups, optional
            What earlier rows made of the fit.

        Returns
        -------
        FewGroups or None
            None where the fit has several factors or few groups, and where rows are of
            many groups.
        """
        base = fit if known is None else known.fit
        A = base.result.A
        if len(A.factors) != 1 or A.factors[0].n_levels < FEWEST_GROUPS:
            return None
        if base.open.deviance.elimination.name != "batched":
            return None
        n_levels = design.random[0].n_levels
        codes = [block.codes for block in design.random]
        own = np.unique(np.concatenate(codes))
        if known is not None:
            own = np.union1d(own, known.own)
        if len(own) > FEW * A.factors[0].n_levels:
            return None
        blocks = tuple(
            replace(block, codes=np.searchsorted(own, block.codes), n_levels=len(own))
            for block in design.random
        )
        new = cross_products(replace(design, random=blocks), basis=A.basis)
        old = at_levels(A, own)
        if known is None:
            return cls(base, own, old, old + new, n_levels)
        places = [np.searchsorted(own, known.own)]
        seen = among_levels(known.products, [len(own)], places)
        rest = at_levels(A, np.setdiff1d(own, known.own, assume_unique=True))
        places = [np.flatnonzero(~np.isin(own, known.own))]
        return cls(
            base,
            own,
            old,
            seen + among_levels(rest, [len(own)], places) + new,
            n_levels,
        )

    @property
    def point(self):
        """The fit's likelihood at the variances that are held."""
        return self.fit.open.point

    def factored(self, A):
        """V of some of the groups, and what they add to S beside their gram matrix."""
        deviance = self.fit.open.deviance
        bases = zip(deviance.A.basis.random, A.basis.random, strict=True)
        own = change_basis(A, [new.mixture(old) for new, old in bases])
        elimination = choose_elimination(own, "batched")
        found = elimination.factor(self.point.Lambdas)
        total = A.gram.copy()
        for Y, C in zip(found.Y, elimination.C, strict=True):
            total += Y @ Y.T - C @ C.T
        return found, total

    def evaluate(self, origin):
        """Generalised least squares on all rows, at the variances of a fit.

        Parameters
        ----------
        origin : FitResult

        Returns
        -------
        FitResult
        """
        found, S = self.factored(self.products)
        S = self.point.factored.S + S
        if self.own[0] < self.fit.result.A.factors[0].n_levels:
            S -= self.factored(self.old)[1]
        solved = profile_out(S)
        if solved is None:
            raise np.linalg.LinAlgError("X'V^-1 X is not positive definite")
        beta, r2, RX = solved
        point = replace(self.point, beta=beta, r2=r2, RX=RX)
        result = assemble(
            self.all_products(),
            origin.reml,
            origin.solver,
            point,
            held_optimum(point, origin),
            Lambdas=origin.Lambdas,
            modes=Deferred(lambda: (self.modes(beta, found.F[0]),), 1),
            singular_terms=origin.singular_terms,
        )
        return as_held(result, RX, origin)

    def modes(self, beta, F):
        """Conditional modes of all groups, of shape (G, k).

        Parameters
        ----------
        beta : ndarray of shape (p,)
        F : ndarray of shape (k, p + 1, t)
            ``Z'V^-1[X y]`` of the groups with new rows.
        """
        v = np.append(-beta, 1.0)
        scores = np.matmul(v, self.point.factored.F[0])
        scores = spread(scores, self.n_levels, np.arange(scores.shape[-1]))
        scores[:, self.own] = np.matmul(v, F)
        basis = self.fit.open.deviance.A.basis.random[0]
        Lambda = self.point.Lambdas[0]
        return basis.raw(Lambda @ (Lambda.T @ scores)).T

    def all_products(self):
        """Cross-products of all rows, whose blocks are made when they are read."""
        A, own = self.fit.result.A, self.products

        def blocks(name):
            whole = getattr(A, name)[0]
            whole = spread(whole, self.n_levels, np.arange(whole.shape[-1]))
            whole[..., self.own] = getattr(own, name)[0]
            return (whole,)

        return replace(
            A,
            factors=(replace(A.factors[0], n_levels=self.n_levels),),
            gram=A.gram + own.gram,
            ZtZ=Deferred(lambda: blocks("ZtZ"), 1),
            ZtXy=Deferred(lambda: blocks("ZtXy"), 1),
            n_obs=A.n_obs + own.n_obs,
            sum_log_weights=A.sum_log_weights + own.sum_log_weights,
        )


def held_optimum(point, origin):
    """A point at the variances of a fit, with what is said of the fit's search."""
    return Optimum(
        point.theta,
        point.value,
        decrement=origin.decrement,
        n_iter=origin.n_iter,
        converged=origin.converged,
    )


def as_held(result, RX, origin):
    """A result at the variances of a fit, whose likelihood is not maximised.

    Parameters
    ----------
    result : FitResult
    RX : ndarray of shape (p, p)
        Root of ``X'V^-1 X`` in the basis.
    origin : FitResult

    Returns
    -------
    FitResult
    """
    root = whitening_root(result, RX)
    return replace(
        result,
        sigma=origin.sigma,
        coef_cov=origin.sigma**2 * root.T @ root,
        Lambdas=origin.Lambdas,
        singular_terms=origin.singular_terms,
        loglik=float("nan"),
        held_from=origin,
    )
