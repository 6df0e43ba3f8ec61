"""Who is compared, and how each one is asked for the same model.

Every ``open_...`` function runs in the environment of its package. It gets a case and
its table, and returns two functions: the call that is timed, from a fresh copy of the
table to a fitted model, and the reading of the log-likelihood from that model.
"""

from collections.abc import Callable
from dataclasses import dataclass

import generalised
from report import NOT_ASKED

REML, ML, OTHER = "REML", "ML", "other"
KINDS = {
    "linear": "linear models",
    "residual": "residuals that covary",
    "generalised": "families of responses",
}
STATSMODELS_ROWS = 5_000
SLOW_CROSSED_ROWS = 50_000


def open_skmixed(case, frame):
    """Ask skmixed for the formula."""
    from skmixed import MixedLinearRegressor

    # a base from before there were residual covariances has no such parameter
    options = {"residual": case.residual} if case.residual else {}
    model = MixedLinearRegressor(case.formula, **options)
    return model.fit, lambda model: model.loglik_


def open_glmm(case, frame):
    """Ask glmm for the formula, without degrees of freedom."""
    import glmm

    def fit(frame):
        return glmm.fit(frame, case.formula, satterthwaite=False, anova_test="Wald")

    return fit, lambda model: model.loglik


def open_mixedlm(case, frame):
    """Ask mixedlm for the formula."""
    import mixedlm

    def log_likelihood(model):
        value = model.logLik()
        return getattr(value, "value", value)

    return lambda frame: mixedlm.lmer(case.formula, frame), log_likelihood


def open_mixedlm_rs(case, frame):
    """Ask mixedlm-rs in statsmodels' way."""
    import mixedlm_rs

    return _statsmodels_calls(case, mixedlm_rs.mixedlm)


def open_statsmodels(case, frame):
    """Ask statsmodels."""
    from statsmodels.formula.api import mixedlm

    return _statsmodels_calls(case, mixedlm)


def _statsmodels_calls(case, mixedlm):
    """Ask in statsmodels' way: one factor, or independent components in one group."""
    if len(case.random) == 1:
        ((effects, group),) = case.random
        groups, options = _joined(group), {"re_formula": effects}
    else:
        components = {group: f"0 + C({_joined(group)})" for _, group in case.random}
        groups, options = "everything", {"vc_formula": components, "re_formula": "0"}

    def fit(frame):
        frame["everything"] = 1
        for group in case.groups:
            if ":" in group:
                frame[_joined(group)] = _join_columns(frame, group)
        return mixedlm(case.fixed, frame, groups=groups, **options).fit(reml=True)

    return fit, lambda model: model.llf


def open_lme_python(case, frame):
    """Ask lme-python for the formula."""
    import lme_python

    return (
        lambda frame: lme_python.lmer(case.formula, frame, reml=True),
        lambda model: model.log_likelihood,
    )


def open_interlace(case, frame):
    """Ask interlace for fixed effects and a list of random terms."""
    import interlace

    random = [f"({effects} | {_joined(group)})" for effects, group in case.random]

    def fit(frame):
        for group in case.groups:
            if ":" in group:
                frame[_joined(group)] = _join_columns(frame, group)
        return interlace.fit(case.fixed, frame, random=random, method="REML")

    return fit, lambda model: model.llf


def open_gpboost(case, frame):
    """Ask gpboost for independent random intercepts."""
    import gpboost
    import numpy as np
    from formulaic import model_matrix

    # gpboost has no formulas: its arrays are made before the clock starts
    X = model_matrix(case.fixed.split("~")[1], frame, output="pandas")
    y = frame[case.response].to_numpy(float)
    columns = [
        _join_columns(frame, group) if ":" in group else frame[group].astype(str)
        for group in case.groups
    ]
    groups = np.column_stack([column.factorize()[0] for column in columns])

    def fit(frame):
        model = gpboost.GPModel(group_data=groups, likelihood="gaussian")
        model.fit(y=y, X=X)
        return model

    return fit, lambda model: -model.get_current_neg_log_likelihood()


