"""Predictions with their uncertainty, and simulated responses."""

import copy

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA, SAME_DENSE, SAME_DEVIANCE, SAME_THETA
from scipy import stats
from sklearn.utils import Bunch

from skmixed import MixedLinearRegressor
from skmixed.datasets import (
    load_cake,
    load_machines,
    load_pastes,
    load_penicillin,
    load_sleepstudy,
    make_mixed_regression,
)
from skmixed.inference import prediction as uncertainty
from skmixed.inference.opened import open_fit, posterior
from skmixed.likelihood.criterion.profiled import ProfiledDeviance
from skmixed.likelihood.elimination import factored
from skmixed.likelihood.elimination.regime import choose_elimination
from skmixed.likelihood.products.rows import GroupedRows


def make_crossed():
    X, y = make_mixed_regression(
        12, 20, n_features=1, second_factor="crossed", random_state=1
    )
    third = np.arange(len(X)) % 7
    return Bunch(frame=X.assign(y=y + 0.3 * third, third=third))


MODELS = {
    "slopes": ("Reaction ~ Days + (Days | Subject)", load_sleepstudy),
    "two terms": (
        "Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)",
        load_sleepstudy,
    ),
    "crossed": ("diameter ~ 1 + (1 | plate) + (1 | sample)", load_penicillin),
    "nested": ("strength ~ 1 + (1 | batch/cask)", load_pastes),
    "interaction": ("angle ~ recipe*temp + (1 | recipe:replicate)", load_cake),
    "factor": ("score ~ Machine + (Machine | Worker)", load_machines),
    "crossed slopes": ("y ~ x0 + (x0 || group) + (1 | item)", make_crossed),
    "three factors": (
        "y ~ x0 + (x0 || group) + (1 | item) + (1 | third)",
        make_crossed,
    ),
}


def fit(name, **options):
    formula, load = MODELS[name]
    frame = load().frame
    return MixedLinearRegressor(formula, **options).fit(frame), frame


