"""Warning categories, so that a user can filter on them."""


class SingularFitWarning(UserWarning):
    """A variance is estimated at zero, or a correlation at -1 or +1.

    The random part of the formula is richer than the data support. The fit is valid
    (``singular_`` is true); the warning names the term and a simpler formula.

    Examples
    --------
    >>> import warnings
    >>> from skmixed import SingularFitWarning
    >>> warnings.simplefilter("ignore", SingularFitWarning)
    >>> warnings.resetwarnings()
    """


class RankDeficiencyWarning(UserWarning):
    """A fixed-effects column can be computed from the columns before it.

    The column is left out, as lme4 does; ``aliased_`` lists it and predictions do not
    change.

    Examples
    --------
    >>> import warnings
    >>> from skmixed import RankDeficiencyWarning
    >>> warnings.simplefilter("ignore", RankDeficiencyWarning)
    >>> warnings.resetwarnings()
    """
