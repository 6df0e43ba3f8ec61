"""From text to tokens: formulaic's tokenizer, then lme4's and R's conventions."""

from dataclasses import dataclass

from formulaic.parser.algos.tokenize import tokenize
from formulaic.parser.types import Token
from formulaic.parser.utils import merge_operator_tokens

from skmixed.formula.text.bars import (
    is_bar,
    open_covariance_calls,
    separate_operators,
)
from skmixed.formula.text.errors import error_at
from skmixed.formula.text.expressions import read_expression

__all__ = ["TokenList", "read_tokens"]

# The intercept as a term, and in the names of coefficients.
INTERCEPT_NAMES = frozenset(["1", "Intercept"])
OPERATOR, CONTEXT = Token.Kind.OPERATOR, Token.Kind.CONTEXT
VALUE, PYTHON, NAME = Token.Kind.VALUE, Token.Kind.PYTHON, Token.Kind.NAME


@dataclass(frozen=True)
class TokenList:
    """The tokens of a formula, ready for formulaic's algebra.

    Attributes
    ----------
    tokens : list of Token
        With implicit intercepts written out, and ``0`` as ``- 1``.
    taken : list of str
        Columns that ``.`` leaves out: of the response and the grouping factors.
    remarks : tuple of str
        What may surprise in the formula, although it can be read.
    """

    tokens: list
    taken: list
    remarks: tuple = ()


def read_tokens(text, own=()):
    """Cut a formula into tokens.

    Parameters
    ----------
    text : str
    own : tuple of str
        Columns of the table that have the name of a constant of R's.

    Returns
    -------
    TokenList

    Raises
    ------
    FormulaError, FormulaSyntaxError
        If the formula cannot be cut, or a bar or a tilde stands where none may.
    """
    if "``" in text:
        raise error_at("There is nothing between the back-ticks: name a column.")
    tokens = [
        clean(token, own)
        for token in open_covariance_calls(separate_operators(tokenize(text)))
    ]
    check_spelling(tokens)
    scopes = find_scopes(tokens)
    tilde = find_tilde(tokens, scopes)
    bars = find_bars(tokens, scopes)
    check_response_side(tokens[: max(tilde, 0)])
    groups = [t for start, end in bars.values() for t in tokens[start + 1 : end]]
    check_groups(groups)
    check_removed_intercepts(tokens, scopes, bars)
    taken = [c for t in [*tokens[: max(tilde, 0)], *groups] for c in columns_of(t)]
    remarks = tuple(remark_powers(tokens))
    return TokenList(add_intercepts(tokens, tilde, bars), taken, remarks)


def remark_powers(tokens):
    """Say that ``x^2`` is no square: among terms it is ``x``."""
    for column, operator, power in zip(tokens, tokens[1:], tokens[2:], strict=False):
        is_power = operator.kind is OPERATOR and operator.token in ("^", "**")
        if is_power and column.kind in (NAME, PYTHON):
            text = f"{column.token}{operator.token}{power.token}"
            yield (
                f"`{text}` is `{column.token}` alone: between terms `^` stands for "
                f"interactions, as in R. For the power write `I({text})`."
            )


def clean(token, own=()):
    """Make names, calls and the dot canonical; refuse operators that R quotes."""
    quoted = token.kind is OPERATOR and token.source[token.source_start] == "%"
    if quoted and token.token != "in":
        raise error_at(
            f"`%{token.token}%` is arithmetic: put it into I(), as in `I(x %% 2)`. "
            "Between terms `%in%` alone has a meaning.",
            token,
        )
    if token.kind is NAME and token.token == "." and not is_quoted(token):
        token.kind = OPERATOR
    if token.kind is VALUE and token.token == ".":
        token.kind = OPERATOR
    if token.kind is NAME:
        check_name(token)
    if token.kind is PYTHON:
        braces = token.source[token.source_start] == "{"
        text = f"I({token.token})" if braces else token.token
        try:
            token.token = read_expression(text, own).text
        except SyntaxError as error:
            raise error_at(error.msg, token) from None
    return token


