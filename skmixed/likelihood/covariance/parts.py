"""The covariance of the rows of a block, as a sum of parts, and its derivatives.

    V = sum_j z_j Psi_j z_j' + D R D,      D = diag(exp(w gamma)),

relative to sigma^2. A part gives its share of V for a batch of blocks of equally many
rows, ``directions`` dV/dtheta, and ``bend``, <G, d2V/dtheta2>: nothing else tells one
from another.
"""

from dataclasses import dataclass

import numpy as np

from skmixed.likelihood.covariance.structure import Structure, spans_of


@dataclass(frozen=True)
class RandomPart:
    """``z Psi z'`` between the rows of one level of a grouping factor.

    Parameters
    ----------
    place : int
        Of the factor.
    structure : Structure
    """

    place: int
    structure: Structure

    @property
    def n_theta(self):
        """Number of parameters."""
        return self.structure.n_theta

    def value(self, theta, batch):
        """Share of V, of shape (U, n, n)."""
        root = batch.z[self.place] @ self.structure.root(theta)
        return batch.within(root @ root.transpose(0, 2, 1), self.place)

    def directions(self, theta, batch):
        """Slopes of V, a list of m arrays of shape (U, n, n)."""
        z = batch.z[self.place]
        back = z.transpose(0, 2, 1)
        return [
            batch.within(z @ D @ back, self.place)
            for D in self.structure.directions(theta)
        ]

    def bend(self, theta, batch, G, slopes):
        """``<G, d2V>`` of shape (m, m), for G of shape (U, n, n)."""
        z, G = batch.z[self.place], batch.within(G, self.place)
        pulled = np.einsum("una,unb->ab", z, G @ z, optimize=True)
        return self.structure.bend(theta, (pulled + pulled.T) / 2)

    def inside(self, theta, zero):
        """Which parameters are not at the boundary."""
        return self.structure.inside(theta, zero)


class ResidualPart:
    """D R D between the rows of one subject.

    Parameters
    ----------
    structures : tuple of Structure
        Of every level of ``by``: over visits, or over two times that tell the unit.
    by_lag : bool
        Whether correlations are functions of distances, and not of visits.
    n_gamma : int
        Columns w of the dispersion.
    """

    def __init__(self, structures, by_lag, n_gamma):
        self.structures, self.by_lag = structures, by_lag
        self.n_gamma = n_gamma
        self.spans = spans_of(structures)
        self.n_theta = n_gamma + sum(s.n_theta for s in structures)

    def split(self, theta):
        """Theta of every structure, and gamma."""
        gamma = theta[self.n_theta - self.n_gamma :]
        return [theta[span] for span in self.spans], gamma

    def spread(self, gamma, batch):
        """Products of the relative standard deviations of two rows, or None."""
        if not self.n_gamma:
            return None
        s = np.exp(batch.w @ gamma)
        return s[:, :, None] * s[:, None]

    def value(self, theta, batch):
        """Share of V, of shape (U, n, n)."""
        thetas, gamma = self.split(theta)
        spread = self.spread(gamma, batch)
        if self.by_lag:
            C = self.over_lags(thetas, batch)[0]
        else:
            roots = [s.root(t) for s, t in zip(self.structures, thetas, strict=True)]
            C = batch.over_visits(np.array([root @ root.T for root in roots]))
        return batch.of_subjects(C if spread is None else C * spread)

    def directions(self, theta, batch):
        """Slopes of V, a list of m arrays of shape (U, n, n)."""
        thetas, gamma = self.split(theta)
        spread = self.spread(gamma, batch)
        if self.by_lag:
            slopes = self.over_lags(thetas, batch)[1]
        else:
            slopes = [batch.over_visits(one) for one in self.visit_directions(thetas)]
        if spread is not None:
            slopes = [slope * spread for slope in slopes]
        found = [batch.of_subjects(slope) for slope in slopes]
        if self.n_gamma:
            V = self.value(theta, batch)
            found += [
                (w[:, :, None] + w[:, None]) * V for w in np.moveaxis(batch.w, 2, 0)
            ]
        return found

    def visit_directions(self, thetas):
        """Slopes over the visits in every theta, zero for the other levels."""
        for level, (structure, theta) in enumerate(
            zip(self.structures, thetas, strict=True)
        ):
            for D in structure.directions(theta):
                one = np.zeros((len(thetas), *D.shape))
                one[level] = D
                yield one

    def over_lags(self, thetas, batch):
        """C before D, its slopes and its second slopes by level, over distances."""
        C, slopes, bends = 0.0, [], []
        for level, (structure, theta) in enumerate(
            zip(self.structures, thetas, strict=True)
        ):
            own = batch.at_level(level, len(thetas))
            lag = batch.lag / getattr(structure.shape, "unit", 1.0)
            if structure.shape.n_phi:
                phi = structure.phi(theta)
                R, R1, R2 = structure.shape.at_lags(lag, phi, batch.same)
            else:
                R = np.broadcast_to(batch.same, lag.shape)
                R1, R2 = np.zeros((0, *lag.shape)), np.zeros((0, 0, *lag.shape))
            s = structure.full(theta)[0]
            C = C + own * (s**2 * R)
            slopes += [own * (2.0 * s * R)] * (1 - structure.n_pinned)
            slopes += [own * (s**2 * one) for one in R1]
            bends.append((own, s, R, R1, R2))
        return C, slopes, bends

    def bend(self, theta, batch, G, slopes):
        """``<G, d2V>`` of shape (m, m), for G of shape (U, n, n)."""
        thetas, gamma = self.split(theta)
        spread, m, n_gamma = self.spread(gamma, batch), self.n_theta, self.n_gamma
        E = np.zeros((m, m))
        own = batch.of_subjects(G if spread is None else G * spread)
        if self.by_lag:
            self.bend_lags(E, thetas, batch, own)
        else:
            pulled = batch.to_visits(own, len(thetas), self.structures[0].n_effects)
            for structure, span, t, P in zip(
                self.structures, self.spans, thetas, pulled, strict=True
            ):
                E[span, span] = structure.bend(t, (P + P.T) / 2)
        if n_gamma:
            rows = [(G * slope).sum(axis=2) for slope in slopes[: m - n_gamma]]
            for k, row in enumerate(rows):
                E[k, m - n_gamma :] = 2.0 * np.einsum("un,unr->r", row, batch.w)
            E[m - n_gamma :, : m - n_gamma] = E[: m - n_gamma, m - n_gamma :].T
            H, w = G * self.value(theta, batch), batch.w
            corner = np.einsum("una,unb->ab", w, H @ w, optimize=True)
            corner += np.einsum("una,un,unb->ab", w, H.sum(axis=2), w, optimize=True)
            E[m - n_gamma :, m - n_gamma :] = 2.0 * corner
        return E

    def bend_lags(self, E, thetas, batch, G):
        """Add second derivatives over distances."""
        bends = self.over_lags(thetas, batch)[2]
        for structure, span, (own, s, R, R1, R2) in zip(
            self.structures, self.spans, bends, strict=True
        ):
            H, free = own * G, 1 - structure.n_pinned
            corner = E[span, span]
            if free:
                corner[0, 0] = 2.0 * (H * R).sum()
                corner[0, 1:] = corner[1:, 0] = [
                    2.0 * s * (H * one).sum() for one in R1
                ]
            corner[free:, free:] = [
                [s**2 * (H * two).sum() for two in row] for row in R2
            ] or corner[free:, free:]

    def inside(self, theta, zero):
        """All of them: no variance of a residual is zero."""
        return np.ones(self.n_theta, dtype=bool)