def _joined(group):
    return group.replace(":", "_and_")


def _join_columns(frame, group):
    first, second = group.split(":")
    return frame[first].astype(str) + ":" + frame[second].astype(str)


def refuse_nothing(case):
    """Try every case."""
    return ""


def refuse_several_factors(case):
    """Refuse more than one grouping factor."""
    return "one grouping factor only" if len(case.groups) > 1 else ""


def refuse_slopes(case):
    """Refuse what is not a random intercept."""
    return "" if case.intercepts_only else "no correlated random effects"


def refuse_large(case):
    """Refuse large tables, and slopes of crossed factors."""
    if case.n_rows > STATSMODELS_ROWS:
        return f"not tried above {STATSMODELS_ROWS:,} rows"
    if not case.intercepts_only and len(case.groups) > 1:
        return "no correlated effects of two crossed factors"
    return ""


def refuse_large_crossed(case):
    """Refuse crossed factors of large tables."""
    if case.crossed and case.n_rows > SLOW_CROSSED_ROWS:
        return f"not tried on crossed factors above {SLOW_CROSSED_ROWS:,} rows"
    return ""


@dataclass(frozen=True)
class Rival:
    """A package in the comparison.

    Parameters
    ----------
    name : str
        Name on PyPI, and of its environment.
    requirements : tuple of str
        What pip installs, besides pandas and pyarrow.
    start : callable
        ``(case, frame) -> (fit, loglik)``.
    refuse : callable
        ``case -> str``: why it is not asked for this model, or nothing.
    method : str
        "REML", or "ML" where the package has nothing else.
    remark : str
        What a reader must know to judge its figures.
    r_call : callable, optional
        Of a package of R: ``case -> str``, the call for the data frame ``table``, empty
        where it has no such model.
    generalised : callable, optional
        As `start`, for families of responses.
    approximates : bool
        Whether it has another approximation of their likelihood for several factors.
    kinds : tuple of str
        Kinds of the models that a package of R is asked for; of the others "linear",
        and "generalised" where they have that function.
    """

    name: str
    requirements: tuple[str, ...]
    start: Callable
    refuse: Callable = refuse_nothing
    method: str = REML
    remark: str = ""
    r_call: Callable | None = None
    generalised: Callable | None = None
    approximates: bool = False
    kinds: tuple[str, ...] = ("linear",)

    def method_on(self, case):
        """Say what is maximised: "REML", "ML" or another approximation of it."""
        if not case.family:
            return self.method
        return OTHER if self.approximates and len(case.groups) > 1 else ML

    def open(self, case, frame):
        """Give the call that is timed, and the reading of the log-likelihood."""
        start = self.generalised if case.family else self.start
        return start(case, frame)

    def reason(self, case):
        """Say why it is not asked for a model; empty where it is."""
        if case.kind not in self.kinds and not (case.family and self.generalised):
            return f"{NOT_ASKED} {KINDS[case.kind]}"
        if self.r_call is not None and not self.r_call(case):
            return f"has no {case.residual.partition('(')[0] or 'such model'}"
        return self.refuse(case)


