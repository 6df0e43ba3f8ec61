"""What a generalised model would be without each of some units: exact refits."""

import numpy as np

from skmixed.inference.diagnose.deletion import Deletion
from skmixed.inference.opened.family_refit import FamilyRefitter
from skmixed.likelihood.linalg.threads import blas_threads
from skmixed.printing.progress import count_done

# Information on the fixed effects with a smaller eigenvalue, of what all rows have, is
# none.
SINGULAR = 1e-10
# Refits are compared with each other: they go farther than replicates do.
TOLERANCE = 1e-9


def delete_family_units(fit, design, codes, n_units, unit="groups", verbose=None):
    """Leave units out, one at a time, and fit again.

    Parameters
    ----------
    fit : Fitted
        Of a generalised model.
    design : Design
        The rows of the fit, with responses and weights.
    codes : ndarray of int of shape (n,)
        Unit of every row.
    n_units : int
    unit : str, default="groups"
        For the progress bar.
    verbose : int, optional
        As of :func:`skmixed.printing.progress.count_done`.

    Returns
    -------
    Deletion
        ``sigma`` is the dispersion, NaN where the family has none; the leverage is not
        known. NaN where the other rows leave a fixed effect open.

    Notes
    -----
    Rows of a unit get weight zero, and everything is estimated anew, starting at the
    estimates of all rows: the optimum without the unit, no step towards it.
    """
    refitter = FamilyRefitter(fit.result, design)
    family = fit.result.family
    w = np.ones(len(codes)) if design.weights is None else design.weights
    r = len(fit.result.coef)
    coef, std_error = (np.full((n_units, r), np.nan) for _ in range(2))
    dispersion, covariances = np.full(n_units, np.nan), []
    with blas_threads(1), count_done(n_units, "influence", unit, verbose) as done:
        for unit_left_out in range(n_units):
            others = np.where(codes == unit_left_out, 0.0, w)
            own = refitter.fit(weights=others, tol=TOLERANCE)
            covariances.append(own.covariances)
            if own.information > SINGULAR:
                coef[unit_left_out] = own.coef
                std_error[unit_left_out] = np.sqrt(np.diag(own.coef_cov))
                if family.dispersion(own.psi) is not None:
                    dispersion[unit_left_out] = family.dispersion(own.psi)
            done()
    return Deletion(
        coef=coef,
        std_error=std_error,
        sigma=dispersion,
        leverage=np.full(n_units, np.nan),
        covariances=covariances,
    )
