"""The algebra of formulas: formulaic's operators, with lme4's bars beside them."""

from functools import reduce
from operator import mul

from formulaic.parser import DefaultOperatorResolver
from formulaic.parser.types import Factor, Operator, OrderedSet, Term, Token
from formulaic.utils.structured import Structured

from skmixed.formula.text.bars import is_bar, read_bar, write_options
from skmixed.formula.text.errors import error_at
from skmixed.formula.text.expressions import quote_name, read_expression

__all__ = [
    "MixedOperatorResolver",
    "RandomTerm",
    "factor_columns",
    "write_term",
]

GUARDED = {"*", "/", ":", "-"}
LITERAL, LOOKUP = Factor.EvalMethod.LITERAL, Factor.EvalMethod.LOOKUP


def factor_columns(factor):
    """List the columns that a factor reads."""
    if factor.eval_method is LITERAL:
        return ()
    if factor.eval_method is LOOKUP:
        return (factor.expr,)
    return read_expression(factor.expr).columns


def factor_keys(factor):
    """List the columns that a factor reads as groups only."""
    if factor.eval_method in (LITERAL, LOOKUP):
        return ()
    return read_expression(factor.expr).keys


def write_term(term):
    """Write a term so that it can be read back."""
    return ":".join(
        quote_name(factor.expr) if factor.eval_method is LOOKUP else factor.expr
        for factor in term.factors
    )


class RandomTerm(Term):
    """One term in bars, ``(effects | group)``.

    Parameters
    ----------
    terms : iterable of formulaic Term
        Effects that vary between the groups; the intercept is the term ``1``.
    group : formulaic Term
        The grouping factor: a column, or an interaction of columns.
    covariance : str, default="us"
        Name of the covariance structure of the effects, as written; "split" stands for
        ``||`` until the formula is finished.
    options : tuple of tuple (key, value), default=()
        Of the structure, for example ``(("hom", True),)``.
    token : formulaic Token, optional
        Where the term stands.
    place : int
        Tells equal terms apart, so that the algebra cannot merge them silently.

    Examples
    --------
    >>> from skmixed.formula import parse_formula
    >>> parse_formula("y ~ x + (x | school)").random[0]
    (1 + x | school)
    """

    def __init__(self, terms, group, covariance="us", options=(), token=None, place=0):
        self.terms = tuple(sorted(terms, key=lambda term: term.degree))
        self.group = group
        self.covariance = covariance
        self.options = options
        self.token = token
        mark = Factor(f"{self}@{place}", eval_method="python", token=token)
        super().__init__([mark])

    @property
    def columns(self):
        """Columns of the grouping factor."""
        return tuple(factor.expr for factor in self.group.factors)

    @property
    def group_name(self):
        """Name of the grouping factor, for example "batch:cask"."""
        return ":".join(f"`{c}`" if ":" in c else c for c in self.columns)

    def split(self):
        """Return the independent terms of ``||``: one for each effect, as in lme4."""
        if self.covariance != "split":
            return [self]
        return [
            RandomTerm([term], self.group, token=self.token, place=place)
            for place, term in enumerate(self.terms)
        ]

    def with_covariance(self, covariance, options):
        """Return the same term with another covariance structure."""
        return RandomTerm(self.terms, self.group, covariance, options, self.token)

    def __repr__(self):
        effects = [write_term(term) for term in self.terms]
        if "1" not in effects:
            effects.insert(0, "0")
        bar = " || " if self.covariance == "split" else " | "
        name = "" if self.covariance in ("split", "us") else self.covariance
        name = "us" if self.options and not name else name
        inside = f"{' + '.join(effects)}{bar}{write_term(self.group)}"
        return f"{name}({inside}{write_options(self.options)})"

    def __mul__(self, other):
        raise refuse_in_algebra(self, "*")

    __rmul__ = __mul__


def refuse_in_algebra(term, symbol):
    """Make the error for an operator other than ``+`` on a random-effects term."""
    return error_at(
        f"`{symbol}` cannot be applied to the random-effects term `{term!r}`; "
        "random-effects terms can only be added with `+`.",
        term.token,
    )


def random_terms(*term_sets):
    """Yield the random-effects terms among nested sets of terms."""
    for terms in term_sets:
        if isinstance(terms, Structured):
            yield from random_terms(*terms._flatten())
        else:
            yield from (term for term in terms if isinstance(term, RandomTerm))


class MixedOperatorResolver(DefaultOperatorResolver):
    """formulaic's operators, ``%in%`` and powers as in R, and bars in parentheses."""

    @property
    def operators(self):
        """Operators of mixed-model formulas."""
        kept = [op for op in super().operators if op.symbol not in REPLACED]
        return [
            *[guarded(op) if op.symbol in GUARDED else op for op in kept],
            infix("in", 200, "left", nested_in),
            infix("**", 500, "right", power),
            infix("^", 500, "right", power),
        ]

    def resolve(self, token):
        """Find the operators of a token; a bar carries the name of its covariance."""
        if is_bar(token):
            yield token, [bar_operator(token.token)]
        else:
            yield from super().resolve(token)


