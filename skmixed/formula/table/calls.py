"""The values of a call: its code is evaluated with what its functions have learnt."""

import ast
from functools import lru_cache

import numpy as np

from skmixed.formula.text.functions import INTERNAL_FUNCTIONS

__all__ = ["evaluate_call"]

STATES = "STATES"


def evaluate_call(code, names, states):
    """Evaluate the code of a call.

    Parameters
    ----------
    code : str
        Of an ``Expression``.
    names : Mapping
        What the names in the code stand for.
    states : dict of str to dict
        What each call of a function that learns has learnt, by its code; it is filled
        further. A call that occurs twice learns once.

    Returns
    -------
    object
        What the outermost function gives.
    """
    compiled, keys = compile_call(code)
    for key in keys:
        states.setdefault(key, {})
    with np.errstate(all="ignore"):
        return eval(compiled, {"__builtins__": {}, STATES: states}, names)


@lru_cache(maxsize=4096)
def compile_call(code):
    """Compile the code of a call; name the states that it needs."""
    tree = ast.parse(code, mode="eval")
    learning = [(ast.unparse(node), node) for node in ast.walk(tree) if learns(node)]
    for key, node in learning:
        state = ast.Subscript(
            ast.Name(STATES, ast.Load()), ast.Constant(key), ast.Load()
        )
        node.keywords.append(ast.keyword("_state", state))
    compiled = compile(ast.fix_missing_locations(tree), "<formula>", "eval")
    return compiled, tuple(dict.fromkeys(key for key, _ in learning))


def learns(node):
    """Tell whether a node is the call of a function that learns in fit."""
    named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    function = INTERNAL_FUNCTIONS.get(node.func.id) if named else None
    return getattr(function, "__is_stateful_transform__", False)
