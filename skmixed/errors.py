"""Errors that a user can meet: a class for each section of the page of troubles.

Each is a `ValueError` (or a `TypeError`, `MemoryError` or `AttributeError`, where
Python and scikit-learn expect one), so that ``except ValueError`` catches what it
always did. The traceback ends with the section that says what to do. Errors that one
room alone raises stand there: `FormulaError` and `CallError` in `skmixed.formula`,
`DoubtfulColumnsError` in `skmixed.likelihood`.
"""

from contextlib import contextmanager

# The page that has a section for every warning and error.
TROUBLES = "docs/troubleshooting.md"


def see(section):
    """Where a section of the page of troubles stands, as a sentence."""
    return f"See {TROUBLES}#{section}."


@contextmanager
def explained(section):
    """Let ValueErrors and TypeErrors of other packages name a section too.

    Parameters
    ----------
    section : str
        Of the page of troubles.

    Examples
    --------
    >>> from skmixed.errors import explained
    >>> try:
    ...     with explained("columns"):
    ...         float("a")
    ... except ValueError as error:
    ...     error.__notes__
    ['See docs/troubleshooting.md#columns.']
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        if not isinstance(error, ExplainedError):
            error.add_note(see(section))
        raise


class ExplainedError(Exception):
    """Base of errors whose traceback names a section of the page of troubles."""

    section: str | None = None

    def __init__(self, *args):
        super().__init__(*args)
        if self.section is not None:
            self.add_note(see(self.section))


class ArgumentError(ExplainedError, ValueError):
    """An argument lies outside of what it takes, or contradicts another."""

    section = "arguments"


class ArgumentTypeError(ExplainedError, TypeError):
    """An argument is no such thing as is taken."""

    section = "arguments"


class ContrastError(ExplainedError, ValueError):
    """A hypothesis or a contrast does not fit the coefficients."""

    section = "contrasts"


class TableError(ExplainedError, ValueError):
    """A table cannot be read, or has no rows or no usable names of columns."""

    section = "tables"


class TableTypeError(ExplainedError, TypeError):
    """What was given for a table is none."""

    section = "tables"


class ColumnError(ExplainedError, ValueError):
    """A column is not there, or holds what cannot enter a model."""

    section = "columns"


class MissingValuesError(ExplainedError, ValueError):
    """Rows have missing values where complete ones are needed."""

    section = "missing-values"


class UnseenLevelError(ExplainedError, ValueError):
    """New rows have a category, group or visit that `fit` did not see."""

    section = "unseen-levels"


class ResponseError(ExplainedError, ValueError):
    """The response is lacking, or its values are none of the model's."""

    section = "responses"


class WeightError(ExplainedError, ValueError):
    """Weights are negative, missing or infinite, or not one for each row."""

    section = "weights"


class WeightTypeError(ExplainedError, TypeError):
    """What was given for weights is no list of them, or no name of a column."""

    section = "weights"


class IdentifiabilityError(ExplainedError, ValueError):
    """The rows leave nothing to estimate a parameter from."""

    section = "nothing-left-to-estimate"


class ResidualCovarianceError(ExplainedError, ValueError):
    """Times or visits of the rows do not determine a residual covariance."""

    section = "residual-covariance"


class TooLargeError(ExplainedError, ValueError):
    """A result would take more memory or time than is given to it."""

    section = "memory"


class OutOfMemoryError(ExplainedError, MemoryError):
    """A fit does not fit into the memory that is left."""

    section = "memory"


class RowsError(ExplainedError, ValueError):
    """Rows are needed that a model does not keep, or others than it saw were given."""

    section = "not-the-rows-of-the-fit"


class ComparisonError(ExplainedError, ValueError):
    """Models were fitted to different data, or are not nested."""

    section = "models-that-cannot-be-compared"


class UnavailableError(ExplainedError, ValueError):
    """What was asked for does not exist for this model."""

    section = "not-there-for-this-model"


class UnavailableAttributeError(ExplainedError, AttributeError):
    """An attribute does not exist for this model; ``hasattr`` is False."""

    section = "not-there-for-this-model"


class StatisticsError(ExplainedError, ValueError):
    """Sums of rows do not add up, or lack what a formula needs."""

    section = "statistics-of-rows"


class SavedModelError(ExplainedError, ValueError):
    """A file or a dictionary holds no model of this package, or a damaged one."""

    section = "saved-models"
