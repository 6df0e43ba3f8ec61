"""Robust covariances, single deletions, slopes, pooled fits, errors of variances."""

import numpy as np
import pandas as pd
import pytest
from conftest import SAME_DENSE, SAME_THETA
from scipy import stats

from skmixed import (
    MixedLinearRegressor,
    anova,
    cluster_robust,
    contrast_test,
    drop_fixed_terms,
    drop_random_terms,
    emmeans,
    emtrends,
    johnson_neyman,
    likelihood_ratio_test,
    pool,
)
from skmixed.datasets import (
    load_cake,
    load_dyestuff,
    load_london_schools,
    load_machines,
    load_penicillin,
    load_sleepstudy,
)
from skmixed.estimators.pooling import rubin

# R's optimisers end earlier than ours.
AS_IN_R = 1e-5
# F and variances of R where its optimiser stopped at a convergence warning.
ROUGHLY_AS_IN_R = 1e-4


def unbalanced(name):
    if name == "machines":
        return load_machines().frame[np.arange(54) % 5 != 1]
    i = np.arange(180)
    rows = (i % 7 != 3) & ((i < 75) | (i % 5 != 1)) & (i < 168)
    return load_sleepstudy().frame[rows]


FORMULAS = {
    "sleep": "Reaction ~ Days + I(Days**2) + (Days | Subject)",
    "machines": "score ~ Machine + (1 | Worker/Machine)",
}
# clubSandwich 0.5.8: standard errors, Satterthwaite df, HTZ test of all but the first
SANDWICHES = {
    ("sleep", "CR0"): (
        [8.64442930451, 4.03867098299, 0.38871619393],
        [15.1032947424, 15.0045151811, 15.0662659867],
        [21.3513802566, 14.4448919451],
    ),
    ("sleep", "CR1"): (
        [8.91047377392, 4.16296676249, 0.40067948149],
        [15.1032947424, 15.0045151811, 15.0662659867],
        [20.0954167121, 14.4448919451],
    ),
    ("sleep", "CR2"): (
        [8.942407960247, 4.182980709074, 0.402855229921],
        [15.0621951085, 14.9563003034, 15.0151258381],
        [20.0278122450, 14.4153921011],
    ),
    ("machines", "CR0"): (
        [1.39729289928, 2.33852041784, 1.43371723001],
        [4.99999102442, 4.99999185020, 4.99996729331],
        [35.51354618841, 3.99998789664],
    ),
    ("machines", "CR1"): (
        [1.53065768075, 2.56172076807, 1.57055853592],
        [4.99999102442, 4.99999185020, 4.99996729331],
        [29.59462182367, 3.99998789664],
    ),
    ("machines", "CR2"): (
        [1.53055749079, 2.56241789983, 1.57099790505],
        [4.99998708545, 4.99998843631, 4.99995293438],
        [29.57817666206, 3.99998271899],
    ),
}


@pytest.mark.parametrize(("name", "kind"), SANDWICHES)
def test_robust_tests_are_those_of_clubsandwich(name, kind):
    frame = unbalanced(name)
    model = MixedLinearRegressor(FORMULAS[name]).fit(frame)
    robust = cluster_robust(model, frame, kind=kind)
    std_error, df, joint = SANDWICHES[name, kind]
    table = model.summary(vcov=robust).fixed
    np.testing.assert_allclose(table["std_error"], std_error, rtol=AS_IN_R)
    np.testing.assert_allclose(table["df"], df, rtol=AS_IN_R)
    found = contrast_test(model, np.eye(3)[1:], vcov=robust)
    np.testing.assert_allclose(found[["F", "den_df"]].iloc[0], joint, rtol=AS_IN_R)


@pytest.fixture(scope="module")
def machines():
    return load_machines().frame


@pytest.fixture(scope="module")
def model(machines):
    return MixedLinearRegressor(FORMULAS["machines"]).fit(machines)


def test_all_statements_take_a_robust_covariance(model, machines):
    robust = cluster_robust(model, machines)
    table = model.summary(vcov=robust).fixed
    wald = model.conf_int("fixed", vcov=robust)
    np.testing.assert_array_equal(wald["lower"], table["lower"])
    row = anova(model, vcov=robust).iloc[0]
    joint = contrast_test(model, np.eye(3)[1:], vcov=robust).iloc[0]
    np.testing.assert_allclose(row[["F", "den_df"]], joint[["F", "den_df"]])
    pair = emmeans(model, "Machine", vcov=robust).pairs.iloc[0]
    np.testing.assert_allclose(pair["std_error"], table["std_error"].iloc[1])
    assert drop_fixed_terms(model, vcov=robust)["F"].iloc[0] == joint["F"]
    assert "CR2 standard errors of 6 clusters" in str(model.summary(vcov=robust))


