"""Covariances of residuals compared: one model with several structures."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.base import clone

from skmixed.errors import ArgumentError, ResidualCovarianceError
from skmixed.estimators.linear import MixedLinearRegressor
from skmixed.formula.text.residual import parse_residual
from skmixed.likelihood.covariance.residual import canonical_residual
from skmixed.printing.numbers import fixed_decimals
from skmixed.printing.printed import PrintedTable
from skmixed.printing.progress import count_done
from skmixed.warnings import SingularFitWarning, cause_of, warn

STRUCTURES = (
    *("id", "diag", "cs", "csh", "ar1", "ar1h"),
    *("toep", "toeph", "ad", "adh", "us"),
)
CRITERIA = ["n_parameters", "loglik", "aic", "aicc", "bic"]
WELL = "fitted"
DECIMALS = fixed_decimals(1)


def compare_covariances(
    model,
    X,
    y=None,
    structures=STRUCTURES,
    sample_weight=None,
    *,
    verbose=None,
):
    r"""Fit one model with several residual covariances, and compare them.

    Parameters
    ----------
    model : MixedLinearRegressor
        With ``residual="name(time | subject)"``, whose columns all structures take.
        Only its parameters are used; it stays as it is.
    X : data frame
        As `fit` takes it.
    y : array-like of shape (n_samples,), default=None
        As `fit` takes it.
    structures : sequence of str
        Names, such as ``"ar1"``, or whole texts, such as ``"us(visit | id, by=arm)"``.
        By default those whose parameters are counted in visits; for times that are no
        whole numbers name ``"car1"`` and ``"gau"``.
    sample_weight : array-like of shape (n_samples,), default=None
    verbose : int, default=None
        1 shows a progress bar, 0 none; by default one appears in a terminal or a
        notebook when it takes more than a few seconds.

    Returns
    -------
    PrintedTable
        Its ``frame`` is indexed by structure, with ``n_parameters`` of the covariance,
        ``loglik``, ``aic``, ``aicc``, ``bic``, Akaike's ``weight``, ``status`` and
        ``reason``. The lowest AIC comes first; structures whose ``status`` is not
        "fitted" come last, without weight: "singular" and "not converged" ones, whose
        log-likelihood is no maximum, and those that could not be fitted.

    Raises
    ------
    ValueError
        Where the model has no ``residual=``, a structure is not known, structures take
        different subjects, or none could be fitted.

    See Also
    --------
    likelihood_ratio_test : Two nested models.
    skmixed.inspection.CovarianceDisplay : What the data say, beside one structure.

    Notes
    -----
    With k parameters in all, q of them of the covariance (sigma included), and s
    subjects,

    .. math:: AIC = -2l + 2k, \quad BIC = -2l + k \log s, \quad
              AICc = AIC + 2d(d + 1) / (n^* - d - 1).

    Of a REML fit d = q and n* is the number of rows less that of fixed effects, else
    d = k and n* is the number of rows; n* is at least d + 2. All structures have the
    same fixed effects, so that criteria of REML fits compare. SAS and mmrm leave fixed
    effects out of k under REML, which changes no difference between structures; the
    attribute ``bic_`` of a model takes rows for s, as R does.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, compare_covariances
    >>> from skmixed.datasets import load_sleepstudy
    >>> sleep = load_sleepstudy().frame
    >>> model = MixedLinearRegressor("Reaction ~ Days", residual="cs(Days | Subject)")
    >>> table = compare_covariances(model, sleep, structures=["cs", "ar1", "ar1h"])
    >>> list(table.index)
    ['ar1h', 'ar1', 'cs']
    >>> float(table.loc["cs", "aic"].round(1))
    1794.5
    """
    terms = read_structures(model, structures)
    found, said = {}, {}
    with count_done(len(terms), "fit", "structures", verbose) as done:
        for name, term in terms.items():
            found[name] = fit_structure(model, term, (X, y, sample_weight), said)
            done()
    for warning in said.values():
        warn(str(warning.message), warning.category)
    frame = pd.DataFrame.from_dict(found, orient="index")
    if (frame["status"] == "not fitted").all():
        raise ResidualCovarianceError(
            f"No structure could be fitted. {frame['reason'].iloc[0]}"
        )
    frame = in_order_of_aic(frame.rename_axis("structure"))
    return print_structures(frame, model.reml, terms)


def read_structures(model, structures):
    """Read what is compared.

    Returns
    -------
    dict of str to ResidualTerm
        By name as it was given, or by the whole text.
    """
    if not isinstance(model, MixedLinearRegressor) or model.residual is None:
        raise ArgumentError(
            "compare_covariances is for MixedLinearRegressor(formula, "
            "residual='name(time | subject)'), whose columns the structures take; "
            f"given is {model!r}."
        )
    names = [structures] if isinstance(structures, str) else list(structures)
    if not names or len(set(names)) < len(names):
        raise ArgumentError(
            f"structures={names} should be one or more different names."
        )
    common, terms = parse_residual(model.residual), {}
    for name in names:
        own = replace(common, name=name, options=())
        term = parse_residual(name) if "(" in name else own
        terms[name] = term.with_structure(canonical_residual)
        if term.subject != common.subject:
            raise ArgumentError(
                f"residual={name!r} takes other subjects than `{common}`: likelihoods "
                "compare, but rows of which subjects are independent is no structure."
            )
    return terms


def fit_structure(model, term, data, said):
    """Fit one structure; a row of the table.

    Parameters
    ----------
    model : MixedLinearRegressor
    term : ResidualTerm
    data : tuple
        X, y and weights.
    said : dict
        Warnings that are not of the structure, by cause; added to.
    """
    own = clone(model).set_params(residual=str(term), verbose=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            own.fit(*data)
        except ValueError as error:
            missing = dict.fromkeys(CRITERIA, np.nan)
            return missing | {"status": "not fitted", "reason": str(error)}
    result, status, reason = own.result_, WELL, ""
    if not result.converged:
        status = "singular" if result.singular else "not converged"
    for warning in caught:
        text = str(warning.message)
        if issubclass(warning.category, SingularFitWarning):
            reason = say_scarcest(result.residual)
        elif status == "not converged" and "onverge" in text:
            reason = text
        else:
            said.setdefault(cause_of(warning.category, text), warning)
    return criteria(result) | {"status": status, "reason": reason}


def say_scarcest(residual):
    """Why a covariance has no inverse, in a few words."""
    if not residual.visits:
        return "no maximum of the likelihood: rows correlate perfectly at all distances"
    first, second, n = residual.scarcest
    return (
        "no maximum of the likelihood, the correlation matrix has no inverse; fewest "
        f"subjects, {n}, have rows at both {first} and {second}."
    )


def criteria(result):
    """Information criteria of a fit; see :func:`compare_covariances`."""
    k, p = result.n_parameters, len(result.coef)
    d, n = (k - p, result.df_resid) if result.reml else (k, result.n_obs)
    n_subjects = result.residual.products.n_subjects
    correction = 2.0 * d * (d + 1) / (max(n, d + 2) - d - 1)
    bic = result.deviance + k * np.log(n_subjects)
    values = (k - p, result.loglik, result.aic, result.aic + correction, bic)
    return dict(zip(CRITERIA, values, strict=True))


def in_order_of_aic(frame):
    """Best first with Akaike's weights, what is no maximum last."""
    well = frame["status"] == WELL
    relative = np.exp(-0.5 * (frame["aic"] - frame.loc[well, "aic"].min()))
    relative = relative.where(well)
    frame.insert(len(CRITERIA), "weight", relative / relative.sum())
    frame["n_parameters"] = frame["n_parameters"].astype("Int64")
    rank = frame["status"].map({WELL: 0, "not fitted": 2}).fillna(1)
    order = np.lexsort((frame["aic"], rank))
    return frame.iloc[order]


def print_structures(frame, reml, terms):
    """The table with its title and reasons."""
    term = next(iter(terms.values()))
    criterion = "REML" if reml else "maximum likelihood"
    failed = frame.loc[frame["status"] != WELL, ["status", "reason"]]
    notes = [f"{name}, {status}: {why}" for name, (status, why) in reasons(failed)]
    return PrintedTable(
        frame,
        f"Covariances of residuals over `{term.time or 'rows'}` of `{term.subject}`, "
        f"fitted by {criterion}",
        notes=["AIC decides the order; BIC counts subjects.", *notes],
        headings={
            "n_parameters": "parameters",
            "loglik": "log-lik.",
            "aic": "AIC",
            "aicc": "AICc",
            "bic": "BIC",
            "reason": None,
        },
        rules=dict.fromkeys(["loglik", "aic", "aicc", "bic"], DECIMALS)
        | {"weight": fixed_decimals(3)},
    )


def reasons(failed):
    """Pairs of a structure's name and of its status and reason."""
    rows = zip(failed["status"], failed["reason"], strict=True)
    return zip(failed.index, rows, strict=True)
