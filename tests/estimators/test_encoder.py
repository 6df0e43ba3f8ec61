"""Encoded levels are the dense BLUPs of the rows outside the fold."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmixed import MixedLinearRegressor, RandomEffectEncoder
from skmixed.datasets import load_london_schools, load_penicillin
from skmixed.estimators import encoded_effects
from skmixed.likelihood.linalg.probes import Probes

# Of variances that are estimated to a looser tolerance than a fit's.
NEAR = 1e-2


def crossed():
    """Rows of a slope and two crossed columns, some of their levels missing."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 30, 400), rng.integers(0, 12, 400)
    x = rng.normal(size=400)
    y = x + rng.normal(size=30)[a] + rng.normal(size=12)[b] + rng.normal(size=400)
    X = pd.DataFrame({"a": a, "x": x, "b": b}).astype({"a": str, "b": str})
    X.loc[::25, "a"] = None
    return X, pd.Series(y)


def blups(X, y, train, encoder, fixed):
    """Effects of the levels given some rows, by a dense V."""
    s2 = encoder.variances_["residual"]
    V, places = np.eye(len(train)), {}
    for name in encoder.columns_:
        levels = pd.Index(encoder.effects_[name].index)
        code = levels.get_indexer(X[name])
        Z = np.zeros((len(X), len(levels)))
        Z[code >= 0, code[code >= 0]] = 1.0
        ratio = encoder.variances_[name] / s2
        places[name] = Z, ratio
        V += ratio * Z[train] @ Z[train].T
    F = np.column_stack([np.ones(len(X)), X[fixed]])[train].astype(float)
    Vi = np.linalg.inv(V)
    beta = np.linalg.solve(F.T @ Vi @ F, F.T @ Vi @ y[train])
    r = Vi @ (y[train] - F @ beta)
    return {name: Z @ (ratio * Z[train].T @ r) for name, (Z, ratio) in places.items()}


@parametrize_with_checks(
    [RandomEffectEncoder(), RandomEffectEncoder(variances="moments")]
)
def test_conventions(estimator, check):
    check(estimator)


@pytest.mark.parametrize("variances", ["reml", "moments"])
def test_folds_are_encoded_by_the_dense_blups_of_the_others(variances):
    X, y = crossed()
    y = y.to_numpy()
    encoder = RandomEffectEncoder(fixed=["x"], variances=variances, random_state=3)
    out = encoder.fit_transform(X, y)
    whole = encoder.transform(X)
    np.testing.assert_array_equal(out[:, 1], X["x"])
    everything = np.arange(len(X))
    folds = KFold(5, shuffle=True, random_state=3).split(X)
    for found, train, test in [
        (whole, everything, everything),
        *((out, train, test) for train, test in folds),
    ]:
        wanted = blups(X, y, train, encoder, ["x"])
        for place, name in ((0, "a"), (2, "b")):
            np.testing.assert_allclose(
                found[test, place], wanted[name][test], atol=SAME_ALGEBRA
            )


def modes_of_labels(X, y, train, encoder, place=None):
    """Log odds of the levels given some rows: penalised likelihood, densely."""
    Zs, ratios = [np.column_stack([np.ones(len(X)), X["x"].astype(float)])], [0.0, 0.0]
    for name in ("a", "b"):
        levels = pd.Index(encoder.effects_[name].index)
        code = levels.get_indexer(X[name])
        Zs.append(1.0 * (code[:, None] == np.arange(len(levels))))
        ratio = encoder.variances_.loc[name]
        ratio = ratio if place is None else ratio.iloc[place]
        ratios += [1.0 / ratio] * len(levels)
    W, coef = np.hstack(Zs), np.zeros(len(ratios))
    for _ in range(30):
        mu = expit(W[train] @ coef)
        step = W[train].T @ (y[train] - mu) - ratios * coef
        H = (W[train].T * (mu * (1 - mu))) @ W[train] + np.diag(ratios)
        coef += np.linalg.solve(H, step)
    n_a = Zs[1].shape[1]
    return Zs[1] @ coef[2 : 2 + n_a], Zs[2] @ coef[2 + n_a :]


@pytest.mark.parametrize("variances", ["reml", "moments"])
@pytest.mark.parametrize("labels", [["no", "yes"], ["low", "mid", "top"]])
def test_labels_are_encoded_by_the_modes_given_the_other_folds(labels, variances):
    X, y = crossed()
    grades = np.digitize(y, np.quantile(y, np.arange(1, len(labels)) / len(labels)))
    encoder = RandomEffectEncoder(fixed=["x"], variances=variances, random_state=3)
    out = encoder.fit_transform(X, np.array(labels)[grades])
    assert encoder.classes_.tolist() == labels
    places = [None] if len(labels) == 2 else range(3)
    names = [f"a_{c}" for c in labels], [f"b_{c}" for c in labels]
    names = (["a"], ["b"]) if len(labels) == 2 else names
    order = encoder.get_feature_names_out().tolist()
    assert order == [*names[0], "x", *names[1]]
    for train, test in KFold(5, shuffle=True, random_state=3).split(X):
        for k, place in enumerate(places):
            one = 1.0 * (grades == (1 if place is None else place))
            wanted = modes_of_labels(X, one, train, encoder, place)
            for mode, name in zip(wanted, (names[0][k], names[1][k]), strict=True):
                found = out[test, order.index(name)]
                np.testing.assert_allclose(found, mode[test], atol=SAME_ALGEBRA)


