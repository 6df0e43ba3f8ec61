"""What the arguments of a formula's functions may be, judged by their text alone."""

import ast
from collections.abc import Callable
from dataclasses import dataclass

from skmixed.formula.text.scanner import column_of_alias

__all__ = [
    "ANY",
    "CODING",
    "CODING_NAMES",
    "COLUMN",
    "COLUMNS",
    "COLUMN_OR_NONE",
    "CONSTANTS",
    "GROUP",
    "INTEGER",
    "LABELS",
    "LEARNT_CONSTANTS",
    "MATRIX",
    "NUMBER",
    "NUMBERS",
    "POSITIVE",
    "SWITCH",
    "VALUES",
    "VALUE_OR_SWITCH",
    "Kind",
    "choice",
    "is_name_of_column",
    "reads_column",
]

# Functions of columns that give one number, the same for every row and every table.
LEARNT_CONSTANTS = ("max", "mean", "median", "min", "sd")
CODING_NAMES = ("Diff", "Helmert", "Poly", "Sum", "Treatment")
LISTS = (ast.List, ast.Tuple)


@dataclass(frozen=True)
class Kind:
    """A kind of argument.

    Attributes
    ----------
    words : str
        What an argument of the kind is, as messages say it.
    accepts : callable
        Tells of a node of the syntax tree whether it is of the kind.
    """

    words: str
    accepts: Callable

    def __or__(self, other):
        """Return the kind of what is of either kind."""
        return Kind(
            f"{self.words} or {other.words}",
            lambda node: self.accepts(node) or other.accepts(node),
        )


def literal(node):
    """Return the value of a literal, or None where the node is none."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def is_name_of_column(node):
    """Tell whether a node is the alias of a column."""
    return isinstance(node, ast.Name) and column_of_alias(node.id) is not None


def reads_column(node):
    """Tell whether an expression differs from row to row."""
    if is_name_of_column(node):
        return True
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in LEARNT_CONSTANTS:
            return False
        return any(map(reads_column, [*node.args, *(k.value for k in node.keywords)]))
    return any(map(reads_column, ast.iter_child_nodes(node)))


def is_coding(node):
    """Tell whether a node is ``contr.sum``, ``Sum``, or a call of one of these."""
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Attribute):
        return isinstance(function.value, ast.Name) and function.value.id == "contr"
    return isinstance(function, ast.Name) and function.id in CODING_NAMES


def is_finished_coding(node):
    """Tell whether a node is a coding that lacks nothing: no bare ``contr.custom``."""
    bare = isinstance(node, ast.Attribute) and node.attr == "custom"
    return is_coding(node) and not bare


def is_column(node):
    """Tell whether a node gives one number for each row."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float)
    return not isinstance(node, (*LISTS, ast.Dict)) and not is_coding(node)


def is_number(node):
    """Tell whether a node gives one number, the same for every row."""
    return is_column(node) and not reads_column(node)


def is_list_of(accepts, at_least=1):
    """Make a test for lists all of whose elements pass a test."""

    def test(node):
        enough = isinstance(node, LISTS) and len(node.elts) >= at_least
        return enough and all(map(accepts, node.elts))

    return test


def is_value(node):
    """Tell whether a node is a number, a text or a truth value."""
    text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return text or is_number(node)


def is_none(node):
    """Tell whether a node is ``None``, R's ``NULL``."""
    return isinstance(node, ast.Constant) and node.value is None


def is_whole(least):
    """Make a test for whole numbers that are not below the least."""

    def test(node):
        value = literal(node)
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and least <= value <= 2**31

    return test


def is_matrix(node):
    """Tell whether a node is a list of lists of numbers, all of one length."""
    rows = is_list_of(is_list_of(is_number))
    return rows(node) and len({len(row.elts) for row in node.elts}) == 1


def is_contrasts(node):
    """Tell whether a node is a dict of weights: a name and a list for each column."""
    if not isinstance(node, ast.Dict) or not node.values:
        return False
    weights = is_list_of(is_number)
    named = all(k is not None and is_value(k) for k in node.keys)
    return (
        named
        and all(map(weights, node.values))
        and len({len(value.elts) for value in node.values}) == 1
    )


def choice(*words):
    """Make the kind of an argument that is one of a few texts."""
    return Kind(
        " or ".join(map(repr, words)),
        lambda node: isinstance(node, ast.Constant) and node.value in words,
    )


def accept_label(node):
    """Tell whether a node may hold labels: everything that reads a column does."""
    return not isinstance(node, (*LISTS, ast.Dict, ast.Constant)) and is_column(node)


ANY = Kind("a column or a computation", is_column)
COLUMN = Kind("numbers, row by row", is_column)
COLUMN_OR_NONE = Kind(
    "numbers, row by row, or None", lambda n: is_column(n) or is_none(n)
)
COLUMNS = Kind("a list of numbers, row by row", is_list_of(is_column))
LABELS = Kind("a column", lambda n: accept_label(n) and reads_column(n))
GROUP = Kind("a grouping column", is_name_of_column)
SWITCH = Kind(
    "TRUE or FALSE",
    lambda n: isinstance(n, ast.Constant) and isinstance(n.value, bool),
)
NUMBER = Kind("a number that is the same for every row", is_number)
NUMBERS = Kind(
    "a list of numbers such as c(1, 2)",
    lambda n: is_list_of(is_number)(n) or is_number(n),
)
VALUE_OR_SWITCH = Kind("TRUE, FALSE or a number", is_number)
VALUES = Kind(
    "a list such as c('a', 'b')", lambda n: is_list_of(is_value)(n) or is_value(n)
)
CONSTANTS = Kind("a number or a text", is_value)
INTEGER = Kind("a whole number", is_whole(-(2**31)))
POSITIVE = Kind("a whole number of 1 or more", is_whole(1))
MATRIX = Kind("a list of rows such as [[1, 0], [0, 1]]", is_matrix)
CODING = Kind(
    "a coding: contr.sum, contr.treatment('a'), contr.poly, contr.helmert, a dict of "
    "weights such as {'a': [1, 0]}, or NULL",
    lambda n: is_none(n) or is_contrasts(n) or is_matrix(n) or is_finished_coding(n),
)
