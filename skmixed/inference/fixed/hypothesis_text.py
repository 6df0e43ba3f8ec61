"""Hypotheses about fixed effects written as equations, such as ``"Days = 10"``."""

import re

import numpy as np

from skmixed.errors import ContrastError

NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
EXAMPLE = '"Days = 0" or "2 * a - b = 1"'


def read_hypotheses(texts, coef_names):
    """Turn equations into contrasts and their values.

    Parameters
    ----------
    texts : sequence of str
        Linear in the coefficients; without an equals sign the value is 0. Names may
        stand in back-ticks.
    coef_names : list of str

    Returns
    -------
    L : ndarray of shape (q, r)
    rhs : ndarray of shape (q,)

    Raises
    ------
    ValueError
        Where an equation cannot be read.

    Examples
    --------
    >>> from skmixed.inference.fixed.hypothesis_text import read_hypotheses
    >>> L, rhs = read_hypotheses(["2 * a - b = 1 + c"], ["a", "b", "c"])
    >>> L.tolist(), rhs.tolist()
    ([[2.0, -1.0, -1.0]], [1.0])
    """
    rows = np.array([read_equation(text, coef_names) for text in texts])
    return rows[:, :-1], -rows[:, -1]


def read_equation(text, coef_names):
    """Weights of the coefficients and the constant, all on the left side."""
    sides = split_sides(text, coef_names)
    if len(sides) > 2 or not all(side.strip() for side in sides):
        refuse(text, coef_names, "it needs one equals sign at the most, between sides")
    weights = [read_side(side, text, coef_names) for side in sides]
    found = weights[0] - weights[1] if len(sides) == 2 else weights[0]
    if not found[:-1].any():
        refuse(text, coef_names, "no coefficient is left in it")
    return found


def split_sides(text, coef_names):
    """Split an equation at its equals signs; those inside of names do not count."""
    hidden = text
    for name in sorted(coef_names, key=len, reverse=True):
        if "=" in name:
            hidden = hidden.replace(name, "\0" * len(name))
    ends = [match.span() for match in re.finditer("==?", hidden)]
    starts = [0, *(stop for _, stop in ends)]
    stops = [*(start for start, _ in ends), len(text)]
    return [text[a:b] for a, b in zip(starts, stops, strict=True)]


def read_side(side, text, coef_names):
    """Read a sum of ``number * name``, of shape (r + 1,), the constant last."""
    weights, rest = np.zeros(len(coef_names) + 1), side.strip()
    known = sorted(coef_names, key=len, reverse=True)
    first = True
    while rest:
        sign = re.match(r"[+\-\s]*", rest)[0]
        if not first and not sign.strip():
            refuse(text, coef_names, f"a sign is missing before `{rest}`")
        rest, first = rest[len(sign) :], False
        factor = -1.0 if sign.count("-") % 2 else 1.0
        named = take_name(rest, known)
        number = None if named else NUMBER.match(rest)
        if number:
            factor *= float(number[0])
            rest = rest[number.end() :].lstrip()
            times = rest.startswith("*")
            rest = rest[1:].lstrip() if times else rest
            named = take_name(rest, known)
            if times and not named:
                refuse(text, coef_names, f"no coefficient begins at `{rest}`")
        elif not named:
            refuse(text, coef_names, f"no coefficient begins at `{rest}`")
        name, rest = named or (None, rest)
        place = coef_names.index(name) if named else -1
        rest = rest.lstrip()
        divisor = re.match(r"/\s*" + NUMBER.pattern, rest)
        if divisor:
            factor /= float(divisor[0][1:])
            rest = rest[divisor.end() :].lstrip()
        weights[place] += factor
    return weights


def take_name(rest, known):
    """The longest known name that a text begins with, and what follows it."""
    for name in known:
        for written in (name, f"`{name}`"):
            if rest.startswith(written) and not runs_on(rest, len(written)):
                return name, rest[len(written) :]
    return None


def runs_on(rest, end):
    """Whether a name goes on after what was matched of it."""
    after = rest[end : end + 1]
    return bool(after) and rest[end - 1] != "`" and (after.isalnum() or after in "_[:.")


def refuse(text, coef_names, reason):
    """Say why an equation cannot be read, and how one is written."""
    raise ContrastError(
        f"The hypothesis {text!r} cannot be read: {reason}. Write for example "
        f"{EXAMPLE}; the coefficients are {coef_names}."
    )
