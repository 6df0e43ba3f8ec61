"""Adapted models are generalised least squares on all rows, at the fit's variances."""

import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA, SAME_DENSE
from oracle import predict, textbook
from random_designs import SHAPES, random_design

from skmixed import MixedLinearRegressor, drop_random_terms, likelihood_ratio_test
from skmixed.datasets import (
    load_london_schools,
    load_pastes,
    load_penicillin,
    load_sleepstudy,
)
from skmixed.formula import GroupIndex
from skmixed.inference.opened import few_groups, open_fit
from skmixed.likelihood.elimination.regime import choose_elimination
from skmixed.likelihood.products.levels import among_levels
from skmixed.likelihood.products.plan import cross_products

pytestmark = pytest.mark.filterwarnings(
    "ignore::skmixed.warnings.SingularFitWarning",
    "ignore::skmixed.warnings.RankDeficiencyWarning",
)


def some_schools():
    frame = load_london_schools().frame.iloc[::20].reset_index(drop=True)
    return frame.assign(teacher=np.arange(len(frame)) % 7)


# formula, table, and which rows come after the fit
CASES = {
    "new groups": (
        "exam ~ lrt + gender + (1 + lrt | school)",
        some_schools,
        lambda d: d.school.isin([3, 17, 28, 53]),
    ),
    "known groups": (
        "exam ~ lrt + (1 + lrt || school)",
        some_schools,
        lambda d: d.index % 3 == 0,
    ),
    "by maximum likelihood": (
        "exam ~ lrt + (1 | school)",
        some_schools,
        lambda d: d.school > 30,
    ),
    "one level new, one known": (
        "diameter ~ 1 + (1 | plate) + (1 | sample)",
        lambda: load_penicillin().frame,
        lambda d: d.plate.isin(["a", "k", "x"]),
    ),
    "new levels within new ones": (
        "strength ~ 1 + (1 | batch/cask)",
        lambda: load_pastes().frame,
        lambda d: d.batch.isin(["A", "C"]),
    ),
    "new combinations": (
        "strength ~ 1 + (1 | batch/cask)",
        lambda: load_pastes().frame,
        lambda d: (d.batch == "D") & (d.cask == "b"),
    ),
    "slopes and crossed": (
        "exam ~ lrt + (lrt | school) + (1 | teacher)",
        some_schools,
        lambda d: d.school.isin([1, 9]) | (d.teacher == 0),
    ),
    "boundary": (
        "Reaction ~ Days + (1 | Subject) + (1 | Days)",
        lambda: load_sleepstudy().frame,
        lambda d: d.Subject.isin(d.Subject.unique()[:2]),
    ),
}


def case(name):
    formula, load, later = CASES[name]
    frame = load()
    new = np.asarray(later(frame))
    return formula, frame[~new], frame[new]


def fit(name):
    formula, old, new = case(name)
    reml = name != "by maximum likelihood"
    return MixedLinearRegressor(formula, reml=reml).fit(old), old, new


def dense(model, frame):
    """The textbook on all rows at the variances of a model."""
    design = model.spec_.build(frame)
    y = model.spec_.read_response(frame)
    design = dataclasses.replace(design, y=y, X=design.X[:, model.result_.kept])
    Psis = [L @ L.T for L in model.result_.relative_factors]
    return design, textbook(design, Psis, reml=model.reml)


def same(found, wanted):
    scale = 1.0 + np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=SAME_ALGEBRA * scale)


@pytest.fixture(params=[False, True], ids=["all groups", "few groups"])
def few(request, monkeypatch):
    """Whether the groups without new rows are left alone, in however small designs."""
    monkeypatch.setattr(few_groups, "FEWEST_GROUPS", 1 if request.param else np.inf)
    monkeypatch.setattr(few_groups, "FEW", np.inf)
    return request.param


