"""What users of other libraries do with our estimators: one test a library.

Each is skipped where its library is not installed; ``pip install ".[clients]"`` brings
those that go together.
"""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmixed import MixedLinearRegressor, as_marginaleffects
from skmixed.datasets import load_london_schools

X, Y = load_london_schools(return_X_y=True)
X, Y = X[X["school"] <= 20].reset_index(drop=True), Y[X["school"] <= 20]
Y = Y.reset_index(drop=True)
FORMULA = "~ lrt + gender + (1 | school)"
# Two ways to one number, in units of the response.
SAME = 1e-9

pytestmark = pytest.mark.filterwarnings("default")


def mixed(formula=FORMULA, **parameters):
    return MixedLinearRegressor(formula, **parameters)


def test_optuna_chooses_a_formula():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    formulas = ["~ 1 + (1 | school)", "~ lrt + (1 | school)"]

    def objective(trial):
        model = mixed(trial.suggest_categorical("formula", formulas))
        folds = GroupKFold(3)
        return cross_val_score(model, X, Y, groups=X["school"], cv=folds).mean()

    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.GridSampler({"formula": formulas})
    )
    study.optimize(objective, n_trials=2)
    assert study.best_params == {"formula": formulas[1]}


def test_mapie_makes_conformal_intervals():
    regression = pytest.importorskip("mapie.regression")
    wrapper = regression.CrossConformalRegressor(
        mixed(), confidence_level=0.9, cv=3, random_state=0
    )
    wrapper.fit_conformalize(X, Y)
    _, intervals = wrapper.predict_interval(X)
    low, high = np.squeeze(intervals).T
    assert np.mean((low <= Y) & (high >= Y)) > 0.85


def test_shap_adds_up_to_the_prediction():
    shap = pytest.importorskip("shap")
    numbers = X[["lrt", "school_avg", "school"]].astype(float)
    model = mixed("~ lrt * school_avg + (1 | school)").fit(numbers, Y)
    background = numbers.sample(20, random_state=0)

    def predict(values):
        return model.predict(np.asarray(values))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explained = shap.Explainer(predict, background.to_numpy())(
            numbers.head(3).to_numpy()
        )
    total = explained.values.sum(axis=1) + explained.base_values
    np.testing.assert_allclose(total, model.predict(numbers.head(3)), atol=SAME)


def test_mlflow_logs_and_loads_a_model(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    model = mixed().fit(X, Y)
    path = str(tmp_path / "model")
    mlflow.sklearn.save_model(model, path, serialization_format="cloudpickle")
    loaded = mlflow.sklearn.load_model(path)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_category_encoders_stand_before_the_model():
    encoders = pytest.importorskip("category_encoders")
    pipeline = make_pipeline(
        encoders.OrdinalEncoder(cols=["gender"]), mixed("~ lrt + gender + (1 | school)")
    )
    known = mixed().fit(X, Y).predict(X)
    np.testing.assert_allclose(pipeline.fit(X, Y).predict(X), known, atol=1e-6)


def test_feature_engine_stands_before_the_model():
    imputation = pytest.importorskip("feature_engine.imputation")
    holes = X.assign(lrt=X["lrt"].mask(X.index % 10 == 0))
    imputer = imputation.MeanMedianImputer(variables=["lrt"])
    pipeline = make_pipeline(imputer, mixed()).fit(holes, Y)
    assert np.isfinite(pipeline.predict(holes)).all()


def test_mlxtend_stacks_models_of_columns_by_position():
    regressor = pytest.importorskip("mlxtend.regressor")
    numbers = X[["lrt", "school"]].to_numpy(dtype=float)
    by_position = [mixed("~ x0 + (1 | x1)"), mixed("~ 1 + (1 | x1)")]
    stack = regressor.StackingRegressor(by_position, mixed("~ x0 + x1"))
    assert np.isfinite(stack.fit(numbers, Y.to_numpy()).predict(numbers)).all()


def test_dask_runs_the_folds():
    distributed = pytest.importorskip("distributed")
    joblib = pytest.importorskip("joblib")
    here = cross_val_score(mixed(), X, Y, cv=3)
    with (
        distributed.Client(processes=False, dashboard_address=None),
        joblib.parallel_backend("dask"),
    ):
        there = cross_val_score(mixed(), X, Y, cv=3, n_jobs=2)
    np.testing.assert_allclose(there, here, atol=SAME)


def test_marginaleffects_averages_slopes():
    marginaleffects = pytest.importorskip("marginaleffects")
    polars = pytest.importorskip("polars")
    if polars.__version__ >= "2":
        pytest.skip("marginaleffects compares types that polars 2 keeps apart")
    frame = X.assign(exam=Y)
    model = mixed("exam ~ lrt + gender + (1 | school)").fit(frame)
    slopes = marginaleffects.avg_slopes(
        as_marginaleffects(model, frame), variables="lrt"
    )
    estimate = slopes["estimate"][0]
    assert estimate == pytest.approx(model.fixed_effects_["lrt"], abs=1e-6)


def test_yellowbrick_draws_folds():
    pytest.importorskip("matplotlib").use("Agg")
    selection = pytest.importorskip("yellowbrick.model_selection")
    scores = selection.CVScores(mixed(), cv=3).fit(X, Y)
    assert len(scores.cv_scores_) == 3


def test_a_function_stands_before_the_model():
    pipeline = make_pipeline(
        FunctionTransformer(lambda table: table.assign(lrt=2 * table["lrt"])), mixed()
    )
    twice = pipeline.fit(X, Y)[-1].fixed_effects_["lrt"]
    once = mixed().fit(X, Y).fixed_effects_["lrt"]
    assert 2 * twice == pytest.approx(once, abs=1e-6)