def is_quoted(token):
    """Tell whether a name stands in back-ticks."""
    return bool(token.source) and token.source[token.source_start] == "`"


def check_name(token):
    """Raise for R's constants, and for a column that has the intercept's name."""
    refuse_intercept_name([token.token], token)
    if not is_quoted(token) and {"'", '"', "`"}.intersection(token.token):
        raise error_at(f"A quotation mark stands within `{token.token}`.", token)
    constants = ("TRUE", "FALSE", "NULL", "NA", "NaN", "Inf")
    if token.token in constants and not is_quoted(token):
        raise error_at(
            f"`{token.token}` cannot be a term of a formula. A column of that name "
            "must stand in back-ticks.",
            token,
        )


def check_spelling(tokens):
    """Raise if a column has the name of a call: the algebra takes the two for one."""
    columns = {token.token for token in tokens if token.kind is NAME}
    for token in tokens:
        if token.kind is PYTHON and token.token in columns:
            raise error_at(
                f"`{token.token}` is a column and a call in one formula, which cannot "
                "be told apart; rename the column.",
                token,
            )


def refuse_intercept_name(columns, token):
    """Raise if a column cannot be told from the intercept.

    Parameters
    ----------
    columns : iterable of str
    token : formulaic Token
        That names or stands for them.

    Raises
    ------
    FormulaError
    """
    for name in INTERCEPT_NAMES.intersection(columns):
        raise error_at(
            f"A column called {name!r} cannot be told from the intercept; rename it, "
            f"for example X.rename(columns={{{name!r}: 'x1'}}).",
            token,
        )


def find_scopes(tokens):
    """Return the positions of the innermost opening parenthesis of each token.

    -1 where there is none. A closing parenthesis belongs to its own pair.
    """
    stack, scopes = [-1], []
    for position, token in enumerate(tokens):
        if token.kind is CONTEXT and token.token in "[]":
            raise error_at("Square brackets have no meaning in a formula.", token)
        scopes.append(stack[-1])
        if token.kind is CONTEXT and token.token == "(":
            stack.append(position)
        elif token.kind is CONTEXT:
            stack.pop()
            if not stack:
                raise error_at("This parenthesis was never opened.", token)
    if len(stack) > 1:
        raise error_at("This parenthesis was never closed.", tokens[stack[-1]])
    return scopes


def find_tilde(tokens, scopes):
    """Return the position of the tilde, -1 if there is none."""
    found = [
        k for k, t in enumerate(tokens) if t.kind is OPERATOR and t.token.strip() == "~"
    ]
    wrong = [k for k in found if scopes[k] >= 0] + found[1:]
    if wrong:
        raise error_at(
            "A formula has at most one `~`, outside all parentheses.", tokens[wrong[0]]
        )
    tilde = found[0] if found else -1
    for token in tokens[: max(tilde, 0)]:
        if is_bar(token):
            raise error_at("Random-effects terms belong on the right of `~`.", token)
    return tilde


def find_bars(tokens, scopes):
    """Return ``{opening parenthesis: (bar, closing parenthesis)}`` of all bars."""
    bars = {}
    for position, token in enumerate(tokens):
        if not is_bar(token):
            continue
        scope = scopes[position]
        if scope < 0:
            raise error_at(
                "A random-effects term must stand in parentheses: write "
                "`y ~ x + (1 + x | group)`.",
                token,
            )
        if scope in bars:
            raise error_at(
                "More than one bar in one pair of parentheses; write one term for "
                "each grouping factor: `(1 | a) + (1 | b)`.",
                token,
            )
        if scope == position - 1:
            raise error_at(
                "A random-effects term has nothing on the left of its bar. Write "
                "`(1 | g)` for a random intercept.",
                token,
            )
        check_nesting(tokens, scopes, scope, bars)
        end = next(
            k for k in range(position, len(tokens)) if closes(tokens, scopes, k, scope)
        )
        bars[scope] = (position, end)
    return bars


