"""What a sweep over the rows of a generalised model found."""

from dataclasses import dataclass

import numpy as np

from skmixed.likelihood.products.cross_products import CrossProducts


@dataclass
class RowState:
    """What a sweep at one (beta, b, psi) found: rows' arrays, and sums over rows.

    Attributes
    ----------
    loglik : float
    eta, score, W : ndarray of shape (n,)
    A : CrossProducts
        Of the working linear model: Z'WZ, and Z's in place of [X y].
    W1, W2, h : ndarray of shape (n,)
        Derivatives of W, and ``h_i = z_i'C z_i``; those below come with them.
    W_psi : ndarray of shape (r, n)
    XtX, Xts, Xtt : ndarray of shape (p, p), (p,), (p,)
        ``X'WX, X's, X't`` with ``t = h W1``.
    Xt_psi, l_psi, l_psi2, hW_psi : ndarray
        ``s_psi'X`` of shape (r, p), sums of l's derivatives, ``W_psi h``.
    ZtX, Zt_psi, Ztt : list of ndarray of shape (k_j, p or r or 1, G_j)
        ``Z'WX, Z's_psi, Z't``.
    """

    loglik: float
    eta: np.ndarray
    score: np.ndarray
    W: np.ndarray
    A: CrossProducts | None = None
    complete: bool = False

    @property
    def Zts(self):
        """Z's of every factor, of shape (k_j, G_j)."""
        return [block[:, 0] for block in self.A.ZtXy] if self.A else []