@pytest.mark.parametrize("name", CASES)
def test_adapting_is_least_squares_on_all_rows(name, few):
    model, old, new = fit(name)
    everything = pd.concat([old, new])
    adapted = model.adapt(new)
    design, wanted = dense(adapted, everything)
    result, ratio = adapted.result_, (model.sigma_ / wanted.sigma) ** 2
    one_factor = len(result.groups) == 1
    assert (adapted.fitted_.few_groups is not None) == (few and one_factor)
    assert adapted.sigma_ == model.sigma_
    assert adapted.n_obs_ == len(everything)
    np.testing.assert_array_equal(adapted.theta_, model.theta_)
    same(result.coef, wanted.coef)
    same(result.coef_cov, ratio * wanted.coef_cov)
    for modes, covariances, b, own in zip(
        wanted.modes,
        wanted.mode_covariances,
        result.modes,
        adapted.fitted_.mode_covariances,
        strict=True,
    ):
        same(b, modes)
        same(own, ratio * covariances)
    same(adapted.predict(everything), predict(design, wanted.coef, wanted.modes))


@pytest.mark.parametrize("name", CASES)
def test_adapting_twice_is_adapting_once(name, few):
    model, old, new = fit(name)
    half = len(new) // 2
    once, twice = model.adapt(new), model.adapt(new[half:]).adapt(new[:half])
    everything = pd.concat([old, new])
    for one, other in zip(
        once.predict(everything, return_std=True),
        twice.predict(everything, return_std=True),
        strict=True,
    ):
        same(other, one)
    same(twice.predict_interval(new.head(5)), once.predict_interval(new.head(5)))
    same(twice.summary().fixed["df"], once.summary().fixed["df"])


@pytest.mark.parametrize("regime", ["dense", "nested", "crossed", "sparse"])
def test_every_regime_adapts(regime, monkeypatch):
    model, old, new = fit("new levels within new ones")
    monkeypatch.setattr(
        open_fit, "choose_elimination", lambda A: choose_elimination(A, regime)
    )
    adapted = model.adapt(new)
    wanted = dense(adapted, pd.concat([old, new]))[1]
    same(adapted.result_.coef, wanted.coef)
    for b, modes in zip(adapted.result_.modes, wanted.modes, strict=True):
        same(b, modes)


@pytest.mark.parametrize("index", range(len(SHAPES)))
def test_products_of_some_levels_and_of_the_others_add(index):
    """Rows of every other level first, coded on their own, then the rest."""
    design = random_design(index)
    whole = cross_products(design)
    top = design.random[0]
    old = top.codes % 2 == 0
    places = {b.group: np.unique(b.codes[old]) for b in design.random}
    first = take(design, old, places)
    everything = {b.group: np.arange(b.n_levels) for b in design.random}
    rest = cross_products(take(design, ~old, everything), basis=whole.basis)
    spread = among_levels(
        cross_products(first, basis=whole.basis),
        [factor.n_levels for factor in whole.factors],
        [places[factor.group] for factor in whole.factors],
    )
    found = spread + rest
    assert found.n_obs == whole.n_obs
    for own, wanted in (
        ([found.gram], [whole.gram]),
        (found.ZtZ, whole.ZtZ),
        (found.ZtXy, whole.ZtXy),
        (map(dense_pair, found.pairs), map(dense_pair, whole.pairs)),
    ):
        for a, b in zip(own, wanted, strict=True):
            np.testing.assert_allclose(a, b, atol=SAME_DENSE * (1 + np.abs(b).max()))


def take(design, keep, places):
    """Rows of a design, their groups coded by their place among some levels."""
    blocks = tuple(
        dataclasses.replace(
            block,
            z=block.z[keep],
            codes=np.searchsorted(places[block.group], block.codes[keep]),
            n_levels=len(places[block.group]),
        )
        for block in design.random
    )
    others = {
        name: None if part is None else part[keep]
        for name, part in (("offset", design.offset), ("weights", design.weights))
    }
    return dataclasses.replace(
        design, X=design.X[keep], y=design.y[keep], random=blocks, **others
    )


def dense_pair(pair):
    """Z_i'W Z_j of the factors in the order of the formula."""
    block = pair.to_csr().toarray()
    return block if pair.first < pair.second else block.T


def test_uncertainty_of_the_variances_is_that_of_the_fit():
    """Rows that say nothing leave intervals as they are."""
    model, _, new = fit("new groups")
    adapted = model.adapt(new.head(1), sample_weight=[1e-12])
    rows = new.tail(20)
    np.testing.assert_allclose(
        adapted.predict_interval(rows), model.predict_interval(rows), rtol=SAME_DENSE
    )
    np.testing.assert_allclose(
        adapted.summary().fixed["df"], model.summary().fixed["df"], rtol=SAME_DENSE
    )
    np.testing.assert_allclose(
        adapted.conf_int().frame, model.conf_int().frame, rtol=SAME_DENSE
    )


