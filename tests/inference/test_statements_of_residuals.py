"""Every public statement of a linear model is made with ``residual=``, or refused."""

import os
import re
from functools import cache
from types import FunctionType

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import skmixed
from skmixed import MixedLinearRegressor, inspection
from skmixed.datasets import make_trial

mpl.use("agg")
FORMULA, RESIDUAL = "y ~ arm * visit + age", "ar1h(visit | subject)"
REFUSED = (
    "independent residuals|needs random effects|has no random effects"
    "|adapt holds the variances of random effects"
)
SAID = "residual|random effects|dispersion"


@pytest.fixture(autouse=True)
def closed_figures():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@cache
def table():
    X, y = make_trial(30, 3, random_state=1)
    return X.assign(y=y, age=40.0 + (7 * X["subject"]) % 11)


@cache
def fit(formula=FORMULA, residual=RESIDUAL):
    return MixedLinearRegressor(formula, residual=residual).fit(table())


def smaller(model, rows):
    """The same model without an interaction."""
    formula = model.formula.replace("arm * visit", "arm + visit")
    return clone(model).set_params(formula=formula).fit(rows)


def several():
    y = table()["y"]
    Y = pd.DataFrame({"one": y, "two": y**2})
    return skmixed.fit_many(clone(fit()), table().drop(columns="y"), Y)


# What a model says: its methods.
METHODS = {
    "adapt": lambda m, d: m.adapt(d),
    "bootstrap": lambda m, d: m.bootstrap(2, random_state=0),
    "conf_int": lambda m, d: m.conf_int(),
    "describe": lambda m, d: m.describe(),
    "design_effect": lambda m, d: m.design_effect(),
    "equations": lambda m, d: m.equations(),
    "fit": lambda m, d: clone(m).fit(d),
    "icc": lambda m, d: m.icc(),
    "marginal_cov": lambda m, d: m.marginal_cov(d.head(3)),
    "partial_fit": lambda m, d: clone(m).partial_fit(d),
    "predict": lambda m, d: m.predict(d, return_std=True),
    "predict_interval": lambda m, d: m.predict_interval(d),
    "profile": lambda m, d: m.profile("age", confidence_level=0.5),
    "r2_nakagawa": lambda m, d: m.r2_nakagawa(),
    "random_effects_frame": lambda m, d: m.random_effects_frame(),
    "refit": lambda m, d: m.refit(d, d["y"] ** 2),
    "report": lambda m, d: m.report(os.devnull, d),
    "score": lambda m, d: m.score(d, d["y"]),
    "simulate": lambda m, d: m.simulate(d, random_state=0),
    "submodel": lambda m, d: m.submodel("y ~ arm + (1 | subject)"),
    "summary": lambda m, d: m.summary(ddf="kenward-roger"),
    "update": lambda m, d: m.update(d),
    "variance_partition": lambda m, d: m.variance_partition(),
    "variance_std_errors": lambda m, d: m.variance_std_errors(),
}
# Public functions of models.
FUNCTIONS = {
    "anova": lambda m, d: [skmixed.anova(m, type=kind) for kind in (1, 2, 3)],
    "as_marginaleffects": lambda m, d: skmixed.as_marginaleffects(m, d),
    "permutation_test": lambda m, d: skmixed.permutation_test(m, d, L="x = 0"),
    "bootstrap_test": lambda m, d: skmixed.bootstrap_test(
        smaller(m, d), m, 2, random_state=0
    ),
    "check_model": lambda m, d: inspection.check_model(m, d),
    "cluster_robust": lambda m, d: skmixed.cluster_robust(m, d),
    "compare_covariances": lambda m, d: skmixed.compare_covariances(
        m, d, structures=["car1", "gau"]
    ),
    "compare_models": lambda m, d: skmixed.compare_models({"m": m}, d, cv=2),
    "compare_table": lambda m, d: skmixed.compare_table([m, m]),
    "contrast_test": lambda m, d: skmixed.contrast_test(m, np.eye(5)),
    "describe": lambda m, d: skmixed.describe(m),
    "drop_fixed_terms": lambda m, d: skmixed.drop_fixed_terms(m),
    "drop_random_terms": lambda m, d: skmixed.drop_random_terms(m, d),
    "emmeans": lambda m, d: skmixed.emmeans(m, "arm", "visit"),
    "emtrends": lambda m, d: skmixed.emtrends(m, "visit", "arm"),
    "fit_many": lambda m, d: several(),
    "influence": lambda m, d: inspection.influence(m, d, level="subject"),
    "johnson_neyman": lambda m, d: skmixed.johnson_neyman(
        fit("y ~ age * visit"), "age", "visit", (0, 2)
    ),
    "joint_tests": lambda m, d: skmixed.joint_tests(m),
    "likelihood_ratio_test": lambda m, d: skmixed.likelihood_ratio_test(
        smaller(m, d), m
    ),
    "pool": lambda m, d: skmixed.pool([m, m]),
    "simulated_residuals": lambda m, d: inspection.simulated_residuals(m, d),
    "visit_table": lambda m, d: skmixed.visit_table(
        m, d, treatment="arm", visit="visit"
    ),
}
# Those that are about data, other estimators or files.
OF_OTHER_THINGS = {
    *("compare_approaches", "describe_occasions", "estimate_memory"),
    *(
        "simulate_power",
        "five_approaches",
        "from_dict",
        "naive_vs_mixed",
        "to_dict",
        "trusted_types",
    ),
}
DISPLAYS = {
    "CovarianceDisplay": lambda D, m, d: D.from_estimator(m, d),
    "GroupLinesDisplay": lambda D, m, d: D.from_estimator(m, d, x="visit"),
    "InfluenceDisplay": lambda D, m, d: D.from_estimator(m, d, level="subject"),
    "ProfileDisplay": lambda D, m, d: D.from_estimator(m, "age"),
    "RandomEffectsDisplay": lambda D, m, d: D.from_estimator(m),
    "ResidualsDisplay": lambda D, m, d: D.from_estimator(m, d),
    "ShrinkageDisplay": lambda D, m, d: D.from_estimator(m),
    "SlopesDisplay": lambda D, m, d: D.from_estimator(
        fit("y ~ age * visit"), d, "age", "visit"
    ),
    "TrajectoriesDisplay": lambda D, m, d: D.from_estimator(
        m, d, x="visit", group="subject"
    ),
    "VarianceDisplay": lambda D, m, d: D.from_estimator(m),
    "VariogramDisplay": lambda D, m, d: D.from_estimator(
        m, d, time="visit", subject="subject"
    ),
    "VisitsDisplay": lambda D, m, d: D.from_estimator(
        m, d, treatment="arm", visit="visit"
    ),
}
# What has no answer where residuals covary, or where there are no random effects.
NO_ANSWER = {
    *("adapt", "design_effect", "icc", "partial_fit", "r2_nakagawa"),
    *("submodel", "update", "variance_partition"),
    *("as_marginaleffects", "cluster_robust"),
    *("compare_table", "drop_random_terms", "permutation_test"),
    "simulated_residuals",
    *("GroupLinesDisplay", "RandomEffectsDisplay"),
    *("ShrinkageDisplay", "TrajectoriesDisplay", "VarianceDisplay"),
}


