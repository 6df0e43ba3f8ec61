"""A null model on the rows of a larger one, where residuals covary."""

from dataclasses import replace

import numpy as np

from skmixed.errors import UnavailableError
from skmixed.inference.compare.residuals import fixed_map
from skmixed.inference.compare.structures import factor_key
from skmixed.inference.opened.open_fit import open_residual, set_up
from skmixed.inference.opened.residual_refit import ResidualRefitter
from skmixed.inference.resample.residual_draws import BlockLaw, SeriesLaw
from skmixed.likelihood.covariance.residual import residual_structure
from skmixed.likelihood.products.series import SeriesProducts
from skmixed.likelihood.result import ResidualFit


class BlockPair:
    """A null model within a larger one, fitted to rows drawn from the null.

    Parameters
    ----------
    small, large : FitResult
        By the same criterion, the larger one with a residual covariance whose products
        are rows in blocks or in series.
    added : Difference

    Raises
    ------
    ValueError
        Where both have dispersions, and of other columns.
    """

    def __init__(self, small, large, added):
        refuse_other_dispersions(small.residual, large.residual)
        self.large = ResidualRefitter(large)
        columns, response = fixed_map(small, large, added.coef_map)
        p, c = columns.shape
        self.B = np.zeros((p + 1, c + 1))
        self.B[:p, :-1], self.B[:p, -1], self.B[p, -1] = columns, response, 1.0
        products = large.residual.products
        series = isinstance(products, SeriesProducts)
        residual = (null_series if series else null_blocks)(small, large)
        self.template = residual.products
        null = replace(residual, products=self.of_null(products))
        self.small = ResidualRefitter(replace(small, residual=null))
        beta = large.A.basis.coef_from_raw(added.coef_map @ small.coef)
        law = SeriesLaw if series else BlockLaw
        drawn = replace(residual, products=self.on_rows(products))
        deviance = open_residual(drawn, False)
        self.law = law(deviance, residual.theta, beta, small.sigma)
        self.products = products

    def on_rows(self, products):
        """The null model's covariances on the rows of the larger model."""
        if isinstance(products, SeriesProducts):
            return replace(products, structures=self.template.structures)
        batches = tuple(
            own.with_rows(batch.rows)
            for own, batch in zip(self.template.batches, products.batches, strict=True)
        )
        n_fixed = products.n_fixed
        return replace(self.template, batches=batches, n_fixed=n_fixed)

    def of_null(self, products):
        """The null model's products of rows of the larger model."""
        return self.on_rows(products).combined(self.B)

    def ratios(self, n_draws, rng):
        """Yield the likelihood ratios of responses drawn from the null model."""
        for drawn in self.law.stream(n_draws, rng):
            products = of_response(self.products, drawn)
            null = self.small.fit(self.of_null(drawn))
            yield null.deviance - self.large.fit(products).deviance


def of_response(products, drawn):
    """Products of a model with the rows that were drawn on others of its design."""
    if isinstance(products, SeriesProducts):
        return replace(products, rows=drawn.rows)
    batches = tuple(
        own.with_rows(batch.rows)
        for own, batch in zip(products.batches, drawn.batches, strict=True)
    )
    return replace(products, batches=batches)


def null_series(small, large):
    """The null model's covariance over series: the same, or independent residuals."""
    if small.residual is not None:
        return small.residual
    return replace(large.residual, theta=np.zeros(1))


def null_blocks(small, large):
    """The null model's covariances on the blocks of the larger one.

    Returns
    -------
    ResidualFit
    """
    products, residual = large.residual.products, small.residual
    if residual is None:
        deviance, theta = set_up(small.A, small.reml, small.Lambdas)
        own, factors = deviance.A.basis, deviance.A.factors
        structures, visits = (residual_structure("id", (), (0.0, 1.0)),), ()
        residual = ResidualFit(None, products, theta)
    else:
        mine = residual.products if small.groups else products
        own, factors = mine.basis, mine.factors if small.groups else ()
        structures, visits = residual.structures, residual.visits
    places = {factor_key(group): j for j, group in enumerate(large.groups)}
    maps = []
    for i, group in enumerate(small.groups):
        j = places[factor_key(group)]
        index = [large.effects[j].index(effect) for effect in small.effects[i]]
        raw = products.basis.random[j].coordinates[:, index]
        maps.append((j, own.random[i].contrasts(raw)))
    mapped = replace(
        products,
        basis=own,
        factors=tuple(factors),
        batches=tuple(
            mapped_batch(batch, maps, residual.scale) for batch in products.batches
        ),
        structures=structures,
        visits=visits,
    )
    return replace(residual, products=mapped)


def mapped_batch(batch, maps, scale):
    """Blocks with the null model's effects, and with its dispersion if it has one."""
    return replace(
        batch,
        z=tuple(batch.z[j] @ across for j, across in maps),
        codes=tuple(batch.codes[j] for j, _ in maps),
        w=batch.w[:, :, :0] if scale is None else batch.w,
    )


def refuse_other_dispersions(one, two):
    """Raise where two dispersions are not one formula."""
    if one is None or one.dispersion in (None, two.dispersion):
        return
    raise UnavailableError(
        f"bootstrap_test draws from models with one dispersion= or none; these have "
        f"'{one.dispersion}' and '{two.dispersion}'. likelihood_ratio_test compares "
        "them, or refit both to what simulate draws."
    )
