"""The equations of a model whose residuals covary or differ in spread."""

import numpy as np

from skmixed.estimators.equations import Symbol, Writer

DISTANCE = "|tⱼ − tₖ|", "|t_j - t_k|"
RHO = Symbol("ρ", "", r"\rho")
# Of every structure: the correlation of visits j and k, as text and as LaTeX.
CORRELATIONS = {
    "us": ("ρⱼₖ", r"\rho_{jk}"),
    "cs": ("ρ", r"\rho"),
    "ar1": (f"ρ^{DISTANCE[0]}", rf"\rho^{{{DISTANCE[1]}}}"),
    "toep": ("ρ₍ⱼ₋ₖ₎, j > k", r"\rho_{j-k},\ j > k"),
    "ad": ("ρₖ ⋯ ρⱼ₋₁, j > k", r"\rho_k \cdots \rho_{j-1},\ j > k"),
    "car1": (f"exp(−{DISTANCE[0]} / r)", rf"\exp(-{DISTANCE[1]} / r)"),
    "gau": (f"exp(−({DISTANCE[0]} / r)²)", rf"\exp(-({DISTANCE[1]} / r)^2)"),
}
# The other visit's letter where k is a group.
NO_GROUP = str.maketrans("ₖk", "ₕh")


class ResidualWriter(Writer):
    """Lay out the equations of a model with ``residual=`` or ``dispersion=``.

    Subjects are i, their visits j; the slopes of a dispersion are γ.
    """

    def __init__(self, model, estimates, digits):
        super().__init__(model, estimates, digits)
        self.gamma = {}
        if model.dispersion_effects_ is not None:
            for place, name in enumerate(model.dispersion_effects_.index, start=1):
                self.gamma[name] = Symbol("γ", str(place), r"\gamma")
            if estimates:
                slopes = model.dispersion_effects_
                self.values |= {
                    symbol: self.number(slopes[name])
                    for name, symbol in self.gamma.items()
                }

    def blocks(self):
        """Yield the model, and the law of the residuals of every covariance."""
        if self.result.groups:
            yield from super().blocks()
        else:
            terms = [self.times_column(self.beta[name], name) for name in self.names]
            yield "Model", (self.equation(self.response, [*terms, *self.noise]),)
        spec, residual = self.spec.residual, self.result.residual
        if spec is None:
            structure, theta = next(residual.parts)
            yield "Residuals", tuple(self.laws("id", structure, theta))
            return
        for level, (structure, theta) in zip(spec.levels, residual.parts, strict=True):
            of = "" if level is None else f", {spec.term.by} = {level}"
            lines = tuple(self.laws(spec.term.name, structure, theta))
            yield f"Residuals within {spec.term.subject}{of}", lines

    def distributions(self):
        """Yield the laws of the random effects; those of the residuals come apart."""
        yield from self.effect_laws()

    def laws(self, name, structure, theta):
        """Yield the variance, the correlation and, where asked for, their values."""
        root = structure.root(theta)
        sd = self.result.sigma * np.linalg.norm(root, axis=1)
        free = structure.shape is None or structure.inner.heterogeneous
        text, latex = ("σⱼ²", r"\sigma_j^2") if free else ("σ²", r"\sigma^2")
        if self.with_estimates and not free:
            text = latex = self.number(sd[0] ** 2)
        if self.gamma:
            text, latex = f"{text} exp(2δ)", rf"{latex} \exp(2\delta)"
        yield (self.residual, "~", Symbol(f"N(0, {text})", "", f"N(0, {latex})"))
        if self.gamma:
            terms = [self.times_column(s, name) for name, s in self.gamma.items()]
            yield self.equation(Symbol("δ", "", r"\delta"), terms)
        if self.with_estimates and free:
            yield (
                Symbol("(σ₁, …)", "", r"(\sigma_1, \dots)"),
                "=",
                f"({', '.join(map(self.number, sd))})",
            )
        if name in CORRELATIONS:
            yield from self.correlation(name, structure, theta, root)

    def correlation(self, name, structure, theta, root):
        """Yield the correlation of two visits, and its parameters."""
        text, latex = CORRELATIONS[name]
        if len(self.rows) > 2:  # k is a group
            text, latex = text.translate(NO_GROUP), latex.replace("k", "h")
        last = "h" if len(self.rows) > 2 else "k"
        other = Symbol("ε", self.rows[:-1] + last, r"\varepsilon")
        if hasattr(structure.shape, "share"):
            text, latex = f"(1 − c) {text}", f"(1 - c) {latex}"
        cor = Symbol("cor", "", r"\operatorname{cor}")
        left = (cor, "(", self.residual, ",", other, ")")
        yield (*left, "=", Symbol(text, "", latex))
        if self.with_estimates:
            yield from self.correlation_values(name, structure, theta, root)

    def correlation_values(self, name, structure, theta, root):
        """Yield the parameters of the correlation."""
        shape = structure.shape
        if hasattr(shape, "share"):
            share = self.number(shape.share(structure.phi(theta)))
            yield (Symbol("c", "", "c"), "=", share)
        if hasattr(shape, "range_of"):
            value = self.number(shape.range_of(structure.phi(theta)))
            yield (Symbol("r", "", "r"), "=", value)
            return
        sd = np.linalg.norm(root, axis=1)
        R = root @ root.T / np.outer(sd, sd)
        if name == "us":
            rows = [" ".join(map(self.number, row)) for row in R]
            yield (Symbol("(ρⱼₖ)", "", r"(\rho_{jk})"), "=", f"[{'; '.join(rows)}]")
        elif name in ("cs", "ar1"):
            timed = shape.timed
            value = np.tanh(structure.phi(theta)[0]) if timed else R[1, 0]
            yield (RHO, "=", self.number(value))
        else:
            values = np.diag(R, -1) if name == "ad" else R[1:, 0]
            text = ", ".join(map(self.number, values))
            yield (Symbol("(ρ₁, …)", "", r"(\rho_1, \dots)"), "=", f"({text})")
