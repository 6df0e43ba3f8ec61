"""Results in sentences: text, LaTeX and HTML of what was estimated."""

import re
from dataclasses import dataclass, field

import numpy as np

from skmixed.printing.numbers import format_df, format_intervals, say_p
from skmixed.printing.printed import Printed
from skmixed.printing.render import latex_text

# gender[T.M]: a level of a category against the reference level.
AGAINST_REFERENCE = re.compile(r"(?P<column>.+)\[T\.(?P<level>.+)\]")


class Sentences(Printed):
    """What a model says, in sentences to copy.

    Parameters
    ----------
    frame : DataFrame
        The numbers of the fixed effects.
    sentences : sequence of str

    Examples
    --------
    >>> import pandas as pd
    >>> from skmixed.printing.sentences import Sentences
    >>> print(Sentences(pd.DataFrame(), ["All is well.", "So it is."]))
    All is well.
    <BLANKLINE>
    So it is.
    """

    def __init__(self, frame, sentences):
        self.frame = frame
        self.sentences = tuple(sentences)

    def blocks(self):
        """Yield the sentences."""
        yield from self.sentences

    def to_latex(self):
        """Write the sentences as paragraphs of LaTeX.

        Returns
        -------
        str
        """
        return "\n\n".join(map(latex_text, self.sentences))


@dataclass(frozen=True)
class Words:
    """What columns are called in sentences, and their units.

    Parameters
    ----------
    labels, units : dict of str to str
        By column; columns without a label are called by their names.

    Examples
    --------
    >>> from skmixed.printing.sentences import Words, say_effect
    >>> words = Words({"Reaction": "the reaction time"}, {"Reaction": "ms"})
    >>> say_effect("Days", "Reaction", 10.47, "10.47", words=words)
    'Per unit of Days, the reaction time rises by 10.47 ms'
    """

    labels: dict = field(default_factory=dict)
    units: dict = field(default_factory=dict)

    def name(self, column):
        """What a column is called."""
        return self.labels.get(column, column)

    def per(self, column):
        """Per unit of a column."""
        return f"Per {self.units.get(column, 'unit')} of {self.name(column)}"

    def amount(self, size, column):
        """A size in the units of a column."""
        return f"{size} {self.units[column]}" if column in self.units else size

    def level(self, found):
        """A column and one of its levels."""
        return f"{self.name(found['column'])} {found['level']}"


PLAIN = Words()


def say_estimates(fixed, response, confidence_level, words=PLAIN):
    """Yield a sentence for every coefficient.

    Parameters
    ----------
    fixed : DataFrame
        ``estimate``, ``df``, ``t``, ``p``, ``lower`` and ``upper`` by coefficient.
    response : str
    confidence_level : float
    words : Words, optional

    Yields
    ------
    str
    """
    cells = format_intervals(fixed["estimate"], fixed["lower"], fixed["upper"])
    level = f"{100 * confidence_level:.4g} % CI"
    for name, row, estimate, lower, upper in zip(
        fixed.index, fixed.itertuples(), *cells, strict=True
    ):
        letter = "z" if np.isinf(row.df) else f"t({format_df(row.df)})"
        test = f"{letter} = {row.t:.2f}, {say_p(row.p)}"
        around = f"({level} {lower} to {upper}; {test})"
        size, where = estimate.lstrip("-"), say_condition(name, fixed.index, words)
        told = say_effect(name, response, row.estimate, size, where, words)
        yield f"{told[0].upper()}{told[1:]} {around}."


def say_effect(name, response, value, size, where="", words=PLAIN):
    """Say what a coefficient means.

    Parameters
    ----------
    name : str
        Of the coefficient, as formulas give them.
    response : str
    value : float
        Its sign chooses the words.
    size : str
        Its absolute value, written.
    where : str, default=""
        Where it means that, of :func:`say_condition`.
    words : Words, optional

    Returns
    -------
    str

    Examples
    --------
    >>> from skmixed.printing.sentences import say_effect
    >>> say_effect("lrt", "exam", 0.56, "0.56")
    'Per unit of lrt, exam rises by 0.56'
    >>> say_effect("gender[T.M]", "exam", -0.17, "0.17")
    'For gender M, exam is 0.17 lower than for the reference level'
    >>> say_effect("lrt:gender[T.M]", "exam", 0.02, "0.02")
    'For gender M, the slope of lrt is 0.02 steeper than for the reference level'
    """
    sign = "-" if value < 0 else ""
    parts = factors_of(name)
    if name == "Intercept":
        origin = "Where all predictors are 0 or at their reference level"
        amount = words.amount(f"{sign}{size}", response)
        return f"{origin}, {words.name(response)} is expected to be {amount}"
    numeric = [part for part in parts if part.isidentifier()]
    levels = [found for part in parts if (found := AGAINST_REFERENCE.fullmatch(part))]
    if len(parts) > 2 or len(numeric) + len(levels) < len(parts):
        return f"The coefficient of {name} is {sign}{size}"
    subject, compared = words.name(response), "lower" if sign else "higher"
    if len(parts) == 2 and numeric:
        subject = f"the slope of {words.name(numeric.pop(0))}"
        compared = "less steep" if sign else "steeper"
    else:
        size = words.amount(size, response)
    if len(parts) == 2 and len(levels) == 2:
        subject = f"the difference of {words.level(levels.pop(0))}"
    if numeric:
        moves = "falls" if sign else "rises"
        return f"{words.per(numeric[0])}{where}, {subject} {moves} by {size}"
    told = f"For {words.level(levels[0])}{where}, {subject} is {size} {compared}"
    return f"{told} than for the reference level"


def say_condition(name, names, words=PLAIN):
    """Say where an effect holds that interactions change; nothing if everywhere."""
    own = set(factors_of(name))
    if name == "Intercept":
        return ""
    others = [set(factors_of(other)) for other in names]
    partners = set().union(*(other - own for other in others if own < other))
    found = {partner: AGAINST_REFERENCE.fullmatch(partner) for partner in partners}
    where = {
        f"{words.name(partner)} = 0"
        if level is None
        else f"the reference level of {words.name(level['column'])}"
        for partner, level in found.items()
    }
    return f" (at {' and '.join(sorted(where))})" if where else ""


def factors_of(name):
    """Factors of an interaction, in brackets or not."""
    return re.findall(r"(?:[^:\[(]|\[[^\]]*\]|\([^)]*\))+", name) or [name]