def test_levels_without_end_are_solved_for_by_iteration(monkeypatch):
    X, y = crossed()
    dense = RandomEffectEncoder(fixed=["x"], variances="moments", random_state=0)
    wanted = dense.fit_transform(X, y)
    monkeypatch.setattr(
        encoded_effects, "with_probes", lambda A, _: replace(A, probes=Probes(0))
    )
    found = clone(dense).set_params(variances="auto").fit_transform(X, y)
    np.testing.assert_allclose(found, wanted, atol=SAME_ALGEBRA)


@pytest.mark.parametrize(
    ("y", "options", "kind"),
    [
        ([0, 1], {}, "binary"),
        ([1.5, 2.5, 4.0], {}, "continuous"),
        ([0, 1, 2], {"target_type": "multiclass"}, "multiclass"),
        ([0, 1], {"target_type": "continuous"}, "continuous"),
        ([True, False], {}, "binary"),
    ],
)
def test_what_the_response_is(y, options, kind):
    X, _ = crossed()
    y = np.resize(y, len(X))
    assert RandomEffectEncoder(**options).fit(X, y).target_type_ == kind


@pytest.mark.parametrize(
    ("y", "options", "said"),
    [
        (["a"], {}, "1 classes"),
        (["a", "b", "c"], {"target_type": "binary"}, "has 3 classes"),
        (["a", None], {}, "labels are missing"),
    ],
)
def test_labels_that_cannot_serve_are_refused(y, options, said):
    X, _ = crossed()
    with pytest.raises(ValueError, match=said):
        RandomEffectEncoder(**options).fit(X, np.resize(np.array(y, object), len(X)))


def test_variances_are_those_of_the_model():
    X, y = crossed()
    X["a"] = X["a"].fillna("other")
    encoder = RandomEffectEncoder(fixed=["x"]).fit(X, y)
    model = MixedLinearRegressor("~ x + (1 | a) + (1 | b)").fit(X, y)
    for name in "ab":
        wanted = model.random_effects_cov_[name].iloc[0, 0]
        assert encoder.variances_[name] == pytest.approx(wanted, rel=NEAR)
    assert encoder.variances_["residual"] == pytest.approx(model.sigma_**2, rel=NEAR)


def test_unseen_and_missing_levels_are_zero():
    X, y = crossed()
    encoder = RandomEffectEncoder().fit(X, y)
    rows = X.head(3).assign(a=["never", None, "7"], b=["never", np.nan, "3"])
    out = encoder.transform(rows)
    assert (out[:2, [0, 2]] == 0).all()
    assert (out[2, [0, 2]] != 0).all()


@pytest.mark.parametrize(
    "column",
    [["one"] * 400, [str(i) for i in range(400)], [None] * 400],
)
def test_columns_that_say_nothing_are_zero(column):
    X, y = crossed()
    both = X[["a"]].assign(c=pd.Series(column, dtype=object))
    encoder = RandomEffectEncoder(random_state=0)
    out = encoder.fit_transform(both, y)
    alone = RandomEffectEncoder(random_state=0).fit_transform(X[["a"]], y)
    np.testing.assert_array_equal(out[:, 1], 0.0)
    np.testing.assert_allclose(out[:, [0]], alone, atol=SAME_ALGEBRA)


def test_a_constant_response_has_no_effects():
    X, _ = crossed()
    out = RandomEffectEncoder().fit_transform(X, np.full(len(X), 3.0))
    np.testing.assert_array_equal(out[:, [0, 2]], 0.0)


def test_frames_come_out_where_they_are_asked_for():
    frame = load_penicillin().frame
    encoder = RandomEffectEncoder(random_state=0).set_output(transform="pandas")
    out = encoder.fit_transform(frame[["plate", "sample"]], frame["diameter"])
    assert out.columns.tolist() == ["plate", "sample"]
    assert encoder.get_feature_names_out().tolist() == ["plate", "sample"]


def test_it_serves_the_estimator_behind_it():
    frame = load_london_schools().frame
    X = frame[["lrt", "school"]].assign(school=frame["school"].astype(str))
    pipe = make_pipeline(RandomEffectEncoder(fixed=["lrt"], random_state=0), Ridge())
    folds = KFold(3, shuffle=True, random_state=0)
    scored = cross_val_score(pipe, X, frame["exam"], cv=folds).mean()
    assert scored > cross_val_score(Ridge(), X[["lrt"]], frame["exam"], cv=folds).mean()


def test_columns_that_cannot_serve_are_named():
    X, y = crossed()
    for encoder, message in (
        (RandomEffectEncoder(["z"]), "`columns` names columns that X lacks"),
        (RandomEffectEncoder(["a"]), r"\['b'\] are not numeric"),
        (RandomEffectEncoder(fixed=["z"]), "`fixed` names columns that X lacks"),
    ):
        with pytest.raises(ValueError, match=message):
            encoder.fit(X, y)