def test_weights_of_rows_count_in_robust_covariances():
    frame = load_sleepstudy().frame
    weights = np.resize([1.0, 2.0, 3.0], 180)
    formula = "Reaction ~ Days + (1 | Subject)"
    model = MixedLinearRegressor(formula).fit(frame, sample_weight=weights)
    robust = cluster_robust(model, frame, kind="CR0", sample_weight=weights)
    X = np.column_stack([np.ones(180), frame["Days"]])
    residual = frame["Reaction"] - X @ model.result_.coef
    theta, meat = model.theta_[0], 0.0
    for rows in frame.groupby("Subject", observed=True).indices.values():
        V = model.sigma_**2 * (np.diag(1 / weights[rows]) + theta**2)
        score = X[rows].T @ np.linalg.solve(V, residual.iloc[rows])
        meat = meat + np.outer(score, score)
    M = model.fixed_effects_cov_.to_numpy()
    np.testing.assert_allclose(robust.covariance, M @ meat @ M, rtol=SAME_DENSE)


def test_robust_covariances_that_cannot_be_had(model, machines):
    crossed = load_penicillin().frame
    other = MixedLinearRegressor("diameter ~ 1 + (1 | plate) + (1 | sample)")
    with pytest.raises(ValueError, match="is not nested in"):
        cluster_robust(other.fit(crossed), crossed)
    with pytest.raises(ValueError, match="needs random effects"):
        cluster_robust(MixedLinearRegressor("score ~ 1").fit(machines), machines)
    with pytest.raises(ValueError, match="should be one of CR0, CR1, CR2"):
        cluster_robust(model, machines, kind="CR3")
    with pytest.raises(ValueError, match="should be a grouping factor"):
        cluster_robust(model, machines, cluster="Machine")
    with pytest.raises(ValueError, match="X has others"):
        cluster_robust(model, machines.head(20))
    with pytest.raises(ValueError, match=r"vcov=cluster_robust\(model, X"):
        model.summary(vcov="CR2")
    robust = cluster_robust(model, machines)
    with pytest.raises(ValueError, match="leave ddf='normal' out"):
        model.summary(vcov=robust, ddf="normal")
    with pytest.raises(ValueError, match="of another fit"):
        contrast_test(
            MixedLinearRegressor("score ~ Machine + (1 | Worker)").fit(machines),
            {"Intercept": 1},
            vcov=robust,
        )


# lmerTest 3.1-3: ranova
RANOVA = {
    "sleep": (
        load_sleepstudy,
        "Reaction ~ Days + (Days | Subject)",
        {"Days in (1 + Days | Subject)": (-893.232542697, 42.8368134364, 2)},
    ),
    "machines": (
        load_machines,
        FORMULAS["machines"],
        {
            "(1 | Worker)": (-110.627795025, 5.56802204135, 1),
            "(1 | Worker:Machine)": (-143.439100989, 71.19063396950, 1),
        },
    ),
}


@pytest.mark.parametrize("case", RANOVA.values(), ids=RANOVA)
def test_random_effects_are_left_out_as_ranova_does(case):
    load, formula, wanted = case
    frame = load().frame
    model = MixedLinearRegressor(formula).fit(frame)
    table = drop_random_terms(model, frame)
    assert table.index.tolist() == ["none", *wanted]
    assert table["loglik"]["none"] == model.loglik_
    for label, (loglik, chi2, df) in wanted.items():
        row = table.loc[label]
        np.testing.assert_allclose(row["loglik"], loglik, rtol=AS_IN_R)
        np.testing.assert_allclose(row["chi2"], chi2, rtol=AS_IN_R)
        np.testing.assert_allclose(row["p"], stats.chi2.sf(chi2, df), rtol=1e-3)
        assert row["df"] == df
        assert row["p_mixture"] < row["p"]


def test_deletions_are_ratio_tests(machines):
    formulas = FORMULAS["machines"], "score ~ Machine + (1 | Worker)"
    models = [MixedLinearRegressor(f, reml=False).fit(machines) for f in formulas]
    table = drop_random_terms(models[0], machines).loc["(1 | Worker:Machine)"]
    wanted = likelihood_ratio_test(*models).iloc[1]
    for column in ("chi2", "df", "p", "p_mixture"):
        np.testing.assert_allclose(table[column], wanted[column], rtol=SAME_THETA)
    with pytest.raises(ValueError, match="no random effects"):
        drop_random_terms(MixedLinearRegressor("score ~ 1").fit(machines), machines)


# lmerTest 3.1-3: drop1
DROP1 = {
    "recipe * temp": {"recipe:temp": (2, 222.000001953, 0.0416924443399)},
    "recipe + temp": {
        "recipe": (2, 41.9999999206, 0.248788786728),
        "temp": (1, 223.9999990394, 94.975872840718),
    },
}


