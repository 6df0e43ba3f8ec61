import numpy as np
import pandas as pd
import pytest
from conftest import SAME_ALGEBRA, SAME_DENSE, SAME_DEVIANCE, SAME_THETA
from headless import closed_figures, sleepstudy  # noqa: F401

from skmixed import MixedLinearRegressor, datasets
from skmixed.estimators.rows import Rows
from skmixed.inference.diagnose import crossed_deletion
from skmixed.inference.diagnose.group_deletion import delete_groups
from skmixed.inspection import influence
from skmixed.likelihood.products.rows import GroupedRows

TIGHT = {"tol": 1e-11}


def fit(formula, frame, **options):
    return MixedLinearRegressor(formula, **TIGHT).fit(frame, **options)


def distance(model, refitted):
    shift = (model.fixed_effects_ - refitted.fixed_effects_).to_numpy()
    precision = np.linalg.inv(model.fixed_effects_cov_.to_numpy())
    return shift @ precision @ shift / len(shift)


def test_group_distances_are_those_of_all_65_refits():
    schools = datasets.load_london_schools().frame
    formula = "exam ~ lrt + (1 + lrt | school)"
    model = fit(formula, schools)
    found = influence(model, schools, level="school")
    assert found.table.index.tolist() == list(range(1, 66))
    for school in found.table.index:
        refitted = fit(formula, schools[schools["school"] != school])
        row = found.table.loc[school]
        assert abs(row["cooks_distance"] - distance(model, refitted)) < SAME_DEVIANCE
        assert abs(row["sigma"] - refitted.sigma_) < SAME_DEVIANCE
        std_error = np.sqrt(np.diag(refitted.fixed_effects_cov_))
        dfbetas = (model.fixed_effects_ - refitted.fixed_effects_) / std_error
        np.testing.assert_allclose(found.dfbetas.loc[school], dfbetas, atol=SAME_THETA)


@pytest.mark.parametrize("level", ["batch", "batch:cask"])
def test_groups_of_nested_factors_are_refitted(level):
    pastes = datasets.load_pastes().frame
    formula = "strength ~ 1 + (1 | batch/cask)"
    model = fit(formula, pastes)
    found = influence(model, pastes, level=level)
    label = found.table.index[3]
    columns = level.split(":")
    keep = (pastes[columns].astype(str) != np.atleast_1d(label)).any(axis=1)
    expected = distance(model, fit(formula, pastes[keep]))
    assert abs(found.table["cooks_distance"].iloc[3] - expected) < SAME_DEVIANCE
    sd = fit(formula, pastes[keep]).random_effects_cov_["batch"].to_numpy() ** 0.5
    assert abs(found.random_sd["batch: Intercept"].iloc[3] - sd[0, 0]) < SAME_DEVIANCE


def test_groups_of_crossed_factors_are_refitted_with_weights():
    X, y = datasets.make_mixed_regression(
        12, 10, second_factor="crossed", n_second=5, random_state=1
    )
    frame = X.assign(y=y, w=np.linspace(0.5, 2.0, len(X)))
    formula = "y ~ x0 + x1 + (1 | group) + (1 | item)"
    model = fit(formula, frame, sample_weight=frame["w"])
    found = influence(model, frame, sample_weight=frame["w"], level="item")
    rest = frame[frame["item"] != 2]
    refitted = fit(formula, rest, sample_weight=rest["w"])
    expected = distance(model, refitted)
    assert abs(found.table["cooks_distance"].iloc[2] - expected) < SAME_DEVIANCE


def dense_deletion(model, rows, gone):
    """Generalised least squares without some rows, V held: coef, std_error, sigma."""
    keep = np.ones(len(rows.y), dtype=bool)
    keep[gone] = False
    V = marginal_covariance(model, rows)[np.ix_(keep, keep)]
    X, y = rows.X[keep], rows.y[keep]
    inverse = np.linalg.inv(V)
    C = np.linalg.inv(X.T @ inverse @ X)
    coef = C @ X.T @ inverse @ y
    e = y - X @ coef
    sigma = np.sqrt(e @ inverse @ e / (keep.sum() - len(coef)))
    return coef, sigma * np.sqrt(np.diag(C)), sigma


def marginal_covariance(model, rows):
    n = len(rows.y)
    V = np.eye(n) if rows.weights is None else np.diag(1.0 / rows.weights)
    for block, (j, positions, _) in zip(rows.random, model.result_.terms, strict=True):
        Psi = model.result_.covariances[j][np.ix_(positions, positions)]
        same = block.codes[:, None] == block.codes
        V = V + same * (block.z @ Psi @ block.z.T) / model.sigma_**2
    return V


