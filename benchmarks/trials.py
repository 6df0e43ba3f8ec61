"""Simulated trials: patients of two arms, visits, some missing and some who leave."""


def trial(n_subjects, n_visits, seed, *, ar1=False, leave=0.06, miss=0.04):
    """Simulate a trial.

    Parameters
    ----------
    n_subjects, n_visits : int
    seed : int
    ar1 : bool, default=False
        Whether the covariance is first-order autoregressive; else correlations level
        off and variances grow.
    leave, miss : float
        Shares of the visits after which a patient leaves, and that are missed.

    Returns
    -------
    DataFrame
        ``id``, ``visit`` (categories), ``time`` from 1, ``arm``, ``base``, ``sex``, and
        the response ``y``.
    """
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    arm, sex = rng.integers(0, 2, n_subjects), rng.integers(0, 2, n_subjects)
    base, t = rng.normal(50.0, 10.0, n_subjects), np.arange(n_visits)
    lag = np.abs(np.subtract.outer(t, t))
    R = 0.6**lag if ar1 else 0.55 * 0.85**lag + 0.35 + 0.1 * np.eye(n_visits)
    sd = np.full(n_visits, 8.0) if ar1 else 6.0 + 0.5 * t
    root = np.linalg.cholesky(R * np.outer(sd, sd))
    e = rng.standard_normal((n_subjects, n_visits)) @ root.T
    y = 20.0 + 0.5 * base[:, None] + 1.5 * t - 0.8 * arm[:, None] * t
    y = y + 2.0 * sex[:, None] + e
    gone = np.cumsum(rng.random((n_subjects, n_visits)) < leave, axis=1) > 0
    gone[:, 0] = False
    i, j = np.nonzero(~gone & ~(rng.random((n_subjects, n_visits)) < miss))
    return pd.DataFrame(
        {
            "id": i,
            "visit": pd.Categorical([f"V{k + 1:02d}" for k in j]),
            "time": j + 1,
            "arm": pd.Categorical.from_codes(arm[i], ["control", "active"]),
            "base": base[i].round(2),
            "sex": pd.Categorical.from_codes(sex[i], ["F", "M"]),
            "y": y[i, j].round(3),
        }
    )
