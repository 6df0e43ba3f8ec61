"""Every result that people print: whole in 80 columns, and the same in HTML."""

from importlib import import_module
from pathlib import Path
from types import FunctionType

import numpy as np
import pandas as pd
import pytest

import skmixed
from skmixed import MixedLinearRegressor, five_approaches, inspection
from skmixed.datasets import load_london_schools, make_trial
from skmixed.printing.printed import Printed

WIDTH = 80
FORMULA = "exam ~ lrt_of_pupils * gender_of_the_pupil + (lrt_of_pupils | school_number)"
CURVES = "exam ~ lrt_of_pupils * school_avg + (1 | school_number)"
NAMES = {"gender": "gender_of_the_pupil", "lrt": "lrt_of_pupils"}


@pytest.fixture(scope="module")
def schools():
    frame = load_london_schools().frame.rename(
        columns={**NAMES, "school": "school_number"}
    )
    return frame[frame["school_number"].isin(range(1, 25))].reset_index(drop=True)


@pytest.fixture(scope="module")
def model(schools):
    return MixedLinearRegressor(FORMULA).fit(schools)


@pytest.fixture(scope="module")
def smaller(schools):
    text = FORMULA.replace("(lrt_of_pupils |", "(1 |")
    return MixedLinearRegressor(text).fit(schools)


def visits_of_arms():
    X, y = load_trial_rows()
    model = MixedLinearRegressor(
        "~ treatment_of_patient * C(visit_of_week)",
        residual="us(visit_of_week | patient)",
    )
    model.fit(X, y)
    return skmixed.visit_table(model, X, y, treatment="treatment_of_patient")


def load_trial_rows():
    names = {"arm": "treatment_of_patient", "visit": "visit_of_week"}
    names["subject"] = "patient"
    X, y = make_trial(40, 3, random_state=0)
    return X.rename(columns=names), y


def by_gender(statement, *args):
    return lambda m, s, d: statement(m, *args, "gender_of_the_pupil")


RESULTS = {
    "summary": lambda m, s, d: m.summary(),
    "summary of a small model": lambda m, s, d: s.summary(),
    "anova": lambda m, s, d: skmixed.anova(m),
    "contrast_test": lambda m, s, d: skmixed.contrast_test(m, np.eye(4), joint=False),
    "joint test": lambda m, s, d: skmixed.contrast_test(m, np.eye(4)),
    "likelihood_ratio_test": lambda m, s, d: skmixed.likelihood_ratio_test(m, s),
    "permutation_test": lambda m, s, d: skmixed.permutation_test(
        s, d, L="lrt_of_pupils = 0", n_permutations=9, random_state=0
    ),
    "bootstrap_test": lambda m, s, d: skmixed.bootstrap_test(s, m, 9, random_state=0),
    "simulate_power": lambda m, s, d: skmixed.simulate_power(
        m, d, 10, {m.fixed_effects_.index[-1]: 1.0}, n_samples=20, random_state=0
    ),
    "drop_fixed_terms": lambda m, s, d: skmixed.drop_fixed_terms(m),
    "drop_random_terms": lambda m, s, d: skmixed.drop_random_terms(m, d),
    "emmeans": by_gender(skmixed.emmeans),
    "comparisons": lambda m, s, d: skmixed.emmeans(m, "gender_of_the_pupil").pairs,
    "emtrends": by_gender(skmixed.emtrends, "lrt_of_pupils"),
    "joint_tests": lambda m, s, d: skmixed.joint_tests(m),
    "simple effects": by_gender(skmixed.joint_tests),
    "johnson_neyman": lambda m, s, d: skmixed.johnson_neyman(
        MixedLinearRegressor(CURVES).fit(d), "lrt_of_pupils", "school_avg", (-1, 1)
    ),
    "cluster_robust": lambda m, s, d: skmixed.cluster_robust(m, d),
    "equations": lambda m, s, d: m.equations(),
    "describe": lambda m, s, d: skmixed.describe(m),
    "conf_int": lambda m, s, d: m.conf_int(),
    "profile": lambda m, s, d: s.profile("variance"),
    "profile intervals": lambda m, s, d: s.conf_int("variance", method="profile"),
    "bootstrap": lambda m, s, d: m.bootstrap(5, random_state=0),
    "variance_std_errors": lambda m, s, d: m.variance_std_errors(),
    "icc": lambda m, s, d: m.icc(),
    "variance_partition": lambda m, s, d: m.variance_partition(),
    "r2_nakagawa": lambda m, s, d: m.r2_nakagawa(),
    "design_effect": lambda m, s, d: m.design_effect(),
    "pool": lambda m, s, d: skmixed.pool([m, m]),
    "compare_table": lambda m, s, d: skmixed.compare_table([s, m] * 3, list("abcdef")),
    "compare_models": lambda m, s, d: skmixed.compare_models([FORMULA], d, cv=2),
    "compare_approaches": lambda m, s, d: skmixed.compare_approaches(FORMULA, d),
    "naive_vs_mixed": lambda m, s, d: skmixed.naive_vs_mixed(FORMULA, d),
    "compare_covariances": lambda m, s, d: skmixed.compare_covariances(
        MixedLinearRegressor("y ~ 1", residual="cs(time | school)"),
        pd.DataFrame(
            {
                "school": np.repeat(range(4), 5),
                "time": np.tile(range(5), 4),
                "y": d["exam"][:20],
            }
        ),
    ),
    "visit_table": lambda m, s, d: visits_of_arms(),
    "describe_occasions": lambda m, s, d: skmixed.describe_occasions(
        d.assign(visit=d.groupby("school_number").cumcount() % 14),
        *("exam", "visit", "school_number"),
    ),
    "influence": lambda m, s, d: inspection.influence(
        m, d, refit=False, level="school_number"
    ),
    "simulated_residuals": lambda m, s, d: inspection.simulated_residuals(
        m, d, n_simulations=20, random_state=0
    ),
    "check_model": lambda m, s, d: inspection.check_model(m, d),
    "estimate_memory": lambda m, s, d: skmixed.estimate_memory(FORMULA, d),
    **{
        f"summary of {name}": lambda m, s, d, name=name: (
            five_approaches(FORMULA)[name].fit(d).summary()
        )
        for name in ("aggregated", "pooled", "separate", "interaction")
    },
}


