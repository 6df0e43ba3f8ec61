"""Bad inputs of generalised models, residual covariances, sources and the command."""

import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_DEVIANCE
from sklearn.linear_model import LinearRegression
from test_bad_inputs import answered

import skmixed
from skmixed import MixedEffectsRegressor, MixedLinearRegressor, SeparationWarning
from skmixed.__main__ import main

N_ROWS = 200
RIGHT = " ~ x + (1 | g)"
BINARY, GRADES = "MixedLogisticClassifier", "MixedOrdinalClassifier"
POISSON, NEGATIVE = "MixedPoissonRegressor", "MixedNegativeBinomialRegressor"
GAMMA, INVERSE = "MixedGammaRegressor", "MixedInverseGaussianRegressor"
BETA, TRIALS = "MixedBetaRegressor", "MixedBinomialRegressor"


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    n = np.arange(N_ROWS)
    x = rng.normal(size=N_ROWS)
    eta = 0.5 * x + rng.normal(size=20)[n % 20]
    size = rng.integers(1, 12, N_ROWS)
    return pd.DataFrame(
        {
            "g": n % 20,
            "t": n // 20,
            "x": x,
            "f": np.array(list("abc"))[n % 3],
            "day": pd.date_range("2020-01-01", periods=N_ROWS),
            "y": eta + rng.normal(size=N_ROWS),
            "b": (rng.random(N_ROWS) < 1 / (1 + np.exp(-eta))).astype(int),
            "o": np.digitize(eta + rng.logistic(size=N_ROWS), [-1, 0, 1]),
            "c": rng.poisson(np.exp(eta)),
            "size": size,
            "k": rng.binomial(size, 1 / (1 + np.exp(-eta))),
            "share": 1 / (1 + np.exp(-eta)),
            "positive": np.exp(eta + rng.normal(size=N_ROWS)),
            "far": n,
        }
    )


# Estimator, formula, what is changed, what it is answered.
MODELS = {
    "one class": (BINARY, "b" + RIGHT, {"b": 1}, "only one class is present"),
    "three classes": (BINARY, "o" + RIGHT, {}, "Ordered grades are for"),
    "halves": (BINARY, "y" + RIGHT, {}, "continuous"),
    "infinite labels": (BINARY, "b" + RIGHT, {"b": np.inf}, "y contains infinity"),
    "missing labels": (BINARY, "b" + RIGHT, {"b": np.nan}, "columns ['b'] of X"),
    "days as labels": (BINARY, "day" + RIGHT, {}, "Only binary classification"),
    "huge x": (BINARY, "b" + RIGHT, {"x": 1e200}, "The largest number of `x`"),
    "one group": (BINARY, "b" + RIGHT, {"g": 1}, "has 1 level in 200 rows"),
    "infinite offset": (BINARY, "b ~ offset(z) + (1 | g)", {"z": np.inf}, "not finite"),
    "cbind": (BINARY, "cbind(k, size)" + RIGHT, {}, "MixedBinomialRegressor"),
    "one grade": (GRADES, "o" + RIGHT, {"o": 1}, "only one class is present"),
    "a grade a row": (GRADES, "far" + RIGHT, {}, "every border between two"),
    "no intercept": (GRADES, "o ~ 0 + x + (1 | g)", {}, "in place of the intercept"),
    "negative counts": (POISSON, "c" + RIGHT, {"c": -1}, "Counts are not negative"),
    "text as counts": (POISSON, "f" + RIGHT, {}, "must be numeric"),
    "days as counts": (POISSON, "day" + RIGHT, {}, "holds dates or times"),
    "infinite counts": (POISSON, "c" + RIGHT, {"c": np.inf}, "not finite in 200 rows"),
    "share as counts": (POISSON, "k / size" + RIGHT, {}, "One response expected"),
    "no exposure": (POISSON, "c ~ offset(log(z)) + (1 | g)", {"z": 0}, "not finite"),
    "no counts": (NEGATIVE, "c" + RIGHT, {"c": 0}, "All counts are 0"),
    "nothing negative": (NEGATIVE, "c" + RIGHT, {"c": -3}, "Counts are not negative"),
    "zero": (GAMMA, "c" + RIGHT, {}, "are positive"),
    "negative": (GAMMA, "y" + RIGHT, {}, "are positive"),
    "huge": (GAMMA, "positive" + RIGHT, {"positive": 1e201}, "The largest number of"),
    "zero of inverse": (INVERSE, "c" + RIGHT, {}, "are positive"),
    "share of 0": (BETA, "share" + RIGHT, {"share": 0.0}, "strictly between 0 and 1"),
    "share of 1": (BETA, "share" + RIGHT, {"share": 1.0}, "strictly between 0 and 1"),
    "percent": (BETA, "share" + RIGHT, {"share": 50.0}, "strictly between 0 and 1"),
    "no trials": (TRIALS, "o" + RIGHT, {}, "between 0 and 1"),
    "zero trials": (TRIALS, "k / size" + RIGHT, {"size": 0}, "not finite"),
    "negative trials": (TRIALS, "k / size" + RIGHT, {"size": -1}, "between 0 and 1"),
    "text trials": (TRIALS, "k / f" + RIGHT, {}, "numbers are needed here"),
    "three columns": (TRIALS, "cbind(k, size, x)" + RIGHT, {}, "has two columns"),
    "one column": (TRIALS, "cbind(k)" + RIGHT, {}, "has two columns"),
    "share of shares": (TRIALS, "k / size / x" + RIGHT, {}, "One response expected"),
}