RIVALS = [
    Rival(
        "glmm",
        ("glmm==0.6.2",),
        open_glmm,
        remark="compiled (Rust); asked without Satterthwaite's degrees of freedom "
        "(`satterthwaite=False`), which skmixed computes only when they are read",
        generalised=generalised.open_glmm,
    ),
    Rival(
        "mixedlm",
        ("mixedlm==1.3.0",),
        open_mixedlm,
        generalised.refuse_large,
        remark="compiled (Rust)",
        generalised=generalised.open_mixedlm,
    ),
    Rival(
        "mixedlm-rs",
        ("mixedlm-rs==0.2.0",),
        open_mixedlm_rs,
        refuse_several_factors,
        remark="compiled (Rust), statsmodels' interface",
    ),
    Rival(
        "lme-python",
        ("lme-python==0.2.7",),
        open_lme_python,
        refuse_large_crossed,
        remark="compiled (Rust)",
    ),
    Rival(
        "gpboost",
        ("gpboost==1.8.0", "formulaic"),
        open_gpboost,
        refuse_slopes,
        ML,
        remark="compiled (C++); maximum likelihood, since it has no REML; stochastic "
        "approximations by default where there are several factors; no formulas, so "
        "that its design matrix is made before the clock starts",
        generalised=generalised.open_gpboost,
        approximates=True,
    ),
    Rival(
        "statsmodels",
        ("statsmodels==0.15.0",),
        open_statsmodels,
        refuse_large,
        remark="several factors as variance components of one group",
    ),
    Rival(
        "interlace-lme",
        ("interlace-lme==0.3.2",),
        open_interlace,
        refuse_large_crossed,
        remark="without its optional CHOLMOD",
    ),
]
SKMIXED = Rival("skmixed", (), open_skmixed, generalised=generalised.open_skmixed)


def ask_lme4(case):
    """Ask lme4 for the formula."""
    if case.family:
        return generalised.ask_lme4(case)
    return f"lmer({case.formula}, table)"


# Correlations of nlme by the name of the structure without its h.
NLME = {
    "us": "corSymm(form = ~ {time} | {subject})",
    "cs": "corCompSymm(form = ~ 1 | {subject})",
    "ar1": "corAR1(form = ~ {time} | {subject})",
}


def ask_nlme(case):
    """Ask nlme's gls for a correlation, and for variances by visit."""
    name, (visit, subject) = read_residual(case)
    kind = name if name in NLME else name.removesuffix("h")
    if kind not in NLME:
        return ""
    time = {"visit": "time"}.get(visit, visit)
    correlation = NLME[kind].format(time=time, subject=subject)
    weights = f", weights = varIdent(form = ~ 1 | {visit})"
    unequal = name == "us" or name.endswith("h")
    return (
        f"gls({case.fixed}, table, correlation = {correlation}"
        f"{weights if unequal else ''})"
    )


def ask_glmmtmb(case):
    """Ask glmmTMB for the covariance as that of random effects, without residual."""
    if case.family:
        return generalised.ask_glmmtmb(case)
    name, (visit, subject) = read_residual(case)
    kinds = {"us": "us", "csh": "cs", "ar1": "ar1", "toeph": "toep"}
    if name not in kinds:
        return ""
    term = f"{kinds[name]}(0 + factor({visit}) | {subject})"
    return f"glmmTMB({case.fixed} + {term}, table, dispformula = ~ 0, REML = TRUE)"


def read_residual(case):
    """Name of the structure, and the columns of visits and subjects."""
    name, _, rest = case.residual.partition("(")
    return name, tuple(part.strip() for part in rest.rstrip(")").split("|"))


R_RIVALS = [
    Rival(
        "lme4",
        (),
        None,
        refuse=generalised.refuse_large,
        remark="R, with its default control",
        r_call=ask_lme4,
        kinds=("linear", "generalised"),
    ),
    Rival(
        "nlme",
        (),
        None,
        remark="R, `gls` with its default control",
        r_call=ask_nlme,
        kinds=("residual",),
    ),
    Rival(
        "glmmTMB",
        (),
        None,
        remark="R; the residuals' covariance as that of random effects, with "
        "`dispformula = ~ 0`",
        r_call=ask_glmmtmb,
        kinds=("residual", "generalised"),
    ),
]


def select_rivals(names=None):
    """Return the rivals with these names, all of them by default."""
    known = {rival.name: rival for rival in RIVALS}
    unknown = set(names or ()) - set(known)
    if unknown:
        raise ValueError(
            f"no rival is called {sorted(unknown)}; there are {list(known)}."
        )
    return [known[name] for name in names or known]
