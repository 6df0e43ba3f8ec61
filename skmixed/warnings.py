"""Warnings: categories that a user can filter on, and the line that they point at."""

import os
import re
import sys
import warnings
import weakref

import joblib
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import Parallel

from skmixed.errors import TROUBLES, see

# Folders whose lines are not the user's, nor is what runs a user's call for them.
MACHINERY = tuple(
    os.path.join(os.path.dirname(path), "")
    for path in (__file__, sklearn.__file__, joblib.__file__)
)
SECTIONS = {ConvergenceWarning: "no-convergence"}
# Texts that differ in their numbers alone have one cause.
NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")

# What was said in each of scikit-learn's runs of many fits that still goes on.
_heard = weakref.WeakKeyDictionary()


def cause_of(category, text):
    """What a warning is about: the same for all texts that differ in numbers alone."""
    return category, NUMBER.sub("", text)


def warn(message, category=UserWarning, section=None):
    """Warn, pointing at the line outside of the package that led here.

    Parameters
    ----------
    message : str
    category : type of Warning, default=UserWarning
    section : str, optional
        Of the page of troubles, which the message names at its end. By default that of
        the category; a text that names one already is left as it is.

    Notes
    -----
    Frames of scikit-learn and joblib are passed over as well: `fit` runs in a decorator
    of the one, and cross-validation in both. A warning is then shown once per line of
    the user's, which is Python's rule for repeated texts. scikit-learn makes Python
    forget what was shown from fold to fold, and folds differ in their numbers;
    therefore a call that runs many fits shows every cause once.

    Examples
    --------
    >>> import warnings
    >>> from skmixed.warnings import warn
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("Few groups.")
    >>> caught[0].filename
    '<doctest skmixed.warnings.warn[2]>'
    """
    section = section or SECTIONS.get(category) or getattr(category, "section", None)
    if section is not None and TROUBLES not in message:
        message = f"{message} {see(section)}"
    frame, level, causes = sys._getframe(1), 2, None
    while frame is not None and frame.f_code.co_filename.startswith(MACHINERY):
        runner = frame.f_locals.get("self") if causes is None else None
        if isinstance(runner, Parallel):
            causes = _heard.setdefault(runner, set())
        frame, level = frame.f_back, level + 1
    cause = cause_of(category, message)
    if causes is not None and cause in causes:
        return
    # where warnings are errors, this raises, and so does the next fold
    warnings.warn(message, category, stacklevel=level)
    if causes is not None:
        causes.add(cause)


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

    section = "singular-fit"


class RedundantTermWarning(UserWarning):
    """Two random terms of a grouping factor both hold its intercept.

    Their variances cannot be told apart: ``(f || g)`` with a factor f is
    ``(1 | g) + (0 + f | g)``, and the levels of f sum to the intercept. Predictions and
    likelihood are those of the model without the surplus; the warning says how to write
    it.

    Examples
    --------
    >>> import warnings
    >>> from skmixed import RedundantTermWarning
    >>> warnings.simplefilter("ignore", RedundantTermWarning)
    >>> warnings.resetwarnings()
    """

    section = "redundant-terms"


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

    section = "columns-left-out"


class SeparationWarning(UserWarning):
    """Responses are alike wherever a column says so: a coefficient has no bound.

    Of yes-or-no answers, shares, grades and counts: all rows of a level answer alike,
    or a column cuts the answers without error. The likelihood has no maximum then, and
    what is reported is where its rise ended; likewise for the variance of groups whose
    answers are all alike. The warning names columns or factors, and the way out.

    Examples
    --------
    >>> import warnings
    >>> from skmixed import SeparationWarning
    >>> warnings.simplefilter("ignore", SeparationWarning)
    >>> warnings.resetwarnings()
    """

    section = "separation"


class LaplaceAccuracyWarning(UserWarning):
    """Laplace's approximation is too rough for these data.

    Groups have few rows and differ much. Quadrature of the same integral would move an
    estimate by more than half a standard error (``laplace_shift_``): ask for it by
    ``n_quadrature=15``.

    Examples
    --------
    >>> import warnings
    >>> from skmixed import LaplaceAccuracyWarning
    >>> warnings.simplefilter("ignore", LaplaceAccuracyWarning)
    >>> warnings.resetwarnings()
    """

    section = "laplace-is-rough"
