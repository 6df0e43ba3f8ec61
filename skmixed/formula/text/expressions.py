"""One call of a formula, in R's or Python's spelling, made canonical and safe.

The text is spelt as Python with every column under an alias, checked against a list
of allowed syntax, and written back: ``as.factor(x)`` becomes ``factor(x)``, ``I(x^2)``
becomes ``I(x ** 2)``, ``log(IQ.verb)`` stays as it is.
"""

import ast
import copy
import sys
from dataclasses import dataclass
from functools import lru_cache

from skmixed.formula.text.arguments import (
    LABELLED,
    check_arguments,
    check_constant,
    check_operand,
    find_function,
)
from skmixed.formula.text.group_means import GROUP_MEANS
from skmixed.formula.text.kinds import CODING_NAMES, is_name_of_column
from skmixed.formula.text.scanner import (
    QUOTED,
    column_alias,
    column_of_alias,
    python_words,
)

__all__ = ["Expression", "quote_name", "read_expression"]

CATEGORICAL = ("C", "factor")
# Python's words for what a user can mend, in the words of formulas.
REASONS = {
    "positional argument follows keyword argument": (
        "an argument without a name follows one with a name"
    ),
}
LARGEST = sys.float_info.max
ALLOWED = (
    *(ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Constant, ast.Load),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
    *(ast.UnaryOp, ast.USub, ast.UAdd, ast.Not, ast.BoolOp, ast.And, ast.Or),
    *(ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE),
    *(ast.List, ast.Tuple, ast.Dict),
)


@dataclass(frozen=True)
class Expression:
    """A call of a formula: its canonical text and what it needs.

    Attributes
    ----------
    text : str
        Canonical text, which reads back to the same expression.
    code : str
        Python to evaluate, with every column under its alias.
    columns : tuple of str
        Columns that it reads.
    function : str or None
        The outermost function.
    argument : str or None
        The column, if the only argument of the function is a bare column.
    keys : tuple of str
        Columns that it reads as groups and not as numbers or categories.

    Examples
    --------
    >>> from skmixed.formula.text.expressions import read_expression
    >>> read_expression("as.factor(school.id)").text
    'factor(school.id)'
    """

    text: str
    code: str
    columns: tuple
    function: str | None
    argument: str | None
    keys: tuple = ()


@lru_cache(maxsize=4096)
def read_expression(text, own=()):
    """Read a call, for example ``poly(x, 2, raw = TRUE)``.

    Parameters
    ----------
    text : str
    own : tuple of str
        Columns that have the name of a constant of R's, which they hide.

    Returns
    -------
    Expression

    Raises
    ------
    SyntaxError
        If it is not an expression, calls a function that is not known, or uses
        Python beyond arithmetic, comparisons and calls.

    Examples
    --------
    >>> from skmixed.formula.text.expressions import read_expression
    >>> read_expression("I(x^2 > 4 & !done)").text
    'I((x ** 2 > 4) & ~done)'
    """
    try:
        tree = Canonical().visit(parse_python(" ".join(python_words(text, own)), text))
        return Expression(
            text=ast.unparse(Shown().visit(copy.deepcopy(tree))),
            code=ast.unparse(Evaluated().visit(copy.deepcopy(tree))),
            columns=tuple(dict.fromkeys(columns_in(tree))),
            function=tree.func.id if is_named_call(tree) else None,
            argument=lone_argument(tree),
            keys=keys_in(tree),
        )
    except (RecursionError, MemoryError):
        raise SyntaxError(
            f"Cannot read `{text[:60]}...`: it is nested too deeply or too long."
        ) from None
    except ValueError as error:
        raise SyntaxError(f"Cannot read `{text[:60]}`: {error}.") from None


def parse_python(code, text):
    """Parse Python source; name the formula's own text in the error."""
    try:
        return ast.parse(code, mode="eval").body
    except SyntaxError as error:
        reason = REASONS.get(error.msg.partition("(")[0].strip(), error.msg)
        raise SyntaxError(
            f"Cannot read `{text}` as an expression ({reason})."
        ) from None


