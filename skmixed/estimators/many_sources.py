"""Where the models of many responses come from: batches, or a loop."""

import copy
import dataclasses
from functools import cached_property

import numpy as np

from skmixed.errors import IdentifiabilityError
from skmixed.inference.fixed.degrees_of_freedom import choose_degrees_of_freedom
from skmixed.inference.opened.fitted import Fitted
from skmixed.inference.opened.row_facts import RowMoments
from skmixed.likelihood.batch.estimates import (
    Contrasts,
    VarianceEstimates,
    fixed_contrasts,
    variance_estimates,
)
from skmixed.likelihood.batch.fit import (
    ManyFit,
    deviances_of,
    fit_products,
    scale_free_design,
)
from skmixed.likelihood.batch.newton import Descents
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.elimination.regime import choose_elimination
from skmixed.likelihood.fit import finish
from skmixed.likelihood.products.many import ManyRows
from skmixed.likelihood.products.plan import cross_products
from skmixed.likelihood.products.precondition import scale_free
from skmixed.likelihood.products.responses import with_responses
from skmixed.likelihood.search.optimize import Optimum

# Numbers that the cross-products of a chunk of responses may take.
AT_ONCE = 8_000_000
# Responses of a chunk at the most: progress is told chunk by chunk.
MOST_AT_ONCE = 10_000


