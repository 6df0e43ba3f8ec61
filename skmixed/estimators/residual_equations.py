"""The equations of a model whose residuals covary over visits."""

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


class ResidualWriter(Writer):
    """Lay out the equations of a model with ``residual=``.

    Subjects are i, their visits j.
    """

    def blocks(self):
        """Yield the model, and the law of the residuals of every covariance."""
        terms = [self.times_column(self.beta[name], name) for name in self.names]
        yield "Model", (self.equation(self.response, [*terms, *self.noise]),)
        spec, residual = self.spec.residual, self.result.residual
        for level, (structure, theta) in zip(spec.levels, residual.parts, strict=True):
            of = "" if level is None else f", {spec.term.by} = {level}"
            lines = tuple(self.laws(spec.term.name, structure, theta))
            yield f"Residuals within {spec.term.subject}{of}", lines

    def laws(self, name, structure, theta):
        """Yield the variance, the correlation and, where asked for, their values."""
        root = structure.root(theta)
        sd = self.result.sigma * np.linalg.norm(root, axis=1)
        free = structure.shape is None or structure.inner.heterogeneous
        variance = ("σⱼ²", r"\sigma_j^2") if free else ("σ²", r"\sigma^2")
        if self.with_estimates and not free:
            variance = (self.number(sd[0] ** 2),) * 2
        law = [f"N(0, {text})" for text in variance]
        yield (self.residual, "~", Symbol(law[0], "", law[1]))
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
        other = Symbol("ε", "ik", r"\varepsilon")
        text, latex = CORRELATIONS[name]
        shape = structure.shape
        nugget = hasattr(shape, "share")
        if nugget:
            text, latex = f"(1 − c) {text}", f"(1 - c) {latex}"
        cor = Symbol("cor", "", r"\operatorname{cor}")
        left = (cor, "(", self.residual, ",", other, ")")
        yield (*left, "=", Symbol(text, "", latex))
        if not self.with_estimates:
            return
        if nugget:
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
