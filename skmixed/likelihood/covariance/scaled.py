"""Standard deviations times a correlation: the structured covariances."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skmixed.likelihood.covariance.correlation import Shape
from skmixed.likelihood.covariance.roots import floored_root
from skmixed.likelihood.covariance.structure import Described, OnlyFields

# Logarithms of relative standard deviations stay within this; the lowest stands for 0.
LARGEST_LOG = 40.0


@dataclass(frozen=True)
class Scaled(OnlyFields):
    """Psi = D R(phi) D, with a standard deviation for all effects or one for each.

    Parameters
    ----------
    name : str
        As users write it.
    shape : Shape
        The correlation matrix R.
    equal : bool
        Whether all standard deviations are equal.

    Notes
    -----
    theta holds s with D = s I, or the logarithms of D, and then phi. The
    sign of s does not matter: zero is the boundary, and stationary. A structure is not
    the same one in another basis of its columns: they keep one common scale.

    Examples
    --------
    >>> from skmixed.likelihood.covariance.correlation import Autoregressive
    >>> from skmixed.likelihood.covariance.scaled import Scaled
    >>> structure = Scaled("ar1", Autoregressive(3), equal=True)
    >>> root = structure.root([2.0, 0.5])
    >>> (root @ root.T).round(2)
    array([[4.  , 1.85, 0.85],
           [1.85, 4.  , 1.85],
           [0.85, 1.85, 4.  ]])
    """

    name: str
    shape: Shape
    equal: bool

    basis = "kept"
    free_blocks = ()
    correlated = "first"

    @property
    def heterogeneous(self):
        """Whether variances are unequal."""
        return not self.equal

    @property
    def n_effects(self):
        """Number of effects k."""
        return self.shape.n_effects

    @property
    def n_scales(self):
        """Number of standard deviations."""
        return 1 if self.equal else self.n_effects

    @property
    def n_theta(self):
        """Number of parameters m."""
        return self.n_scales + self.shape.n_phi

    @cached_property
    def blocks(self):
        """All effects together."""
        return (slice(0, self.n_effects),)

    @property
    def scales(self):
        """Positions of the standard deviations, and whether they are logarithms."""
        return [(place, not self.equal) for place in range(self.n_scales)]

    def split(self, theta):
        """Theta as the diagonal of D and phi."""
        theta = np.asarray(theta, dtype=float)
        own, phi = theta[: self.n_scales], theta[self.n_scales :]
        if self.equal:
            return np.full(self.n_effects, own[0]), phi
        d = np.exp(np.clip(own, -LARGEST_LOG, LARGEST_LOG))
        return np.where(own > -LARGEST_LOG, d, 0.0), phi

    def shape_at(self, phi):
        """R, dR and d2R at phi; those of the last phi again cost nothing."""
        last = self.__dict__.get("last")
        if last is None or not np.array_equal(last[0], phi):
            last = np.array(phi), self.shape.derivatives(phi)
            self.__dict__["last"] = last  # a frozen dataclass sets no attributes
        return last[1]

    def slopes(self, d):
        """Slopes of the diagonal of D, of shape (n_scales, k)."""
        return np.ones((1, self.n_effects)) if self.equal else np.diag(d)

    def root(self, theta):
        """Lambda; see :class:`Structure`."""
        d, phi = self.split(theta)
        return d[:, None] * floored_root(self.shape.value(phi), 0.0)

    def directions(self, theta):
        """Slopes of Psi, of shape (m, k, k)."""
        d, phi = self.split(theta)
        R, R1, _ = self.shape_at(phi)
        half = self.slopes(d)[:, :, None] * (d * R)
        return np.concatenate([half + half.transpose(0, 2, 1), np.outer(d, d) * R1])

    tangent = directions

    def gradient(self, theta, G):
        """Slopes of ``tr(G Psi)``, of shape (m,)."""
        return self.directions(theta).reshape(self.n_theta, -1) @ G.ravel()

    def bend(self, theta, G):
        """Second derivatives of ``tr(G Psi)``, of shape (m, m)."""
        d, phi = self.split(theta)
        R, R1, R2 = self.shape_at(phi)
        own, n = self.slopes(d), self.n_scales
        H = np.empty((self.n_theta, self.n_theta))
        H[:n, :n] = 2.0 * own @ (G * R) @ own.T
        if not self.equal:  # the second derivative of exp is exp
            H[:n, :n] += 2.0 * np.diag(d * ((G * R) @ d))
        H[:n, n:] = 2.0 * own @ (G * R1 @ d).T
        H[n:, :n] = H[:n, n:].T
        H[n:, n:] = (G * R2 @ d) @ d
        return H

    def read(self, root):
        """Theta of a root of this structure."""
        return self.nearest(root @ root.T)

    def nearest(self, Psi, floor=0.0):
        """Theta of Psi's mean variances and correlations.

        Parameters
        ----------
        Psi : ndarray of shape (k, k)
            Symmetric; need not be positive definite, nor of this structure.
        floor : float, default=0.0
            Smallest variance; a positive one keeps correlations off their limits too.

        Returns
        -------
        ndarray of shape (m,)
        """
        variances = np.maximum(np.diag(Psi), floor)
        if self.equal:
            variances = np.full_like(variances, variances.mean())
        sd = np.sqrt(variances)
        inverse = np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > 0)
        R = Psi * np.outer(inverse, inverse)
        np.fill_diagonal(R, 1.0)
        own = sd[:1] if self.equal else np.log(np.maximum(sd, np.exp(-LARGEST_LOG)))
        phi = self.shape.read(R)
        if floor > 0:  # off that boundary too, where all slopes vanish
            phi = np.clip(phi, -self.shape.within, self.shape.within)
        return np.concatenate([own, phi])

    def change_roots(self, theta, change):
        """Theta as it is: there are no free blocks."""
        return theta

    def snap(self, theta, zero):
        """Theta with standard deviations shorter than ``zero`` exactly zero."""
        theta = np.array(theta, dtype=float)
        own = theta[: self.n_scales]
        own[self.outside(own, zero)] = 0.0 if self.equal else -LARGEST_LOG
        return theta

    def outside(self, own, zero):
        """Which standard deviations are below ``zero``."""
        return np.abs(own) < zero if self.equal else own < np.log(zero)

    def inside(self, theta, zero):
        """Parameters that are not at the boundary: correlations need two effects."""
        own = ~self.outside(np.asarray(theta)[: self.n_scales], zero)
        vary = own.all() if self.equal else own.sum() > 1
        return np.append(own, np.full(self.shape.n_phi, vary))

    @cached_property
    def units(self):
        """Matrices that variances and correlations by lag are combinations of."""
        k, lag = self.n_effects, self.shape.lag
        variances = [np.eye(k)] if self.equal else [np.diag(row) for row in np.eye(k)]
        lags = [1.0 * (lag == d) for d in range(1, k)] if self.shape.n_phi else []
        return np.array([*variances, *lags])

    def reported(self, root):
        """Relative standard deviations, one where they are equal, and correlations."""
        Psi = root @ root.T
        sd = np.sqrt(np.diag(Psi))
        scale = np.where(sd[0] * sd > 0, sd[0] * sd, 1.0)
        places = range(1, 1 + len(self.shape.names))
        return np.array([*sd[: self.n_scales], *(Psi[0, p] / scale[p] for p in places)])

    def parameters(self, effects):
        """Standard deviations, one where they are equal, and the correlations."""
        labels = [self.name] if self.equal else effects
        found = [
            Described(f"sd_{label}", "sd", (i,), i) for i, label in enumerate(labels)
        ]
        for k, label in enumerate(self.shape.names):
            # the correlation of lag one is the first partial autocorrelation
            place = self.n_scales if k == 0 else None
            labelled, least = f"{label}_{self.name}", self.shape.smallest
            found.append(Described(labelled, "correlation", (k + 1, 0), place, least))
        return found
