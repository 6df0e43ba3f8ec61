"""What covariances of residuals and of ordered effects cannot be is said in words."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from skmixed import MixedLinearRegressor, compare_covariances

N, VISITS = 24, 4


@cache
def table():
    rng, n = np.random.default_rng(0), N * VISITS
    subject, t = np.repeat(np.arange(N), VISITS), np.tile(np.arange(VISITS), N)
    rows = pd.DataFrame({"id": subject, "t": t, "half": t + 0.5, "one": 1})
    rows["v"] = pd.Categorical([f"v{k}" for k in t])
    rows["arm"] = np.where(subject % 2, "a", "b")
    rows["lost"] = np.where(rows.index % 7 == 0, np.nan, t)
    rows["date"] = pd.date_range("2020", periods=n)
    rows["year"] = 2000 + t
    rows["y"] = rng.normal(size=n) + rng.normal(size=N)[subject]
    return rows


def no_pair(rows):
    """Nobody is seen at both of the last visits."""
    early = rows["id"] < N // 2
    return rows[~((rows["t"] == 3) & early) & ~((rows["t"] == 2) & ~early)]


# Formula, residual=, dispersion=, what is done to the table, and what is said.
EFFECTS = {
    name: (f"y ~ v + {name}(0 + v | id)", None, None, None, "residual='")
    for name in ("us", "homcs", "homtoep", "homdiag")
}
WORDS = {
    "UN(v | id)": "`us`",
    "AR(1)(v | id)": "`ar1`",
    "ARH(1)(v | id)": "`ar1h`",
    "SP(EXP)(t | id)": "`car1`",
    "sp_exp(t | id)": "`car1`",
    "ANTE(1)(v | id)": "`adh`",
    "VC(v | id)": "`id`",
    "corAR1(form = ~ t | id)": "`ar1`",
    "us(v | arm / id)": r"us\(v \| id, by=arm\)",
    "ar1(t)": "a bar stands between",
    "ar1": "stand in parentheses",
    "ar1(t + arm | id)": "one column",
    "ar1(t | id, foo=1)": "no option `foo`",
    "us(v | id, nugget=True)": "no option `nugget`",
    "ar1(week | id)": "no column 'week'",
    "ar1(half | id)": "whole numbers",
    "ar1(lost | id)": "missing values",
    "car1(date | id)": "holds dates",
}
OTHERS = {
    "an intercept in an order": ("y ~ v + ar1(v | id)", None, None, None, r"0 \+ f"),
    "two rows at one visit": (
        "y ~ t",
        "us(v | id)",
        None,
        lambda d: pd.concat([d, d.head(3)]),
        "several rows at one visit",
    ),
    "us beside its subjects": ("y ~ t + (1 | id)", "us(v | id)", None, None, "nothing"),
    "nobody at both": ("y ~ t", "us(v | id)", None, no_pair, "v2 and v3"),
    "one visit": ("y ~ 1", "cs(t | id)", None, lambda d: d[d["t"] == 0], "one visit"),
    "too many visits": (
        "y ~ 1",
        "us(t | id)",
        None,
        lambda d: d.assign(t=np.arange(len(d))),
        "up to 60 visits",
    ),
    "by within subjects": (
        "y ~ t",
        "ar1(t | id, by=arm)",
        None,
        lambda d: d.assign(arm=d["t"] % 2),
        "constant within subjects",
    ),
    "no subject twice": (
        "y ~ t",
        "ar1(t | id)",
        None,
        lambda d: d.assign(id=np.arange(len(d))),
        "Is another column the subject",
    ),
    "twice the same": ("y ~ t + (1 | id)", "cs(t | id)", None, None, "told apart"),
    "us and a dispersion": ("y ~ t", "us(v | id)", "~ arm", None, "nothing"),
    "a dispersion of y": ("y ~ t", None, "y ~ arm", None, "one-sided"),
    "a random dispersion": ("y ~ t", None, "~ (1 | id)", None, "one-sided"),
    "a dispersion of nothing": ("y ~ t", None, "~ 1", None, "names no column"),
    "a dispersion far off": ("y ~ t", None, "~ year", None, "Centre it"),
}
CASES = {
    **EFFECTS,
    **{text: ("y ~ t", text, None, None, said) for text, said in WORDS.items()},
    **OTHERS,
}


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_is_said_in_words(name):
    formula, residual, dispersion, change, said = CASES[name]
    rows = table() if change is None else change(table())
    model = MixedLinearRegressor(formula, residual=residual, dispersion=dispersion)
    with pytest.raises(ValueError, match=said):
        model.fit(rows)


def test_structures_of_other_subjects_are_not_compared():
    model = MixedLinearRegressor("y ~ t", residual="cs(t | id)")
    with pytest.raises(ValueError, match="takes other subjects"):
        compare_covariances(model, table(), structures=["cs(t | id)", "ar1(t | arm)"])
