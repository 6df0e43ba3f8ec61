"""What a family of responses answers: rows' log-densities and their derivatives.

A family is a value without state. ``eta`` is the linear predictor of the rows, ``psi``
what the family estimates besides (the log of a dispersion, thresholds). Weights
multiply the log-likelihood: a row of weight 2 is the row twice, and the weights of a
proportion are its trials.
"""

from dataclasses import dataclass, field

import numpy as np

from skmixed.errors import ResponseError
from skmixed.likelihood.families.links import Link

# Expected weights are held above this, so that a row never loses its place in Z'WZ.
SMALLEST_WEIGHT = 1e-12


@dataclass
class Terms:
    """Derivatives of the rows' log-likelihood at some eta and psi.

    Attributes
    ----------
    loglik, score, W, W1, W2 : ndarray of shape (n,)
        The log-likelihood l without :meth:`Family.constant`, dl/deta, ``-d2l/deta2``,
        and the first two derivatives of W in eta.
    loglik_psi, score_psi, W_psi : list of ndarray of shape (n,)
        First derivatives in each entry of psi.
    loglik_psi2 : list of list of ndarray of shape (n,)
        Second derivatives of l in psi.
    """

    loglik: np.ndarray
    score: np.ndarray
    W: np.ndarray
    W1: np.ndarray
    W2: np.ndarray
    loglik_psi: list = field(default_factory=list)
    score_psi: list = field(default_factory=list)
    W_psi: list = field(default_factory=list)
    loglik_psi2: list = field(default_factory=list)


class Family:
    """Base of all families: what one without parameters of its own answers.

    Attributes
    ----------
    name : str
        As R names it.
    link : Link
    psi_names : tuple of str
        Names of the family's own parameters, on the scale that is searched.
    discrete : bool
        Whether responses have masses, so that their ranks must be drawn.
    canonical : bool
        Whether observed and expected weights are the same.
    response : str
        What a response is, for messages: "counts".
    """

    name = ""
    link: Link
    psi_names: tuple = ()
    discrete = False
    canonical = False
    response = "numbers"

    @property
    def n_psi(self):
        """Number of the family's own parameters."""
        return len(self.psi_names)

    # ------------------------------------------------------------------ the likelihood
    def constant(self, y, w):
        """Part of the log-likelihood that no parameter moves, summed over rows."""
        return 0.0

    def terms(self, y, w, eta, psi):
        """Derivatives of the rows' log-likelihood.

        Parameters
        ----------
        y, eta : ndarray of shape (n,)
        w : ndarray of shape (n,) or float
        psi : ndarray of shape (n_psi,)

        Returns
        -------
        Terms
        """
        raise NotImplementedError

    def step(self, y, w, eta, psi):
        """``loglik``, ``score`` and ``W``: what a step to the modes needs."""
        t = self.terms(y, w, eta, psi)
        return t.loglik, t.score, t.W

    def summed_step(self, y, w, eta, psi):
        """:meth:`step` with the sum of ``loglik`` in its place."""
        loglik, score, W = self.step(y, w, eta, psi)
        return float(loglik.sum()), score, W

    def slopes(self, y, w, eta, psi, score, W):
        """:meth:`terms` from two that are known; ``loglik`` may be left out."""
        return self.terms(y, w, eta, psi)

    def tilts(self, y):
        """Whether ``l = w (y eta - A(eta))``, with A a function of ``exp(eta)``."""
        return False

    def tilted(self, odds):
        """``A(eta)`` and its slope, the mean, from ``exp(eta)``, which is spoilt."""
        raise NotImplementedError

    def expected_weights(self, y, w, eta, psi):
        """Fisher's information of eta, positive where the observed W may not be."""
        return np.maximum(self.terms(y, w, eta, psi).W, SMALLEST_WEIGHT)

    # ------------------------------------------------------------------ the search
    def start_eta(self, y, w):
        """Linear predictors near the responses."""
        raise NotImplementedError

    def start_psi(self, y, w, mean):
        """First guess of psi at fitted means."""
        return np.zeros(0)

    def feasible(self, psi):
        """Whether psi lies where the terms can be computed."""
        return True

    # ------------------------------------------------------------------ the responses
    def check(self, y, w):
        """Refuse responses that the family cannot have.

        Raises
        ------
        ValueError
            That says which values are at fault and what would work.
        """

    def mean(self, eta, psi):
        """Mean response at a linear predictor."""
        return self.link.mean(eta)

    def dispersion(self, psi):
        """Dispersion as it is reported, or None where the family has none."""
        return

    def latent_variance(self, psi, mean_of_rows):
        """Variance that rows add on the scale of the linear predictor, if agreed on.

        Parameters
        ----------
        psi : ndarray of shape (n_psi,)
        mean_of_rows : callable
            Gives the mean response.

        Returns
        -------
        float or None

        Notes
        -----
        Nakagawa, Johnson and Schielzeth (2017), J. R. Soc. Interface 14(134), tables 1
        and 2.
        """
        return self.link.latent_variance

    def distribution(self, eta, psi, w):
        """Distribution of the rows' responses, as scipy.stats has it.

        Returns
        -------
        scipy.stats frozen distribution
            Of a proportion it is that of the counts ``w y``.
        """
        raise NotImplementedError

    def unit(self, w):
        """What draws of ``distribution`` are divided by to be responses."""
        return 1.0

    def unit_deviance(self, y, mean, psi):
        """``2 (l(y; y) - l(y; mean))`` of the rows at weight 1, for D2."""
        raise NotImplementedError


def refuse_where(wrong, y, sentence):
    """Raise a sentence that ends in the first few values at fault.

    Raises
    ------
    ValueError
    """
    if not np.any(wrong):
        return
    values = np.unique(np.asarray(y)[wrong])[:3]
    given = ", ".join(f"{value:g}" for value in values)
    n = int(np.sum(wrong))
    rows = "1 row has" if n == 1 else f"{n} rows have"
    raise ResponseError(f"{sentence}; {rows} other values, such as {given}.")
