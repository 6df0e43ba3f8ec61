"""lme4's formulas: text to a ``MixedFormula``, without looking at any data."""

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

from formulaic.errors import FormulaicError
from formulaic.parser import DefaultFormulaParser
from formulaic.parser.types import Factor, Term, Token

from skmixed.errors import ArgumentTypeError
from skmixed.formula.text.errors import FormulaError, error_at, error_from_formulaic
from skmixed.formula.text.operators import (
    MixedOperatorResolver,
    RandomTerm,
    factor_columns,
    factor_keys,
    first_token,
    is_offset,
    write_term,
)
from skmixed.formula.text.scanner import R_CONSTANTS
from skmixed.formula.text.tokens import read_tokens, refuse_intercept_name

__all__ = ["FormulaError", "MixedFormula", "RandomTerm", "parse_formula"]


@dataclass
class MixedFormulaParser(DefaultFormulaParser):
    """formulaic's parser with lme4's tokens and operators."""

    operator_resolver: MixedOperatorResolver = field(
        default_factory=MixedOperatorResolver
    )
    remarks: tuple = ()

    def get_tokens_from_formula(self, formula, *, context):
        """Cut the formula into tokens; tell ``.`` which columns are taken."""
        offered = context.get("__formulaic_variables_available__", ())
        own = tuple(name for name in R_CONSTANTS if name in offered)
        reading = read_tokens(formula, own)
        context["__formulaic_variables_used_lhs__"] = reading.taken
        self.remarks = reading.remarks
        for token in reading.tokens:
            if token.kind is Token.Kind.OPERATOR and token.token == ".":
                refuse_intercept_name(set(offered) - set(reading.taken), token)
        return reading.tokens


@dataclass(frozen=True, eq=False)
class MixedFormula:
    """What was written: the parts of a mixed-model formula, free of data.

    Attributes
    ----------
    response : str or None
        The left side, for example "log(exam)".
    response_terms : tuple of formulaic Term
        One term, or none.
    fixed : tuple of formulaic Term
        Fixed effects, by degree; the intercept is the term ``1``.
    offsets : tuple of formulaic Term
        The ``offset()`` terms.
    random : tuple of RandomTerm
        Random-effects terms, with ``||`` and nesting written out.
    remarks : tuple of str
        What may surprise in the formula as it was written.

    Examples
    --------
    >>> from skmixed.formula import parse_formula
    >>> formula = parse_formula("exam ~ lrt + (lrt || school/class)")
    >>> print(formula)
    exam ~ 1 + lrt + (1 | school) + (0 + lrt | school) + (1 | school:class) +
    (0 + lrt | school:class)
    >>> formula.group_columns
    ['school', 'class']
    """

    response: str | None
    response_terms: tuple
    fixed: tuple
    offsets: tuple
    random: tuple
    remarks: tuple = ()

    def with_covariances(self, canonical):
        """The same formula with every covariance structure in its one spelling.

        Parameters
        ----------
        canonical : callable
            Takes the name and the options of a structure and returns those to be
            written; its ValueError says what is wrong with them.

        Returns
        -------
        MixedFormula

        Raises
        ------
        FormulaError
        """
        random = []
        for term in self.random:
            try:
                spelling = canonical(term.covariance, term.options)
            except ValueError as error:
                raise error_at(str(error), term.token) from None
            if spelling != (term.covariance, term.options):
                term = term.with_covariance(*spelling)
            random.append(term)
        if random == list(self.random):
            return self
        return replace(self, random=tuple(random))

    @cached_property
    def response_is_column(self):
        """Whether the left side is a plain column, not a transform."""
        terms = self.response_terms
        lookup = Factor.EvalMethod.LOOKUP
        return bool(terms) and terms[0].factors[0].eval_method is lookup

    @cached_property
    def response_columns(self):
        """Columns that the left side reads."""
        return columns_of(self.response_terms)

    @cached_property
    def fixed_columns(self):
        """Columns that the fixed part and the offsets read."""
        return columns_of([*self.fixed, *self.offsets])

    @cached_property
    def design_columns(self):
        """Columns of the fixed part, the offsets and the random slopes."""
        return columns_of(self.design_terms)

    @cached_property
    def design_terms(self):
        """Terms of the fixed part, the offsets and the random slopes."""
        effects = [term for random in self.random for term in random.terms]
        return [*self.fixed, *self.offsets, *effects]

    @cached_property
    def key_columns(self):
        """Columns of the design that are read as groups only, as in ``between``."""
        keys, others = {}, set()
        for term in self.design_terms:
            for factor in term.factors:
                own = factor_keys(factor)
                keys.update(dict.fromkeys(own))
                others.update(set(factor_columns(factor)) - set(own))
        return [column for column in keys if column not in others]

    @cached_property
    def group_columns(self):
        """Columns of the grouping factors."""
        return list(dict.fromkeys(c for term in self.random for c in term.columns))

    @cached_property
    def predictor_columns(self):
        """Columns that a prediction needs: of the design and the grouping factors."""
        return list(dict.fromkeys([*self.design_columns, *self.group_columns]))

    @cached_property
    def text(self):
        """The formula with ``.``, ``||`` and nesting written out."""
        terms = [write_term(term) for term in self.fixed]
        if "1" not in terms:
            terms.insert(0, "0")
        terms += [write_term(term) for term in self.offsets]
        terms += [repr(term) for term in self.random]
        left = f"{self.response} ~ " if self.response else "~ "
        return left + " + ".join(terms)

    def __str__(self):
        return self.text

    def __eq__(self, other):
        return str(self) == str(other) if isinstance(other, MixedFormula) else False

    def __hash__(self):
        return hash(str(self))


