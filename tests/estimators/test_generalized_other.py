"""Generalised models on data sets of R's packages, against glmmTMB and lme4."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import skmixed

# Units of the log-likelihood; coefficients in standard errors; relative of the others.
SAME_LOGLIK, SAME_ESTIMATE, SAME_ERROR, SAME_SD = 1e-5, 1e-3, 1e-3, 1e-3
# The other program's Hessian is a difference, and coarse beside a large precision.
COARSE_ERROR = {"gasoline": 2e-2}
# A standard deviation that the other program leaves a little above zero.
ZERO = 1e-3
HERE = Path(__file__).resolve().parents[1] / "reference"
FOUND = json.loads((HERE / "generalized_other.json").read_text())


def read(name):
    """Table with the levels in R's order."""
    path = HERE / "data" / f"generalized_{name}.csv"
    frame = pd.read_csv(path, keep_default_na=False, na_values=["NA"])
    levels = FOUND["levels"][name] or {}
    return frame.assign(
        **{
            column: pd.Categorical(frame[column].astype(str), values)
            for column, values in levels.items()
        }
    )


@pytest.mark.filterwarnings("ignore::skmixed.SingularFitWarning")
@pytest.mark.parametrize("case", FOUND["cases"], ids=lambda case: case["id"])
def test_other_models_are_those_of_other_programs(case):
    make = getattr(skmixed, case["estimator"])
    model = make(case["formula"], n_quadrature=case["n_quadrature"])
    if "link" in model.get_params():
        model.set_params(link=case["link"])
    model.fit(read(case["data"]))
    if "loglik" in case:
        assert model.loglik_ == pytest.approx(case["loglik"], abs=SAME_LOGLIK)
    se = np.array(case["se"])
    off = (model.fixed_effects_.to_numpy() - case["fixef"]) / se
    np.testing.assert_allclose(off, 0.0, atol=SAME_ESTIMATE)
    ours = np.sqrt(np.diag(model.fixed_effects_cov_))
    np.testing.assert_allclose(ours, se, rtol=COARSE_ERROR.get(case["id"], SAME_ERROR))
    sd = [np.sqrt(np.diag(c)) for c in model.random_effects_cov_.values()]
    np.testing.assert_allclose(
        np.sort(np.concatenate(sd)),
        np.sort(np.atleast_1d(case["sd"])),
        rtol=SAME_SD,
        atol=ZERO,
    )
    if "dispersion" in case:
        assert model.dispersion_ == pytest.approx(case["dispersion"], rel=SAME_SD)
