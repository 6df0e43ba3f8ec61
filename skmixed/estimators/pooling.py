"""One answer from fits to several imputed tables."""

import numpy as np
import pandas as pd
from scipy import stats

from skmixed.errors import ComparisonError
from skmixed.inference.arguments import check_confidence_level
from skmixed.inference.opened.fitted import fitted
from skmixed.printing.numbers import fixed_decimals, say_level
from skmixed.printing.printed import PrintedTable


def pool(models, *, df_complete=None, confidence_level=0.95):
    """Combine fits of one formula to imputed tables by Rubin's rules.

    Parameters
    ----------
    models : list of MixedLinearRegressor
        Two or more, fitted to tables that differ in their imputed values alone.
    df_complete : float, default=None
        Degrees of freedom that complete data would have; by default rows less fixed
        effects. With few groups give the groups' number less one for what varies
        between them.
    confidence_level : float, default=0.95

    Returns
    -------
    PrintedTable
        Its ``frame`` has a row per fixed effect: ``estimate``, ``std_error``, ``df``,
        ``t``, ``p``, ``lower``, ``upper``; ``riv``, the relative increase in variance
        due to nonresponse, and ``fmi``, the fraction of information that is missing.

    Raises
    ------
    ValueError
        For fewer than two models, or with different fixed effects or rows.

    See Also
    --------
    compare_table : The models side by side.

    Notes
    -----
    With m estimates Q_i of variance U_i, ``T = mean(U) + (1 + 1/m) B``, B the variance
    between the estimates (Rubin 1987); degrees of freedom are those of Barnard & Rubin
    (1999, Biometrika 86), as in R's mice: with ``lambda = (1 + 1/m) B / T``,
    ``1 / df = lambda^2 / (m - 1) + 1 / df_obs`` and
    ``df_obs = (df_complete + 1) / (df_complete + 3) df_complete (1 - lambda)``.

    Examples
    --------
    >>> import numpy as np
    >>> from skmixed import MixedLinearRegressor, pool
    >>> from skmixed.datasets import load_sleepstudy
    >>> sleep, random = load_sleepstudy().frame, np.random.default_rng(0)
    >>> models = []
    >>> for _ in range(5):  # stands for five imputations
    ...     table = sleep.assign(Reaction=sleep["Reaction"] + random.normal(0, 9, 180))
    ...     model = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)")
    ...     models.append(model.fit(table))
    >>> pool(models).columns.tolist()[:5]
    ['estimate', 'std_error', 'df', 't', 'p']
    """
    level = check_confidence_level(confidence_level)
    fits = [fitted(model, "pool", residual=True) for model in list(models)]
    if len(fits) < 2:
        raise ComparisonError(
            f"pool needs fits to two tables or more, not {len(fits)}."
        )
    names, first = fits[0].names, fits[0].result
    for fit in fits[1:]:
        if fit.names != names or fit.result.n_obs != first.n_obs:
            raise ComparisonError(
                f"pool needs fits of one formula to tables of the same rows: {names} "
                f"of {first.n_obs} rows, and {fit.names} of {fit.result.n_obs} rows."
            )
        if label_of(fit) != label_of(fits[0]):
            raise ComparisonError(
                "pool needs fits with one residual covariance; these have "
                f"{label_of(fits[0])} and {label_of(fit)}."
            )
    if df_complete is None:
        df_complete = first.df_resid
    Q = np.array([fit.result.coef for fit in fits])
    U = np.array([np.diag(fit.result.coef_cov) for fit in fits])
    table = rubin(Q, U, float(df_complete))
    half = stats.t.ppf(0.5 + level / 2.0, table["df"]) * table["std_error"]
    t = table["estimate"] / table["std_error"]
    table.insert(3, "t", t)
    table.insert(4, "p", 2.0 * stats.t.sf(np.abs(t), table["df"]))
    table.insert(5, "lower", table["estimate"] - half)
    table.insert(6, "upper", table["estimate"] + half)
    table.index = names
    title = f"Fixed effects pooled over {len(fits)} tables by Rubin's rules"
    notes = ["Degrees of freedom of Barnard and Rubin.", say_level(level)]
    return PrintedTable(
        table, title, notes, rules=dict.fromkeys(("riv", "fmi"), fixed_decimals(3))
    )


def label_of(fit):
    """How the residuals of a fit covary, as the estimator's parameters."""
    residual = fit.result.residual
    return "independent residuals" if residual is None else residual.label


def rubin(Q, U, df_complete):
    """Rubin's rules with Barnard and Rubin's degrees of freedom.

    Parameters
    ----------
    Q, U : ndarray of shape (m, r)
        Estimates and their variances.
    df_complete : float

    Returns
    -------
    DataFrame
        ``estimate``, ``std_error``, ``df``, ``riv`` and ``fmi``.
    """
    m = len(Q)
    within, between = U.mean(axis=0), Q.var(axis=0, ddof=1)
    total = within + (1.0 + 1.0 / m) * between
    share = (1.0 + 1.0 / m) * between / total
    observed = (1.0 - share) * df_complete
    if np.isfinite(df_complete):
        observed = observed * (df_complete + 1.0) / (df_complete + 3.0)
    df = 1.0 / (share**2 / (m - 1.0) + 1.0 / observed)
    riv = (1.0 + 1.0 / m) * between / within
    return pd.DataFrame(
        {
            "estimate": Q.mean(axis=0),
            "std_error": np.sqrt(total),
            "df": df,
            "riv": riv,
            "fmi": (riv + 2.0 / (df + 3.0)) / (1.0 + riv),
        }
    )