def loadings(design, covariances):
    """Return Z of all rows, with one more level per factor for unseen groups, and D."""
    rows, columns, blocks = GroupedRows.of(design.random), [], []
    for factor, z, codes, covariance in zip(
        rows.factors, rows.z, rows.codes, covariances, strict=True
    ):
        n_levels = factor.n_levels + 1
        level = np.where(codes < 0, factor.n_levels, codes)
        columns.append(
            (np.eye(n_levels)[level][:, :, None] * z[:, None]).reshape(len(z), -1)
        )
        blocks.append(np.kron(np.eye(n_levels), covariance))
    D = np.zeros((sum(map(len, blocks)),) * 2)
    at = 0
    for block in blocks:
        D[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    return np.hstack(columns), D


def henderson_variance(model, train, new):
    """Var(x'beta_hat + z'b_hat - x'beta - z'b) from V in full."""
    result = model.result_
    old, new = (model.spec_.build(frame) for frame in (train, new))
    Z, D = loadings(old, result.covariances)
    Z_new, _ = loadings(new, result.covariances)
    X, X_new = old.X[:, result.kept], new.X[:, result.kept]
    V_inv = np.linalg.inv(Z @ D @ Z.T + result.sigma**2 * np.eye(len(Z)))
    A = Z_new @ D @ Z.T @ V_inv
    U = X_new - A @ X
    variance = Z_new @ D @ Z_new.T - A @ Z @ D @ Z_new.T
    return np.diag(variance + U @ np.linalg.inv(X.T @ V_inv @ X) @ U.T)


def shuffled(model, frame):
    """Rows whose groups meet in other combinations, some of them new."""
    new = frame.sample(frac=0.5, random_state=0).reset_index(drop=True)
    group = model.spec_.group_columns[-1]
    if group in model.spec_.design_columns_for(True):
        return new
    random = np.random.default_rng(0)
    new[group] = random.permutation(new[group].astype(object))
    new.loc[[0, 3, 7], group] = "new"
    return new


@pytest.mark.parametrize("name", MODELS)
def test_standard_errors_are_those_of_the_mixed_model_equations(name):
    model, frame = fit(name)
    new = shuffled(model, frame)
    _, std = model.predict(new, return_std=True)
    np.testing.assert_allclose(
        std**2, henderson_variance(model, frame, new), rtol=SAME_DENSE
    )


@pytest.mark.parametrize(
    ("name", "regime"),
    [
        ("nested", "nested"),
        ("nested", "crossed"),
        ("crossed", "crossed"),
        ("crossed slopes", "crossed"),
        ("three factors", "crossed"),
    ],
)
def test_every_regime_gives_the_same_standard_errors(name, regime, monkeypatch):
    model, frame = fit(name)
    new = shuffled(model, frame)
    _, expected = model.predict(new, return_std=True)
    monkeypatch.setattr(
        open_fit, "choose_elimination", lambda A: choose_elimination(A, regime)
    )
    monkeypatch.setattr(factored, "CHUNK_DIRECTIONS", 2)
    monkeypatch.setattr(posterior, "CHUNK_ROWS", 17)
    _, std = copy.deepcopy(model).predict(new, return_std=True)
    np.testing.assert_allclose(std, expected, rtol=SAME_DENSE)


def test_conditional_sds_are_the_standard_errors_given_beta():
    model, frame = fit("slopes")
    row = pd.DataFrame({"Days": 0.0, "Subject": frame["Subject"].unique()})
    found = model.fitted_.open.posterior
    rows = found.basis.rows(model.spec_.build(row))
    given_beta = found.alone.within_factors(rows)[0]
    w = found.loadings(rows)[0][0]
    u = rows.X - np.einsum("na,apn->np", w, found.F[0])
    given_beta -= (np.linalg.solve(found.RX, u.T) ** 2).sum(axis=0)
    np.testing.assert_allclose(
        found.sigma2 * given_beta,
        model.conditional_cov_["Subject"][:, 0, 0],
        rtol=SAME_ALGEBRA,
    )


@pytest.mark.parametrize("name", MODELS)
def test_one_row_is_predicted_as_in_the_batch(name):
    model, frame = fit(name)
    rows = frame.iloc[[0, 5, 11, 50]]
    _, std = model.predict(rows, return_std=True)
    interval = model.predict_interval(rows)
    for place in range(len(rows)):
        one = rows.iloc[[place]]
        np.testing.assert_allclose(model.predict(one), model.predict(rows)[[place]])
        np.testing.assert_allclose(model.predict(one, return_std=True)[1], std[[place]])
        np.testing.assert_allclose(model.predict_interval(one), interval[[place]])


@pytest.mark.parametrize(
    ("column", "scale", "shift"),
    [("Days", 1e6, 0), ("Days", 1e-6, 0), ("Days", 1, 1e6), ("Reaction", 1, 1e9)],
)
def test_standard_errors_do_not_depend_on_the_scales(column, scale, shift):
    model, frame = fit("slopes")
    moved = frame.assign(**{column: frame[column] * scale + shift})
    other = MixedLinearRegressor(MODELS["slopes"][0]).fit(moved)
    _, std = model.predict(frame, return_std=True)
    np.testing.assert_allclose(
        other.predict(moved, return_std=True)[1], std, rtol=SAME_DENSE
    )
    width = np.diff(model.predict_interval(frame))
    np.testing.assert_allclose(
        np.diff(other.predict_interval(moved)), width, rtol=SAME_DEVIANCE
    )
    np.testing.assert_allclose(other.icc(), model.icc(), rtol=SAME_DENSE)


def test_known_groups_are_predicted_more_closely_than_new_ones():
    model, frame = fit("slopes")
    _, known = model.predict(frame, return_std=True)
    _, new = model.predict(frame.assign(Subject="new"), return_std=True)
    assert (known < new).all()


def test_groups_left_out_count_as_new():
    model, frame = fit("crossed")
    new = frame.assign(plate="new", sample="new")
    expected = model.predict(new, return_std=True)
    left_out = model.predict(frame, random_effects=False, return_std=True)
    without = frame.drop(columns=["plate", "sample"])
    for found in (
        left_out,
        model.predict(without, random_effects=False, return_std=True),
    ):
        np.testing.assert_allclose(found, expected, rtol=SAME_ALGEBRA)
    one = model.predict(
        frame.drop(columns="sample"), random_effects="plate", return_std=True
    )
    both = model.predict(frame.assign(sample="new"), return_std=True)
    np.testing.assert_allclose(one, both, rtol=SAME_ALGEBRA)


def test_an_unseen_group_is_refused_with_standard_errors_too():
    model, frame = fit("crossed", unseen_groups="error")
    with pytest.raises(ValueError, match="did not see: new"):
        model.predict(
            frame.assign(plate="new"), random_effects="plate", return_std=True
        )
    assert len(model.simulate(frame.assign(plate="new"))) == len(frame)


def test_least_squares_intervals_are_the_textbook_ones():
    frame = load_sleepstudy().frame
    model = MixedLinearRegressor("Reaction ~ Days").fit(frame)
    X = np.column_stack([np.ones(len(frame)), frame["Days"]])
    leverage = np.einsum("ij,jk,ik->i", X, np.linalg.inv(X.T @ X), X)
    _, std = model.predict(frame, return_std=True)
    np.testing.assert_allclose(std, model.sigma_ * np.sqrt(leverage))
    low, high = model.predict_interval(frame).T
    half = stats.t.ppf(0.975, 178) * model.sigma_ * np.sqrt(1 + leverage)
    np.testing.assert_allclose((high - low) / 2, half, rtol=SAME_DENSE)


def test_degrees_of_freedom_of_a_balanced_design_are_satterthwaites():
    """With mean squares between and within, v = (MSB - MSW) / n + MSB / (n G)."""
    frame = load_pastes().frame
    groups, size = 30, 2
    model = MixedLinearRegressor("strength ~ 1 + (1 | sample)").fit(frame)
    means = frame.groupby("sample", observed=True)["strength"].transform("mean")
    within = ((frame["strength"] - means) ** 2).sum() / (groups * (size - 1))
    between = ((means - frame["strength"].mean()) ** 2).sum() / (groups - 1)
    a, b = (1 + 1 / groups) / size, -1 / size
    v = a * between + b * within
    spread = (a * between) ** 2 / (groups - 1) + (b * within) ** 2 / groups
    design = model.spec_.build(pd.DataFrame({"sample": ["new"]}))
    found = uncertainty.predictive_distribution(model.fitted_, design, "mean")
    np.testing.assert_allclose(found.variance[0], v, rtol=SAME_DEVIANCE)
    np.testing.assert_allclose(found.df[0], v**2 / spread, rtol=SAME_THETA)


def test_missing_rows_have_missing_bounds():
    model, frame = fit("slopes", na_action="drop")
    rows = frame.head(3).astype({"Days": float})
    rows.loc[1, "Days"] = np.nan
    value, std = model.predict(rows, return_std=True)
    for found in (value, std, *model.predict_interval(rows).T, *model.simulate(rows).T):
        np.testing.assert_array_equal(np.isnan(found), [False, True, False])
    assert np.isnan(model.predict_interval(rows.iloc[[1]])).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence_level": 95}, "between 0 and 1"),
        ({"kind": "confidence"}, "'prediction' or 'mean'"),
    ],
)
def test_wrong_arguments_of_intervals_are_named(options, message):
    model, frame = fit("slopes")
    with pytest.raises(ValueError, match=message):
        model.predict_interval(frame, **options)


