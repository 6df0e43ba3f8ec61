"""The formula of the residuals' standard deviations, and what it stands beside."""

import numpy as np

from skmixed.errors import ArgumentError
from skmixed.formula.text.parse import parse_formula


def read_dispersion(text):
    """Read a one-sided formula of fixed effects.

    Raises
    ------
    ValueError
        For another one.
    """
    formula = parse_formula(text)
    if formula.response is not None or formula.random or formula.offsets:
        raise ArgumentError(
            f"dispersion={text!r}: write a one-sided formula without random effects, "
            "such as '~ sex'; it describes the logarithm of the residual standard "
            "deviation."
        )
    if not formula.predictor_columns:
        raise ArgumentError(
            f"dispersion={text!r} names no column; without dispersion= residuals have "
            "one variance."
        )
    return formula


def refuse_beside(term, formula, dispersion):
    """Raise for what a residual covariance leaves nothing to."""
    if term.name != "us":
        return
    if dispersion is not None:
        raise ArgumentError(
            f"residual='{term}' gives every visit a standard deviation, and leaves "
            f"nothing to dispersion={dispersion!r}. Leave it out, or take ar1, cs or "
            "toep, of equal variances."
        )
    for random in formula.random:
        if random.columns == [term.subject] or list(random.columns) == [term.subject]:
            raise ArgumentError(
                f"residual='{term}' stands for any covariance of a subject's rows, and "
                f"leaves nothing to `{random}`. Leave the random effects of "
                f"`{term.subject}` out."
            )


def varying(spec, design):
    """Columns of a dispersion without the intercept, which sigma stands for."""
    keep = [k for k, name in enumerate(spec.coef_names) if name != "Intercept"]
    return np.asarray(design.X[:, keep])