@pytest.mark.parametrize("fixed", DROP1)
def test_fixed_terms_are_left_out_as_drop1_does(fixed):
    formula = f"angle ~ {fixed} + (1 | recipe:replicate)"
    table = drop_fixed_terms(MixedLinearRegressor(formula).fit(load_cake().frame))
    assert table.index.tolist() == list(DROP1[fixed])
    wanted = np.array(list(DROP1[fixed].values()))
    found = table[["num_df", "den_df", "F"]]
    np.testing.assert_allclose(found, wanted, rtol=ROUGHLY_AS_IN_R)


# lme4 1.1: drop1(test="Chisq") of fits by maximum likelihood
RATIOS = {
    "cake": (
        "angle ~ recipe + temp + (1 | recipe:replicate)",
        lambda: load_cake().frame.reset_index(drop=True).query("index % 11 != 3"),
        1559.77234630,
        {
            "recipe": (1556.21365092, 0.441304614051, 0.801995480013),
            "temp": (1621.86618967, 64.093843367977, 1.18631680906e-15),
        },
    ),
    "sleepstudy": (
        "Reaction ~ Days + I(Days^2) + (Days | Subject)",
        lambda: load_sleepstudy().frame,
        1764.28159456,
        {
            "Days": (1769.18451553, 6.90292097128, 0.0086055036743),
            "I(Days ** 2)": (1763.93934446, 1.65774990580, 0.1979074010866),
        },
    ),
}


@pytest.mark.parametrize("name", RATIOS)
def test_ratio_tests_of_fixed_terms_are_those_of_drop1(name):
    formula, frame, aic, wanted = RATIOS[name]
    model = MixedLinearRegressor(formula).fit(frame())
    table = drop_fixed_terms(model)
    assert f"{aic:.1f}" in str(table)
    assert table.index.tolist() == list(wanted)
    found = table[["aic", "chi2", "p_ratio"]].to_numpy()
    np.testing.assert_allclose(found, list(wanted.values()), rtol=AS_IN_R)


@pytest.mark.filterwarnings("ignore:The random slope")
def test_ratio_tests_of_fixed_terms_are_those_of_refits():
    frame = load_sleepstudy().frame.assign(weight=np.arange(180) % 3 + 1.0)
    large, small = (
        MixedLinearRegressor(f"Reaction ~ {fixed} + (Days | Subject)").fit(
            frame, sample_weight=frame["weight"]
        )
        for fixed in ("Days", "1")
    )
    ratio = likelihood_ratio_test(small, large).frame.iloc[-1]
    row = drop_fixed_terms(large).frame.loc["Days"]
    assert row["chi2"] == pytest.approx(ratio["chi2"], rel=AS_IN_R)
    smaller = MixedLinearRegressor(small.formula, reml=False)
    smaller = smaller.fit(frame, sample_weight=frame["weight"])
    assert row["aic"] == pytest.approx(smaller.aic_, rel=AS_IN_R)


@pytest.fixture(scope="module")
def baked():
    formula = "angle ~ recipe * temp + (1 | recipe:replicate)"
    return MixedLinearRegressor(formula).fit(load_cake().frame)


def test_slopes_are_those_of_emtrends(baked):
    slopes = emtrends(baked, "temp", "recipe")
    # emmeans 1.8.4
    wanted = [0.153714285714, 0.164571428572, 0.155809523810]
    np.testing.assert_allclose(slopes.frame["estimate"], wanted, rtol=AS_IN_R)
    np.testing.assert_allclose(slopes.frame["std_error"], 0.0282074803461, rtol=AS_IN_R)
    np.testing.assert_allclose(slopes.frame["df"], 222, rtol=AS_IN_R)
    np.testing.assert_allclose(slopes.frame["lower"][0], 0.0981255955981, rtol=AS_IN_R)
    pairs = slopes.pairs
    np.testing.assert_allclose(pairs["std_error"], 0.0398914012658, rtol=AS_IN_R)
    np.testing.assert_allclose(pairs["p"], [0.9600, 0.9985, 0.9738], atol=5e-5)
    assert str(slopes).startswith("Slopes of temp:")


def test_a_curve_has_the_slope_of_its_tangent():
    formula = "Reaction ~ Days + I(Days**2) + (1 | Subject)"
    with pytest.raises(ValueError, match="numeric column"):
        emtrends(
            MixedLinearRegressor("angle ~ recipe + (1 | replicate)").fit(
                load_cake().frame
            ),
            "recipe",
            "recipe",
        )
    sleep = load_sleepstudy().frame.assign(half=lambda d: d.index % 2 == 0)
    model = MixedLinearRegressor(formula + " + half").fit(sleep.astype({"half": str}))
    beta = model.fixed_effects_
    found = emtrends(model, "Days", "half", at={"Days": 4.0}).frame["estimate"]
    wanted = beta["Days"] + 8.0 * beta["I(Days ** 2)"]
    np.testing.assert_allclose(found, wanted, rtol=SAME_DENSE)


