"""The equations of a fitted model, level by level, with its own names."""

import html
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skmixed.printing.printed import Printed
from skmixed.printing.render import STYLE

# Subscripts of the levels: rows, and the grouping factors in order.
ROW, INDICES = "j", "iklmnopqrstuvx"
EFFECT_LETTERS = "vwuzabcdfghkmn"
SUBSCRIPTS = str.maketrans(
    "0123456789aehijklmnoprstuvx,", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ,"
)
# Share of a column's spread that may lie within groups if it is one of the groups.
CONSTANT_WITHIN = 1e-9


@dataclass(frozen=True)
class Symbol:
    """A letter or a name with subscripts.

    Attributes
    ----------
    name : str
    subscript : str
    latex : str
        The name in LaTeX.
    """

    name: str
    subscript: str
    latex: str

    def write(self, latex):
        """Write it as Unicode or as LaTeX."""
        if latex:
            return (
                f"{self.latex}_{{{self.subscript}}}" if self.subscript else self.latex
            )
        return self.name + self.subscript.translate(SUBSCRIPTS)


@dataclass(frozen=True, eq=False, repr=False)
class Equations(Printed):
    """Equations of a linear mixed model, as Unicode text and as LaTeX.

    Attributes
    ----------
    lines : tuple of (str, tuple of tuple of Symbol or str)
        Heading of every block, and its equations as sequences of pieces.
    estimates : dict of str to str
        Values of the coefficients and variances, by symbol.

    See Also
    --------
    MixedLinearRegressor.equations : What makes them.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
    >>> print(model.fit(load_sleepstudy().frame).equations(estimates=False))
    Level 1 (rows)
      Reactionᵢⱼ = b₀ᵢ + b₁ᵢ Daysᵢⱼ + εᵢⱼ
    Level 2 (Subject)
      b₀ᵢ = β₀ + v₀ᵢ
      b₁ᵢ = β₁ + v₁ᵢ
    Combined
      Reactionᵢⱼ = β₀ + β₁ Daysᵢⱼ + v₀ᵢ + v₁ᵢ Daysᵢⱼ + εᵢⱼ
    Distributions
      εᵢⱼ ~ N(0, σ²)
      (v₀ᵢ, v₁ᵢ) ~ N(0, Σ)
    """

    lines: tuple
    estimates: dict

    @property
    def frame(self):
        """A row per equation: its level, and the equation."""
        rows = [
            (heading, self._join(pieces, latex=False))
            for heading, equations in self.lines
            for pieces in equations
        ]
        return pd.DataFrame(rows, columns=["level", "equation"])

    def blocks(self):
        """Yield the equations, below their headings."""
        levels = self.frame.groupby("level", sort=False)["equation"]
        yield "\n".join("\n  ".join([name, *own]) for name, own in levels)

    def to_html(self):
        """Write the equations as HTML.

        Returns
        -------
        str
        """
        parts = []
        for name, own in self.frame.groupby("level", sort=False)["equation"]:
            lines = "<br>".join(html.escape(equation) for equation in own)
            parts.append(f"<p><b>{html.escape(name)}</b><br>{lines}</p>")
        return f'<div class="skmixed">{STYLE}{"".join(parts)}</div>'

    def to_markdown(self):
        """Write the equations in Markdown, as preformatted text.

        Returns
        -------
        str
        """
        return "\n".join(["```", *self.blocks(), "```"])

    def to_latex(self):
        """Write the equations in an ``aligned`` environment.

        Returns
        -------
        str
        """
        return self.latex

    @property
    def latex(self):
        r"""The equations in an ``aligned`` environment."""
        text = []
        for heading, equations in self.lines:
            text.append(rf"&\text{{{escape(heading)}}}")
            text += [
                rf"&\quad {self._join(pieces, latex=True)}" for pieces in equations
            ]
        body = r" \\" + "\n"
        return rf"\begin{{aligned}}{chr(10)}{body.join(text)}{chr(10)}\end{{aligned}}"

    def _repr_latex_(self):
        return f"$$\n{self.latex}\n$$"

    def _join(self, pieces, latex):
        written = [
            piece if isinstance(piece, str) else self._write(piece, latex)
            for piece in pieces
        ]
        text = " ".join(written)
        # a negative estimate is subtracted
        text = text.replace("+ -", "- ").replace("( ", "(").replace(" )", ")")
        text = text.replace(" ,", ",")
        return to_latex(text) if latex else text

    def _write(self, symbol, latex):
        value = self.estimates.get(symbol)
        return symbol.write(latex) if value is None else value


