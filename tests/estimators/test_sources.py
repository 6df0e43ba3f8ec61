"""Fits by chunks of rows are those of the whole table, whatever the rows come from."""

import pickle
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from estimators.chunked_designs import FORMULAS, WEIGHTED, N, chunks_of, make_rows
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skmixed import MixedLinearRegressor, Statistics, likelihood_ratio_test
from skmixed.datasets import load_sleepstudy
from skmixed.estimators import freezing, from_sums, many_rows
from skmixed.estimators.many_rows import sum_parts
from skmixed.estimators.reading import DesignReader, frozen_of
from skmixed.formula.table import growing
from skmixed.likelihood.linalg import group_sums
from skmixed.likelihood.products import accumulate

# Deviance, coefficients in standard errors, theta: what chunks may differ by.
CHUNKED = 1e-8
# The same for a simpler model from the sums of a larger one.
NESTED = 1e-8
# Moments of the rows and shares of variance, relative.
SHARES = 1e-6
# Predictions of the same rows, a few or all at a time.
ROUNDING = 1e-13
# A deviance of columns 1e6 standard deviations from zero.
FAR = 1e-7
CASES = [(f, None) for f in FORMULAS] + [(f, "w") for f in WEIGHTED]


@pytest.fixture(scope="module")
def rows():
    return make_rows()


@pytest.fixture(autouse=True)
def small_sample(monkeypatch):
    monkeypatch.setattr(freezing, "SAMPLE_ROWS", 700)


def caught(fit):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model = fit()
    return model, sorted(str(w.message) for w in found)


def assert_same_fit(model, whole, tol=CHUNKED):
    assert model.spec_.coef_names == whole.spec_.coef_names
    assert model.aliased_ == whole.aliased_
    assert model.solver_ == whole.solver_
    assert model.spec_.levels == whole.spec_.levels
    assert model.n_groups_ == whole.n_groups_
    for name, groups in whole.spec_.groups.items():
        assert np.array_equal(model.spec_.groups[name].labels, groups.labels)
    se = np.sqrt(np.diag(whole.result_.coef_cov))
    gap = (model.result_.coef - whole.result_.coef) / se
    assert np.abs(gap).max(initial=0) <= tol
    assert abs(model.deviance_ - whole.deviance_) <= tol
    assert np.abs(model.theta_ - whole.theta_).max(initial=0) <= tol


@pytest.mark.parametrize(("formula", "weights"), CASES)
def test_chunks_and_merged_halves_give_the_fit_of_the_table(rows, formula, weights):
    w = None if weights is None else rows[weights]
    whole, said = caught(lambda: MixedLinearRegressor(formula).fit(rows, None, w))
    source = partial(chunks_of, rows)
    model, heard = caught(
        lambda: MixedLinearRegressor(formula).fit(source, sample_weight=weights)
    )
    assert_same_fit(model, whole)
    assert heard == said
    for name, (typical, _) in whole.spec_.typical.items():
        assert model.spec_.typical[name][0] == pytest.approx(typical)
    frozen = frozen_of(model.statistics_, "raise")
    parts = []
    for piece in (rows[1500:], rows[:40], rows[40:1500]):
        reader = DesignReader(frozen)
        reader.add(piece)
        parts.append(reader.statistics())
    merged = parts[0] + (parts[1] + parts[2])
    again, _ = caught(lambda: MixedLinearRegressor(formula).fit(merged))
    assert_same_fit(again, whole)
    assert np.allclose(raw_covariance(again), raw_covariance(whole), rtol=SHARES)
    assert np.allclose(again.r2_nakagawa(), whole.r2_nakagawa(), rtol=SHARES)