def check_nesting(tokens, scopes, scope, bars):
    """Raise if the parenthesis ``scope`` stands inside one that holds a bar."""
    outer = scopes[scope]
    while outer >= 0:
        if outer in bars:
            raise error_at(
                "Random-effects terms cannot be nested: a bar stands inside another.",
                tokens[bars[outer][0]],
            )
        outer = scopes[outer]


def closes(tokens, scopes, position, scope):
    """Tell whether the token at ``position`` closes the parenthesis ``scope``."""
    token = tokens[position]
    return scopes[position] == scope and token.kind is CONTEXT and token.token == ")"


def check_response_side(tokens):
    """Raise for what cannot stand on the left of the tilde."""
    for position, token in enumerate(tokens):
        if token.kind is VALUE or (token.kind is OPERATOR and token.token == "."):
            raise error_at(
                f"`{token.token}` cannot be a response: name a column or write a "
                "transform of one.",
                token,
            )
        if position and token.kind is OPERATOR and token.token in ("-", "^", "**"):
            raise error_at(
                f"`{token.token}` is algebra of terms here, not arithmetic: put a "
                f"computed response into I(), as in `I(a {token.token} b) ~ ...`.",
                token,
            )


def check_groups(tokens):
    """Raise for what cannot stand on the right of a bar."""
    for before, token in zip([None, *tokens], tokens, strict=False):
        exponent = before is not None and before.token in ("^", "**")
        if token.kind is VALUE and not exponent:
            raise error_at(
                "The grouping factor of a random-effects term must be a column, "
                f"not the constant `{token.token}`.",
                token,
            )
        if token.kind is OPERATOR and (token.token == "." or "-" in token.token):
            raise error_at(
                f"`{token.token}` has no meaning among grouping factors: name them.",
                token,
            )


def check_removed_intercepts(tokens, scopes, bars):
    """Raise for ``(0 + x)`` without a bar, where the algebra would lose the 0."""
    for position, token in enumerate(tokens):
        before = tokens[position - 1].token if position else ""
        removes = token.token == "0" or (token.token == "1" and before.endswith("-"))
        inside = scopes[position] >= 0 and scopes[position] not in bars
        if token.kind is VALUE and removes and inside:
            raise error_at(
                "An intercept cannot be removed inside parentheses without a bar; "
                "write `0 +` at the start of the formula or of the random-effects "
                "term.",
                token,
            )


def add_intercepts(tokens, tilde, bars):
    """Write ``1 +`` after the tilde and at the start of each bar; ``0`` as ``- 1``."""
    if tilde == len(tokens) - 1:
        raise error_at(
            "The formula has nothing on the right of `~`.",
            tokens[-1] if tokens else None,
        )
    one, plus = Token("1", kind="value"), Token("+", kind="operator")
    starts = {tilde, *bars}
    out = [one, *joined(tokens[0], plus)] if tilde < 0 else []
    for position, token in enumerate(tokens):
        if token.kind is VALUE and token.token == "0":
            out.append(token.copy_with_attrs(token="-", kind="operator"))
            token = token.copy_with_attrs(token="1")
        out.append(token)
        if position in starts:
            out += [one, *joined(tokens[position + 1], plus)]
    return list(merge_operator_tokens(out, symbols={"+", "-"}))


def joined(token, plus):
    """Return the ``+`` that must stand between the intercept and ``token``, if any."""
    if token.kind is not OPERATOR or token.token == ".":
        return [plus]
    if token.token[0] not in "+-":
        raise error_at(f"The operator `{token.token}` lacks its left side.", token)
    return []


def columns_of(token):
    """List the columns that a token reads."""
    if token.kind is NAME:
        return (token.token,)
    if token.kind is PYTHON:
        return read_expression(token.token).columns
    return ()
