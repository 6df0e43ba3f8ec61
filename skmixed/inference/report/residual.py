"""Tables of a residual covariance: by visit, and its parameters."""

import numpy as np
import pandas as pd

from skmixed.inference.variance.parameters import values_of
from skmixed.inference.variance.residual_parameters import parameters_of
from skmixed.inference.variance.wald import wald_bounds
from skmixed.printing.numbers import fixed_decimals
from skmixed.printing.printed import Table


def residual_table(result, spec):
    """Standard deviations and correlations of the residuals by visit.

    Parameters
    ----------
    result : FitResult
    spec : DesignSpec

    Returns
    -------
    DataFrame or None
        One row per visit; levels of ``by`` under one another, in the column ``by``.
    """
    if result.residual is None or not result.residual.visits:
        return None
    labels, levels = spec.residual.labels, spec.residual.levels
    frames = []
    for level, Psi, R in zip(
        levels, result.residual.covariances, result.residual.correlations, strict=True
    ):
        frame = pd.DataFrame(R, columns=list(labels))
        frame.insert(0, "sd", result.sigma * np.sqrt(np.diag(Psi)))
        frame.insert(0, "visit", list(labels))
        if level is not None:
            frame.insert(0, spec.residual.term.by, level)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def residual_intervals(fit, confidence_level):
    """Correlations or range of a structured residual covariance, with intervals.

    Parameters
    ----------
    fit : Fitted
    confidence_level : float

    Returns
    -------
    DataFrame or None
        ``estimate``, ``lower`` and ``upper``. None without such parameters, and for an
        unstructured covariance, whose correlations are a table by themselves.
    """
    residual = getattr(fit.result, "residual", None)
    if residual is None or any(s.shape is None for s, _ in residual.parts):
        return None
    chosen = [p for p in parameters_of(fit) if p.kind in ("correlation", "range")]
    if not chosen:
        return None
    bounds = wald_bounds(fit, chosen, confidence_level)
    table = {"estimate": values_of(fit.result, chosen)}
    table |= {"lower": bounds[:, 0], "upper": bounds[:, 1]}
    return pd.DataFrame(table, index=[p.name for p in chosen])


def residual_block(residual, counts):
    """Table of standard deviations by visit, and correlations below the diagonal."""
    visits = list(residual.columns[residual.columns.get_loc("sd") + 1 :])
    at = np.arange(len(residual)) % len(visits)
    shown = residual.copy()
    for j, visit in enumerate(visits):
        shown.loc[at <= j, visit] = np.nan
    return Table(
        shown.drop(columns=visits[-1]),
        "Residual covariance:",
        headings={"visit": "Visit", "sd": "Std.Dev."},
        rules=dict.fromkeys(visits, fixed_decimals(2)),
        index=False,
        note=counts,
    )