def asked():
    for name, ask in {**METHODS, **FUNCTIONS}.items():
        yield pytest.param(name, ask, id=name)
    for name, ask in DISPLAYS.items():
        cls = getattr(inspection, name)
        yield pytest.param(name, lambda m, d, c=cls, a=ask: a(c, m, d), id=name)


@pytest.mark.parametrize(("name", "ask"), list(asked()))
def test_a_statement_is_made_or_refused_by_name(name, ask):
    if name in NO_ANSWER:
        with pytest.raises(ValueError, match=REFUSED):
            ask(fit(), table())
    else:
        assert ask(fit(), table()) is not None


def test_no_statement_is_missing():
    own = {
        name
        for name in dir(MixedLinearRegressor)
        if not name.startswith("_")
        and isinstance(getattr(MixedLinearRegressor, name), FunctionType)
        and getattr(MixedLinearRegressor, name).__module__.startswith("skmixed.")
    }
    assert own == set(METHODS)
    public = {
        name
        for package in (skmixed, inspection)
        for name in package.__all__
        if isinstance(getattr(package, name), FunctionType)
    }
    assert public - OF_OTHER_THINGS == set(FUNCTIONS)
    pictures = {
        name
        for name in inspection.__all__
        if hasattr(getattr(inspection, name), "from_estimator")
    }
    assert pictures == set(DISPLAYS)


KINDS = {
    "random effects beside it": (f"{FORMULA} + (1 | subject)", RESIDUAL, None),
    "a nugget": (FORMULA, "car1(visit | subject, nugget=True)", None),
    "a dispersion": (FORMULA, None, "~ arm"),
    "both": (FORMULA, "ar1(visit | subject)", "~ visit"),
    "irregular times": (FORMULA, "car1(hour | subject)", None),
    "random effects and a dispersion": (f"{FORMULA} + (1 | subject)", None, "~ arm"),
}


# What has an answer where there are random effects, and what beyond NO_ANSWER has none.
OF_GROUPS = {"GroupLinesDisplay", "RandomEffectsDisplay", "TrajectoriesDisplay"}
BY_VISIT = {"CovarianceDisplay"}
BESIDES = {
    "a dispersion": {
        *BY_VISIT,
        *("compare_covariances", "influence", "InfluenceDisplay"),
    },
    "irregular times": BY_VISIT,
    "random effects and a dispersion": {*BY_VISIT, "compare_covariances"},
}


@cache
def other_kind(name):
    formula, residual, dispersion = KINDS[name]
    rng = np.random.default_rng(0)
    rows = table().assign(hour=lambda d: d["visit"] + rng.uniform(0, 0.5, len(d)))
    options = {"residual": residual, "dispersion": dispersion}
    return MixedLinearRegressor(formula, **options).fit(rows), rows


def answered(name, kind):
    """Whether a statement is made of models of a kind."""
    if name in BESIDES.get(kind, ()):
        return False
    return name not in NO_ANSWER or ("random effects" in kind and name in OF_GROUPS)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "ask"), list(asked()))
def test_so_is_a_statement_of_other_kinds(kind, name, ask):
    """Made, or refused by an error that says why."""
    model, rows = other_kind(kind)
    if answered(name, kind):
        assert ask(model, rows) is not None
        return
    with pytest.raises(ValueError, match=SAID) as caught:
        ask(model, rows)
    assert not re.search(r"zip\(|shape|axis|index|broadcast", str(caught.value))


def test_sources_know_no_subjects():
    with pytest.raises(ValueError, match=REFUSED):
        clone(fit()).fit(lambda: [table()])