def test_too_many_new_combinations_are_refused(monkeypatch):
    model, frame = fit("nested")
    monkeypatch.setattr(
        open_fit, "choose_elimination", lambda A: choose_elimination(A, "nested")
    )
    monkeypatch.setattr(factored, "MOST_WORK", 10)
    model.predict(frame, return_std=True)
    swapped = model.spec_.build(frame)
    for block in swapped.random:
        if block.n_levels == 10:
            block.codes[:] = block.codes[::-1].copy()
    with pytest.raises(ValueError, match="Predict fewer rows at a time"):
        uncertainty.mean_variance(model.fitted_, swapped)


def test_covariances_between_levels_are_the_same_by_columns():
    """The regimes' own formulas against columns of Z'V^-1 Z."""
    for name, regime in (("nested", "nested"), ("three factors", "crossed")):
        A = fit(name)[0].result_.A
        deviance = ProfiledDeviance(A, choose_elimination(A, regime), reml=True)
        theta = np.linspace(0.5, 0.9, deviance.n_theta)
        found = posterior.Posterior(A, deviance.at(theta), sigma2=1.0)
        for pair in A.pairs:
            j, h, levels_j, levels_h = pair.first, pair.second, pair.rows, pair.indices
            own = found.factored.between(j, h, levels_j, levels_h)
            by_columns = found.factored.by_columns(j, h, levels_j, levels_h)
            np.testing.assert_allclose(own, by_columns, atol=SAME_ALGEBRA)
            turned = found.factored.between(h, j, levels_h, levels_j)
            np.testing.assert_array_equal(turned, own.transpose(1, 0, 2))


def test_standard_errors_leave_nothing_in_the_model():
    model, frame = fit("slopes")
    before = set(vars(model)) | set(vars(model.result_))
    model.predict(frame, return_std=True)
    assert set(vars(model)) | set(vars(model.result_)) == before


def test_simulated_responses_have_the_moments_of_the_model():
    model, frame = fit("slopes")
    rows = frame.iloc[[0, 9, 10]]
    drawn = model.simulate(rows, n_samples=20_000, random_state=0)
    z = np.column_stack([np.ones(3), rows["Days"]])
    V = z @ model.random_effects_cov_["Subject"].to_numpy() @ z.T
    V *= np.equal.outer(rows["Subject"].to_numpy(), rows["Subject"].to_numpy())
    V += model.sigma_**2 * np.eye(3)
    # five Monte-Carlo standard errors
    np.testing.assert_allclose(
        drawn.mean(axis=1),
        model.predict(rows, random_effects=False),
        atol=5 * np.sqrt(V.max() / 20_000),
    )
    np.testing.assert_allclose(np.cov(drawn), V, atol=5 * V.max() * np.sqrt(2 / 20_000))


