"""New groups of which the first rows are known."""

import numpy as np
import pandas as pd
import pytest

from skmixed import MixedLinearRegressor, compare_models
from skmixed.inspection import AdaptationDisplay
from skmixed.model_selection import FirstRowsKFold

# Adapted to the first rows, and fitted with them: variances differ.
NEARLY = 0.02


def table(groups=40, rows=12):
    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(groups), rows)
    x = rng.normal(size=len(g))
    y = x + rng.normal(size=groups)[g] + rng.normal(size=len(g))
    frame = pd.DataFrame({"g": g, "x": x, "y": y})
    return frame.sample(frac=1.0, random_state=0).reset_index(drop=True)


def test_first_rows_are_known_and_later_ones_predicted():
    frame = table()
    place = frame.groupby("g").cumcount().to_numpy()
    for train, test in FirstRowsKFold(2, 4, skip=5).split(frame, groups=frame["g"]):
        assert (place[test] >= 5).all()
        assert not set(train) & set(test)
        own = frame["g"].iloc[train].isin(frame["g"].iloc[test]).to_numpy()
        assert (place[train][own] < 2).all()
        assert own.sum() == 2 * frame["g"].iloc[test].nunique()


def test_more_rows_help_a_mixed_model_as_adapt_says():
    frame, known = table(), [0, 1, 5]
    formula = "y ~ x + (1 | g)"
    scores = compare_models([formula], frame, cv=4, first_rows=known).frame["rmse"]
    errors = np.zeros(len(known))
    place = frame.groupby("g").cumcount()
    # folds of groups of one size depend on their order
    groups = frame.groupby("g", sort=False).ngroup()
    for train, test in FirstRowsKFold(0, 4, skip=5).split(frame, groups=groups):
        model = MixedLinearRegressor(formula).fit(frame.iloc[train])
        later = frame.iloc[test]
        own = frame["g"].isin(later["g"])
        for i, k in enumerate(known):
            adapted = model.adapt(frame[own & (place < k)]) if k else model
            squares = (adapted.predict(later) - later["y"]) ** 2
            errors[i] += np.sqrt(squares.mean()) / 4
    expected = errors
    assert (np.diff(expected) < 0).all()
    labels = ["after 0 rows", "after 1 row", "after 5 rows"]
    found = [scores.loc[label].iloc[0] for label in labels]
    np.testing.assert_allclose(found, expected, rtol=NEARLY)


def test_questions_without_an_answer_are_refused():
    frame = table(rows=4)
    with pytest.raises(ValueError, match="No group of a fold has more than 4 rows"):
        list(FirstRowsKFold(4, 4).split(frame, groups=frame["g"]))
    with pytest.raises(ValueError, match="from 0 to skip"):
        list(FirstRowsKFold(3, 4, skip=1).split(frame, groups=frame["g"]))
    with pytest.raises(ValueError, match="needs groups"):
        list(FirstRowsKFold(1).split(frame))
    with pytest.raises(ValueError, match="is for a number of folds"):
        compare_models(["y ~ x"], frame, first_rows=1)
    plain = compare_models(["y ~ x + (1 | g)"], frame, cv=2)
    with pytest.raises(ValueError, match="no regime `after k rows`"):
        AdaptationDisplay.from_table(plain)