def test_more_rows_narrow_the_intervals_of_their_group():
    model, _, new = fit("new groups")
    rows = new[new.school == 17]
    before, after = (m.predict_interval(rows) for m in (model, model.adapt(rows)))
    assert (np.ptp(after, axis=1) < np.ptp(before, axis=1)).all()


def test_the_model_stays_and_pickles(few):
    model, _, new = fit("new groups")
    before = pickle.dumps(model)
    adapted = model.adapt(new.drop(columns="exam"), new["exam"])
    assert pickle.dumps(model) == before
    same(pickle.loads(pickle.dumps(adapted)).predict(new), adapted.predict(new))
    assert list(adapted.random_effects_["school"].index[-4:]) == [3, 17, 28, 53]


def test_a_likelihood_that_is_not_maximised_is_not_spoken_of():
    model, _, new = fit("new groups")
    adapted = model.adapt(new)
    assert np.isnan([adapted.loglik_, adapted.aic_, adapted.bic_]).all()
    assert "Variances held at those of the first" in str(adapted.summary())
    for ask in (
        lambda: likelihood_ratio_test(model, adapted),
        lambda: drop_random_terms(adapted, new),
        adapted.profile,
        adapted.bootstrap,
    ):
        with pytest.raises(ValueError, match="Fit a model to all rows"):
            ask()
    with pytest.raises(ValueError, match="ddf='kenward-roger'"):
        adapted.summary(ddf="kenward-roger")


def test_rows_that_cannot_be_learnt_from_are_refused():
    model, old, new = fit("new groups")
    for rows, message in (
        (new.assign(gender="X"), "gender"),
        (new.assign(school=np.nan), "no group"),
        (new.assign(school="seventeen"), "held numbers in fit"),
        (new.assign(exam=np.inf), "finite"),
        (new.drop(columns="exam"), "lacks the response"),
    ):
        with pytest.raises(ValueError, match=message):
            model.adapt(rows)
    rows = old.assign(pupil=old.groupby("school").cumcount())
    for formula in ("exam ~ lrt", "exam ~ lrt + (1 | gender)"):
        covarying = MixedLinearRegressor(formula, residual="ar1(pupil | school)")
        with pytest.raises(ValueError, match="adapt is for independent residuals"):
            covarying.fit(rows).adapt(rows)
    with pytest.raises(ValueError, match="the model has none"):
        MixedLinearRegressor("exam ~ lrt").fit(old).adapt(new)
    twice = MixedLinearRegressor("exam ~ lrt + copy + (1 | school)")
    twice = twice.fit(old.assign(copy=old.lrt))
    twice.adapt(new.assign(copy=new.lrt))
    with pytest.raises(ValueError, match="break the dependence"):
        twice.adapt(new.assign(copy=0.0))


def test_rows_without_what_is_needed_are_dropped_where_that_is_asked_for():
    formula, old, new = case("new groups")
    model = MixedLinearRegressor(formula, na_action="drop").fit(old)
    holed = new.assign(exam=new.exam.where(new.school != 3))
    wanted = model.adapt(new[new.school != 3])
    adapted = model.adapt(holed)
    same(adapted.result_.coef, wanted.result_.coef)
    assert adapted.n_dropped_ == int((new.school == 3).sum())


@pytest.mark.parametrize(
    ("old", "new", "levels"),
    [
        ([3, 1], [2, 3], [1, 3, 2]),
        (["b", "a"], ["c", None, "a"], ["a", "b", "c"]),
        (pd.Categorical(["hi", "lo"], ["lo", "hi"]), ["mid"], ["lo", "hi", "mid"]),
    ],
)
def test_new_groups_follow_the_known_ones(old, new, levels):
    index, _ = GroupIndex.learn("g", ("g",), pd.DataFrame({"g": old}))
    more, places = index.extended(pd.DataFrame({"g": new}))
    assert more.labels.tolist() == levels
    assert places.tolist() == list(range(len(places)))
    codes = more.encode(pd.DataFrame({"g": pd.Series(levels)}))
    assert codes.tolist() == list(range(len(levels)))