def to_latex(text):
    """Turn signs and matrices between symbols into LaTeX."""
    text = re.sub(r"\[([^\]]*;[^\]]*)\]", matrix_to_latex, text)
    return text.replace("~", r"\sim").replace("σ²", r"\sigma^2").replace("Σ", r"\Sigma")


def matrix_to_latex(match):
    """Turn the rows of a matrix, ``1 2; 3 4``, into LaTeX."""
    rows = match.group(1).split("; ")
    body = r" \\ ".join(row.replace(" ", " & ") for row in rows)
    return rf"\begin{{pmatrix}} {body} \end{{pmatrix}}"


def escape(text):
    """Escape what LaTeX would read as a command."""
    return re.sub(r"([&%$#_{}])", r"\\\1", text)


class EquationsMixin:
    """Write the fitted model as equations."""

    def equations(self, *, estimates=True, digits=3):
        """Level-1, level-2 and combined equations, with the names of the model.

        Parameters
        ----------
        estimates : bool, default=True
            Write estimates for the coefficients and variances; otherwise letters.
        digits : int, default=3
            Significant digits of the estimates.

        Returns
        -------
        Equations
            Prints as Unicode text, shows as LaTeX in a notebook; ``latex`` is a string.

        See Also
        --------
        summary : The same as tables.
        describe : The same in sentences.

        Examples
        --------
        >>> from skmixed import MixedLinearRegressor
        >>> from skmixed.datasets import load_sleepstudy
        >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
        >>> print(model.fit(load_sleepstudy().frame).equations())
        Level 1 (rows)
          Reactionᵢⱼ = b₀ᵢ + b₁ᵢ Daysᵢⱼ + εᵢⱼ
        Level 2 (Subject)
          b₀ᵢ = 251 + v₀ᵢ
          b₁ᵢ = 10.5 + v₁ᵢ
        Combined
          Reactionᵢⱼ = 251 + 10.5 Daysᵢⱼ + v₀ᵢ + v₁ᵢ Daysᵢⱼ + εᵢⱼ
        Distributions
          εᵢⱼ ~ N(0, 655)
          (v₀ᵢ, v₁ᵢ) ~ N(0, [612 9.6; 9.6 35.1])
        """
        check_is_fitted(self)
        writer = self._equation_writer(self, estimates, digits)
        return Equations(tuple(writer.blocks()), writer.values)


