"""The text of a call, in R's or Python's spelling, as a list of Python words."""

import re
from dataclasses import dataclass
from keyword import iskeyword

__all__ = [
    "QUOTED",
    "RESERVED",
    "R_CONSTANTS",
    "Word",
    "column_alias",
    "column_of_alias",
    "python_words",
]

CONSTANTS = {
    **dict.fromkeys(("TRUE", "True"), "True"),
    **dict.fromkeys(("FALSE", "False"), "False"),
    **dict.fromkeys(("NULL", "None"), "None"),
    "Inf": "np.inf",
}
LOGICAL_WORDS = ("and", "or", "not")
# Constants of R's that a column of that name hides.
R_CONSTANTS = {"pi": "np.pi"}
# Names that cannot stand for a column unless they are in back-ticks.
RESERVED = {*CONSTANTS, *LOGICAL_WORDS, "NA", "NaN"}
# Names that canonical text puts in back-ticks: those, and what is a column or not
# by the table alone.
QUOTED = {*RESERVED, *R_CONSTANTS}
ROLES = ("column", "category", "label", "group", "function")
MODULES = ("np.", "contr.")
RENAMED = {"as.factor": "factor"}
# Longest first. R's `!`, `&` and `|` bind as loosely as Python's words, not as its
# operators: `!x > 4 & z < 3` needs no parentheses.
OPERATORS = {
    **{symbol: symbol for symbol in ("**", "//", "==", "!=", "<=", ">=")},
    "&&": "and",
    "||": "or",
    "^": "**",
    "&": "and",
    "|": "or",
    "!": "not",
    "~": "not",
    **{symbol: symbol for symbol in "+-*/<>()[]{},=:%"},
}
PERCENT_OPERATORS = {"%%": "%", "%/%": "//", "%in%": "@"}
PERCENT = re.compile(r"%[A-Za-z*+.<>|-]+%")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True)
class Word:
    """A piece of the text: kind "name", "quoted", "number", "string", "operator"."""

    kind: str
    text: str


def column_alias(name, role="column"):
    """Return the Python identifier that stands for a name; one name, one alias."""
    if name.isascii() and name.isidentifier():
        return f"{role}_{name}"
    return f"{role}0_{name.encode('utf-8', 'surrogatepass').hex()}"


def column_of_alias(alias):
    """Return ``(role, name)`` of an alias, or None for another identifier."""
    role, _, rest = alias.partition("_")
    if role in ROLES:
        return role, rest
    if role[-1:] == "0" and role[:-1] in ROLES:
        return role[:-1], bytes.fromhex(rest).decode("utf-8", "surrogatepass")
    return None


def python_words(text, own=()):
    """Spell a call as Python: every column as an alias, operators as Python's.

    Parameters
    ----------
    text : str
    own : tuple of str
        Columns that have the name of a constant of R's.

    Returns
    -------
    list of str
        Words to be joined by spaces.

    Raises
    ------
    SyntaxError
        If a character has no meaning in a formula, or a quote is not closed.
    """
    words = list(scan(text))
    ends = Word("operator", "")
    return [
        spell(word, before, after, own)
        for before, word, after in zip(
            [ends, *words], words, [*words[1:], ends], strict=False
        )
    ]


def spell(word, before, after, own=()):
    """Spell one word as Python, given its neighbours and columns like constants."""
    if word.kind == "name" and word.text in R_CONSTANTS and word.text not in own:
        is_word = after.text != "(" and not (after.text == "=" and before.text in "(,")
        if is_word:
            return R_CONSTANTS[word.text]
    if word.kind == "quoted":
        return column_alias(word.text)
    if word.kind == "string":
        return repr(word.text)
    if word.kind == "operator":
        return OPERATORS.get(word.text) or PERCENT_OPERATORS[word.text]
    if word.kind == "number":
        return word.text
    return spell_name(word.text, before.text, after.text)


def spell_name(name, before, after):
    """Spell a bare name: a function, a keyword, a constant or a column."""
    if name in LOGICAL_WORDS:
        return name
    if after == "(":
        return spell_function(RENAMED.get(name, name))
    if after == "=" and before in ("(", ","):
        return name.replace(".", "_")
    if name in ("T", "F") and before == "=":
        return "True" if name == "T" else "False"
    if name in ("NA", "NaN"):
        raise SyntaxError("a missing value cannot stand in a formula")
    if name in CONSTANTS or name.startswith(MODULES):
        return CONSTANTS.get(name, name)
    return column_alias(name)


def spell_function(name):
    """Spell the name of a function, under an alias if Python could not read it."""
    if name.startswith(MODULES) or (name.isidentifier() and not iskeyword(name)):
        return name
    return column_alias(name, "function")


def scan(text):
    """Cut the text of a call into words."""
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        word, position = scan_word(text, position)
        yield word


def scan_word(text, start):
    """Read the word that begins at ``start``; return it with its end."""
    first = text[start]
    if first == "`":
        end = text.find("`", start + 1)
        if end < 0:
            raise SyntaxError("a back-tick is not closed")
        if end == start + 1:
            raise SyntaxError("there is nothing between the back-ticks")
        return Word("quoted", text[start + 1 : end]), end + 1
    if first in "'\"":
        return scan_string(text, start)
    if first.isdecimal() or (first == "." and text[start + 1 : start + 2].isdecimal()):
        return scan_number(text, start)
    if first.isalpha() or first in "._":
        end = end_of(text, start, lambda c: c.isalnum() or c in "._")
        return Word("name", text[start:end]), end
    return scan_operator(text, start)


def end_of(text, start, belongs):
    """Return the first position from ``start`` whose character does not belong."""
    while start < len(text) and belongs(text[start]):
        start += 1
    return start


def scan_string(text, start):
    """Read a quoted string."""
    quote, characters, position = text[start], [], start + 1
    while position < len(text):
        character = text[position]
        if character == quote:
            return Word("string", "".join(characters)), position + 1
        if character == "\\" and position + 1 < len(text):
            position += 1
            character = ESCAPES.get(text[position], text[position])
        characters.append(character)
        position += 1
    raise SyntaxError("a quote is not closed")


def scan_number(text, start):
    """Read a number; R's mark of an integer, as in ``2L``, is dropped."""
    end = end_of(text, start, lambda c: c.isdecimal() or c == ".")
    if text[end : end + 1] in ("e", "E"):
        sign = end + 1 + (text[end + 1 : end + 2] in ("+", "-"))
        exponent = end_of(text, sign, str.isdecimal)
        end = exponent if exponent > sign else end
    number = text[start:end]
    return Word("number", number), end + (text[end : end + 1] == "L")


def scan_operator(text, start):
    """Read an operator, the longest that fits."""
    for symbol in (*PERCENT_OPERATORS, *OPERATORS):
        if text.startswith(symbol, start):
            check_percent(text, start, symbol)
            return Word("operator", symbol), start + len(symbol)
    raise SyntaxError(f"the character `{text[start]}` has no meaning in a formula")


def check_percent(text, start, symbol):
    """Raise for an operator of R's between percent signs that is not known."""
    found = PERCENT.match(text, start) if symbol == "%" else None
    if found:
        known = ", ".join(PERCENT_OPERATORS)
        raise SyntaxError(
            f"the operator `{found[0]}` has no meaning in a formula; known: {known}"
        )
