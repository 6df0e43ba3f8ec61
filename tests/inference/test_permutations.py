"""Permutations within groups: the statistic, its law, and what is refused."""

import numpy as np
import pytest
from conftest import SAME_DENSE

from skmixed import MixedLinearRegressor, contrast_test, permutation_test
from skmixed.datasets import load_london_schools, load_penicillin
from skmixed.estimators.permutations import permute

LEVEL = 0.05


def schools():
    frame = load_london_schools().frame.iloc[::20].reset_index(drop=True)
    rng = np.random.default_rng(3)
    return frame.assign(noise=rng.normal(size=len(frame)))


@pytest.fixture(scope="module")
def model():
    return MixedLinearRegressor("exam ~ lrt + noise + (1 | school)").fit(schools())


@pytest.mark.parametrize("L", ["lrt = 0", ["lrt = 0", "noise = 0"], "lrt - noise = 0"])
def test_the_statistic_is_that_of_the_contrast_test(model, L):
    found = permutation_test(model, schools(), L=L, n_permutations=3, random_state=0)
    wanted = contrast_test(model, L).frame["F"].iloc[0]
    assert found["statistic"] == pytest.approx(wanted, rel=SAME_DENSE)


def test_effects_are_found_and_noise_is_not(model):
    n = 99
    p = {
        name: permutation_test(
            model, schools(), L=f"{name} = 0", n_permutations=n, random_state=0
        )["p"]
        for name in ("lrt", "noise")
    }
    assert p["lrt"] == pytest.approx(1 / (n + 1))
    assert p["noise"] > LEVEL
    again = permutation_test(
        model, schools(), L="noise = 0", n_permutations=n, random_state=0
    )
    assert again["p"] == p["noise"]


def test_values_stay_in_their_groups():
    rng = np.random.RandomState(0)
    groups = rng.randint(0, 4, 50)
    values = np.arange(50.0)
    drawn = permute(values, groups, 20, rng)
    for g in range(4):
        own = np.sort(drawn[groups == g], axis=0)
        np.testing.assert_array_equal(own, own[:, [0]] * np.ones(20))
        np.testing.assert_array_equal(own[:, 0], values[groups == g])
    assert (drawn != values[:, None]).any(axis=0).all()


def test_what_cannot_be_permuted_is_refused(model):
    frame = schools()
    weighted = MixedLinearRegressor("exam ~ lrt + (1 | school)")
    weighted.fit(frame, sample_weight=np.linspace(1, 2, len(frame)))
    crossed = MixedLinearRegressor("diameter ~ 1 + (1 | plate) + (1 | sample)")
    dishes = load_penicillin().frame
    crossed.fit(dishes)
    for call, said in (
        (lambda: permutation_test(model, frame, L="lrt = 1"), "compares with 0"),
        (lambda: permutation_test(model, frame, L=["lrt = 0"] * 2), "depend"),
        (lambda: permutation_test(model, frame.tail(9), L="lrt = 0"), "complete rows"),
        (
            lambda: permutation_test(crossed, dishes, L="Intercept = 0"),
            "name in `within`",
        ),
        (
            lambda: permutation_test(model, frame, L="lrt = 0", within="noise"),
            "nothing to permute",
        ),
        (lambda: permutation_test(weighted, frame, L="lrt = 0"), "differ from those"),
    ):
        with pytest.raises(ValueError, match=said):
            call()