@pytest.fixture(params=["one factor", "crossed, weighted", "none"])
def fitted(request):
    if request.param == "one factor":
        model, frame = sleepstudy()
        return model, frame, None
    X, y = datasets.make_mixed_regression(
        10, 8, second_factor="crossed", n_second=4, random_state=2
    )
    frame = X.assign(y=y)
    random = " + (1 + x0 | group) + (1 | item)" if "crossed" in request.param else ""
    weights = np.linspace(0.5, 2.0, len(X)) if random else None
    return fit("y ~ x0 + x1" + random, frame, sample_weight=weights), frame, weights


def test_observations_are_deleted_as_by_dense_algebra(fitted):
    model, frame, weights = fitted
    found = influence(model, frame, sample_weight=weights)
    design = Rows.read_fitted(model, frame, sample_weight=weights).design
    for row in (0, 17, len(frame) - 1):
        coef, std_error, sigma = dense_deletion(model, design, row)
        np.testing.assert_allclose(found.coef.iloc[row], coef, rtol=SAME_DENSE)
        dfbetas = (model.fixed_effects_ - coef) / std_error
        np.testing.assert_allclose(found.dfbetas.iloc[row], dfbetas, atol=SAME_DENSE)
        assert abs(found.table["sigma"].iloc[row] / sigma - 1.0) < SAME_DENSE


def test_leverages_are_diagonals_of_the_hat_matrices(fitted):
    model, frame, weights = fitted
    table = influence(model, frame, sample_weight=weights).table
    design = Rows.read_fitted(model, frame, sample_weight=weights).design
    X, inverse = design.X, np.linalg.inv(marginal_covariance(model, design))
    H = X @ np.linalg.inv(X.T @ inverse @ X) @ X.T @ inverse
    np.testing.assert_allclose(table["leverage"], np.diag(H), atol=SAME_DENSE)
    P = inverse @ (np.eye(len(X)) - H)
    w = np.ones(len(X)) if weights is None else weights
    np.testing.assert_allclose(table["hat"], 1.0 - np.diag(P) / w, atol=SAME_DENSE)
    assert abs(table["leverage"].sum() - X.shape[1]) < SAME_DENSE


def test_groups_at_held_variances_are_deleted_as_by_dense_algebra():
    model, sleep = sleepstudy()
    found = influence(model, sleep, level="Subject", refit=False)
    design = Rows.read_fitted(model, sleep).design
    for group in (0, 9):
        gone = design.random[0].codes == group
        coef, std_error, sigma = dense_deletion(model, design, gone)
        np.testing.assert_allclose(found.coef.iloc[group], coef, rtol=SAME_DENSE)
        dfbetas = (model.fixed_effects_ - coef) / std_error
        np.testing.assert_allclose(found.dfbetas.iloc[group], dfbetas, atol=SAME_DENSE)
        assert abs(found.table["sigma"].iloc[group] / sigma - 1.0) < SAME_DENSE
    assert abs(found.table["leverage"].sum() - 2.0) < SAME_ALGEBRA
    assert found.random_sd is None


