"""Whether a call of a formula has the arguments that its function takes."""

import ast

from skmixed.formula.text.advice import ADVICE
from skmixed.formula.text.functions import CODINGS, FUNCTIONS, NUMPY_CONSTANTS
from skmixed.formula.text.kinds import ANY, COLUMN, LABELS
from skmixed.formula.text.scanner import column_of_alias

__all__ = [
    "LABELLED",
    "check_arguments",
    "check_constant",
    "check_operand",
    "find_function",
]

# Functions whose first argument may be a column of labels.
LABELLED = {
    name
    for name, function in FUNCTIONS.items()
    if next(iter(function.arguments.values())) in (ANY, LABELS)
}


def find_function(name):
    """Return the function of a name; raise and say what to write instead of others."""
    function = FUNCTIONS.get(name) or CODINGS.get(name)
    if function is not None:
        return function
    if name in NUMPY_CONSTANTS:
        raise SyntaxError(f"`{name}` is a number and takes no arguments.")
    if name in ADVICE:
        raise SyntaxError(f"`{name}` is not available in a formula: {ADVICE[name]}.")
    if name.startswith("np."):
        raise SyntaxError(
            f"`{name}` is not available in a formula: only numpy's functions that "
            "work row by row are; for a mean or a standard deviation learnt in fit "
            "write `mean(x)`, `sd(x)`, `center(x)` or `scale(x)`."
        )
    known = ", ".join(sorted(known for known in FUNCTIONS if "." not in known))
    raise SyntaxError(
        f"Unknown function `{name}`. Known: {known}; and numpy's as `np.` names. "
        "Anything else: compute it in the data frame first."
    )


def check_constant(name):
    """Raise unless ``name``, with a dot, may stand in a formula without a call."""
    if name in NUMPY_CONSTANTS or name in CODINGS:
        return
    find_function(name)
    raise SyntaxError(f"`{name}` is a function: write `{name}(x)`.")


def check_operand(node, *, allow_text=False):
    """Raise for an operand of arithmetic that is no column of numbers."""
    text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    if is_wide(node) or not (COLUMN.accepts(node) or (text and allow_text)):
        raise SyntaxError(
            f"`{show(node)}` cannot stand in arithmetic: it needs {COLUMN.words}."
        )


def check_arguments(name, function, node):
    """Raise unless a call has the arguments that its function takes.

    The first argument goes by position even where the formula gives it by name.
    """
    if any(keyword.arg is None for keyword in node.keywords):
        raise SyntaxError(f"`**` is not allowed among the arguments of `{name}`.")
    first = next(iter(function.arguments), None)
    if not node.args and node.keywords and node.keywords[0].arg == first:
        node.args = [node.keywords.pop(0).value]
    bound = list(bind(name, function, node))
    if function.n_required == len(function.arguments) and node.keywords:
        # what works row by row goes by position
        values = {argument: value for argument, _, value in bound}
        node.args = [values[argument] for argument in function.arguments]
        node.keywords = []
    for argument, kind, value in bound:
        if not kind.accepts(value) or (is_wide(value) and name != "I"):
            raise SyntaxError(
                f"`{argument}` of `{name}` must be {kind.words}, not `{show(value)}`."
            )


def bind(name, function, node):
    """Pair the arguments of a call with their names and kinds.

    Yields
    ------
    argument : str
    kind : Kind
    value : ast node
    """
    names, kinds = list(function.arguments), list(function.arguments.values())
    usage = f"write `{function.usage(name)}`"
    n_given = len(node.args)
    if n_given > len(names) and not function.repeats:
        raise SyntaxError(
            f"`{name}` takes no more than {len(names)} argument"
            f"{'s' if len(names) != 1 else ''}, got {n_given}: {usage}."
        )
    given = set(names[:n_given])
    for keyword in node.keywords:
        if keyword.arg not in function.arguments:
            raise SyntaxError(f"`{name}` has no argument `{keyword.arg}`: {usage}.")
        if keyword.arg in given:
            raise SyntaxError(f"`{name}` has the argument `{keyword.arg}` twice.")
        given.add(keyword.arg)
    lacking = [n for n in names[: function.n_required] if n not in given]
    if lacking:
        raise SyntaxError(
            f"`{name}` lacks its argument {' and '.join(map(repr, lacking))}: {usage}."
        )
    for place, value in enumerate(node.args):
        place = min(place, len(names) - 1)
        yield names[place], kinds[place], value
    for keyword in node.keywords:
        yield keyword.arg, function.arguments[keyword.arg], keyword.value


def is_wide(node):
    """Tell whether a node is a call that makes several columns."""
    if not isinstance(node, ast.Call):
        return False
    function = FUNCTIONS.get(ast.unparse(node.func))
    return function is not None and function.is_wide


def show(node):
    """Write a part of a call as the user did, but for its spaces."""
    words = ast.unparse(node)
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and column_of_alias(inner.id):
            words = words.replace(inner.id, column_of_alias(inner.id)[1])
    return words if len(words) <= 60 else f"{words[:57]}..."
