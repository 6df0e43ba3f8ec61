"""What is said of models that a likelihood-ratio test cannot compare."""

from skmixed.errors import ComparisonError

# A larger model may have a larger deviance by what two searches may differ.
WORSE = 1e-3


def refuse_worse(small, large, names):
    """Raise where a larger model fits worse, which a nested one cannot.

    Parameters
    ----------
    small, large : FitResult
        By the same criterion.
    names : tuple of two str

    Raises
    ------
    ValueError
    """
    gap = large.deviance - small.deviance
    if gap > WORSE:
        raise ComparisonError(
            f"`{names[1]}` fits worse than `{names[0]}`, by {gap:.4g} in the deviance, "
            "though it has more parameters: nested models of the same data cannot do "
            "that. Were they fitted to other rows, or to other values of a column? "
            "If not, the larger fit is no optimum: fit it again with a smaller tol, or "
            "with standardised columns."
        )


def refuse_not_nested(names, lacking):
    """Say what the larger model lacks."""
    raise ComparisonError(
        f"`{names[0]}` is not nested in `{names[1]}`, which lacks: "
        f"{', '.join(lacking)}. A likelihood-ratio test needs a smaller model that is "
        "a special case of the larger one; compare models that are not nested by AIC "
        "or cross-validation."
    )


def refuse_other_columns(names, which):
    """Say that what has one name in two models is not the same there."""
    raise ComparisonError(
        f"`{names[0]}` and `{names[1]}` were fitted to different values of {which} "
        "under the same names. Fit both to the same rows of the same table."
    )