@pytest.mark.parametrize(("formula", "weights"), CASES)
def test_tables_of_many_rows_are_fitted_by_parts(rows, formula, weights, monkeypatch):
    w = None if weights is None else rows[weights].where(rows["two"] > 0, 0.0)
    whole, said = caught(lambda: MixedLinearRegressor(formula).fit(rows, None, w))
    parts = []
    monkeypatch.setattr(many_rows, "MANY_ROWS", 1000)
    monkeypatch.setattr(many_rows, "PART_ROWS", 700)
    monkeypatch.setattr(
        from_sums,
        "sum_parts",
        lambda *given: parts.append(sum_parts(*given)) or parts[0],
    )
    model, heard = caught(lambda: MixedLinearRegressor(formula).fit(rows, None, w))
    assert_same_fit(model, whole)
    assert parts
    assert heard == said
    assert model.formula_ == whole.formula_
    assert model.n_obs_ == whole.n_obs_
    assert not hasattr(model, "statistics_")
    one, other = model.fitted_.sketch, whole.fitted_.sketch
    for found, expected in zip(
        (one.X, one.one, one.y, *one.forms),
        (other.X, other.one, other.y, *other.forms),
        strict=True,
    ):
        assert np.allclose(found, expected, rtol=SHARES)
    assert np.allclose(raw_covariance(model), raw_covariance(whole), rtol=SHARES)


def test_many_rows_that_parts_cannot_sum_are_fitted_as_few_are(rows, monkeypatch):
    near = rows.assign(almost=rows["x"] + 1e-5 * rows["z"])
    formula = "y ~ x + almost + (1 | g)"
    whole = MixedLinearRegressor(formula).fit(near)
    monkeypatch.setattr(many_rows, "MANY_ROWS", 1000)
    assert_same_fit(MixedLinearRegressor(formula).fit(near), whole, 0.0)
    with pytest.raises(ValueError, match="infinity") as caught_error:
        MixedLinearRegressor(formula).fit(near.assign(y=np.inf))
    notes = getattr(caught_error.value, "__notes__", [])
    assert not any("chunk" in note for note in notes)


def raw_covariance(model):
    """Covariance of the fixed columns over the rows."""
    back = model.result_.A.basis.fixed.coordinates
    return back.T @ model.fitted_.moments.fixed @ back


@pytest.mark.parametrize(
    "formula", ["y ~ x + z + (1 + x | g) + (1 | h)", "y ~ x + (1 | school/room)"]
)
def test_what_large_sets_do_gives_the_same_fit(rows, formula, monkeypatch):
    # sums side by side, pairs summed now and then, keys in a hash table
    monkeypatch.setattr(group_sums, "CACHED", 0)
    monkeypatch.setattr(accumulate, "WAITING", 100)
    monkeypatch.setattr(growing, "SMALL_RANGE", 0)
    sparse = rows.assign(g=rows["g"] * 1_000_003, h=rows["h"].astype("uint32"))
    whole = MixedLinearRegressor(formula).fit(sparse)
    model = MixedLinearRegressor(formula).fit(partial(chunks_of, sparse))
    assert_same_fit(model, whole)
    monkeypatch.undo()
    assert_same_fit(whole, MixedLinearRegressor(formula).fit(sparse))


def test_keys_of_64_bits_beyond_the_signed_ones(rows):
    far = rows.assign(g=(rows["g"] + 50).astype("uint64") + np.uint64(2**63))
    whole = MixedLinearRegressor("y ~ x + (1 | g)").fit(far)
    model = MixedLinearRegressor("y ~ x + (1 | g)").fit(partial(chunks_of, far))
    assert_same_fit(model, whole)


LARGE = "y ~ x*c + z + year + t + (1 + x + z + t | g) + (1 + x | h)"
SIMPLER = [
    LARGE,
    "y ~ t + (1 + t | g)",
    "y ~ x*c + z + year + (1 + x | g)",
    "y ~ x + c + (1 | g) + (1 | h)",
    "y ~ x + (1 | h) + (1 | g)",
    "y ~ x + (1 + x || g)",
    "y ~ 0 + c + x + (1 | h)",
    "y ~ c:x + z + (0 + z | g)",
    "y ~ year + (1 | g)",
    "y ~ 1 + (1 | g)",
    "y ~ 0 + x + (1 | g)",
    "y ~ 0 + x + (0 + z | g)",
    "y ~ x*c",
    "y ~ x*c + z + (1 + x + z | g) + (1 | h)",
    "y ~ z + (1 + z || g) + (1 + x | h)",
    "y ~ 0 + c + (1 + x | g) + (0 + x | h)",
    "y ~ 0 + c + c:x + year + (1 | h)",
    "y ~ t + year + (0 + t | g)",
    "y ~ c + (0 + x + z | g)",
    "y ~ z + x + (1 | h)",
]