def is_named_call(node):
    """Tell whether the node calls a function by its bare name."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def lone_argument(node):
    """Return the column of ``f(column)``, else None."""
    if not is_named_call(node) or len(node.args) != 1 or node.keywords:
        return None
    argument = node.args[0]
    found = column_of_alias(argument.id) if isinstance(argument, ast.Name) else None
    return found[1] if found else None


def columns_in(tree):
    """List the columns that the tree reads, from left to right."""
    if isinstance(tree, ast.Name):
        found = column_of_alias(tree.id)
        if found:
            yield found[1]
    for node in ast.iter_child_nodes(tree):
        yield from columns_in(node)


def keys_in(tree):
    """List the columns that the tree reads as groups only."""
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    roles = [found for found in map(column_of_alias, names) if found]
    others = {column for role, column in roles if role not in ("group", "function")}
    keys = (column for role, column in roles if role == "group")
    return tuple(dict.fromkeys(column for column in keys if column not in others))


def quote_name(name):
    """Write a column's name as a formula must: in back-ticks unless it is plain."""
    plain = name.replace(".", "_").replace("_", "a")
    starts_a_number = name.lstrip(".")[:1].isdecimal()
    only_dots = not name.strip(".")
    if plain.isalnum() and name not in QUOTED and not starts_a_number | only_dots:
        return name
    return f"`{name}`"


