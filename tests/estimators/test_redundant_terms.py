"""A random intercept beside all levels of a factor, which sum to it."""

import warnings

import numpy as np
import pytest
from conftest import SAME_DENSE, SAME_DEVIANCE, SAME_THETA
from dozen_schools import read_schools

from skmixed import (
    MixedLinearRegressor,
    PooledLinearRegressor,
    RedundantTermWarning,
    SingularFitWarning,
)


@pytest.fixture
def cells():
    """Pupils of schools with both genders, and a factor of three levels."""
    schools = read_schools()
    schools = schools[schools["school"].isin([1, 3, 4, 5, 9, 12])].copy()
    return schools.assign(kind=np.tile(list("abc"), len(schools))[: len(schools)])


def redundancies(formula, frame):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        MixedLinearRegressor(formula).fit(frame)
    return [str(w.message) for w in caught if w.category is RedundantTermWarning]


@pytest.mark.parametrize(
    ("random", "remedy"),
    [
        ("(kind || school)", "(kind | school)"),
        ("(lrt + kind || school)", "(1 | school) + (1 | kind:school)"),
        ("(1 | school) + (0 + kind + lrt | school)", "(0 + kind + lrt | school)"),
        ("(C(kind, contr.sum) || school)", "(1 | school) + (1 | kind:school)"),
        ("(gender:kind || school)", "(1 | school) + (1 | gender:kind:school)"),
        ("(1 + lrt | school) + (0 + kind | school)", "Keep one"),
        ("(0 + kind + gender || school)", "Keep one"),
        ("diag(lrt | school) + (0 + kind | school)", "Keep one"),
        ("(1 | school) + homcs(0 + kind | school)", "Keep one"),
        ("(1 | school) + homtoep(0 + kind | school)", "Keep one"),
    ],
)
def test_an_intercept_beside_all_levels_of_a_factor(cells, random, remedy):
    (text,) = redundancies(f"exam ~ lrt + kind * gender + {random}", cells)
    assert remedy in text
    assert "cannot be told apart" in text


@pytest.mark.parametrize(
    "random",
    [
        "(lrt || school)",
        "(kind | school)",
        "(0 + kind || school)",
        "(lrt + kind | school)",
        "diag(kind | school)",
        "(1 | school) + diag(0 + kind | school)",
        "(1 | school) + cs(0 + kind | school)",
        "(1 | school) + homdiag(0 + kind | school)",
        "(1 | school) + (1 | kind:school)",
        "(1 | school) + (0 + lrt:kind | school)",
    ],
)
def test_terms_that_share_no_intercept_are_silent(cells, random):
    assert not redundancies(f"exam ~ lrt * kind + {random}", cells)


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_surplus_intercept_changes_no_prediction(cells):
    with pytest.warns(RedundantTermWarning):
        rich = MixedLinearRegressor("exam ~ kind + (kind || school)").fit(cells)
    plain = MixedLinearRegressor("exam ~ kind + (kind | school)").fit(cells)
    assert rich.loglik_ == pytest.approx(plain.loglik_, abs=SAME_DEVIANCE)
    np.testing.assert_allclose(
        rich.predict(cells), plain.predict(cells), atol=SAME_THETA
    )


def test_levels_of_a_correlation_of_one_are_not_split_by_bars(cells):
    rng = np.random.default_rng(2)
    intercepts = rng.normal(size=13)[cells["school"]]
    slope = np.where(cells["gender"] == "F", 1.5, 1.0)
    cells["exam"] = intercepts * slope + rng.normal(size=len(cells))
    with pytest.warns(SingularFitWarning) as caught:
        MixedLinearRegressor("exam ~ gender + (gender | school)").fit(cells)
    assert "`exam ~ 1 + gender + diag(1 + gender | school)`" in str(caught[0].message)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ddf", ["satterthwaite", "kenward-roger"])
@pytest.mark.parametrize(
    ("fixed", "random"),
    [
        ("lrt + C(school)", "(1 | school)"),
        ("lrt + C(school, contr.sum)", "(1 | school)"),
        ("lrt * C(school)", "(lrt | school)"),
        ("C(school) + C(school):lrt", "(lrt || school)"),
        ("lrt + C(school) * gender", "(1 | school/gender)"),
        ("lrt + kind * C(school)", "(1 | school) + (1 | kind)"),
    ],
)
def test_random_effects_in_the_span_of_fixed_ones_vary_by_nothing(
    cells, fixed, random, ddf
):
    model = MixedLinearRegressor(f"exam ~ {fixed} + {random}").fit(cells)
    alone = PooledLinearRegressor(f"exam ~ {fixed}").fit(cells)
    assert all(np.all(cov == 0) for cov in model.random_effects_cov_.values())
    assert model.singular_
    found = model.summary(ddf=ddf).fixed
    expected = alone.summary().fixed["std_error"]
    np.testing.assert_allclose(found["std_error"], expected, rtol=SAME_DENSE)
    n_left = len(cells) - len(found)
    np.testing.assert_allclose(found["df"], n_left, rtol=SAME_DENSE)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ddf", ["satterthwaite", "kenward-roger"])
def test_a_spanned_intercept_leaves_its_slope_a_variance(cells, ddf):
    tables = [
        MixedLinearRegressor(f"exam ~ lrt + C(school) + {random}")
        .fit(cells)
        .summary(ddf=ddf)
        .fixed
        for random in ("(lrt | school)", "(0 + lrt | school)", "(lrt || school)")
    ]
    for table in tables[1:]:
        assert table.notna().all(axis=None)
        assert np.isfinite(table).all(axis=None)
    np.testing.assert_allclose(tables[2], tables[1], rtol=SAME_THETA)
    assert (tables[0]["df"] > 1).all()