class Writer:
    """Lay out the equations of one model."""

    def __init__(self, model, estimates, digits):
        self.result, self.spec = model.result_, model.spec_
        self.digits, self.with_estimates = digits, estimates
        self.names = model.fitted_.names
        response = model.spec_.formula.response or "y"
        # subjects of residuals that covary are i, their visits j
        residual = getattr(self.result, "residual", None) is not None
        self.rows = rows = INDICES[: len(self.result.groups) or residual] + ROW
        self.response = self.variable(response, rows)
        self.residual = Symbol("ε", rows, r"\varepsilon")
        self.noise = [[self.residual]]
        self.beta = {
            name: Symbol("β", str(place), r"\beta")
            for place, name in enumerate(self.names)
        }
        self.values = {}
        if estimates:
            values = zip(self.beta.values(), self.result.coef, strict=True)
            self.values = {symbol: self.number(v) for symbol, v in values}
        self.levels = dict(zip(self.names, column_levels(self.result), strict=True))

    def number(self, value):
        """Write an estimate with so many significant digits."""
        text = f"{value:.{self.digits}g}"
        return text if "e" not in text or abs(value) < 1e-4 else f"{value:.0f}"

    def variable(self, name, rows):
        """Write the name of a column, with the subscript of its level."""
        return Symbol(name, rows, rf"\text{{{escape(name)}}}")

    def column(self, name):
        """Write a column: of rows, or of the groups within which it is constant."""
        level = self.levels.get(name)
        rows = self.rows if level is None else INDICES[level]
        return self.variable(name, rows)

    def times_column(self, symbol, name):
        """Write a coefficient times its column; the intercept has none."""
        return [symbol] if name == "Intercept" else [symbol, self.column(name)]

    def blocks(self):
        """Yield every block: its heading and its equations."""
        effects = [
            (factor, place, name)
            for factor, names in enumerate(self.result.effects)
            for place, name in enumerate(names)
        ]
        if len(self.result.groups) == 1:
            yield from self.two_levels(effects)
            heading = "Combined"
        else:
            heading = "Model"
        sum_ = [self.times_column(self.beta[name], name) for name in self.names] + [
            self.times_column(self.effect(f, place), name) for f, place, name in effects
        ]
        yield heading, (self.equation(self.response, [*sum_, *self.noise]),)
        yield "Distributions", tuple(self.distributions())

    def two_levels(self, effects):
        """Yield the equations of rows and those of groups."""
        names = [name for _, _, name in effects]
        upper = {name: [] for name in names}
        level1 = []
        for place, name in enumerate(names):
            slope = Symbol("b", f"{place}{INDICES[0]}", "b")
            level1.append(self.times_column(slope, name))
        for name in self.names:
            home, column = self.home_of(name, names)
            if home is None:
                level1.append(self.times_column(self.beta[name], name))
            else:
                piece = [self.beta[name]]
                upper[home].append(piece if column is None else [*piece, column])
        yield (
            "Level 1 (rows)",
            (self.equation(self.response, [*level1, *self.noise]),),
        )
        level2 = [
            self.equation(
                Symbol("b", f"{place}{INDICES[0]}", "b"),
                [*upper[name], [self.effect(0, place)]],
            )
            for place, name in enumerate(names)
        ]
        yield f"Level 2 ({self.result.groups[0]})", tuple(level2)

    def home_of(self, name, effects):
        """Find the level-2 equation that a coefficient belongs to.

        Returns
        -------
        effect : str or None
            None where it belongs to level 1.
        column : Symbol or None
            What it is multiplied with there; None for the mean of the effect itself.
        """
        if name in effects:
            return name, None
        if "Intercept" in effects and self.levels[name] == 0:
            return "Intercept", self.column(name)
        parts = name.split(":")
        for part in parts:
            rest = ":".join(p for p in parts if p != part)
            if part in effects and self.levels.get(rest) == 0:
                return part, self.column(rest)
        return None, None

    def effect(self, factor, place):
        """Write a random effect."""
        letter = EFFECT_LETTERS[factor]
        return Symbol(letter, f"{place}{INDICES[factor]}", letter)

    def equation(self, left, terms):
        """Write a sum as the pieces of an equation."""
        pieces = [left, "="]
        for place, term in enumerate(terms):
            pieces += [*(["+"] if place else []), *term]
        return tuple(pieces)

    def distributions(self):
        """Yield what is random: the residual, and the effects of every factor."""
        variance = self.number(self.result.sigma**2) if self.with_estimates else "σ²"
        yield (self.residual, "~", f"N(0, {variance})")
        yield from self.effect_laws()

    def effect_laws(self):
        """Yield the distribution of the random effects of every factor."""
        for factor, covariance in enumerate(self.result.covariances):
            symbols = [self.effect(factor, place) for place in range(len(covariance))]
            many = len(self.result.groups) > 1
            text = f"Σ({self.result.groups[factor]})" if many else "Σ"
            if self.with_estimates:
                text = "; ".join(" ".join(map(self.number, row)) for row in covariance)
                text = f"[{text}]" if len(covariance) > 1 else text
            pieces = [symbols[0]]
            for symbol in symbols[1:]:
                pieces += [",", symbol]
            if len(symbols) > 1:
                pieces = ["(", *pieces, ")"]
            yield (*pieces, "~", f"N(0, {text})")


def column_levels(result):
    """Find the columns of X that are constant within the groups of a factor.

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    list of int or None
        For every column kept the first factor with an intercept within whose groups it
        does not vary, None if there is none.
    """
    A, levels = result.A, [None] * len(result.coef)
    raw = A.basis.fixed.coordinates
    m = len(raw)
    spread = np.diag(raw.T @ A.gram[:m, :m] @ raw)
    for factor in reversed(range(len(A.factors))):
        if "Intercept" not in A.factors[factor].effects:
            continue
        place = A.factors[factor].effects.index("Intercept")
        one = A.basis.random[factor].coordinates[:, place]
        total = np.einsum("a,abg,b->g", one, A.ZtZ[factor], one)
        sums = np.einsum("a,amg,mr->rg", one, A.ZtXy[factor][:, :m], raw)
        between = (sums**2 / total).sum(axis=1)
        for column in np.flatnonzero(spread - between <= CONSTANT_WITHIN * spread):
            levels[column] = factor
    return levels
