"""Covariances of residuals over visits.

They are those of random effects with the scale taken out, which sigma stands for, and
some more that go by times. In ``residual=`` names have SAS's defaults: equal variances
unless the name ends in h.
"""

from dataclasses import dataclass

import numpy as np

from skmixed.errors import ResidualCovarianceError
from skmixed.likelihood.covariance.free import Unstructured
from skmixed.likelihood.covariance.names import RESIDUALS, chosen
from skmixed.likelihood.covariance.nugget import with_nugget
from skmixed.likelihood.covariance.scaled import Scaled
from skmixed.likelihood.covariance.structure import OnlyFields

# How much closer to their limits the correlations of a start are than `Shape.within`.
CLOSER = 1.2
# A correlation matrix with a smaller eigenvalue has no inverse to speak of.
SINGULAR = 1e-6


def canonical_residual(name, options=()):
    """The one spelling of a residual structure.

    Parameters
    ----------
    name : str
    options : tuple of tuple (key, value)

    Returns
    -------
    name : str
    options : tuple of tuple (key, value)
        ``hom`` written wherever there is the option.

    Raises
    ------
    ValueError
        If the name or an option is not known.

    Examples
    --------
    >>> from skmixed.likelihood.covariance.residual import canonical_residual
    >>> canonical_residual("csh"), canonical_residual("exp")
    (('cs', (('hom', False),)), ('car1', ()))
    """
    given = dict(options)
    name, hom = chosen(name, given, residual=True)
    nugget = (("nugget", True),) if given.get("nugget") else ()
    if hom is None:
        return name, nugget
    if (name, hom) == ("diag", True):
        return "id", ()
    return name, (("hom", hom), *nugget)


def residual_structure(name, options, times, pinned=True):
    """Covariance of the visits of a subject.

    Parameters
    ----------
    name : str
        As :func:`canonical_residual` gives it.
    options : tuple of tuple (key, value)
    times : tuple of float
        Of the visits.
    pinned : bool, default=True
        Whether the first variance is that of sigma; else it is a parameter.

    Returns
    -------
    Structure

    Raises
    ------
    ValueError
        For ``ar1`` at times that are no whole numbers.
    """
    kind, k = RESIDUALS[name][0], len(times)
    if name == "ar1":
        check_whole(times)
    whole: Unstructured | Scaled
    if kind is None:
        whole = Unstructured(k)
    else:
        shape = kind(k, tuple(times)) if kind.timed else kind(k)
        if dict(options).get("nugget"):
            shape = with_nugget(shape)
        whole = Scaled(name, shape, dict(options).get("hom", True))
    return Pinned(whole) if pinned else Whole(whole)


def has_no_inverse(Psi):
    """Whether the correlation matrix of a covariance has no inverse to speak of."""
    sd = np.sqrt(np.diag(Psi))
    return bool(np.linalg.eigvalsh(Psi / np.outer(sd, sd))[0] < SINGULAR)


def check_whole(times):
    """Raise for times that ``ar1`` cannot count."""
    if np.array_equal(times, np.rint(times)):
        return
    broken = next(time for time in times if time != np.rint(time))
    raise ResidualCovarianceError(
        "residual='ar1(time | subject)' counts whole numbers between times, and "
        f"{broken:g} is none; write car1(time | subject) for such times."
    )


@dataclass(frozen=True)
class Whole(OnlyFields):
    """A covariance of residuals whose scale is free: of further groups.

    Parameters
    ----------
    inner : Structure
    """

    inner: Unstructured | Scaled

    n_pinned = 0
    scales = ()
    free_blocks = ()

    @property
    def name(self):
        """As users write it."""
        return self.inner.name

    @property
    def n_effects(self):
        """Number of visits k."""
        return self.inner.n_effects

    @property
    def n_theta(self):
        """Number of parameters m."""
        return self.inner.n_theta - self.n_pinned

    @property
    def shape(self):
        """Shape of the correlations, None where they are free."""
        return getattr(self.inner, "shape", None)

    @property
    def n_scales(self):
        """How many of the inner theta are no parameters of correlations."""
        return getattr(self.inner, "n_scales", self.inner.n_theta)

    def full(self, theta):
        """Theta of the inner structure."""
        pin = 0.0 if self.inner.scales[0][1] else 1.0
        return np.concatenate([np.full(self.n_pinned, pin), theta])

    def phi(self, theta):
        """Parameters of the correlations alone; none where they are free."""
        return self.full(theta)[self.n_scales :]

    def root(self, theta):
        """Lambda; see :class:`Structure`."""
        return self.inner.root(self.full(theta))

    def gradient(self, theta, G):
        """Slopes of ``tr(G Psi)``."""
        return self.inner.gradient(self.full(theta), G)[self.n_pinned :]

    def directions(self, theta):
        """Slopes of Psi, of shape (m, k, k)."""
        return self.inner.directions(self.full(theta))[self.n_pinned :]

    tangent = directions

    def bend(self, theta, G):
        """Second derivatives of ``tr(G Psi)``."""
        n = self.n_pinned
        return self.inner.bend(self.full(theta), G)[n:, n:]

    def inside(self, theta, zero):
        """All of them: no variance of a residual is zero."""
        return np.ones(self.n_theta, dtype=bool)

    def nearest(self, Psi, floor=0.0):
        """Theta near a covariance, its correlations off their limits."""
        theta = self.inner.nearest(Psi / self.unit(Psi), floor)
        if isinstance(self.inner, Scaled):
            phi = theta[self.inner.n_scales :]
            within = CLOSER * self.inner.shape.within
            phi[:] = np.clip(phi, -within, within)
        return theta[self.n_pinned :]

    def unit(self, Psi):
        """What a covariance is divided by: nothing."""
        return 1.0

    def with_phi(self, theta, phi):
        """Theta with other parameters of the correlations."""
        full = self.full(theta)
        full[self.n_scales :] = phi
        return full[self.n_pinned :]


@dataclass(frozen=True)
class Pinned(Whole):
    """A covariance of residuals whose first variance is one: sigma stands for it.

    Examples
    --------
    >>> from skmixed.likelihood.covariance.residual import residual_structure
    >>> structure = residual_structure("ar1", (("hom", True),), (0.0, 1.0, 3.0))
    >>> root = structure.root([0.5])
    >>> (root @ root.T).round(2)
    array([[1.  , 0.46, 0.1 ],
           [0.46, 1.  , 0.21],
           [0.1 , 0.21, 1.  ]])
    """

    n_pinned = 1

    def unit(self, Psi):
        """The first variance."""
        return Psi[0, 0]
