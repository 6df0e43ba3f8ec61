"""False positives: a school-level variable that has no effect.

Schools differ, and half of them, drawn at random, get a label that means nothing. How
often does each analysis call the label significant at 5 %? Regression of school means
and the mixed model with Satterthwaite's degrees of freedom should do so in 5 % of the
data sets. The pooled regression counts pupils where it should count schools.

Run: python examples/type_one_error.py [NUMBER_OF_DATA_SETS]
"""

import sys
import warnings

import numpy as np
import pandas as pd
from tqdm.auto import trange

from skmixed import (
    AggregatedLinearRegressor,
    MixedLinearRegressor,
    PooledLinearRegressor,
    SingularFitWarning,
)

FORMULA = "exam ~ label + (1 | school)"
N_SCHOOLS, PUPILS = 30, 20
# Share of the variance that lies between schools.
ICC = 0.2
LEVEL = 0.05


def simulate(rng):
    """Draw pupils in schools; the label has nothing to do with the exam."""
    school = np.repeat(np.arange(N_SCHOOLS), PUPILS)
    label = rng.permutation(np.arange(N_SCHOOLS) % 2)
    exam = rng.normal(scale=np.sqrt(ICC), size=N_SCHOOLS)[school]
    exam += rng.normal(scale=np.sqrt(1 - ICC), size=len(school))
    return pd.DataFrame({"school": school, "label": label[school], "exam": exam})


def p_values(schools):
    """Test the label in four ways.

    Returns
    -------
    dict of str to float
    """
    pooled = PooledLinearRegressor(FORMULA).fit(schools)
    tables = {
        "1. aggregated": AggregatedLinearRegressor(FORMULA).fit(schools).summary(),
        "2. pooled": pooled.summary(),
        "2. pooled, cluster-robust": pooled.summary(covariance="CR1"),
        "5. mixed, Satterthwaite": MixedLinearRegressor(FORMULA)
        .fit(schools)
        .summary(ddf="satterthwaite"),
    }
    return {name: table.fixed.loc["label", "p"] for name, table in tables.items()}


def main(n_data_sets=2000):
    """Simulate, and print the rejection rates with their Monte-Carlo error."""
    rng = np.random.default_rng(2026)
    with warnings.catch_warnings():
        # now and then the schools of a sample do not differ
        warnings.simplefilter("ignore", SingularFitWarning)
        p = pd.DataFrame([p_values(simulate(rng)) for _ in trange(n_data_sets)])
    rate = (p < LEVEL).mean()
    error = np.sqrt(LEVEL * (1 - LEVEL) / n_data_sets)
    table = pd.DataFrame({"rejected": rate, "error": error})
    table["within 2 errors of 5 %"] = np.where(
        (rate - LEVEL).abs() <= 2 * error, "yes", "no"
    )
    print(
        f"{n_data_sets} data sets of {N_SCHOOLS} schools with {PUPILS} pupils, "
        f"{ICC:.0%} of the variance between schools, no effect of the label\n"
    )
    print(table.round(4).to_string())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
