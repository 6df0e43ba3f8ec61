"""What estimates would be without a unit, where rows stand in blocks or series."""

from dataclasses import replace

import numpy as np

from skmixed.inference.diagnose.group_deletion import determined
from skmixed.inference.diagnose.subject_deletion import (
    deletion_of,
    estimates,
    gathered,
)
from skmixed.likelihood.products.series import SeriesProducts
from skmixed.printing.progress import count_done


def delete_dependent(fit, factor, n_units, *, refit=True, verbose=None):
    """Delete subjects, or groups of the random effects, one at a time.

    Parameters
    ----------
    fit : Fitted
        With residuals that covary or differ in spread, its products rows.
    factor : int or None
        Grouping factor of the units; None for the subjects of the residuals.
    n_units : int
    refit : bool, default=True
        Whether the covariances are estimated anew without the unit, or held.
    verbose : int, optional
        As of :func:`skmixed.printing.progress.count_done`.

    Returns
    -------
    Deletion
    """
    products = fit.result.residual.products
    series = isinstance(products, SeriesProducts)
    units = (Series if series else Blocks)(fit, factor, n_units)
    held = deletion_of(fit, units.shares(), units.counts)
    if not refit:
        return held
    found, X = [], units.information()
    with count_done(n_units, "influence", "units", verbose) as done:
        for unit in range(n_units):
            left = determined((X - units.information(unit))[None])[0]
            found.append(estimates(fit, units.without(unit)) if left else None)
            done()
    return replace(gathered(found, fit), leverage=held.leverage)


class Series:
    """Subjects whose rows stand one after another.

    Parameters
    ----------
    fit : Fitted
    factor : None
    n_units : int
    """

    def __init__(self, fit, factor, n_units):
        self.products, self.point = fit.result.residual.products, fit.open.point
        first = np.flatnonzero(np.isinf(self.products.gap))
        self.spans = np.append(first, self.products.n_obs)
        self.counts = np.diff(self.spans)

    def span(self, unit):
        """Where the rows of a unit stand; all for None."""
        if unit is None:
            return slice(None)
        return slice(self.spans[unit], self.spans[unit + 1])

    def shares(self):
        """What units add to the products of [X e], of shape (G, p + 1, p + 1)."""
        W = self.point.factored.whitened()
        W[-1] -= self.point.beta @ W[:-1]
        return np.array(
            [W[:, self.span(u)] @ W[:, self.span(u)].T for u in range(len(self.counts))]
        )

    def information(self, unit=None):
        """X'X of the rows of a unit, or of all."""
        X = self.products.rows[:-1, self.span(unit)]
        return X @ X.T

    def without(self, unit):
        """Products without a unit."""
        products, span = self.products, self.span(unit)
        return replace(
            products,
            rows=np.delete(products.rows, span, axis=1),
            gap=np.delete(products.gap, span),
            n_obs=products.n_obs - int(self.counts[unit]),
            n_subjects=products.n_subjects - 1,
        )


class Blocks:
    """Units within blocks of rows.

    Parameters
    ----------
    fit : Fitted
    factor : int or None
    n_units : int
    """

    def __init__(self, fit, factor, n_units):
        self.products, self.point = fit.result.residual.products, fit.open.point
        self.subjects = factor is None
        self.homes = [None] * n_units
        self.counts = np.zeros(n_units, dtype=int)
        for place, batch in enumerate(self.products.batches):
            codes = batch.subject if factor is None else batch.codes[factor]
            for u, (own, seen) in enumerate(zip(codes, batch.seen, strict=True)):
                for unit in np.unique(own[seen]):
                    members = np.flatnonzero((own == unit) & seen)
                    self.homes[unit] = place, u, members
                    self.counts[unit] = len(members)

    def shares(self):
        """What units add to the products of [X e], of shape (G, p + 1, p + 1).

        Notes
        -----
        With P = V^-1 and F = P [X e], rows D take ``F_D' (P_DD)^-1 F_D`` away.
        """
        factored, p = self.point.factored, self.products.n_fixed
        S, cached = np.zeros((len(self.homes), p + 1, p + 1)), {}
        for unit, (place, u, members) in enumerate(self.homes):
            if place not in cached:
                F = factored.solved(place)
                F[:, :, p] -= F[:, :, :p] @ self.point.beta
                cached = {place: (F, factored.inverse(place))}
            F, P = cached[place]
            own = F[u, members]
            S[unit] = own.T @ np.linalg.solve(P[u][np.ix_(members, members)], own)
        return S

    def information(self, unit=None):
        """X'X of the rows of a unit, or of all."""
        p = self.products.n_fixed
        if unit is None:
            rows = [b.rows[:, :, :p].reshape(-1, p) for b in self.products.batches]
            return sum(X.T @ X for X in rows)
        place, u, members = self.homes[unit]
        X = self.products.batches[place].rows[u, members, :p]
        return X.T @ X

    def without(self, unit):
        """Products without a unit: its rows become padding."""
        products, (place, u, members) = self.products, self.homes[unit]
        batches = list(products.batches)
        batches[place] = without_rows(batches[place], u, members)
        return replace(
            products,
            batches=tuple(batches),
            n_obs=products.n_obs - len(members),
            n_subjects=products.n_subjects - self.subjects,
        )


def without_rows(batch, u, members):
    """A batch with some rows of a block as padding."""

    def cleared(values):
        values = values.copy()
        values[u, members] = 0
        return values

    z = tuple(map(cleared, batch.z))
    return replace(batch, rows=cleared(batch.rows), seen=cleared(batch.seen), z=z)