def test_fitted_groups_keep_their_effects_and_new_ones_are_drawn():
    model, frame = fit("slopes")
    rows = pd.concat([frame.head(1), frame.head(1).assign(Subject="new")])
    options = {"n_samples": 20_000, "random_effects": "fitted", "random_state": 1}
    known, new = model.simulate(rows, **options)
    expected = model.predict(rows)
    assert abs(known.mean() - expected[0]) < 5 * known.std() / np.sqrt(20_000)
    assert abs(known.std() / model.sigma_ - 1) < 0.03
    assert new.std() > 1.2 * known.std()
    heavy = model.simulate(rows, sample_weight=[100.0, 1.0], **options)
    assert abs(heavy[0].std() / (model.sigma_ / 10) - 1) < 0.03


def test_simulation_repeats_with_its_seed():
    model, frame = fit("crossed")
    one, two = (model.simulate(frame, n_samples=2, random_state=7) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.shape == (len(frame), 2)
    with pytest.raises(ValueError, match="'new' or 'fitted'"):
        model.simulate(frame, random_effects="old")
    with pytest.raises(ValueError, match="positive integer"):
        model.simulate(frame, n_samples=0)


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
def test_prediction_intervals_cover():
    """Known and new groups, 12 groups of 6 rows: 95 % within Monte-Carlo error."""
    random = np.random.default_rng(5)
    group = np.repeat(np.arange(13), 8)
    x = random.standard_normal(len(group))
    inside = {"known": [], "new": []}
    for _ in range(80):
        b = random.standard_normal((13, 2)) * [1.0, 0.5]
        y = 1 + 2 * x + b[group, 0] + b[group, 1] * x + random.standard_normal(len(x))
        frame = pd.DataFrame({"y": y, "x": x, "g": group})
        held = np.tile(np.arange(8) >= 6, 13)
        train = frame[~held & (group < 12)]
        model = MixedLinearRegressor("y ~ x + (1 | g) + (0 + x | g)").fit(train)
        low, high = model.predict_interval(frame).T
        hit = (low <= y) & (y <= high)
        inside["known"].append(hit[held & (group < 12)].mean())
        inside["new"].append(hit[group == 12].mean())
    assert abs(np.mean(inside["known"]) - 0.95) < 0.02
    assert abs(np.mean(inside["new"]) - 0.95) < 0.05


def test_some_effects_of_a_factor_are_added():
    sleep = load_sleepstudy().frame
    model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep)
    modes = model.random_effects_["Subject"].loc[sleep["Subject"]].to_numpy()
    population = model.predict(sleep, random_effects=False)
    for wanted, added in {
        "Intercept": modes[:, 0],
        ("Days",): modes[:, 1] * sleep["Days"],
        ("Intercept", "Days"): modes[:, 0] + modes[:, 1] * sleep["Days"],
    }.items():
        predicted = model.predict(sleep, random_effects={"Subject": wanted})
        np.testing.assert_allclose(predicted, population + added, rtol=SAME_ALGEBRA)
    options = {"random_effects": {"Subject": "Intercept"}, "return_std": "fixed"}
    assert len(model.predict(sleep, **options)[1]) == len(sleep)
    with pytest.raises(ValueError, match="whole grouping factors"):
        model.predict(sleep, random_effects={"Subject": "Days"}, return_std=True)
    with pytest.raises(ValueError, match="has no effect"):
        model.predict(sleep, random_effects={"Subject": "days"})
    with pytest.raises(ValueError, match="grouping factors"):
        model.predict(sleep, random_effects={"subject": "Days"})


def test_a_random_slope_of_one_level_is_that_of_lme4():
    # lme4 1.1: REML criterion 276.318
    formula = (
        "score ~ Machine + (0 + dummy(Machine, 'B') + dummy(Machine, 'C') | Worker)"
    )
    model = MixedLinearRegressor(formula).fit(load_machines().frame)
    assert round(model.deviance_, 3) == 276.318
    levels = "score ~ Machine + (0 + dummy(Machine, c('B', 'C')) | Worker)"
    other = MixedLinearRegressor(levels).fit(load_machines().frame)
    assert other.deviance_ == pytest.approx(model.deviance_, abs=SAME_DEVIANCE)
