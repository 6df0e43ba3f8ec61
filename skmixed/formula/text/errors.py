"""The error of every formula that cannot be read, with a caret under the cause."""

import re

from formulaic.errors import FormulaSyntaxError

from skmixed.errors import ExplainedError

__all__ = ["CallError", "FormulaError", "error_at", "error_from_formulaic"]

# formulaic's words for an operator without one of its operands.
MISPLACED = re.compile(r"Operator (`.*?`) has insuff\w* arguments [^.]*\.")
# Of a longer formula the part around the cause is shown.
LONGEST_LINE = 240


class FormulaError(ExplainedError, FormulaSyntaxError, ValueError):
    """A formula that cannot be read, or that its data cannot satisfy.

    Examples
    --------
    >>> from skmixed.formula import parse_formula
    >>> parse_formula("y ~ x | g")
    Traceback (most recent call last):
    ...
    skmixed.formula.text.errors.FormulaError: A random-effects term must stand ...
    """

    section = "formula-errors"


class CallError(ExplainedError, ValueError):
    """A call of a formula whose values cannot be computed, in the user's words."""

    section = "calls-in-a-formula"


def error_at(message, token=None):
    """Make a ``FormulaError`` that shows the formula with a caret under a token.

    Parameters
    ----------
    message : str
    token : formulaic Token, optional
        The token to point at; without a known position only the message is kept.

    Returns
    -------
    FormulaError
        To be raised by the caller.
    """
    if token is None or not token.source or token.source_start is None:
        return FormulaError(message)
    return FormulaError(
        message + underline(token.source, token.source_start, token.source_end)
    )


def underline(source, start, end):
    """Show characters ``start`` to ``end`` (inclusive) of ``source`` with carets."""
    line = "".join(" " if c.isspace() else c for c in source)
    if len(line) > LONGEST_LINE:
        first = max(0, min(start - 20, len(line) - LONGEST_LINE))
        line, start, end = (
            line[first : first + LONGEST_LINE],
            start - first,
            end - first,
        )
        end = min(end, LONGEST_LINE - 1)
    return f"\n    {line}\n    {' ' * start}{'^' * max(1, end - start + 1)}"


def error_from_formulaic(error):
    """Translate formulaic's syntax error, whose context is coloured, into ours."""
    message, _, context = str(error).partition("\n\n")
    context = context.replace("\x1b[1;31m", "").replace("\x1b[0m", "")
    start, end = context.find("⧛"), context.find("⧚")
    if 0 <= start < end:
        source = context.replace("⧛", "", 1).replace("⧚", "", 1)
        message += underline(source, start, end - 2)
    message = MISPLACED.sub(r"The operator \1 lacks one of its sides.", message)
    if "Unexpected token kind" in message:
        head = "`%%` is arithmetic: put it into I(), as in `I(x %% 2)`."
        message = head + message[message.find("\n") :] if "\n" in message else head
    if "'$'" in message:
        message += "\nName columns alone: write `x`, not `data$x`."
    return FormulaError(message)
