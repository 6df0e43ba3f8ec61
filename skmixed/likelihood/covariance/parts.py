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

    def differentiate(self, theta, batch):
        """Slopes of V, of shape (m, U, n, n), and ``<G, d2V>`` as a function of G."""
        z = batch.z[self.place]
        back = z.transpose(0, 2, 1)

        def bend(G):
            pulled = (back @ (batch.within(G, self.place) @ z)).sum(axis=0)
            return self.structure.bend(theta, (pulled + pulled.T) / 2)

        D = z @ self.structure.directions(theta)[:, None] @ back
        return batch.within(D, self.place), bend

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
            levels = self.over_lags(thetas, batch, slopes=False)
            C = sum(own * (s**2 * R) for own, s, R in levels)
        else:
            roots = [s.root(t) for s, t in zip(self.structures, thetas, strict=True)]
            C = batch.over_visits(np.array([root @ root.T for root in roots]))
        return batch.of_subjects(C if spread is None else C * spread)

    def differentiate(self, theta, batch):
        """Slopes of V, of shape (m, U, n, n), and ``<G, d2V>`` as a function of G."""
        thetas, gamma = self.split(theta)
        spread, n_gamma = self.spread(gamma, batch), self.n_gamma
        if self.by_lag:
            slopes, bend_own = self.differentiate_lags(thetas, batch)
        else:
            slopes, bend_own = self.differentiate_visits(thetas, batch)
        D = batch.of_subjects(slopes if spread is None else slopes * spread)
        V = self.value(theta, batch) if n_gamma else None

        def bend(G):
            own = batch.of_subjects(G if spread is None else G * spread)
            return self.bend_spread(bend_own(own), batch, G, D, V)

        if n_gamma:
            w = np.moveaxis(batch.w, 2, 0)
            spreads = (w[:, :, :, None] + w[:, :, None]) * V
            return np.concatenate([D, spreads]), bend
        return D, bend

    def differentiate_visits(self, thetas, batch):
        """Slopes before D, and second ones, of covariances over visits."""
        n_levels, k = len(thetas), self.structures[0].n_effects
        over = np.zeros((self.n_theta - self.n_gamma, n_levels, k, k))
        for level, (structure, span, theta) in enumerate(self.levels(thetas)):
            over[span, level] = structure.directions(theta)

        def bend(G):
            E, pulled = np.zeros((len(over),) * 2), batch.to_visits(G, n_levels, k)
            for (structure, span, theta), P in zip(
                self.levels(thetas), pulled, strict=True
            ):
                E[span, span] = structure.bend(theta, (P + P.T) / 2)
            return E

        return batch.over_visits(over), bend

    def differentiate_lags(self, thetas, batch):
        """Slopes before D, and second ones, of covariances over distances."""
        levels = self.over_lags(thetas, batch)
        slopes = [np.zeros((0, *batch.lag.shape))]
        for structure, (own, s, R, R1, _) in zip(self.structures, levels, strict=True):
            slopes += [(own * (2.0 * s * R))[None]] * (1 - structure.n_pinned)
            slopes.append(own * (s**2 * R1))

        def bend(G):
            E = np.zeros((self.n_theta - self.n_gamma,) * 2)
            for (structure, span, _), (own, s, R, R1, R2) in zip(
                self.levels(thetas), levels, strict=True
            ):
                free, H = 1 - structure.n_pinned, own * G
                corner = E[span, span]
                if free:
                    corner[0, 0] = 2.0 * np.vdot(R, H)
                    cross = 2.0 * s * np.tensordot(R1, H, axes=3)
                    corner[0, 1:] = corner[1:, 0] = cross
                corner[free:, free:] = s**2 * np.tensordot(R2, H, axes=3)
            return E

        return np.concatenate(slopes), bend

    def levels(self, thetas):
        """Structure, place in theta, and theta of every level of ``by``."""
        return zip(self.structures, self.spans, thetas, strict=True)

    def over_lags(self, thetas, batch, slopes=True):
        """Of every level where it is, its scale, R and, with slopes, dR and d2R."""
        found = []
        for level, (structure, theta) in enumerate(
            zip(self.structures, thetas, strict=True)
        ):
            shape, scale = structure.shape, structure.full(theta)[0]
            values = correlate(shape, structure.phi(theta), batch, slopes)
            found.append((batch.at_level(level, len(thetas)), scale, *values))
        return found

    def bend_spread(self, E, batch, G, D, V):
        """Second derivatives, those of the dispersion joined to others."""
        if not self.n_gamma:
            return E
        w, cut, H = batch.w, len(E), G * V
        rows = (G * D).sum(axis=3)
        cross = 2.0 * np.tensordot(rows, w, axes=2)
        corner = np.tensordot(w, H @ w, axes=([0, 1], [0, 1]))
        corner += np.tensordot(w * H.sum(axis=2)[:, :, None], w, axes=([0, 1], [0, 1]))
        whole = np.zeros((self.n_theta, self.n_theta))
        whole[:cut, :cut], whole[cut:, cut:] = E, 2.0 * corner
        whole[:cut, cut:], whole[cut:, :cut] = cross, cross.T
        return whole

    def inside(self, theta, zero):
        """All of them: no variance of a residual is zero."""
        return np.ones(self.n_theta, dtype=bool)


def correlate(shape, phi, batch, slopes):
    """R between rows and, with slopes, dR and d2R."""
    if not shape.n_phi:
        R = np.broadcast_to(batch.same, batch.lag.shape)
        return [R, np.zeros((0, *R.shape)), np.zeros((0, 0, *R.shape))][
            : 1 + 2 * slopes
        ]
    if slopes:
        found = batch.over_lags(lambda lag: shape.at_lags(lag / shape.unit, phi))
        return shape.with_own(found, phi, batch.same)
    (R,) = batch.over_lags(lambda lag: [shape.at(lag / shape.unit, phi)])
    return [shape.at_rows(R, phi, batch.same)]
