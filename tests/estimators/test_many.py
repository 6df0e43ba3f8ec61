"""Many responses together: each as a fit of its own."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import special

from skmixed import MixedLinearRegressor, fit_many
from skmixed.datasets import load_sleepstudy
from skmixed.inference.fixed.moderated import VariancePrior, inverse_trigamma
from skmixed.likelihood.batch.criterion import ManyDeviances
from skmixed.likelihood.batch.fit import choose_elimination, scale_free_design
from skmixed.likelihood.batch.leading import Leading
from skmixed.likelihood.batch.roots import Roots
from skmixed.likelihood.products.many import ManyRows
from skmixed.likelihood.products.plan import cross_products

# Deviances of the batch are not above those of single fits by more.
NOT_ABOVE = 1e-8
# Estimates in standard errors, standard errors and degrees of freedom, relative.
SAME_STATEMENTS = 3e-5
# Near zero a variance that is off by the default tolerance moves degrees of freedom by
# more.
CLOSELY = 1e-11
# Gradients and Hessians against differences, relative.
SAME_SLOPES = 1e-6
# Two ways of elimination at one theta.
SAME_SUMS = 1e-9
N_RESPONSES = 8
# formula -> name of the elimination
FORMULAS = {
    "~ x + age + (1 | donor)": "Chain",
    "~ x + age + (x | donor)": "Leading",
    "~ x + age + (x || donor)": "Leading",
    "~ x + (1 | donor / run)": "Chain",
    "~ x + (1 | site / donor / run)": "Chain",
    "~ x + age + (1 | donor) + (1 | batch)": "Leading",
    "~ x + age + (x | donor) + (1 | batch)": "Leading",
    "~ x + (1 | donor) + (x | batch)": "Leading",
    "~ x + (1 | donor) + (1 | batch) + (1 | tissue)": "Leading",
}


def table(seed, donors=24):
    rng = np.random.default_rng(seed)
    donor = np.repeat(np.arange(donors), rng.integers(2, 8, donors))
    n = len(donor)
    return pd.DataFrame(
        {
            "donor": donor,
            "site": donor // 5,
            "run": donor * 3 + rng.integers(0, 3, n),
            "batch": rng.integers(0, 6, n),
            "tissue": rng.integers(0, 3, n),
            "x": rng.normal(3.0, 1.0, n),
            "age": rng.normal(size=donors)[donor],
        }
    )


def responses(frame, seed, r=N_RESPONSES):
    """Responses of which some variances are zero."""
    rng = np.random.default_rng(seed)
    Y = rng.normal(size=(len(frame), r)) + 0.3 * frame[["x"]].to_numpy()
    for name in ("donor", "batch", "site"):
        codes, own = frame[name].to_numpy(), rng.gamma(1.0, 0.5, r)
        own[rng.random(r) < 0.4] = 0.0
        Y += (rng.normal(size=(codes.max() + 1, r)) * own)[codes]
    slopes = rng.normal(size=(frame["donor"].max() + 1, r)) * rng.choice([0, 0.4], r)
    return Y + slopes[frame["donor"]] * frame[["x"]].to_numpy()


def criterion(formula, frame, Y, reml=True, W=None):
    design = MixedLinearRegressor(formula)._learn_design(frame, Y[:, 0], None)
    free = scale_free_design(cross_products(design))
    products = ManyRows(free, design).products(Y, W)
    roots = [Roots(factor.structure) for factor in free.factors]
    return ManyDeviances(choose_elimination(products), products, reml, roots)


def some_thetas(roots, r, rng):
    """Thetas in general position, of shape (r, m)."""
    Psi = [rng.normal(size=(r, own.n_effects, own.n_effects)) for own in roots]
    return np.hstack(
        [
            own.nearest(P @ P.swapaxes(1, 2), 0.1)
            for own, P in zip(roots, Psi, strict=True)
        ]
    )


def assert_same_as_alone(fits, frame, Y, W=None, **parameters):
    for j, name in enumerate(fits):
        seen = np.isfinite(Y[:, j])
        weights = None if W is None else W[seen, j] if W.ndim == 2 else W[seen]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            alone = MixedLinearRegressor(**parameters, tol=CLOSELY).fit(
                frame[seen], Y[seen, j], weights
            )
        told = fits.fixed.loc[name]
        assert fits.fit["loglik"][name] > alone.loglik_ - NOT_ABOVE / 2
        assert fits.fit["singular"][name] == alone.singular_
        expected = alone.summary(ddf="satterthwaite").fixed
        within = (told["estimate"] - expected["estimate"]) / expected["std_error"]
        assert np.abs(within).max() < SAME_STATEMENTS
        for column in ("std_error", "df"):
            np.testing.assert_allclose(
                told[column], expected[column], rtol=SAME_STATEMENTS
            )
        np.testing.assert_allclose(
            fits[name].loglik_, fits.fit["loglik"][name], atol=NOT_ABOVE
        )


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("formula", FORMULAS)
def test_each_is_as_a_fit_of_its_own(formula, reml):
    frame = table(1)
    Y = responses(frame, 2)
    model = MixedLinearRegressor(formula, reml=reml)
    assert_same_as_alone(
        fit_many(model, frame, Y), frame, Y, formula=formula, reml=reml
    )


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("formula", list(FORMULAS)[::2])
def test_weights_and_missing_values_of_each(formula, own):
    frame = table(3)
    Y = responses(frame, 4, r=4)
    rng = np.random.default_rng(5)
    W = 0.3 + rng.random(Y.shape if own else len(Y))
    Y[rng.random(Y.shape) < 0.07] = np.nan
    fits = fit_many(MixedLinearRegressor(formula), frame, Y, W)
    assert_same_as_alone(fits, frame, Y, W, formula=formula)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("formula", FORMULAS)
def test_derivatives_are_those_of_the_value(formula, reml):
    frame, rng = table(6), np.random.default_rng(7)
    many = criterion(formula, frame, responses(frame, 8, r=3), reml)
    assert type(many.elimination).__name__ == FORMULAS[formula]
    rows, theta = np.arange(3), some_thetas(many.roots, 3, rng)
    for axes in (False, True):
        if axes:  # the same on turned axes
            turned = [
                own.principal(theta[:, span])
                for own, span in zip(many.roots, many.spans, strict=True)
            ]
            many = many.turned([own for own, _ in turned])
            theta = np.hstack([part for _, part in turned]) + 0.01
        _, gradient, hessian = many.derivatives(theta, rows)
        h = 1e-5
        for j in range(many.n_theta):
            step = h * np.eye(many.n_theta)[j]
            up, down = (many.derivatives(theta + s * step, rows) for s in (1, -1))
            np.testing.assert_allclose(
                (up[0] - down[0]) / (2 * h),
                gradient[:, j],
                rtol=SAME_SLOPES,
                atol=SAME_SLOPES * np.abs(gradient).max(),
            )
            np.testing.assert_allclose(
                (up[1] - down[1]) / (2 * h),
                hessian[:, j],
                rtol=SAME_SLOPES,
                atol=SAME_SLOPES * np.abs(hessian).max(),
            )


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("formula", [f for f in FORMULAS if FORMULAS[f] == "Chain"])
def test_a_chain_is_what_a_dense_rest_says(formula, own):
    frame, rng = table(9), np.random.default_rng(10)
    Y = responses(frame, 11, r=3)
    many = criterion(formula, frame, Y, W=rng.random(Y.shape) + 0.1 if own else None)
    sizes = [factor.size for factor in many.products.A.factors]
    dense = ManyDeviances(
        Leading(many.products, int(np.argmax(sizes))), many.products, True, many.roots
    )
    theta, rows = some_thetas(many.roots, 3, rng), np.arange(3)
    for one, other in zip(
        many.derivatives(theta, rows), dense.derivatives(theta, rows), strict=True
    ):
        np.testing.assert_allclose(
            one, other, rtol=SAME_SUMS, atol=SAME_SUMS * np.abs(other).max()
        )


def test_tables_are_those_of_the_models():
    frame = table(12)
    Y = responses(frame, 13, r=5)
    fits = fit_many(MixedLinearRegressor("~ x + (x | donor) + (1 | batch)"), frame, Y)
    for name, model in fits.items():
        parts = model.variance_partition().frame["share"]
        np.testing.assert_allclose(fits.shares.loc[name], parts, rtol=SAME_SUMS)
        sd = np.sqrt(model.random_effects_cov_["batch"].iloc[0, 0])
        np.testing.assert_allclose(
            fits.random.loc[name, "sd_Intercept|batch"], sd, atol=SAME_SUMS
        )
        assert fits.random.loc[name, "sigma"] == pytest.approx(model.sigma_)
    one = fits.contrast({"x": 2.0, "Intercept": 1.0})
    weights = np.array([1.0, 2.0])
    expected = [weights @ model.fixed_effects_ for model in fits.values()]
    np.testing.assert_allclose(one["estimate"], expected, rtol=SAME_SUMS)
    with pytest.raises(ValueError, match="with 0 on their right sides"):
        fits.contrast("x = 1")


@pytest.mark.parametrize(
    "formula", ["~ x", "~ x + tissue + cs(0 + tissue | donor)", "~ x + (1 | donor)"]
)
def test_a_loop_has_the_same_tables(formula):
    frame = table(14)
    Y = responses(frame, 15, r=3)
    known = {"sigma": 1.0} if "(1 |" in formula else {}
    frame["tissue"] = frame.groupby("donor").cumcount().astype(str)
    fits = fit_many(MixedLinearRegressor(formula, **known), frame, Y)
    expected = fits["y1"].fixed_effects_
    np.testing.assert_allclose(
        fits.fixed.loc["y1", "estimate"], expected, rtol=SAME_SUMS
    )
    assert len(fits.random.columns) > 0 or known
    assert fits.fit["converged"].all()


def test_a_response_without_a_fit_does_not_stop_the_others():
    frame = table(16)
    Y = responses(frame, 17, r=3)
    Y[:, 1] = 4.0
    with pytest.warns(UserWarning, match="1 of 3 responses have no fit"):
        fits = fit_many(MixedLinearRegressor("~ x + (1 | donor)"), frame, Y)
    assert list(fits.failed) == ["y1"]
    assert "constant" in fits.failed["y1"]
    assert fits.fixed.loc["y1"].isna().all(axis=None)
    assert np.isfinite(fits.fixed.loc["y2"]).all(axis=None)
    with pytest.raises(ValueError, match="has no fit"):
        fits["y1"]
    with pytest.raises(ValueError, match="No response has a fit"):
        fit_many(MixedLinearRegressor("~ x + (1 | donor)"), frame, Y[:, [1]])


def test_variances_lend_each_other_strength():
    rng = np.random.default_rng(18)
    d0, s0, d = 8.0, 2.0, np.full(20_000, 10.0)
    sigma2 = s0 * d0 / rng.chisquare(d0, len(d))
    prior = VariancePrior.of(sigma2 * rng.chisquare(d) / d, d)
    assert prior.df == pytest.approx(d0, rel=0.1)
    assert prior.variance == pytest.approx(s0, rel=0.05)
    assert special.polygamma(1, inverse_trigamma(0.3)) == pytest.approx(0.3)
    equal = VariancePrior.of(s0 * rng.chisquare(d) / d, d)
    assert equal.df > 100.0
    frame = table(19)
    fits = fit_many(
        MixedLinearRegressor("~ x + (1 | donor)"), frame, responses(frame, 20, r=8)
    )
    moderated = fits.moderated()
    assert (moderated["df"] > fits.fixed["df"]).all()
    assert moderated.attrs["prior_df"] > 0
    with pytest.raises(ValueError, match="moderated tests need 3"):
        fit_many(
            MixedLinearRegressor("~ x + (1 | donor)"), frame, responses(frame, 21, r=2)
        ).moderated()


def test_the_left_side_does_not_matter(recwarn):
    sleep = load_sleepstudy().frame
    Y = sleep[["Reaction"]].assign(log=np.log(sleep["Reaction"]))
    fits = fit_many(MixedLinearRegressor("Reaction ~ Days + (1 | Subject)"), sleep, Y)
    assert not recwarn.list
    with pytest.raises(ValueError, match="y"):  # and not Reaction in place of log
        fits["log"].score(sleep)
    assert fits["log"].score(sleep, Y["log"]) > 0
    everything = fit_many(
        MixedLinearRegressor("Reaction ~ . + (1 | Subject)"), sleep, Y
    )
    assert everything.fixed.index.levels[1].tolist() == ["Days", "Intercept"]
