"""Generalised models among scikit-learn's tools: folds, curves, frames, routing."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibrationDisplay
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import log_loss, mean_poisson_deviance
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmixed import (
    MixedBetaRegressor,
    MixedBinomialRegressor,
    MixedLogisticClassifier,
    MixedOrdinalClassifier,
    MixedPoissonRegressor,
)
from skmixed.datasets import (
    load_cbpp,
    load_contraception,
    load_grouseticks,
    load_sleepstudy,
    load_wine,
    make_mixed_classification,
)

mpl.use("Agg")

# Two fits of one likelihood.
SAME_FIT = 1e-6
# A slope of 600 counts against the one that made them.
NEAR_TRUTH = 0.1

pytestmark = pytest.mark.filterwarnings(
    "ignore::skmixed.LaplaceAccuracyWarning", "ignore::skmixed.SingularFitWarning"
)


# ------------------------------------------------------------------ new groups
def patients():
    """Visits of patients that differ much, as in the toenail trial."""
    X, y = make_mixed_classification(
        200, 7, n_features=2, n_random_slopes=0, covariance=[[16.0]], intercept=-2.0,
        random_state=1,
    )  # fmt: skip
    return X.assign(y=y), "y", "group", "y ~ x0 + x1 + (1 | group)"


def contraception():
    frame = load_contraception().frame
    formula = "use ~ age + urban + livch + (1 | district)"
    return frame.assign(use=(frame["use"] == "Y") + 0), "use", "district", formula


def ticks():
    formula = "TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | LOCATION)"
    return load_grouseticks().frame, "TICKS", "BROOD", formula


@pytest.mark.parametrize(
    ("make", "model", "loss"),
    [
        (patients, MixedLogisticClassifier(n_quadrature=9), log_loss),
        (contraception, MixedLogisticClassifier(), log_loss),
        (ticks, MixedPoissonRegressor(), mean_poisson_deviance),
    ],
)
def test_averaged_predictions_of_new_groups_lose_less_than_plugged_in_ones(
    make, model, loss
):
    frame, response, group, formula = make()
    y = frame[response].to_numpy()
    averaged, plugged = np.empty(len(y)), np.empty(len(y))
    model.set_params(formula=formula)
    for train, test in GroupKFold(5).split(frame, y, frame[group]):
        model.fit(frame.iloc[train])
        for out, options in ((averaged, {}), (plugged, {"averaged": False})):
            if hasattr(model, "predict_proba"):
                out[test] = model.predict_proba(frame.iloc[test], **options)[:, 1]
            else:
                out[test] = model.predict(frame.iloc[test], **options)
    assert loss(y, averaged) <= loss(y, plugged)
    assert abs(averaged.mean() - y.mean()) < abs(plugged.mean() - y.mean())


def test_a_calibration_curve_lies_near_the_diagonal():
    frame, _, group, _ = patients()
    X, y = frame.drop(columns="y"), frame["y"]
    model = MixedLogisticClassifier("~ x0 + x1 + (1 | group)", n_quadrature=9)
    folds = GroupKFold(5).split(X, y, X[group])
    p = cross_val_predict(model, X, y, cv=folds, method="predict_proba")[:, 1]
    curve = CalibrationDisplay.from_predictions(y, p, n_bins=5, strategy="quantile")
    assert np.abs(curve.prob_true - curve.prob_pred).max() < 0.1
    drawn = CalibrationDisplay.from_estimator(model.fit(X, y), X, y, n_bins=5)
    assert len(drawn.prob_true) <= 5


# ------------------------------------------------------------------ tools
def test_a_grid_goes_over_formulas_links_and_nodes():
    frame = load_contraception().frame.iloc[::3]
    X, y = frame.drop(columns="use"), frame["use"]
    search = GridSearchCV(
        MixedLogisticClassifier(),
        {
            "formula": ["~ age + (1 | district)", "~ age + urban + (1 | district)"],
            "link": ["logit", "cloglog"],
            "n_quadrature": [1, 5],
        },
        scoring=["neg_log_loss", "accuracy"],
        refit="neg_log_loss",
        cv=GroupKFold(3),
    )
    search.fit(X, y, groups=X["district"])
    assert len(search.cv_results_["params"]) == 8
    assert np.isfinite(search.cv_results_["mean_test_neg_log_loss"]).all()


def test_weights_and_groups_are_routed():
    herds = load_cbpp().frame
    y = herds["incidence"] / herds["size"]
    model = MixedBinomialRegressor("~ period + (1 | herd)")
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        pipeline = make_pipeline(FunctionTransformer(), model)
        found = cross_validate(
            pipeline,
            herds,
            y,
            cv=GroupKFold(3),
            params={"sample_weight": herds["size"], "groups": herds["herd"]},
            error_score="raise",
        )
        whole = pipeline.fit(herds, y, sample_weight=herds["size"])[-1]
    assert np.isfinite(found["test_score"]).all()
    direct = MixedBinomialRegressor("incidence / size ~ period + (1 | herd)").fit(herds)
    assert whole.loglik_ == pytest.approx(direct.loglik_, abs=SAME_FIT)


def test_targets_are_transformed_into_shares():
    """What `check_estimator` cannot do: its targets have no bounds."""
    sleep = load_sleepstudy().frame
    X, y = sleep[["Days", "Subject"]], sleep["Reaction"]
    model = TransformedTargetRegressor(
        MixedBetaRegressor("~ Days + (1 | Subject)"),
        func=lambda y: y / 1000.0,
        inverse_func=lambda share: 1000.0 * share,
    )
    assert model.fit(X, y).score(X, y) > 0.5


# ------------------------------------------------------------------ frames
@pytest.mark.filterwarnings("ignore:The grades are text")
@pytest.mark.parametrize("kind", ["polars", "pyarrow", "arrow-backed pandas"])
@pytest.mark.parametrize(
    ("model", "load", "left"),
    [
        (
            MixedBinomialRegressor("incidence / size ~ period + (1 | herd)"),
            load_cbpp,
            None,
        ),
        (MixedLogisticClassifier("~ age + (1 | district)"), load_contraception, "use"),
        (MixedOrdinalClassifier("rating ~ temp + (1 | judge)"), load_wine, None),
        (
            MixedPoissonRegressor("TICKS ~ YEAR + offset(log(t)) + (1 | BROOD)"),
            load_grouseticks,
            None,
        ),
    ],
)
def test_frames_of_other_libraries_give_the_same_model(kind, model, load, left):
    frame = load().frame
    text = {c: str for c in frame.select_dtypes("category")}
    frame = frame.astype(text).assign(t=1.0 + np.arange(len(frame)) % 3)
    convert = {
        "polars": pl.from_pandas,
        "pyarrow": pa.Table.from_pandas,
        "arrow-backed pandas": lambda f: f.convert_dtypes(dtype_backend="pyarrow"),
    }[kind]
    others = []
    for table in (frame, convert(frame)):
        y = None if left is None else table[left]
        fitted = clone(model).fit(table, y)
        others.append((fitted, fitted.predict(table), table))
    (one, first, _), (other, second, table) = others
    assert other.loglik_ == pytest.approx(one.loglik_, abs=SAME_FIT)
    if hasattr(one, "classes_"):
        assert one.classes_.tolist() == other.classes_.tolist()
        assert (first == second).all()
    else:
        np.testing.assert_allclose(first, second, rtol=SAME_FIT)
    y = None if left is None else table[left]
    assert other.score(table, y) == pytest.approx(
        one.score(frame, None if left is None else frame[left])
    )


def test_exposure_counts_in_rates():
    rng = np.random.default_rng(0)
    hours = rng.uniform(0.5, 8.0, 600)
    X = pd.DataFrame({"x": rng.normal(size=600), "g": np.arange(600) // 10})
    X["hours"] = hours
    rate = np.exp(0.2 + 0.4 * X["x"] + 0.5 * rng.normal(size=60)[X["g"]])
    y = rng.poisson(hours * rate)
    with_offset = MixedPoissonRegressor("~ x + offset(log(hours)) + (1 | g)").fit(X, y)
    assert with_offset.fixed_effects_["x"] == pytest.approx(0.4, abs=NEAR_TRUTH)
    assert with_offset.aic_ < MixedPoissonRegressor("~ x + (1 | g)").fit(X, y).aic_
    per_hour = with_offset.predict(X.assign(hours=1.0))
    np.testing.assert_allclose(with_offset.predict(X), hours * per_hour, rtol=SAME_FIT)