# formula -> how the second factor lies to the first
SEVERAL_FACTORS = {
    "y ~ x0 + x1 + (1 | group/second)": "nested",
    "y ~ x0 + x1 + (1 | group) + (1 | second)": "crossed",
    "y ~ x0 + (x0 | group) + (0 + x1 | second)": "crossed",
    "y ~ 0 + x0 + (1 | group) + (x1 || second) + (1 | third)": "crossed",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("formula", SEVERAL_FACTORS)
def test_groups_of_several_factors_at_held_variances(formula, weighted):
    rng = np.random.default_rng(4)
    second = rng.integers(0, 5, 120)
    group = np.arange(120) % 8
    frame = pd.DataFrame(
        {
            "group": group,
            "second": second,
            "third": np.arange(120) // 15 % 4,
            "x0": rng.normal(size=120),
            "x1": rng.normal(size=120),
        }
    )
    frame["y"] = rng.normal(size=8)[group] + rng.normal(size=5)[second]
    frame["y"] += frame["x0"] * (1 + rng.normal(size=8)[group]) + rng.normal(size=120)
    weights = rng.uniform(0.5, 2.0, 120) if weighted else None
    model = MixedLinearRegressor(formula).fit(frame, sample_weight=weights)
    design = Rows.read_fitted(model, frame, sample_weight=weights).design
    for factor in range(len(model.result_.groups)):
        found = delete_groups(model.fitted_, design, factor, refit=False)
        codes = GroupedRows.of(design.random).codes[factor]
        gone = codes == 2
        coef, std_error, sigma = dense_deletion(model, design, gone)
        np.testing.assert_allclose(found.coef[2], coef, rtol=SAME_DENSE)
        np.testing.assert_allclose(found.std_error[2], std_error, rtol=SAME_DENSE)
        np.testing.assert_allclose(found.sigma[2], sigma, rtol=SAME_DENSE)
        assert abs(found.leverage.sum() - len(coef)) < SAME_ALGEBRA


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
def test_a_lost_effect_is_nan_next_to_other_factors():
    _, sleep = sleepstudy()
    first = sleep["Subject"] == sleep["Subject"][0]
    frame = sleep.assign(first=first * sleep["Days"], day=sleep["Days"])
    model = fit("Reaction ~ Days + first + (1 | Subject) + (1 | day)", frame)
    found = influence(model, frame, level="Subject", refit=False)
    assert found.coef.iloc[0].isna().all()
    assert np.isnan(found.table["sigma"].iloc[0])
    assert found.coef.iloc[1:].notna().all(axis=None)


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
def test_too_many_crossed_effects_are_refused_with_an_estimate(monkeypatch):
    _, sleep = sleepstudy()
    model = fit("Reaction ~ Days + (1 | Subject) + (1 | Days)", sleep)
    monkeypatch.setattr(crossed_deletion, "MOST_BYTES", 1e3)
    with pytest.raises(ValueError, match="all 28 random effects"):
        influence(model, sleep, level="Subject", refit=False)


@pytest.mark.parametrize("refit", [True, False])
def test_group_that_alone_determines_an_effect_is_nan(refit):
    _, sleep = sleepstudy()
    frame = sleep.assign(
        first=(sleep["Subject"] == sleep["Subject"][0]) * sleep["Days"]
    )
    model = fit("Reaction ~ Days + first + (1 | Subject)", frame)
    found = influence(model, frame, level="Subject", refit=refit)
    assert found.coef.iloc[0].isna().all()
    assert np.isnan(found.table["cooks_distance"].iloc[0])
    assert found.coef.iloc[1:].notna().all(axis=None)


def test_observation_that_alone_determines_an_effect_is_nan():
    _, sleep = sleepstudy()
    frame = sleep.assign(first=(np.arange(len(sleep)) == 3).astype(float))
    model = fit("Reaction ~ Days + first + (1 | Subject)", frame)
    found = influence(model, frame)
    assert np.isnan(found.table["cooks_distance"].iloc[3])
    assert found.table["cooks_distance"].isna().sum() == 1


def test_least_squares_gives_the_usual_formulas():
    _, sleep = sleepstudy()
    model = MixedLinearRegressor("Reaction ~ Days").fit(sleep)
    X = np.column_stack([np.ones(len(sleep)), sleep["Days"]])
    h = np.einsum("ij,ji->i", X, np.linalg.solve(X.T @ X, X.T))
    e = (sleep["Reaction"] - model.predict(sleep)).to_numpy()
    expected = e**2 * h / (2 * model.sigma_**2 * (1 - h) ** 2)
    found = influence(model, sleep).table
    np.testing.assert_allclose(found["cooks_distance"], expected, rtol=SAME_DENSE)
    np.testing.assert_allclose(found["hat"], found["leverage"], rtol=SAME_DENSE)


def test_rows_left_out_of_the_fit_are_left_out_here():
    _, sleep = sleepstudy()
    holes = sleep.copy()
    holes.loc[4, "Reaction"] = np.nan
    model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)", na_action="drop")
    found = influence(model.fit(holes), holes)
    assert found.table.index.equals(holes.index.delete(4))


def test_another_table_than_that_of_the_fit_is_refused():
    model, sleep = sleepstudy()
    with pytest.raises(
        ValueError, match="179 complete rows; the model was fitted to 180"
    ):
        influence(model, sleep.iloc[1:])
    stranger = pd.concat([sleep.iloc[1:], sleep.iloc[[0]].assign(Subject="new")])
    with pytest.raises(ValueError, match="groups that fit did not see"):
        influence(model, stranger)
    with pytest.raises(ValueError, match="no grouping factor"):
        influence(model, sleep, level="person")
    other = sleep.assign(Reaction=sleep["Reaction"].to_numpy()[::-1])
    with pytest.raises(ValueError, match="differ from those that the model was fitted"):
        influence(model, other)
    with pytest.raises(ValueError, match="sample_weight differ"):
        influence(model, sleep, sample_weight=np.linspace(1.0, 2.0, len(sleep)))


def test_printed_influence_shows_the_largest():
    model, sleep = sleepstudy()
    text = repr(influence(model, sleep, level="Subject"))
    head = "Influence of 18 `Subject`, variances estimated anew; the largest:"
    assert text.startswith(head)
    assert "cooks distance" in text
