"""Satterthwaite's degrees of freedom."""

import numpy as np

# Degrees of freedom that differ by less are one number, as in lmerTest.
SAME = 1e-8
# Fewer degrees of freedom than these say that the data hold nothing on a variance that
# the standard error depends on.
FEWEST = 1e-3


class Satterthwaite:
    """Match the variance of each contrast with that of a scaled chi-square.

    Parameters
    ----------
    fit : Fitted
        With at least one random term.

    Notes
    -----
    For a contrast l with v = l'Cl, C = sigma^2 (X'V^-1 X)^-1, gradient g of v in the
    variance parameters and A their covariance, ``df = 2 v^2 / g'Ag`` (Giesbrecht &
    Burns 1985, Biometrics 41; Kuznetsova et al. 2017, J. Stat. Softw. 82(13),
    section 2). Parameters at the boundary are left out. Several contrasts together
    follow Fai & Cornelius (1996, J. Stat. Comput. Simul. 54).
    """

    name = "satterthwaite"
    label = "Satterthwaite's degrees of freedom"

    def __init__(self, fit):
        self.covariance = fit.result.coef_cov
        self.curvature = fit.open.curvature

    def df(self, L):
        """Degrees of freedom of single contrasts.

        Parameters
        ----------
        L : ndarray of shape (q, r)
            Of the raw fixed effects, a contrast per row.

        Returns
        -------
        ndarray of shape (q,)
            NaN where the likelihood is flat in what a standard error depends on.
        """
        at = self.curvature
        w = np.atleast_2d(L) @ at.root.T
        with np.errstate(divide="ignore", invalid="ignore"):
            w = w / np.linalg.norm(w, axis=1, keepdims=True)  # v becomes 1
        g = np.einsum("qa,jab,qb->qj", w, at.slopes, w)
        g = np.column_stack([g, np.full(len(g), 2.0)])
        with np.errstate(divide="ignore", invalid="ignore"):
            df = 2.0 / np.einsum("qi,ij,qj->q", g, at.covariance, g)
        return np.where(df > FEWEST, df, np.nan)

    def joint_df(self, L):
        """Denominator degrees of freedom of q independent contrasts together.

        Parameters
        ----------
        L : ndarray of shape (q, r)
            Whose estimates are uncorrelated.

        Returns
        -------
        scaling : float
            Of the F statistic; always 1.
        df : float
        """
        nu = self.df(L)
        if np.ptp(nu) < SAME * max(1.0, nu.max()):
            return 1.0, float(nu.mean())
        if np.any(nu <= 2.0):
            return 1.0, 2.0
        expected = np.sum(nu / (nu - 2.0))
        return 1.0, float(2.0 * expected / (expected - len(nu)))
