"""Which distribution the ratio of an estimate to its standard error is held against."""

import numpy as np

from skmixed.errors import ArgumentError, UnavailableError
from skmixed.inference.fixed.kenward_roger import kenward_roger
from skmixed.inference.fixed.satterthwaite import Satterthwaite
from skmixed.likelihood.elimination.regime import regime_for
from skmixed.likelihood.result import is_linear

METHODS = ("auto", "satterthwaite", "kenward-roger", "normal", "residual")
# What R's packages call them.
ALIASES = {"kr": "kenward-roger", "asymptotic": "normal", "z": "normal"}
# Seconds that "auto" spends on exact second derivatives.
AFFORDABLE = 2.5


class Constant:
    """The same degrees of freedom for every contrast.

    Parameters
    ----------
    result : FitResult
    name : {"normal", "residual"}
    """

    def __init__(self, result, name):
        self.name = name
        self.covariance = result.coef_cov
        self.value = np.inf if name == "normal" else float(result.df_resid)
        self.label = (
            "the normal distribution"
            if name == "normal"
            else f"{result.df_resid} residual degrees of freedom"
        )

    def df(self, L):
        """Degrees of freedom of single contrasts, of shape (q,)."""
        return np.full(len(np.atleast_2d(L)), self.value)

    def joint_df(self, L):
        """Scaling (1) and degrees of freedom of several contrasts."""
        return 1.0, self.value


def choose_degrees_of_freedom(fit, ddf="auto", vcov=None):
    """Choose how fixed effects are tested.

    Parameters
    ----------
    fit : Fitted
    ddf : {"auto", "satterthwaite", "kenward-roger", "normal", "residual"}
        "auto" is Satterthwaite's while that is cheap, else the normal distribution.
        Case does not matter; "kr", "asymptotic" and "z" are understood.
    vcov : ClusterRobust, optional
        Takes the place of the model's covariance, with degrees of freedom of its own.

    Returns
    -------
    method : Satterthwaite, KenwardRoger, Constant or ClusterRobust
        With ``name``, ``covariance`` of the fixed effects, ``df(L)`` and
        ``joint_df(L)``.
    reason : str
        One sentence for the foot of a table.

    Raises
    ------
    ValueError
        For an unknown name, and where Kenward and Roger's method is not to be had.
    """
    if vcov is not None:
        check_robust(vcov, fit.result, ddf)
        return vcov, f"Tests of fixed effects use {vcov.label}."
    ddf = read_method(ddf)
    if ddf not in METHODS:
        raise ArgumentError(f"ddf={ddf!r} should be one of {', '.join(METHODS)}.")
    result, why = fit.result, ""
    ddf = ddf if is_linear(result) else only_normal(result, ddf)
    if result.independent and ddf not in ("normal", "residual"):
        known = is_linear(result) and result.A.sigma is not None
        ddf, why = "normal" if known else "residual", "exact without random effects"
    elif ddf == "auto":
        ddf, why = cheap_method(result)
    if ddf == "satterthwaite":
        method = Satterthwaite(fit)
    elif ddf == "kenward-roger":
        method = kenward_roger(fit)
    else:
        method = Constant(result, ddf)
    reason = f"Tests of fixed effects use {method.label}"
    return method, f"{reason} ({why})." if why else f"{reason}."


def only_normal(result, ddf):
    """Refuse all but the normal distribution, for families other than the normal."""
    if ddf not in ("auto", "normal"):
        raise UnavailableError(
            f"ddf={ddf!r} is of linear models; tests of the {result.family.name} "
            "family use the normal distribution."
        )
    return "normal"


def check_robust(vcov, result, ddf):
    """Raise unless a robust covariance is one, of this fit, and stands alone."""
    if not hasattr(vcov, "joint_df"):
        raise ArgumentError(
            f"vcov={vcov!r} should be a cluster-robust covariance. Write "
            "vcov=cluster_robust(model, X, kind='CR2') with the rows of the fit."
        )
    if not np.array_equal(vcov.M, result.coef_cov):
        raise ArgumentError("vcov is of another fit; make it of this model.")
    if ddf != "auto":
        raise ArgumentError(
            f"A robust vcov has degrees of freedom of its own; leave ddf={ddf!r} out."
        )


def read_method(ddf):
    """A method by its own name, however it was written."""
    if not isinstance(ddf, str):
        return ddf
    written = ddf.lower().replace("_", "-").replace(" ", "-")
    return ALIASES.get(written, written)


def cheap_method(result):
    """What "auto" stands for, and why.

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    ddf, reason : str
    """
    seconds = satterthwaite_seconds(result)
    if seconds <= AFFORDABLE:
        return "satterthwaite", ""
    return "normal", (
        f"Satterthwaite's would take about {seconds:.0f} s here; ask with "
        "ddf='satterthwaite'"
    )


def satterthwaite_seconds(result):
    """Seconds for the exact second derivatives of the criterion.

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    float
        Two factorisations per parameter, unless one knows the second derivatives.
    """
    if result.residual is not None:
        return 0.0
    regime, bid = regime_for(result.A)
    return 0.0 if regime.exact else 2.0 * result.n_theta * bid.seconds