class Canonical(ast.NodeTransformer):
    """Check the syntax; rewrite what only R has; mark the columns of factors."""

    def generic_visit(self, node):
        """Refuse every kind of syntax that is not on the list."""
        if not isinstance(node, ALLOWED):
            raise SyntaxError(
                f"{type(node).__name__} is not allowed in a formula: it may hold "
                "arithmetic, comparisons and calls of known functions."
            )
        return super().generic_visit(node)

    def visit_Call(self, node):
        """Check the function and its arguments; turn R's ``c(...)`` into a list."""
        if is_named_call(node) and node.func.id == "c" and not node.keywords:
            return self.visit(ast.List(node.args, ast.Load()))
        name = ast.unparse(node.func)
        alias = column_of_alias(name)
        name = alias[1] if alias and alias[0] == "function" else name
        function = find_function(name)
        if name in CATEGORICAL:
            mark_category(node)
        if name in GROUP_MEANS:
            mark_group(name, node)
        node.args = [self.visit(argument) for argument in node.args]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        check_arguments(name, function, node)
        return node

    def visit_Attribute(self, node):
        """Allow ``np.pi`` and ``contr.sum``, not ``x.anything``."""
        check_constant(ast.unparse(node))
        return node

    def visit_BinOp(self, node):
        """Turn R's ``%in%``, which is spelt ``@``, into ``np.isin``."""
        if isinstance(node.op, ast.MatMult):
            function = ast.Attribute(ast.Name("np", ast.Load()), "isin", ast.Load())
            node = ast.Call(function, [node.left, node.right], [])
            return self.visit_Call(node)
        self.generic_visit(node)
        check_operand(node.left)
        check_operand(node.right)
        return node

    def visit_UnaryOp(self, node):
        """Allow signs and negation of numbers."""
        self.generic_visit(node)
        check_operand(node.operand)
        return node

    def visit_BoolOp(self, node):
        """Allow combinations of conditions."""
        self.generic_visit(node)
        for value in node.values:
            check_operand(value)
        return node

    def visit_Compare(self, node):
        """Allow comparisons of numbers, and with text for equality only."""
        self.generic_visit(node)
        equality = all(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
        for value in [node.left, *node.comparators]:
            check_operand(value, allow_text=equality)
        return node

    def visit_Constant(self, node):
        """Allow numbers, strings, truth values and None."""
        if not isinstance(node.value, int | float | str | None):
            raise SyntaxError(f"`{node.value!r}` is not allowed in a formula.")
        if isinstance(node.value, int | float) and not abs(node.value) < LARGEST:
            raise SyntaxError(
                "A number in the formula is too large for a double (the largest is "
                "about 1.8e308)."
            )
        return node


def mark_category(node):
    """Give the column and the coding of ``C(column, Sum)`` their own aliases."""
    if node.args and isinstance(node.args[0], ast.Name):
        found = column_of_alias(node.args[0].id)
        if found:
            node.args[0].id = column_alias(found[1], "category")
    codings = [*node.args[1:], *(k.value for k in node.keywords)]
    for coding in codings:
        if isinstance(coding, ast.Name):
            found = column_of_alias(coding.id)
            if found and found[1] in CODING_NAMES:
                coding.id = found[1]


def mark_group(name, node):
    """Give the second argument of ``within(x, group)`` its own alias."""
    second = node.args[1] if len(node.args) == 2 else None
    found = column_of_alias(second.id) if isinstance(second, ast.Name) else None
    if not found or node.keywords:
        raise SyntaxError(
            f"`{name}` takes a variable and a grouping column: write "
            f"`{name}(x, group)`. For groups of two columns, make one column of them "
            "in the data frame first."
        )
    second.id = column_alias(found[1], "group")


class Shown(ast.NodeTransformer):
    """The tree as users read it: columns by name, ``&``, ``|`` and ``~``."""

    def visit_Name(self, node):
        """Put the column's name for its alias."""
        found = column_of_alias(node.id)
        return ast.Name(quote_name(found[1]) if found else node.id, ast.Load())

    def visit_UnaryOp(self, node):
        """Write ``~`` for ``not``."""
        self.generic_visit(node)
        if isinstance(node.op, ast.Not):
            node.op = ast.Invert()
        return node

    def visit_BoolOp(self, node):
        """Write ``&`` and ``|`` for ``and`` and ``or``."""
        self.generic_visit(node)
        operator = ast.BitAnd() if isinstance(node.op, ast.And) else ast.BitOr()
        joined = node.values[0]
        for value in node.values[1:]:
            joined = ast.BinOp(joined, operator, value)
        return joined


class Evaluated(ast.NodeTransformer):
    """The tree as Python runs it: R's arithmetic on doubles and truth values."""

    def visit_Call(self, node):
        """Read labels as such; keep truth values where they are a factor's levels."""
        self.generic_visit(node)
        name = ast.unparse(node.func)
        if name in LABELLED and node.args:
            node.args[0] = as_label(node.args[0])
        if is_named_call(node) and node.func.id in CATEGORICAL and node.args:
            first = node.args[0]
            if is_named_call(first) and first.func.id == "number":
                node.args[0] = first.args[0]
        return node

    def visit_BinOp(self, node):
        """Compute with doubles: integers neither overflow nor floor."""
        self.generic_visit(node)
        node.left, node.right = as_double(node.left), as_double(node.right)
        return node

    def visit_Compare(self, node):
        """Count truth values as 0 and 1; read ``0 < x < 1`` pair by pair."""
        self.generic_visit(node)
        ends = [node.left, *node.comparators]
        pairs = [
            call("number", [compare(left, operator, right)])
            for left, operator, right in zip(ends, node.ops, ends[1:], strict=False)
        ]
        return pairs[0] if len(pairs) == 1 else call("logical_and", pairs)

    def visit_BoolOp(self, node):
        """Combine row by row."""
        self.generic_visit(node)
        name = "logical_and" if isinstance(node.op, ast.And) else "logical_or"
        return call(name, node.values)

    def visit_UnaryOp(self, node):
        """Negate row by row."""
        self.generic_visit(node)
        if isinstance(node.op, ast.Not):
            return call("logical_not", [node.operand])
        return node


def compare(left, operator, right):
    """Build a comparison; labels can be compared for equality."""
    equality = {ast.Eq: "equal", ast.NotEq: "unequal"}.get(type(operator))
    if equality is None:
        return ast.Compare(left, [operator], [right])
    return call(equality, [as_label(left), as_label(right)])


def as_label(node):
    """Let a bare column be read with its labels, if it has labels."""
    if is_name_of_column(node):
        role, column = column_of_alias(node.id)
        return (
            ast.Name(column_alias(column, "label"), ast.Load())
            if (role == "column")
            else node
        )
    return node


def as_double(node):
    """Turn an integer constant into a double."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return ast.Constant(float(node.value))
    return node


def call(name, arguments):
    """Build the call of one of the internal functions."""
    return ast.Call(ast.Name(name, ast.Load()), arguments, [])