def test_a_slope_differs_from_zero_where_its_interval_says_so():
    frame = load_london_schools().frame
    formula = "exam ~ lrt * school_avg + (lrt | school)"
    model = MixedLinearRegressor(formula).fit(frame)
    table = johnson_neyman(model, "lrt", "school_avg", (-3, 3))
    assert table["sign"].tolist() == [0, 1]
    edge = table["to"][0]
    found = emtrends(model, "lrt", "school_avg", at={"school_avg": [edge]}).frame
    np.testing.assert_allclose(found["lower"], 0.0, atol=SAME_DENSE)
    with pytest.raises(ValueError, match="should rise"):
        johnson_neyman(model, "lrt", "school_avg", (3, -3))


# mice 3.15.0: pool.scalar
@pytest.mark.parametrize(
    ("df_complete", "df", "fmi"),
    [
        (178.0, 73.414223716241, 0.186981261248),
        (np.inf, 146.692369265250, 0.176284571404),
    ],
)
def test_pooling_is_that_of_mice(df_complete, df, fmi):
    Q = np.array([[10.1, 10.9, 9.6, 10.4, 11.2]]).T
    U = np.array([[1.5, 1.7, 1.4, 1.65, 1.55]]).T ** 2
    found = rubin(Q, U, df_complete).iloc[0]
    wanted = [10.44, 1.711315283634, df, 0.197791411043, fmi]
    np.testing.assert_allclose(found, wanted, rtol=SAME_DENSE)


def test_pooled_models(machines):
    random = np.random.default_rng(0)
    formula = "score ~ Machine + (1 | Worker)"
    models = [
        MixedLinearRegressor(formula).fit(
            machines.assign(score=machines["score"] + random.normal(size=54))
        )
        for _ in range(3)
    ]
    table = pool(models)
    tails = 2.0 * stats.t.sf(np.abs(table["t"]), table["df"])
    np.testing.assert_allclose(table["p"], tails)
    middle = (table["lower"] + table["upper"]) / 2.0
    np.testing.assert_allclose(middle, table["estimate"])
    one = pool([models[0]] * 2, df_complete=20.0).iloc[0]
    np.testing.assert_allclose(one["df"], 20.0 * 21.0 / 23.0)
    with pytest.raises(ValueError, match="two tables or more"):
        pool(models[:1])
    other = MixedLinearRegressor("score ~ 1 + (1 | Worker)").fit(machines)
    with pytest.raises(ValueError, match="one formula"):
        pool([models[0], other])


def test_errors_of_variances_of_a_balanced_layout():
    frame = load_dyestuff().frame
    table = MixedLinearRegressor("Yield ~ 1 + (1 | Batch)").fit(frame)
    table = table.variance_std_errors()
    # six batches of five: mean squares are independent, scaled chi-squares
    within, between = table["variance"].iloc[1], table["variance"].iloc[0]
    square = within + 5.0 * between
    wanted = [
        np.sqrt(2.0 / 25.0 * (square**2 / 5.0 + within**2 / 24.0)),
        within * np.sqrt(2.0 / 24.0),
    ]
    np.testing.assert_allclose(table["variance_std_error"], wanted, rtol=SAME_THETA)
    by_delta = table["variance_std_error"] / (2.0 * table["estimate"])
    np.testing.assert_allclose(table["std_error"], by_delta, rtol=SAME_DENSE)


def test_errors_of_correlations_agree_with_their_intervals():
    model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)")
    model = model.fit(load_sleepstudy().frame)
    row = model.variance_std_errors().loc["cor_Days.Intercept|Subject"]
    bounds = model.conf_int("cor_Days.Intercept|Subject").iloc[0]
    half = np.arctanh(bounds["upper"]) - np.arctanh(bounds["lower"])
    wanted = half / (2.0 * stats.norm.ppf(0.975)) * (1.0 - row["estimate"] ** 2)
    np.testing.assert_allclose(row["std_error"], wanted, rtol=SAME_DENSE)
    assert pd.isna(row["variance"])


def test_standard_errors_of_the_fixed_part_alone(baked):
    frame = load_cake().frame
    predicted, std = baked.predict(frame, return_std="fixed")
    np.testing.assert_array_equal(predicted, baked.predict(frame))
    means = emmeans(baked, "recipe", at={"temp": 185.0}).frame
    row = frame.query("recipe == 'A' and temp == 185").index[0]
    np.testing.assert_allclose(std[row], means["std_error"][0], rtol=SAME_DENSE)
    with pytest.raises(ValueError, match="should be True, False or 'fixed'"):
        baked.predict(frame, return_std="random")