@pytest.fixture(scope="module")
def large(rows):
    source = partial(chunks_of, rows)
    return caught(lambda: MixedLinearRegressor(LARGE, reml=False).fit(source))[0]


@pytest.mark.parametrize("formula", SIMPLER)
def test_simpler_models_from_the_same_sums_are_their_own_fits(rows, large, formula):
    model, _ = caught(lambda: large.submodel(formula))
    whole, _ = caught(lambda: MixedLinearRegressor(formula, reml=False).fit(rows))
    assert_same_fit_of_names(model, whole)
    assert np.allclose(model.predict(rows), whole.predict(rows), atol=NESTED)
    assert np.allclose(model.r2_nakagawa(), whole.r2_nakagawa(), rtol=SHARES)


def assert_same_fit_of_names(model, whole):
    assert model.fitted_.names == whole.fitted_.names
    se = np.sqrt(np.diag(whole.result_.coef_cov))
    gap = (model.result_.coef - whole.result_.coef) / se
    assert np.abs(gap).max(initial=0) < NESTED
    assert abs(model.deviance_ - whole.deviance_) < NESTED
    assert np.abs(model.theta_ - whole.theta_).max(initial=0) < NESTED


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("y ~ log(w) + (1 | g)", r"no columns \['w'\]"),
        ("y ~ x + (1 | school)", "hold no groups `school`"),
        ("y ~ x:z + (1 | g)", r"cannot give the fixed effects \['x:z'\]"),
        ("y ~ x + (1 + c | g)", r"cannot give the effects of `g` \['c\[T.q\]'"),
        ("log(y) ~ x + (1 | g)", "have the response"),
        ("y ~ x + offset(z) + (1 | g)", "have the offsets"),
        ("~ x + (1 | g)", "names no response"),
    ],
)
def test_other_models_are_refused_by_name(large, formula, said):
    with pytest.raises(ValueError, match=said):
        large.submodel(formula)


def test_a_ladder_of_models_is_tested_without_rows(rows, large):
    small, _ = caught(lambda: large.submodel("y ~ x + c + (1 | g) + (1 | h)"))
    larger, _ = caught(lambda: large.submodel("y ~ x*c + (1 | g) + (1 | h)"))
    own = [
        caught(lambda m=m: MixedLinearRegressor(m.formula, reml=False).fit(rows))[0]
        for m in (small, larger)
    ]
    table = likelihood_ratio_test(small, larger).frame
    expected = likelihood_ratio_test(*own).frame
    assert np.allclose(
        table.select_dtypes("number"), expected.select_dtypes("number"), equal_nan=True
    )


FORMULA = "y ~ x + c + (1 + x | g) + (1 | h)"


@pytest.fixture
def declared(rows):
    return rows.assign(c=pd.Categorical(rows["c"]))


@pytest.fixture
def half(declared):
    return MixedLinearRegressor(FORMULA).partial_fit(declared[:1500])


def test_partial_fit_solves_when_it_is_asked(declared):
    whole = MixedLinearRegressor(FORMULA).fit(declared)
    model = MixedLinearRegressor(FORMULA)
    with pytest.raises(NotFittedError):
        model.predict(declared)
    for start in range(0, N, 700):
        model.partial_fit(declared[start : start + 700])
    assert "fitted_" not in vars(model)
    assert_same_fit(pickle.loads(pickle.dumps(model)), whole)
    assert "fitted_" not in vars(model)
    assert_same_fit(model, whole)
    assert np.allclose(model.predict(declared), whole.predict(declared))
    with pytest.raises(NotFittedError):
        clone(model).predict(declared)
    assert not hasattr(model, "nonsense_")
    with pytest.raises(AttributeError, match="would not line up"):
        _ = model.coef_


