"""The equations of a generalised model: of its mean, through its link."""

from skmixed.estimators.equations import Symbol, Writer, escape

# How the left side of the equations is written, by link; P of events, E of amounts.
LEFT = {
    "logit": ("logit", r"\operatorname{logit}"),
    "probit": ("probit", r"\Phi^{-1}"),
    "cloglog": ("cloglog", r"\operatorname{cloglog}"),
    "log": ("log", r"\log"),
    "inverse": ("1 /", "1 /"),
}
LAWS = {
    "binomial": "binomial",
    "poisson": "Poisson",
    "nbinom2": "negative binomial",
    "Gamma": "Gamma",
    "inverse.gaussian": "inverse Gaussian",
    "beta": "beta",
    "ordinal": "grades",
}


class FamilyWriter(Writer):
    """Lay out the equations of one generalised model.

    Parameters
    ----------
    model : GeneralizedEstimator
    estimates : bool
    digits : int
    """

    def __init__(self, model, estimates, digits):
        super().__init__(model, estimates, digits)
        self.family, self.psi = self.result.family, self.result.psi
        self.outcome, self.plain = model._outcome(), self.response
        if self.family.name == "ordinal":
            self.outcome = f"{self.plain.name} > k"
        operator, latex = LEFT[self.family.link.name]
        mean = "P" if self.family.name in ("binomial", "ordinal") else "E"
        self.response = Symbol(
            f"{operator} {mean}({self.outcome})",
            self.rows,
            rf"{latex}\, {mean}(\text{{{escape(self.outcome)}}})",
        )
        self.noise = []

    def equation(self, left, terms):
        """Write a sum; of grades the threshold is taken off the predictor."""
        if left is self.response and self.family.name == "ordinal":
            terms = [["-", Symbol("τ", "k", r"\tau")], *terms]
        return super().equation(left, terms)

    def distributions(self):
        """Yield the law of the responses, and the effects of every factor."""
        law, dispersion = LAWS[self.family.name], self.family.dispersion(self.psi)
        pieces = [self.plain, "~", Symbol(law, "", rf"\text{{{law}}}")]
        if dispersion is not None and self.with_estimates:
            theta = Symbol("θ", "", r"\theta"), Symbol("φ", "", r"\phi")
            letter = theta[self.family.name != "nbinom2"]
            pieces += [",", letter, f"= {self.number(dispersion)}"]
        yield tuple(pieces)
        if self.family.name == "ordinal" and self.with_estimates:
            cuts = ", ".join(map(self.number, self.psi))
            yield (Symbol("τ", "", r"\tau"), "=", cuts)
        yield from self.effect_laws()