@pytest.mark.parametrize("name", MODELS)
def test_model(frame, name):
    estimator, formula, change, fragment = MODELS[name]
    with answered(fragment):
        getattr(skmixed, estimator)(formula).fit(frame.assign(**change))


NO_START = "cannot be computed where the search starts"
NO_CURVATURE = "second derivatives leave the range of doubles"
EXTREME = {
    "offset": (BINARY, "b ~ x + offset(z) + (1 | g)", None, NO_START),
    "weights": (BINARY, "b" + RIGHT, 1e200, NO_CURVATURE),
    "outlier": (NEGATIVE, "out" + RIGHT, None, NO_CURVATURE),
    "unit": (INVERSE, "long" + RIGHT, None, NO_CURVATURE),
}


@pytest.mark.parametrize("name", EXTREME)
def test_numbers_that_a_likelihood_cannot_hold(frame, name):
    estimator, formula, weight, words = EXTREME[name]
    table = frame.assign(
        z=1e6 * frame["y"],
        out=frame["c"].where(frame.index != 0, 10**9),
        long=1e50 * frame["positive"],
    )
    weights = None if weight is None else np.full(N_ROWS, weight)
    with answered(words):
        getattr(skmixed, estimator)(formula).fit(table, sample_weight=weights)


def test_grades_are_told_where_a_column_is_centred(frame):
    far = frame.assign(x=frame["x"] + 1e8)
    model = skmixed.MixedOrdinalClassifier("o" + RIGHT)
    with answered("Write center(x) in its place"):
        model.fit(far)
    model.set_params(formula="o ~ center(x) + (1 | g)").fit(far)
    near = skmixed.MixedOrdinalClassifier("o" + RIGHT).fit(frame)
    assert abs(model.loglik_ - near.loglik_) < SAME_DEVIANCE


@pytest.mark.parametrize("origin", [100, 2000, 1e6])
def test_intercepts_far_from_their_data_are_no_separation(frame, origin):
    moved = frame.assign(x=frame["x"] + origin)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", SeparationWarning)
        skmixed.MixedLogisticClassifier("b ~ x + (x | g)").fit(moved)


RESIDUALS = {
    "": "the name of a covariance structure comes first",
    "ar1": "its columns stand in parentheses",
    "(t | g)": "the name of a covariance structure comes first",
    "ar1(t)": "a bar stands between time and subject",
    "ar1(| g)": "the time or the visit should be a column",
    "ar1(t |)": "the subject should be a column",
    "ar1(t || g)": "a bar stands between time and subject",
    "ar1(t + x | g)": "one column of times or visits",
    "ar1(log(t) | g)": "compute `log()` in the data frame first",
    "ar1(t | g) + cs(t | f)": "there is one residual covariance",
    "ar1(t | g": "`)` is missing",
    "nosuch(t | g)": "is not known",
    "un(t | g)": "is called `us` here",
    "ar1(x | g)": "write car1(time | subject)",
    "us(x | g)": "200 distinct values",
    "ar1(nosuch | g)": "X has no column 'nosuch'",
    "ar1(t | nosuch)": "X has no column 'nosuch'",
    "ar1(f | g)": "several rows at one visit",
    "ar1(t | g, hom=1)": "should be True or False",
    "ar1(gaps | g)": "columns ['gaps'] of X",
    "ar1(infinite | g)": "infinite, which is no time",
    "us(infinite | g)": "infinite, which is no time",
    "car1(infinite | g)": "infinite, which is no time",
    "us(huge | g)": "too large to be squared",
}


@pytest.mark.parametrize("residual", RESIDUALS)
def test_residual(frame, residual):
    table = frame.assign(
        gaps=frame["t"].where(frame["t"] < 9),
        infinite=frame["t"].astype(float).where(frame["t"] < 9, np.inf),
        huge=frame["t"] * 1e200,
    )
    with answered(RESIDUALS[residual]):
        MixedLinearRegressor("y ~ x", residual=residual).fit(table)


@pytest.mark.parametrize("residual", ["ar1(t | g)", "us(t | g)", "car1(t | g)"])
@pytest.mark.parametrize("change", [{"y": 1.0}, {"x": "same"}])
def test_residuals_of_an_exact_response(frame, residual, change):
    table = frame.assign(y=frame["x"]) if change == {"x": "same"} else frame
    table = table if "x" in change else table.assign(**change)
    with answered("The fixed effects reproduce the response exactly"):
        MixedLinearRegressor("y ~ x", residual=residual).fit(table)


