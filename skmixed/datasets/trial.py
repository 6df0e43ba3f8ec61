"""A simulated trial: repeated visits of two arms, some patients leave, known truth."""

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.utils import Bunch, check_random_state

from skmixed.errors import ArgumentError

ARMS = ["control", "treated"]
# Log odds beyond which nobody or everybody leaves.
FARTHEST = 700.0


def make_trial(  # noqa: PLR0913 - one keyword per part of the trial
    n_subjects=200,
    n_visits=5,
    *,
    intercept=24.0,
    slope=-1.5,
    effect=-4.0,
    covariance=None,
    dropout=0.3,
    dropout_slope=1.0,
    return_truth=False,
    random_state=None,
):
    r"""Generate a randomised trial with repeated visits and dropout.

    Parameters
    ----------
    n_subjects : int, default=200
        Patients; every other one is treated.
    n_visits : int, default=5
        Visits 0, 1, ..., ``n_visits - 1`` of who stays.
    intercept : float, default=24.0
        Mean at visit 0, where arms do not differ.
    slope : float, default=-1.5
        Change of the control arm's mean from visit to visit.
    effect : float, default=-4.0
        Difference of the treated to the control arm at the last visit; it grows
        linearly from zero at visit 0.
    covariance : array-like of shape (n_visits, n_visits), default=None
        Of a patient's responses. By default standard deviations grow from 4 to 7, and
        the correlation of two visits is 0.8 to the power of their distance.
    dropout : float, default=0.3
        Share of patients that are expected to leave before the last visit, the same of
        those who are left after every visit.
    dropout_slope : float, default=1.0
        Log odds of leaving after a visit for each standard deviation by which the
        response there lies above the mean of both arms. 0 leaves completely at random;
        whatever it is, responses are missing at random given those that were seen.
    return_truth : bool, default=False
        Return what the data were drawn from as well.
    random_state : int, RandomState instance or None, default=None
        Seed or generator, for the same data at every call.

    Returns
    -------
    X : DataFrame of shape (n_rows, 3)
        ``subject``, ``arm`` ("control", "treated") and ``visit``, without the visits
        after a patient has left.
    y : Series of shape (n_rows,)
        Response, named ``y``.
    truth : Bunch
        If ``return_truth=True``: `formula` and `residual` of the model, `effect`,
        `means` (DataFrame, arms by visits), `covariance` (DataFrame, visits by visits)
        and `complete`, the table as it were had nobody left, with ``y``.

    Raises
    ------
    ValueError
        If a number is out of range or the covariance is none of the visits.

    See Also
    --------
    make_mixed_regression : Groups with random effects.

    Notes
    -----
    Responses of a patient are normal with the arm's means and one covariance. After
    visit t, patient i of those who are left leaves with the probability

    .. math:: \operatorname{logit} h_{it} = a_t + \gamma (y_{it} - \bar\mu_t) / s_t,

    with a_t such that the mean of h over those patients is
    :math:`1 - (1 - \text{dropout})^{1 / (T - 1)}`. Who stays is then no random sample:
    means of the rows of a visit are biased, those of the likelihood of all rows are
    not (Little and Rubin, Statistical Analysis with Missing Data, chapter 6).

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import make_trial
    >>> X, y, truth = make_trial(400, return_truth=True, random_state=0)
    >>> list(X.columns), len(X) < len(truth.complete)
    (['subject', 'arm', 'visit'], True)
    >>> truth.formula, truth.residual
    ('y ~ arm * visit', 'us(visit | subject)')
    >>> model = MixedLinearRegressor(truth.formula, residual=truth.residual).fit(X, y)
    >>> per_visit = model.fixed_effects_["arm[T.treated]:visit"]
    >>> round(4 * float(per_visit), 1), truth.effect
    (-4.1, -4.0)
    """
    check(n_subjects, n_visits, dropout)
    rng, visits = check_random_state(random_state), np.arange(n_visits)
    covariance = read_covariance(covariance, n_visits)
    means = intercept + slope * visits
    means = np.stack([means, means + effect * visits / (n_visits - 1)])
    complete = draw_complete(rng, n_subjects, means, covariance)
    z = complete["y"].to_numpy().reshape(n_subjects, n_visits) - means.mean(axis=0)
    hazard = 1.0 - (1.0 - dropout) ** (1.0 / (n_visits - 1))
    seen = draw_stays(rng, z / np.sqrt(np.diag(covariance)), hazard, dropout_slope)
    rows = complete[seen.ravel()].reset_index(drop=True)
    X, y = rows.drop(columns="y"), rows["y"]
    if not return_truth:
        return X, y
    index = pd.Index(visits, name="visit")
    truth = Bunch(
        formula="y ~ arm * visit",
        residual="us(visit | subject)",
        effect=effect,
        means=pd.DataFrame(means, pd.Index(ARMS, name="arm"), index),
        covariance=pd.DataFrame(covariance, index, index),
        complete=complete,
    )
    return X, y, truth