def columns_of(terms):
    """List the columns that terms read, in order, each once."""
    columns = (c for term in terms for f in term.factors for c in factor_columns(f))
    return list(dict.fromkeys(columns))


def parse_formula(text, columns=None):
    """Read a mixed-model formula in lme4's notation.

    Parameters
    ----------
    text : str
        For example ``"exam ~ lrt + (1 + lrt | school)"``. Without a left side the
        response comes from elsewhere.
    columns : iterable of str, optional
        The columns of the table, needed only by ``.``, which stands for all columns
        but those of the response and the grouping factors.

    Returns
    -------
    MixedFormula
        The same object for the same text and columns.

    Raises
    ------
    TypeError
        If ``text`` is not a string.
    FormulaError
        If the formula cannot be read; the message shows where.

    Examples
    --------
    >>> from skmixed.formula import parse_formula
    >>> print(parse_formula("y ~ . + (1 | g)", columns=["y", "x", "g"]))
    y ~ 1 + x + (1 | g)
    """
    if not isinstance(text, str):
        raise ArgumentTypeError(f"A formula is a str, got {type(text).__name__}.")
    if columns is not None and ("." in text or any(c in text for c in R_CONSTANTS)):
        return parse(text, tuple(map(str, columns)))
    return parse(text, None)


@lru_cache(maxsize=512)
def parse(text, columns):
    """Parse a formula; the cached part of ``parse_formula``."""
    if not text.strip():
        raise FormulaError("The formula is empty.")
    context = {}
    if columns is not None:
        context["__formulaic_variables_available__"] = columns
    parser = MixedFormulaParser()
    try:
        parts = parser.get_terms(text, context=context)
    except FormulaError:
        raise
    except FormulaicError as error:
        raise explain(error, text, columns) from error
    except (ValueError, SyntaxError, RecursionError) as error:
        raise FormulaError(f"Cannot read the formula `{text}`: {error}.") from error
    structure = parts._structure
    left = tuple(structure.get("lhs", ()))
    right = structure.get("rhs", structure.get("root", ()))
    formula = assemble(left, right, text)
    return replace(formula, remarks=parser.remarks)


def explain(error, text, columns):
    """Translate an error of formulaic's."""
    if columns is None and "`.` operator" in str(error):
        return FormulaError(f"`.` in `{text}` needs the columns of a table.")
    return error_from_formulaic(error)


def assemble(left, right, text):
    """Sort the terms of both sides into the parts of a ``MixedFormula``."""
    check_response(left, text)
    random = [part for term in right if is_random(term) for part in term.split()]
    others = [term for term in right if not is_random(term)]
    offsets = [term for term in others if any(map(is_offset, term.factors))]
    fixed = [term for term in others if term not in set(offsets)]
    for term in [*left, *fixed, *offsets]:
        check_fixed(term)
    check_repeats(random)
    formula = MixedFormula(
        response=write_term(left[0]) if left else None,
        response_terms=left,
        fixed=tuple(sorted(fixed, key=lambda term: term.degree)),
        offsets=tuple(offsets),
        random=tuple(random),
    )
    check_response_is_no_predictor(formula)
    return formula


def is_random(term):
    """Tell whether a term stands in bars."""
    return isinstance(term, RandomTerm)


def check_response(left, text):
    """Raise unless the left side is one column or one call, or absent."""
    if not left and text.partition("~")[0].strip() and "~" in text:
        raise FormulaError(f"The formula `{text}` has no response on the left of `~`.")
    if len(left) > 1:
        raise error_at(
            f"One response expected on the left of `~`, found {len(left)}: "
            f"{', '.join(map(str, left))}. To model a sum write `I(a + b) ~ ...`.",
            first_token(left),
        )
    if left and any(map(is_offset, left[0].factors)):
        raise error_at(
            "`offset()` cannot be the response: it belongs on the right of `~`, as in "
            "`y ~ x + offset(z)`.",
            first_token(left),
        )
    if left and len(left[0].factors) != 1:
        raise error_at(
            f"The response `{left[0]}` must be a single column or a transform of one.",
            first_token(left),
        )


def check_fixed(term):
    """Raise if a term of the fixed part holds a number or a product with an offset."""
    literal = Factor.EvalMethod.LITERAL
    numbers = [f for f in term.factors if f.eval_method is literal]
    if numbers and str(term) != "1":
        raise error_at(
            "Numeric literals other than 0 and 1 cannot stand in a formula: "
            f"`{term}`. To scale a column write `I(2 * x)`.",
            numbers[0].token,
        )
    if len(term.factors) > 1 and any(map(is_offset, term.factors)):
        raise error_at("`offset()` must be a term of its own.", first_token([term]))


def check_repeats(random):
    """Raise if one group has the same random effect twice."""
    seen = {}
    for random_term in random:
        for term in random_term.terms:
            key = (frozenset(random_term.columns), Term(term.factors))
            if key in seen:
                effect = write_term(term)
                what = "intercept" if effect == "1" else f"effect of `{effect}`"
                raise error_at(
                    f"The random {what} for `{random_term.group_name}` appears twice: "
                    f"in `{seen[key]!r}` and `{random_term!r}`; the two cannot be "
                    "told apart.",
                    random_term.token,
                )
            seen[key] = random_term


def check_response_is_no_predictor(formula):
    """Raise if the response column is among the predictors too."""
    if formula.response_is_column:
        column = formula.response_columns[0]
        if column in formula.predictor_columns:
            raise error_at(
                f"The response `{column}` is also a predictor.",
                first_token(formula.response_terms),
            )
