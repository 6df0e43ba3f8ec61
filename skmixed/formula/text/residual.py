"""The text of a residual covariance: ``ar1(week | id, by=arm)``."""

from dataclasses import dataclass, replace

from skmixed.formula.text.bars import CONSTANTS, write_options
from skmixed.formula.text.errors import FormulaError
from skmixed.formula.text.scanner import QUOTED, scan

__all__ = ["ResidualTerm", "parse_residual"]

USAGE = "Write for example residual='ar1(week | id)'"
# How nlme, SPSS, SAS, mmrm and brms call structures, and what they are called here.
ELSEWHERE = {
    "corar1": "ar1",
    "corcar1": "car1",
    "corcompsymm": "cs",
    "corsymm": "us",
    "corexp": "exp",
    "corgaus": "gau",
    "un": "us",
    "unr": "us",
    "unstr": "us",
    "ante": "adh",
    "vc": "id",
    "ar": "ar1",
    "arh": "ar1h",
    "arh1": "ar1h",
    "ad1": "adh",
    "cosy": "cs",
    "sp": "car1` or `gau",
    "sp_exp": "car1",
    "tp": "toep",
    "tph": "toeph",
}


@dataclass(frozen=True)
class ResidualTerm:
    """A residual covariance, taken apart.

    Parameters
    ----------
    name : str
        Of the structure; which there are is not known here.
    time : str or None
        Column left of the bar; None numbers a subject's rows in their order.
    subject : str
        Column right of the bar: rows of different subjects are independent.
    options : tuple of tuple (key, value)
        Without ``by``.
    by : str or None
        Column whose levels have a covariance each.
    """

    name: str
    time: str | None
    subject: str
    options: tuple = ()
    by: str | None = None

    @property
    def columns(self):
        """Names of the columns that are read."""
        names = (self.time, self.subject, self.by)
        return list(dict.fromkeys(name for name in names if name is not None))

    def with_structure(self, canonical):
        """Spell the structure by a table of names.

        Parameters
        ----------
        canonical : callable
            Of a name and its options to those of the one spelling.
        """
        name, options = canonical(self.name, self.options)
        return replace(self, name=name, options=options)

    def __str__(self):
        options = [*self.options]
        if self.by is not None:
            options.append(("by", spelled(self.by)))
        time = "1" if self.time is None else spelled(self.time)
        bar = f"{time} | {spelled(self.subject)}"
        return f"{self.name}({bar}{write_options(options)})"


def parse_residual(text):
    """Take a residual covariance apart.

    Parameters
    ----------
    text : str

    Returns
    -------
    ResidualTerm

    Raises
    ------
    FormulaError
        If it is not ``name(time | subject)``, perhaps with options.

    Examples
    --------
    >>> from skmixed.formula.text.residual import parse_residual
    >>> term = parse_residual("us(visit | patient, by = arm)")
    >>> term.name, term.time, term.subject, term.by
    ('us', 'visit', 'patient', 'arm')
    >>> str(parse_residual("ar1(1|`the id`)"))
    'ar1(1 | `the id`)'
    """
    try:
        words = list(scan(text))
    except SyntaxError as error:
        raise FormulaError(f"residual={text!r}: {error.msg}.") from None
    return Reader(text, words).read()


def spelled(name):
    """Spell a column as in a formula."""
    plain = all(c.isalnum() or c in "._" for c in name) and name not in QUOTED
    starts = name[:1].isalpha() or name[:1] in "._"
    return name if plain and starts else f"`{name}`"


class Reader:
    """Reads the words of a residual covariance one after the other."""

    def __init__(self, text, words):
        self.text, self.words, self.at = text, words, 0

    def read(self):
        """Read all of it."""
        name = self.read_name()
        self.expect("(", "its columns stand in parentheses")
        time = self.read_column("the time or the visit", number="1")
        if self.here == "/":
            self.refuse("write by=arm for a covariance per arm, not `arm / id`")
        if self.here == "+":
            self.refuse("one column of times or visits stands left of the bar")
        self.expect("|", "a bar stands between time and subject")
        subject = self.read_column("the subject")
        if self.here == "/":
            self.refuse(
                f"write `{name}({time or 1} | id, by={subject})` for a covariance per "
                f"level of `{subject}`, not `{subject} / id`"
            )
        options = self.read_options()
        if self.at < len(self.words):
            self.refuse("there is one residual covariance, and nothing behind it")
        by = options.pop("by", None)
        if by is not None and not isinstance(by, str):
            self.refuse("by= takes the name of a column")
        return ResidualTerm(name, time, subject, tuple(options.items()), by)

    @property
    def here(self):
        """Text of the next word."""
        return self.words[self.at].text if self.at < len(self.words) else ""

    def refuse(self, why):
        """Raise, and say how it is written."""
        raise FormulaError(f"residual={self.text!r}: {why}. {USAGE}.")

    def expect(self, text, why):
        """Step over a sign."""
        if self.here != text:
            self.refuse(f"{why}; `{text}` is missing")
        self.at += 1

    def read_name(self):
        """Read the name of the structure."""
        if not self.words or self.words[0].kind != "name":
            self.refuse("the name of a covariance structure comes first")
        name, self.at = self.words[0].text, 1
        other = ELSEWHERE.get(name.lower())
        if other:
            self.refuse(f"`{name}` is called `{other}` here")
        return name

    def read_column(self, what, number=None):
        """Read the name of a column, None for a number that stands for none."""
        word = self.words[self.at] if self.at < len(self.words) else None
        self.at += 1
        if word is not None and word.kind == "number" and word.text == number:
            return None
        if word is None or word.kind not in ("name", "quoted"):
            self.refuse(f"{what} should be a column")
        if self.here == "(":
            self.refuse(
                f"{what} should be a column, not a call; compute `{word.text}()` in "
                "the data frame first"
            )
        return word.text

    def read_options(self):
        """Read the options, up to the closing parenthesis."""
        options = {}
        while self.here == ",":
            self.at += 1
            key = self.here
            self.at += 1
            self.expect("=", "options are written as `by=arm`")
            value = self.here
            self.at += 1
            if not key.isidentifier() or not value or value in ",)":
                self.refuse("options are written as `by=arm`")
            if key in options:
                self.refuse(f"its option `{key}` stands there twice")
            options[key] = CONSTANTS.get(value, value)
        self.expect(")", "its columns stand in parentheses")
        return options
