"""What is public: the names that users may rely on, and how they are reached."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import skmixed

ROOT = Path(__file__).resolve().parents[1]
PUBLIC = {
    "skmixed": """
        AggregatedLinearRegressor FormulaError InteractionLinearRegressor
        LaplaceAccuracyWarning MixedBetaRegressor MixedBinomialRegressor
        MixedEffectsRegressor MixedGammaRegressor MixedInverseGaussianRegressor
        MixedLinearRegressor MixedLogisticClassifier MixedNegativeBinomialRegressor
        MixedOrdinalClassifier MixedPoissonRegressor PooledLinearRegressor
        RandomEffectEncoder RankDeficiencyWarning RedundantTermWarning
        SeparateLinearRegressor SeparationWarning SingularFitWarning Statistics anova
        as_marginaleffects bootstrap_test cluster_robust
        compare_approaches compare_covariances compare_models compare_table
        contrast_test describe describe_occasions drop_fixed_terms drop_random_terms
        emmeans emtrends estimate_memory fit_many
        five_approaches from_dict johnson_neyman joint_tests likelihood_ratio_test
        naive_vs_mixed permutation_test
        pool simulate_power to_dict
        trusted_types visit_table
    """,
    "skmixed.datasets": """
        fetch_reisby load_cake load_cbpp load_chem97 load_contraception load_dyestuff
        load_grouseticks load_insteval load_london_schools load_machines load_oxboys
        load_pastes load_penicillin load_scots_schools load_sleepstudy load_verbagg
        load_wine make_mixed_classification make_mixed_regression make_trial
    """,
    "skmixed.inspection": """
        Influence ModelReport SimulatedResiduals check_model influence
        simulated_residuals
    """,
    "skmixed.model_selection": "FirstRowsKFold compare_models",
}
# displays come and go by their files: tests/test_places.py counts
PUBLIC["skmixed.inspection"] += " ".join(
    name for name in skmixed.inspection.__all__ if name.endswith("Display")
)


# Estimators whose methods say what else to look at, and show how they are called.
ESTIMATORS = (
    "MixedLinearRegressor",
    "MixedLogisticClassifier",
    "MixedOrdinalClassifier",
    "MixedBinomialRegressor",
    "MixedPoissonRegressor",
)


@pytest.mark.parametrize("package", PUBLIC)
def test_public_names_are_those_of_the_list(package):
    module = import_module(package)
    assert sorted(module.__all__) == sorted(PUBLIC[package].split())
    for name in module.__all__:
        assert getattr(module, name).__doc__


def public_docstrings():
    """Docstrings of public functions, classes and methods of the estimator, by name."""
    for package, names in PUBLIC.items():
        for name in names.split():
            found = getattr(import_module(package), name)
            if not (isinstance(found, type) and issubclass(found, Exception)):
                yield pytest.param(found.__doc__, id=name)
    for estimator in ESTIMATORS:
        kind = getattr(skmixed, estimator)
        for name in dir(kind):
            # what is there for linear models alone is no attribute of others
            method = getattr(kind, name, None)
            own = str(getattr(method, "__module__", "")).startswith("skmixed.")
            if own and callable(method) and not name.startswith("_"):
                yield pytest.param(method.__doc__, id=f"{estimator}.{name}")


@pytest.mark.parametrize("text", list(public_docstrings()))
def test_public_docstrings_say_what_else_to_look_at(text):
    assert "See Also\n" in text


@pytest.mark.parametrize(
    "text", [p for p in public_docstrings() if "Classifier." in p.id]
)
def test_methods_of_other_families_have_an_example(text):
    assert ">>> " in text


def test_packages_are_reached_after_import_skmixed():
    ask = "import sys, skmixed; print('skmixed.inspection' in sys.modules);"
    ask += "skmixed.datasets.load_cake, skmixed.inspection.check_model;"
    ask += "skmixed.model_selection.compare_models, skmixed.describe_occasions;"
    # tqdm.auto complains in red where a kernel runs and widgets are not installed
    ask += "late = {'matplotlib', 'tqdm.auto', 'tqdm.notebook'};"
    ask += "print(sorted(late & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", ask],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == ["False", "[]"]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = skmixed.nothing
    shown = {name for name in dir(skmixed) if not name.startswith("_")}
    packages = {"datasets", "inspection", "interop", "model_selection"}
    assert shown == {*packages, *skmixed.__all__}


def test_the_citation_has_the_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {skmixed.__version__}\n" in text