FRAMES = "Pass a function that starts the iteration anew"
SOURCES = {
    "none": (lambda d: iter([]), "gave no frame"),
    "numbers": (lambda d: iter([1, 2]), "chunks must be data frames"),
    "dicts": (lambda d: iter([{"x": 1.0}]), "pass a data frame"),
    "a list": (lambda d: [d[:50], d[50:]], "pd.concat(X)"),
    "fewer columns": (lambda d: iter([d[:50], d[["y", "g"]]]), "X lacks: ['x']"),
    "other kinds": (lambda d: iter([d[:50], d.assign(x="a")]), FRAMES),
    "infinite": (lambda d: iter([d[:50], d.assign(x=np.inf)]), "not finite"),
    "missing": (lambda d: iter([d[:50], d.assign(x=np.nan)]), "columns ['x'] of X"),
    "huge": (lambda d: iter([d.assign(x=d.x * 1e200)]), "The largest number of `x`"),
    "huge y": (lambda d: iter([d.assign(y=d.y * 1e200)]), "The largest number of the"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_source(frame, name):
    make, fragment = SOURCES[name]
    with answered(fragment):
        MixedLinearRegressor("y" + RIGHT).fit(make(frame))


@pytest.mark.parametrize("estimator", [POISSON, BINARY, "PooledLinearRegressor"])
def test_estimators_that_need_the_rows_say_so(frame, estimator):
    with answered("needs the rows in memory"):
        getattr(skmixed, estimator)("b" + RIGHT).fit(lambda: [frame])


ADAPTED = {
    "no response": (lambda d: d.drop(columns="y"), "lacks the response"),
    "no rows": (lambda d: d.head(0), "0 sample"),
    "infinite": (lambda d: d.assign(y=np.inf), "finite"),
    "no groups": (lambda d: d.assign(g=np.nan), "no group"),
    "huge": (lambda d: d.assign(x=1e300), "The largest number of `x`"),
    "huge y": (lambda d: d.assign(y=1e300), "The largest number of the response"),
}


@pytest.mark.parametrize("name", ADAPTED)
def test_adapted(frame, name):
    change, fragment = ADAPTED[name]
    model = MixedLinearRegressor("y" + RIGHT, unseen_groups="population").fit(frame)
    with answered(fragment):
        model.adapt(change(frame.assign(g=frame["g"] + 100)))


@pytest.mark.parametrize("formula", ["y" + RIGHT, "y ~ x + (x | g)", "y ~ x"])
@pytest.mark.parametrize("scale", [1e200, 1e300])
@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
def test_standard_errors_of_numbers_without_squares(frame, formula, scale):
    model = MixedLinearRegressor(formula).fit(frame)
    new = frame.assign(x=frame["x"] * scale)
    assert np.isfinite(model.predict(new)).all()
    for ask in (
        lambda: model.predict(new, return_std=True),
        lambda: model.predict(new, return_std="fixed"),
        lambda: model.predict_interval(new),
    ):
        with answered("The largest number of `x`"):
            ask()


AROUND = {
    "no group": (lambda d: d.drop(columns="g"), "X lacks: ['g']"),
    "no rows": (lambda d: d.head(0), "0 sample"),
    "no response": (lambda d: d.drop(columns="y"), "lacks the response 'y'"),
    "groups alone": (lambda d: d[["g", "y"]], "needs at least one other"),
    "missing response": (lambda d: d.assign(y=np.nan), "NaN or infinity"),
}


@pytest.mark.parametrize("name", AROUND)
def test_around(frame, name):
    change, fragment = AROUND[name]
    model = MixedEffectsRegressor(LinearRegression(), "y ~ (1 | g)")
    with answered(fragment):
        model.fit(change(frame[["x", "g", "y"]]))


def test_around_names_what_prediction_lacks(frame):
    table = frame[["x", "g", "y"]]
    model = MixedEffectsRegressor(LinearRegression(), "y ~ (1 | g)").fit(table)
    with answered("X lacks: ['x']"):
        model.predict(table[["g"]])


NAMES = {
    "y ~ `x:z` + x:z + (1 | g)": "called 'x:z'",
    "y ~ x + (x:z + `x:z` | g)": "called 'x:z'",
    "y ~ f + `f[T.b]` + (1 | g)": "called 'f[T.b]'",
    "y ~ f * x + `f[T.b]:x` + (1 | g)": "Rename the column",
}


@pytest.mark.parametrize("formula", NAMES)
def test_a_column_with_the_name_of_a_term(frame, formula):
    names = {name: frame["t"] for name in ("z", "x:z", "f[T.b]", "f[T.b]:x")}
    with answered(NAMES[formula]):
        MixedLinearRegressor(formula).fit(frame.assign(**names))


BROKEN = ("bad.sav", "bad.dta", "bad.xlsx", "bad.parquet", "empty.csv")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named(tmp_path, capsys, name):
    (tmp_path / name).write_text("" if name == "empty.csv" else "no")
    assert main(["y ~ x + (1 | g)", str(tmp_path / name)]) == 2
    said = capsys.readouterr().err
    assert name in said
    assert "Traceback" not in said
