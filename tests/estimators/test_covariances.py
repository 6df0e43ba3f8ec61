"""One model with several residual covariances, compared."""

import warnings

import numpy as np
import pandas as pd
import pytest

from skmixed import (
    MixedLinearRegressor,
    RankDeficiencyWarning,
    compare_covariances,
)
from skmixed.datasets import load_sleepstudy

ROUNDING = 1e-12
SLEEP = load_sleepstudy().frame
NAMES = ["id", "cs", "ar1", "ar1h", "us"]


def model(residual="cs(Days | Subject)", formula="Reaction ~ Days", **options):
    return MixedLinearRegressor(formula, residual=residual, **options)


def few():
    """Four subjects at five times that are no whole numbers."""
    frame = pd.DataFrame({"id": np.repeat(range(4), 5), "t": np.tile(range(5), 4) / 2})
    return frame.assign(y=np.random.default_rng(0).normal(size=20))


@pytest.mark.parametrize("reml", [True, False])
def test_criteria_are_those_of_the_models(reml):
    table = compare_covariances(model(reml=reml), SLEEP, structures=NAMES)
    assert table["aic"].is_monotonic_increasing
    n_fixed, n_subjects, n = 2, 18, len(SLEEP)
    for name, row in table.iterrows():
        own = model(f"{name}(Days | Subject)", reml=reml).fit(SLEEP)
        k = row["n_parameters"] + n_fixed
        d, rows = (k - n_fixed, n - n_fixed) if reml else (k, n)
        # Hurvich and Tsai's criterion as it is mostly written
        aicc = -2 * own.loglik_ + 2 * d * rows / (rows - d - 1) + 2 * (k - d)
        bic = own.bic_ - k * np.log(n) + k * np.log(n_subjects)
        found = row[["loglik", "aic", "aicc", "bic"]].to_numpy(dtype=float)
        expected = [own.loglik_, own.aic_, aicc, bic]
        np.testing.assert_allclose(found, expected, rtol=ROUNDING)
    expected = np.exp(-0.5 * (table["aic"] - table["aic"].iloc[0]))
    np.testing.assert_allclose(table["weight"], expected / expected.sum())


def test_what_has_no_maximum_or_cannot_be_fitted_comes_last_with_the_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = compare_covariances(model("us(t | id)", "y ~ 1"), few())
    status = table["status"]
    assert status["us"] == "singular"
    assert status["ar1"] == status["ar1h"] == "not fitted"
    assert list(status[-4:]) == ["singular", "singular", "not fitted", "not fitted"]
    assert "whole numbers" in table.loc["ar1", "reason"]
    assert "fewest subjects, 4," in table.loc["us", "reason"]
    assert table["weight"].isna().equals(status != "fitted")
    assert "us, singular: no maximum" in str(table)
    assert np.isnan(table.loc["ar1", "aic"])


def test_whole_texts_stand_beside_names():
    frame = SLEEP.assign(arm=np.where(SLEEP["Subject"].astype(int) % 2, "a", "b"))
    by_arm = "ar1(Days | Subject, by=arm)"
    table = compare_covariances(model(), frame, structures=["ar1", by_arm, "car1"])
    assert table.loc[by_arm, "n_parameters"] == 2 * table.loc["ar1", "n_parameters"]
    assert table.loc[by_arm, "loglik"] > table.loc["ar1", "loglik"]


def test_response_and_weights_are_those_of_fit():
    weights = np.linspace(0.5, 2.0, len(SLEEP))
    data = SLEEP[["Days", "Subject"]], np.sqrt(SLEEP["Reaction"])
    table = compare_covariances(model(), *data, ["cs"], sample_weight=weights)
    own = model().fit(*data, sample_weight=weights)
    assert table.loc["cs", "loglik"] == pytest.approx(own.loglik_, rel=ROUNDING)


def test_what_no_structure_is_to_blame_for_is_said_once():
    double = SLEEP.assign(double=2.0 * SLEEP["Days"])
    with pytest.warns(RankDeficiencyWarning) as caught:
        compare_covariances(
            model(formula="Reaction ~ Days + double"), double, structures=NAMES
        )
    assert [one.filename for one in caught] == [__file__]


def test_the_model_stays_as_it_is_and_the_bar_counts(capsys):
    own = model()
    compare_covariances(own, SLEEP, structures=["cs", "ar1"], verbose=1)
    assert own.residual == "cs(Days | Subject)"
    assert not hasattr(own, "sigma_")
    assert "2/2" in capsys.readouterr().err


REFUSED = [
    (MixedLinearRegressor("Reaction ~ Days"), ["cs"], "is for MixedLinearRegressor"),
    (model(), [], "one or more different names"),
    (model(), ["cs", "cs"], "one or more different names"),
    (model(), ["nothing"], "nothing"),
    (model(), ["cs(Subject | Days)"], "takes other subjects"),
    (model("cs(Hours | Subject)"), ["cs", "ar1"], "No structure could be fitted"),
]


@pytest.mark.parametrize(("own", "structures", "match"), REFUSED)
def test_what_does_not_compare_is_refused(own, structures, match):
    with pytest.raises(ValueError, match=match):
        compare_covariances(own, SLEEP, structures=structures)