def test_partial_fit_takes_arrays_with_response_and_weights(rows):
    X, y, w = rows[["x", "z"]].to_numpy(), rows["y"].to_numpy(), rows["w"].to_numpy()
    model = MixedLinearRegressor()
    for part in np.split(np.arange(N), [700, 1200]):
        model.partial_fit(X[part], y[part], w[part])
    whole = MixedLinearRegressor().fit(X, y, w)
    assert_same_fit(model, whole)
    assert np.allclose(raw_covariance(model), raw_covariance(whole))


def test_weights_are_for_every_chunk_or_for_none(declared, half):
    before = half.deviance_
    with pytest.raises(ValueError, match="weights in some chunks"):
        half.partial_fit(declared[1500:], sample_weight=declared["w"][1500:])
    assert half.deviance_ == before
    weighted = MixedLinearRegressor(FORMULA)
    weighted.partial_fit(declared[:1500], sample_weight=declared["w"][:1500])
    with pytest.raises(ValueError, match="others none"):
        weighted.update(declared[1500:])


FAULTS = {
    "a missing column": (lambda f: f.drop(columns="x"), "lacks: .'x'"),
    "text for numbers": (lambda f: f.assign(x="a"), "x"),
    "an unseen level": (lambda f: f.assign(c="new"), "new"),
    "a gap": (lambda f: f.assign(x=f["x"].where(f["x"] < 1)), "contains NaN"),
    "text for keys": (lambda f: f.assign(h="text"), "held numbers so far"),
    "an infinite response": (lambda f: f.assign(y=np.inf), "infinity"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_chunk_is_named_and_changes_nothing(declared, half, fault):
    before = half.deviance_
    spoil, said = FAULTS[fault]
    with pytest.raises(ValueError, match=said) as caught_error:
        half.partial_fit(spoil(declared[1500:1600]))
    assert "In chunk 1 (rows 1,500 and on)" in "".join(caught_error.value.__notes__)
    assert half.deviance_ == before
    half.partial_fit(declared[:0])
    rest = declared[1500:].astype({"g": "int32", "h": "int16"})
    half.partial_fit(rest)
    assert_same_fit(half, MixedLinearRegressor(FORMULA).fit(declared))


def test_rows_of_another_day_are_added_to_saved_sums(rows, tmp_path):
    whole = MixedLinearRegressor(FORMULA).fit(rows)
    first = rows[rows["g"] < 30]
    model = MixedLinearRegressor(FORMULA).fit(lambda: [first])
    model.statistics_.save(tmp_path / "day")
    held = Statistics.load(tmp_path / "day")
    again = MixedLinearRegressor(FORMULA).fit(held)
    assert_same_fit(again.update(rows[rows["g"] >= 30]), whole)
    assert str(again.statistics_).startswith("Statistics of")
    (tmp_path / "other").write_bytes(pickle.dumps(3))
    with pytest.raises(ValueError, match="no statistics"):
        Statistics.load(tmp_path / "other")


def test_sums_of_different_designs_do_not_add(rows):
    fit = {}
    for name, formula, frame in (
        ("one", "y ~ x + (1 | g)", rows),
        ("formula", "y ~ z + (1 | g)", rows),
        ("basis", "y ~ x + (1 | g)", rows[::-1]),
    ):
        model = MixedLinearRegressor(formula).fit(lambda frame=frame: [frame])
        fit[name] = model.statistics_
    with pytest.raises(ValueError, match="different formulas do not add"):
        _ = fit["one"] + fit["formula"]
    with pytest.raises(ValueError, match="different bases"):
        _ = fit["one"] + fit["basis"]
    with pytest.raises(TypeError):
        _ = fit["one"] + 1


def test_columns_that_sums_cannot_tell_apart_are_refused_by_name(rows):
    near = rows.assign(almost=rows["x"] + 1e-5 * rows["z"])
    with pytest.raises(ValueError, match="'almost'"):
        MixedLinearRegressor("y ~ x + almost + (1 | g)").fit(lambda: [near])


def test_a_column_that_is_constant_in_the_first_rows_alone_is_noticed(rows):
    late = rows.assign(late=np.where(rows.index < 1000, 1.0, rows["z"]))
    model = MixedLinearRegressor("y ~ 0 + late + (1 | g)")
    with pytest.raises(ValueError, match=r"'late'.* in the first rows"):
        model.fit(partial(chunks_of, late))


@pytest.mark.parametrize("offset", [0.0, 1e4, 1e6])
def test_columns_far_from_zero_keep_their_digits(rows, offset):
    far = rows.assign(x=rows["x"] + offset, y=rows["y"] + offset)
    near = MixedLinearRegressor("y ~ x + (1 + x | g)").fit(rows)
    model = MixedLinearRegressor("y ~ x + (1 + x | g)").fit(partial(chunks_of, far))
    assert abs(model.deviance_ - near.deviance_) < FAR


MISUSE = [
    (lambda f: (iter([f]), {}), "for the levels of 'c'"),
    (lambda f: (lambda: [f], {"y": f["y"]}), "is one of its columns"),
    (lambda f: (lambda: [f.drop(columns="y")], {}), "'y'"),
    (lambda f: (lambda: [], {}), "gave no table"),
    (lambda f: ("no/such.parquet", {}), "such.parquet"),
]


@pytest.mark.parametrize(("make", "said"), MISUSE)
def test_sources_that_cannot_be_fitted_say_why(rows, make, said):
    source, more = make(rows)
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        MixedLinearRegressor(FORMULA).fit(source, **more)


def test_other_misuse_is_named(rows):
    model = MixedLinearRegressor(FORMULA)
    with pytest.raises(TypeError, match="name of a column"):
        model.fit(lambda: [rows], sample_weight=rows["w"])
    with pytest.raises(TypeError, match="must be data frames"):
        model.fit(lambda: [rows["x"].to_numpy()])
    fitted = model.fit(rows)
    with pytest.raises(ValueError, match="kept no sums"):
        fitted.update(rows)
    declared = rows.assign(c=pd.Categorical(rows["c"]))
    with pytest.warns(UserWarning, match="starts anew"):
        fitted.partial_fit(declared[:1500])
    assert fitted.n_obs_ == 1500
    with pytest.raises(ValueError, match="independent residuals"):
        MixedLinearRegressor("y ~ x", residual="cs(k | g)").fit(lambda: [rows])


def test_rows_left_out_are_counted(rows):
    holes = rows.assign(x=rows["x"].where(rows["x"] < 2))
    fit = partial(MixedLinearRegressor, FORMULA, na_action="drop")
    whole = fit().fit(holes)
    model = fit().fit(partial(chunks_of, holes))
    assert model.n_dropped_ == whole.n_dropped_ > 0
    assert_same_fit(model, whole)
    with pytest.raises(ValueError, match="The first 700 rows have missing values"):
        fit().fit(lambda: [holes.assign(z=np.nan, x=np.nan)])


SLEEP = "Reaction ~ Days + (Days | Subject)"


def parquet_files(frame, folder):
    for k in range(3):
        frame[k::3].to_parquet(folder / f"{k}.parquet", index=False)
    return f"{folder}/*.parquet"


def arrow_dataset(frame, folder):
    dataset = pytest.importorskip("pyarrow.dataset")
    parquet_files(frame, folder)
    return dataset.dataset(str(folder), format="parquet")


def polars_lazy(frame, folder):
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({c: frame[c].to_numpy() for c in frame}).lazy()
    if not hasattr(table, "collect_batches"):
        pytest.skip("this polars has no collect_batches")
    return table


def duckdb_relation(frame, folder):
    duckdb = pytest.importorskip("duckdb")
    return duckdb.connect().from_df(frame)


def dask_frame(frame, folder):
    dask = pytest.importorskip("dask.dataframe")
    return dask.from_pandas(frame, npartitions=5)


SOURCES = {
    "path": parquet_files,
    "dataset": arrow_dataset,
    "polars": polars_lazy,
    "duckdb": duckdb_relation,
    "dask": dask_frame,
    "callable": lambda frame, folder: lambda: (frame[k::3] for k in range(3)),
    "polars frames": lambda frame, folder: (
        lambda: [
            pytest.importorskip("polars").DataFrame(
                {c: frame[c].to_numpy() for c in frame}
            )
        ]
    ),
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_fit_of_its_table(rows, tmp_path, source):
    pytest.importorskip("pyarrow")
    frame = rows[["y", "x", "z", "c", "school", "g"]].astype({"c": str, "school": str})
    formula = "y ~ x*c + center(z) + (1 + x | g) + (1 | school)"
    whole = MixedLinearRegressor(formula).fit(frame)
    given = SOURCES[source](frame, tmp_path)
    model = MixedLinearRegressor(formula).fit(given)
    assert_same_fit(model, whole)
    predicted = model.predict(given)
    if source in ("polars", "dask"):
        assert not isinstance(predicted, np.ndarray)
        predicted = predicted.collect() if source == "polars" else predicted
    assert np.allclose(
        np.sort(np.asarray(predicted), axis=None), in_order(whole, frame)
    )
    assert model.score(given) == pytest.approx(whole.score(frame))
    with pytest.raises(ValueError, match=r"X lacks: \['nowhere'\]"):
        MixedLinearRegressor("y ~ nowhere + (1 | g)").fit(given)


@pytest.mark.parametrize("source", ["path", "polars", "duckdb", "callable"])
def test_coefficients_line_up_with_the_columns_of_a_source(rows, tmp_path, source):
    pytest.importorskip("pyarrow")
    frame = rows[["x", "y", "z"]]
    whole = MixedLinearRegressor("y ~ z + x").fit(frame)
    model = MixedLinearRegressor("y ~ z + x").fit(SOURCES[source](frame, tmp_path))
    assert np.allclose(model.coef_, whole.coef_)
    assert np.isclose(model.intercept_, whole.intercept_)
    parts = MixedLinearRegressor("y ~ z + x").partial_fit(frame[:1500])
    assert np.allclose(parts.partial_fit(frame[1500:]).coef_, whole.coef_)
    squared = MixedLinearRegressor("y ~ z + I(x**2)")
    with pytest.raises(AttributeError, match="would not line up"):
        _ = squared.fit(SOURCES["callable"](frame, tmp_path)).coef_


def in_order(model, frame):
    return np.sort(model.predict(frame))


def test_predictions_and_scores_by_chunks_are_those_of_the_table(declared, half):
    source = partial(chunks_of, declared)
    expected = half.predict(declared)
    assert np.allclose(half.predict(source), expected, rtol=ROUNDING, atol=ROUNDING)
    for found, expected in zip(
        half.predict(source, return_std=True, random_effects="g"),
        half.predict(declared, return_std=True, random_effects="g"),
        strict=True,
    ):
        assert np.allclose(found, expected)
    weighted = half.score(source, sample_weight="w")
    assert weighted == pytest.approx(half.score(declared, None, declared["w"]))
    with pytest.raises(TypeError, match="name of a column"):
        half.score(source, sample_weight=declared["w"])
    with pytest.raises(ValueError, match="leave y out"):
        half.score(source, declared["y"])


def test_an_iterator_is_read_once(rows):
    model = MixedLinearRegressor("y ~ x + (1 | g)").fit(chunks_of(rows))
    assert_same_fit(model, MixedLinearRegressor("y ~ x + (1 | g)").fit(rows))


def test_sleepstudy_by_subject():
    sleep = load_sleepstudy().frame
    whole = MixedLinearRegressor(SLEEP).fit(sleep)
    model = MixedLinearRegressor(SLEEP).fit(
        lambda: (own for _, own in sleep.groupby("Subject", observed=True))
    )
    assert_same_fit(model, whole)
    assert str(model.summary()) == str(whole.summary())
