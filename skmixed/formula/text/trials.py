"""Left sides of two columns: successes and failures, or successes out of trials."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from skmixed.formula.text.errors import FormulaError
from skmixed.formula.text.scanner import scan

__all__ = ["Trials", "read_trials"]

OPENING, CLOSING = "([{", ")]}"
# What binds less than a division: the left side is then no plain quotient.
LOOSER = {"+", "-", "==", "!=", "<", ">", "<=", ">=", "&", "&&", "|", "||", "!"}


@dataclass(frozen=True)
class Trials:
    """A formula for shares of successes, and where their trials stand.

    Attributes
    ----------
    formula : str
        With one column on the left, the share of successes.
    trials : str or None
        The number of trials as a left side of its own; None where the formula has a
        plain response, or none.
    written : str or None
        The left side as it was written.
    """

    formula: str
    trials: str | None = None
    written: str | None = None


@lru_cache(maxsize=512)
def read_trials(text):
    """Read ``cbind(k, n - k) ~`` and ``k / n ~`` as R does for binomial responses.

    Parameters
    ----------
    text : str

    Returns
    -------
    Trials

    Raises
    ------
    FormulaError
        For a `cbind` of more or fewer than two columns.

    Examples
    --------
    >>> from skmixed.formula.text.trials import read_trials
    >>> read_trials("k / n ~ x + (1 | g)").trials
    'I(n)'
    >>> read_trials("cbind(k, n - k) ~ x").formula
    'I((k) / ((k) + (n - k))) ~ x'
    """
    left, right = split_sides(text)
    if left is None:
        return Trials(text)
    try:
        words = list(scan(left))
    except SyntaxError:  # the formula's own reader says what is wrong
        return Trials(text)
    written = write(words)
    if len(words) > 1 and words[0].text == "cbind" and words[1].text == "(":
        one, other = read_cbind(words, text)
        share, trials = f"({one}) / (({one}) + ({other}))", f"({one}) + ({other})"
        return Trials(f"I({share}) ~{right}", f"I({trials})", written)
    place = find_quotient(words)
    if place is None:
        return Trials(text)
    trials = write(words[place + 1 :])
    return Trials(f"I({written}) ~{right}", f"I({trials})", written)


def split_sides(text):
    """Cut a formula at its tilde; the left side is None where there is none."""
    quote = None
    for place, character in enumerate(text):
        if quote:
            quote = None if character == quote else quote
        elif character in "`'\"":
            quote = character
        elif character == "~":
            left = text[:place]
            return (left if left.strip() else None), text[place + 1 :]
    return None, text


def read_cbind(words, text):
    """Cut the call into its two columns, as text."""
    depth, cuts = 0, [1]
    for place, word in enumerate(words):
        depth += depth_of(word)
        if word.kind == "operator" and word.text == "," and depth == 1:
            cuts.append(place)
        if depth == 0 and place > 0:
            cuts.append(place)
            break
    parts = [words[a + 1 : b] for a, b in pairwise(cuts)]
    if len(parts) != 2 or not all(parts) or cuts[-1] != len(words) - 1:
        raise FormulaError(
            "The left side `cbind(successes, failures)` has two columns, and stands "
            f"alone on the left of `~`; got `{text.partition('~')[0].strip()}`."
        )
    return [write(part) for part in parts]


def find_quotient(words):
    """Place of the one division of a left side, outside of parentheses, or None."""
    depth, places = 0, []
    for place, word in enumerate(words):
        depth += depth_of(word)
        if depth or word.kind != "operator":
            continue
        if word.text in LOOSER:
            return None
        if word.text == "/":
            places.append(place)
    inside = len(places) == 1 and 0 < places[0] < len(words) - 1
    return places[0] if inside else None


def depth_of(word):
    """By how much a word changes the depth of parentheses."""
    if word.kind != "operator":
        return 0
    return (word.text in OPENING) - (word.text in CLOSING)


def write(words):
    """Write words as text that reads the same."""
    parts = []
    for before, word in zip([None, *words], words, strict=False):
        text = {"quoted": f"`{word.text}`", "string": repr(word.text)}.get(
            word.kind, word.text
        )
        if before is not None and spaced(before, word):
            text = f" {text}"
        parts.append(text)
    return "".join(parts)


def spaced(before, word):
    """Whether a space stands between two words."""
    if word.kind == "operator" and word.text in (*CLOSING, ",", *OPENING):
        return word.text in OPENING and before.kind == "operator"
    return not (before.kind == "operator" and before.text in OPENING)