CLASSES = {
    "ApproachTable",
    "BootstrapReplicates",
    "PowerCurve",
    "ClusterRobust",
    "Equations",
    "Influence",
    "LinearSummary",
    "MarginalMeans",
    "MemoryEstimate",
    "ModelReport",
    "ModelTable",
    "Occasions",
    "ProfileLikelihood",
    "Sentences",
    "SimulatedResiduals",
    "Summary",
    "VisitTable",
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("make", RESULTS.values(), ids=RESULTS)
def test_results_are_whole_in_print(make, model, smaller, schools):
    result = make(model, smaller, schools)
    assert isinstance(result, Printed)
    assert isinstance(result.frame, (pd.DataFrame, pd.Series))
    text = str(result)
    assert repr(result) == text
    assert max(map(len, text.split("\n"))) < WIDTH
    assert "..." not in text
    assert "nan" not in text.lower().split()
    assert "DataFrame" not in text
    html = result._repr_html_()
    assert html.startswith('<div class="skmixed">')
    assert "NaN" not in html
    assert result.to_markdown()
    assert result.to_latex() or "MB" in text


# Public functions that return no result to be printed.
OTHERS = {
    *("as_marginaleffects", "fit_many", "five_approaches"),
    *("from_dict", "to_dict", "trusted_types"),
}


def test_no_result_is_missing():
    """Every class of results, and every public function that makes one, is above."""
    room = Path(skmixed.__file__).parent
    for file in room.rglob("*.py"):
        if "(Printed)" in file.read_text(encoding="utf-8"):
            parts = file.relative_to(room.parent).with_suffix("").parts
            import_module(".".join(parts))
    made = {make.__name__ for make in Printed.__subclasses__()}
    assert made <= CLASSES | {"PrintedTable"}
    packages = skmixed, inspection
    functions = {
        name
        for package in packages
        for name in package.__all__
        if isinstance(getattr(package, name), FunctionType)
    }
    assert functions - OTHERS <= set(RESULTS)