def draw_complete(rng, n_subjects, means, covariance):
    """Draw all responses of everybody; a row per visit."""
    n_visits, arm = len(covariance), np.arange(n_subjects) % 2
    noise = rng.standard_normal((n_subjects, n_visits))
    Y = means[arm] + noise @ np.linalg.cholesky(covariance).T
    return pd.DataFrame(
        {
            "subject": np.repeat(np.arange(n_subjects), n_visits),
            "arm": pd.Categorical.from_codes(np.repeat(arm, n_visits), ARMS),
            "visit": np.tile(np.arange(n_visits), n_subjects),
            "y": Y.ravel(),
        }
    )


def check(n_subjects, n_visits, dropout):
    """Refuse numbers that are out of range."""
    if n_subjects < 2 or n_visits < 2:
        raise ArgumentError(
            "A trial needs 2 subjects and 2 visits or more; given are "
            f"n_subjects={n_subjects} and n_visits={n_visits}."
        )
    if not 0.0 <= dropout < 1.0:
        raise ArgumentError(f"dropout={dropout} should be a share from 0 to below 1.")


def read_covariance(covariance, n_visits):
    """The covariance of the visits, growing and fading where none is given."""
    if covariance is None:
        at = np.arange(n_visits)
        sd = np.linspace(4.0, 7.0, n_visits)
        return np.outer(sd, sd) * 0.8 ** np.abs(np.subtract.outer(at, at))
    covariance = np.asarray(covariance, dtype=float)
    fits = covariance.shape == (n_visits, n_visits) and np.isfinite(covariance).all()
    if (
        not fits
        or not np.allclose(covariance, covariance.T)
        or np.linalg.eigvalsh(covariance)[0] <= 0.0
    ):
        raise ArgumentError(
            f"covariance should be a positive definite matrix of shape {n_visits} by "
            f"{n_visits}, one row per visit; given is {covariance.tolist()}."
        )
    return covariance


def draw_stays(rng, z, hazard, slope):
    """Draw who is still there at every visit.

    Parameters
    ----------
    rng : RandomState
    z : ndarray of shape (n, T)
        Standardised responses.
    hazard : float
        Mean probability to leave after a visit.
    slope : float
        Log odds per unit of z.

    Returns
    -------
    ndarray of bool of shape (n, T)
    """
    seen = np.ones(z.shape, dtype=bool)
    draws = rng.uniform(size=z.shape)
    for t in range(z.shape[1] - 1):
        there = seen[:, t]
        if hazard > 0.0 and there.any():
            eta = slope * z[:, t]
            there = there & (draws[:, t] >= expit(level(eta[there], hazard) + eta))
        seen[:, t + 1] = there
    return seen


def level(eta, hazard):
    """The a at which the mean of expit(a + eta) is a hazard."""
    far = FARTHEST + np.abs(eta).max()
    return brentq(lambda a: expit(a + eta).mean() - hazard, -far, far)