class Batches:
    """Responses that are fitted together.

    Parameters
    ----------
    first : MixedLinearRegressor
        That has learnt the design.
    design : Design
    A : CrossProducts
        Of the design with any response.
    Y : ndarray of shape (n, r)
    W : ndarray of shape (n, r) or None
        Weights of every response's own, zero where it is missing.

    Notes
    -----
    Kept are the rows and some numbers per response; cross-products are made again where
    they are asked for, a chunk of responses at a time.
    """

    def __init__(self, first, design, A, Y, W):
        self.first, self.design, self.A, self.Y, self.W = first, design, A, Y, W
        self.free = scale_free_design(A)
        self.rows = ManyRows(self.free, design)

    @property
    def chunks(self):
        """Parts of the responses whose cross-products fit into memory."""
        k = sum(factor.size for factor in self.A.factors) + self.A.n_fixed
        if self.W is not None:
            k *= self.A.n_fixed + 1 + max(f.n_effects for f in self.A.factors)
            k += sum(pair.data.size for pair in self.A.pairs)
        size = min(max(1, AT_ONCE // k), MOST_AT_ONCE)
        return [slice(i, i + size) for i in range(0, self.Y.shape[1], size)]

    def products(self, part):
        """Cross-products of a part of the responses."""
        W = None if self.W is None else self.W[:, part]
        return self.rows.products(self.Y[:, part], W)

    def fit(self, done):
        """Fit all responses.

        Parameters
        ----------
        done : callable
            Told of the responses that are done.

        Returns
        -------
        self
        """
        found, fixed, variances, self.failed = [], [], [], {}
        options = {name: getattr(self.first, name) for name in ("reml", "tol")}
        options["max_iter"] = self.first.max_iter
        L = np.eye(self.A.n_fixed)
        for part in self.chunks:
            fit = fit_products(self.products(part), **options)
            found.append(fit.found)
            fixed.append(fixed_contrasts(fit, L))
            variances.append(variance_estimates(fit, fixed[-1].sigma))
            self.failed |= {part.start + j: why for j, why in fit.failed.items()}
            done(len(fit.products))
        self.found, self.variances = Descents.joined(found), joined(variances)
        self.fixed = joined(fixed)
        return self

    @property
    def converged(self):
        """Whether the steps of each response arrived."""
        return self.found.converged

    @property
    def n_iter(self):
        """Evaluations of each response's deviance."""
        return self.found.n_iter

    def contrasts(self, L):
        """Contrasts of the fixed effects of all responses, `Contrasts`."""
        parts = []
        for part in self.chunks:
            failed = [j - part.start for j in self.failed]
            criterion = deviances_of(self.products(part), self.first.reml)
            fit = ManyFit(criterion, self.found[part], dict.fromkeys(failed, ""))
            parts.append(fixed_contrasts(fit, L))
        return joined(parts)

    def model(self, j):
        """The fitted model of one response, `MixedLinearRegressor`."""
        if self.W is not None:
            return self.model_of_own_rows(j)
        if j in self.failed:
            raise IdentifiabilityError(f"This response has no fit. {self.failed[j]}")
        return publish(self.first, self.shared_fit, self.result(j))

    def result(self, j):
        """What was fitted to one response, as a single fit has it; `FitResult`."""
        A = next(with_responses(self.A, self.design, self.Y[:, j : j + 1]))
        basis = scale_free(A)
        deviance = ProfiledDeviance(basis, choose_elimination(basis), self.first.reml)
        optimum = Optimum(
            theta=self.found.theta[j],
            value=float(self.found.value[j]),
            decrement=float(self.found.decrement[j]),
            n_iter=int(self.found.n_iter[j]),
            converged=bool(self.found.converged[j]),
        )
        return finish(A, deviance, optimum)

    def model_of_own_rows(self, j):
        """Fit one response to the rows where it is known."""
        first, seen = copy.copy(self.first), self.W[:, j] > 0
        design = self.design.select(np.flatnonzero(seen))
        design = dataclasses.replace(design, y=self.Y[seen, j], weights=self.W[seen, j])
        result = first._fit_products(cross_products(design))
        first._publish(Fitted.of(result, first.spec_, design))
        first.n_obs_ = int(seen.sum())
        return first

    @cached_property
    def shared_fit(self):
        """What the models of all responses know of the rows."""
        some = next(j for j in range(self.Y.shape[1]) if j not in self.failed)
        result = self.result(some)
        return Fitted.of(result, self.first.spec_, self.design)

    @cached_property
    def moments(self):
        """Second moments of the rows, `RowMoments`, in the basis of the fits."""
        return RowMoments.of_design(self.design, self.A.basis)


class Loop:
    """Responses that are fitted one after the other.

    Parameters
    ----------
    first, design, A, Y, W
        As of :class:`Batches`.
    """

    def __init__(self, first, design, A, Y, W):
        self.first, self.design, self.A, self.Y, self.W = first, design, A, Y, W
        self.failed, self.models = {}, []

    def fit(self, done):
        """Fit all responses; see :meth:`Batches.fit`."""
        products = None
        if self.W is None and self.design.rows_are_independent:
            products = with_responses(self.A, self.design, self.Y)
        shared = None
        for j in range(self.Y.shape[1]):
            try:
                if products is not None:
                    result = self.first._fit_products(next(products))
                    shared = shared or Fitted.of(result, self.first.spec_, self.design)
                    self.models.append(publish(self.first, shared, result))
                else:
                    self.models.append(self.fit_own(j))
            except ValueError as error:
                self.failed[j] = str(error)
                self.models.append(None)
            done()
        return self

    def fit_own(self, j):
        """Fit one response by its rows."""
        y, design = self.Y[:, j], self.design
        if self.W is not None:
            seen = self.W[:, j] > 0
            design = design.select(np.flatnonzero(seen))
            design = dataclasses.replace(design, weights=self.W[seen, j])
            y = y[seen]
        design = dataclasses.replace(design, y=y)
        model = copy.copy(self.first)
        result = model._fit_design(design)
        model._publish(Fitted.of(result, model.spec_, design))
        model.n_obs_ = len(y)
        return model

    def model(self, j):
        """The fitted model of one response."""
        if j in self.failed:
            raise IdentifiabilityError(f"This response has no fit. {self.failed[j]}")
        return self.models[j]

    def gathered(self, read, missing=np.nan):
        """A number of every model, of shape (r,)."""
        return np.array([missing if m is None else read(m) for m in self.models])

    @property
    def converged(self):
        """Whether each fit arrived."""
        return self.gathered(lambda m: m.converged_, False)

    @property
    def n_iter(self):
        """Evaluations of each response's deviance."""
        return self.gathered(lambda m: m.n_iter_, 0)

    @cached_property
    def fixed(self):
        """The fixed effects of all responses."""
        return self.contrasts(np.eye(self.A.n_fixed))

    def contrasts(self, L):
        """Contrasts of the fixed effects of all responses, `Contrasts`."""
        r = len(self.models)
        found = Contrasts(*np.full((3, r, len(L)), np.nan), *np.full((2, r), np.nan))
        for j, model in enumerate(self.models):
            if model is None:
                continue
            method, _ = choose_degrees_of_freedom(model.fitted_, "auto", None)
            found.estimate[j] = L @ model.result_.coef
            cov = model.result_.coef_cov
            found.std_error[j] = np.sqrt(np.einsum("qa,ab,qb->q", L, cov, L))
            found.df[j] = method.df(L)
            found.residual_df[j], found.sigma[j] = model.df_resid_, model.sigma_
        return found

    @cached_property
    def variances(self):
        """Variances and likelihoods of all responses, `VarianceEstimates`."""
        known = next(m for m in self.models if m is not None)
        blank = [np.full_like(C, np.nan) for C in known.result_.covariances]
        every = [blank if m is None else m.result_.covariances for m in self.models]
        return VarianceEstimates(
            self.gathered(lambda m: m.sigma_),
            self.gathered(lambda m: m.loglik_),
            self.gathered(lambda m: m.singular_, False),
            [np.array(own) for own in zip(*every, strict=True)],
        )

    @cached_property
    def moments(self):
        """Second moments of the rows, in the basis of the first fit."""
        return RowMoments.of_design(self.design, self.A.basis)


def publish(first, shared, result):
    """A model of one response, from one that has learnt the design."""
    model = copy.copy(first)
    model._publish(dataclasses.replace(shared, result=result))
    return model


def joined(parts):
    """Join the records of chunks of responses, field by field."""
    own = {}
    for field in dataclasses.fields(parts[0]):
        values = [getattr(part, field.name) for part in parts]
        if isinstance(values[0], list):
            own[field.name] = [
                np.concatenate(value) for value in zip(*values, strict=True)
            ]
        else:
            own[field.name] = np.concatenate(values)
    return type(parts[0])(**own)