REPLACED = {"|", "in", "**", "^"}


def infix(symbol, precedence, associativity, to_terms):
    """Make a binary operator that refuses random-effects terms."""
    return guarded(
        Operator(
            symbol,
            arity=2,
            precedence=precedence,
            associativity=associativity,
            to_terms=to_terms,
        )
    )


def guarded(operator):
    """Copy an operator so that it refuses random-effects terms.

    A difference refuses them on its right only: ``(1 | g) - 1`` takes the intercept
    away.
    """
    algebra = operator._to_terms
    first = -1 if operator.symbol == "-" else 0

    def to_terms(*term_sets):
        found = next(random_terms(*term_sets[first:]), None)
        if found is not None:
            raise refuse_in_algebra(found, operator.symbol)
        return algebra(*term_sets)

    return Operator(
        operator.symbol,
        arity=operator.arity,
        precedence=operator.precedence,
        associativity=operator.associativity,
        fixity=operator.fixity,
        to_terms=to_terms,
        accepts_context=operator._accepts_context,
        structural=operator.structural,
    )


def bar_operator(symbol):
    """Make the operator of a bar, which stands directly inside parentheses."""
    return Operator(
        symbol,
        arity=2,
        precedence=-50,
        associativity=None,
        structural=True,
        accepts_context=stands_in_parentheses,
        to_terms=lambda effects, groups: bar(effects, groups, *read_bar(symbol)),
    )


def stands_in_parentheses(context):
    """Tell whether the innermost context of an operator is an opening parenthesis."""
    return bool(context) and isinstance(context[-1], Token) and context[-1] == "("


def nested_in(nested, parents):
    """``b %in% a`` means ``a:b``, as in R; formulaic's own adds ``a``."""
    common = reduce(mul, parents)
    return OrderedSet(common * term for term in nested)


def power(terms, exponent):
    """Return all products of up to ``exponent`` of the terms, as in ``(a + b)^2``."""
    exponent = next(iter(exponent), Term([]))
    text = str(exponent)
    if not text.isdecimal() or int(text) < 1:
        token = exponent.factors[0].token if exponent.factors else None
        raise error_at(
            "The exponent of a sum of terms must be a positive whole number. For the "
            "power of a column write `I(x^2)`.",
            token,
        )
    products = terms
    for _ in range(min(int(text), len(terms)) - 1):
        products = products | OrderedSet(a * b for a in products for b in terms)
    return products


def bar(effects, groups, covariance, options):
    """Make the random-effects terms of one bar, one for each grouping factor."""
    token = first_token(groups) or first_token(effects)
    nested = next(random_terms(effects, groups), None)
    if nested is not None:
        raise error_at(
            "Random-effects terms cannot be nested: "
            f"`{nested!r}` stands inside another bar.",
            nested.token,
        )
    if not effects:
        raise error_at(
            "A random-effects term has nothing on the left of its bar: `(0 | g)` "
            "estimates no effect. Write `(1 | g)` for a random intercept.",
            token,
        )
    if not groups:
        raise error_at("A random-effects term has no grouping factor.", token)
    for term in effects:
        check_effect(term)
    start = token.source_start if token is not None and token.source else 0
    return OrderedSet(
        RandomTerm(
            effects, grouping(term), covariance, options, token, start * 1000 + k
        )
        for k, term in enumerate(groups)
    )


def first_token(terms):
    """Return the first token with a known position among the terms, or None."""
    tokens = (factor.token for term in terms for factor in term.factors)
    return next((t for t in tokens if t is not None and t.source), None)


def check_effect(term):
    """Raise if an effect is a number other than 1 or an offset."""
    token = term.factors[0].token
    if any(f.eval_method is LITERAL for f in term.factors) and str(term) != "1":
        raise error_at(
            "Numeric literals other than 0 and 1 cannot stand in a random-effects "
            f"term: `{term}`.",
            token,
        )
    if any(is_offset(factor) for factor in term.factors):
        raise error_at("`offset()` cannot stand in a random-effects term.", token)


def is_offset(factor):
    """Tell whether a factor is a call of ``offset``."""
    is_call = factor.eval_method is Factor.EvalMethod.PYTHON
    return is_call and read_expression(factor.expr).function == "offset"


def grouping(term):
    """Read a grouping factor: columns, where ``factor(g)`` is the column ``g``."""
    return Term([grouping_column(factor) for factor in term.factors])


def grouping_column(factor):
    """Return the factor of one grouping column."""
    if factor.eval_method is LOOKUP:
        return factor
    if factor.eval_method is LITERAL:
        raise error_at(
            "The grouping factor of a random-effects term must be a column, "
            f"not the constant `{factor.expr}`.",
            factor.token,
        )
    expression = read_expression(factor.expr)
    if expression.function in ("C", "factor") and expression.argument is not None:
        return Factor(expression.argument, eval_method="lookup", token=factor.token)
    raise error_at(
        "A grouping factor must be a column or an interaction of columns, not "
        f"`{factor.expr}`: compute it in the data frame first.",
        factor.token,
    )
