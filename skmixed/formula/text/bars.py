"""Bars: cut loose, and taken out of calls such as ``ar1(0 + f | g, hom=TRUE)``.

Any call that holds a bar is a random-effects term with a covariance structure. Which
structures there are is not known here: names and options are handed on.
"""

from formulaic.parser.algos.tokenize import tokenize
from formulaic.parser.types import Token

from skmixed.formula.text.advice import ADVICE
from skmixed.formula.text.errors import error_at
from skmixed.formula.text.functions import FUNCTIONS

__all__ = [
    "is_bar",
    "open_covariance_calls",
    "read_bar",
    "separate_operators",
    "write_options",
]

OPERATOR, CONTEXT, PYTHON = Token.Kind.OPERATOR, Token.Kind.CONTEXT, Token.Kind.PYTHON
# Calls in which `|` is R's "or"; `cs(x, df=3)` is a spline and `cs(0 + f | g)` is not.
LOGICAL = {*FUNCTIONS, *ADVICE} - {"cs"}
CONSTANTS = {
    **dict.fromkeys(("TRUE", "True", "T"), True),
    **dict.fromkeys(("FALSE", "False", "F"), False),
}


def is_bar(token):
    """Tell whether a token is a bar."""
    return token.kind is OPERATOR and token.token.startswith("|")


def separate_operators(tokens):
    """Cut tildes and bars loose from their neighbours: ``~-`` is one token so far."""
    for token in tokens:
        glued = token.kind is OPERATOR and len(token.token) > 1
        if not glued or token.token == "||" or not set(token.token) & set("~|"):
            yield token
            continue
        position = 0
        while position < len(token.token):
            width = 2 if token.token.startswith("||", position) else 1
            yield token.copy_with_attrs(token=token.token[position : position + width])
            position += width


def open_covariance_calls(tokens):
    """Turn ``diag(1 + x | g)``, one Python token so far, into a bar in parentheses."""
    for token in tokens:
        name, _, rest = token.token.partition("(")
        name = name.strip()
        opened = token.kind is PYTHON and name.isidentifier() and rest.endswith(")")
        if not opened or name in LOGICAL or "|" not in rest:
            yield token
            continue
        inner = list(separate_operators(tokenize(rest[:-1])))
        if any(map(is_bar, inner)):
            yield from open_covariance_call(token, name, inner, rest[:-1])
        else:
            yield token


def open_covariance_call(token, name, inner, text):
    """Yield the tokens of one covariance call."""
    comma = find_comma(inner)
    options = ()
    if comma is not None:
        options = read_options(name, text[inner[comma].source_start + 1 :], token)
        inner = inner[:comma]
    bars = [t for t in inner if is_bar(t)]
    if len(bars) != 1 or bars[0].token == "||":
        raise error_at(f"`{name}()` takes one term with one bar `|`.", token)
    bars[0].token = write_bar(name, options)
    offset = token.source_start + token.token.index("(") + 1
    for t in inner:
        t.source_start, t.source_end = t.source_start + offset, t.source_end + offset
        t.source = token.source
    place = {"kind": "context", "source": token.source}
    yield Token("(", source_start=offset - 1, **place)
    yield from inner
    yield Token(")", source_start=token.source_end, **place)


def find_comma(tokens):
    """Position of the first comma outside parentheses, None if there is none."""
    depth = 0
    for position, token in enumerate(tokens):
        if token.kind is CONTEXT:
            depth += 1 if token.token in "([" else -1
        elif token.kind is OPERATOR and depth == 0 and token.token.startswith(","):
            return position
    return None


def read_options(name, text, token):
    """Read what follows the term of a covariance call: ``hom=TRUE``.

    Returns
    -------
    tuple of tuple (key, value)
        Truth values in R's or Python's spelling; anything else as text.
    """
    options = {}
    for part in text.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (equals and key.isidentifier() and value and " " not in value):
            raise error_at(
                f"`{name}()` takes one term with one bar, and then options such as "
                f"`hom=True`; not `{part.strip()}`.",
                token,
            )
        if key in options:
            raise error_at(f"`{name}()` has its option `{key}` twice.", token)
        options[key] = CONSTANTS.get(value, value)
    return tuple(options.items())


def write_options(options):
    """Write options as they stand in a call, with the comma before them."""
    return "".join(f", {key}={value}" for key, value in options)


def write_bar(name, options):
    """Symbol of the bar of a covariance call: the plain one for ``us``."""
    if name == "us" and not options:
        return "|"
    return " ".join([f"|{name}", *(f"{key}={value}" for key, value in options)])


def read_bar(symbol):
    """Name and options of the covariance that a bar's symbol stands for.

    Examples
    --------
    >>> from skmixed.formula.text.bars import read_bar
    >>> read_bar("|"), read_bar("|ar1 hom=False")
    (('us', ()), ('ar1', (('hom', False),)))
    """
    if symbol == "||":
        return "split", ()
    name, *pairs = symbol[1:].split() or ["us"]
    pairs = (pair.partition("=") for pair in pairs)
    return name, tuple((key, CONSTANTS.get(value, value)) for key, _, value in pairs)
