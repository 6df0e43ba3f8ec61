"""The data sets that the package carries: one row of a table each, one reader."""

from dataclasses import dataclass, field
from importlib import resources

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

DATA_MODULE = "skmixed.datasets.data"
DESCR_MODULE = "skmixed.datasets.descr"

NUMBER = np.dtype("float64")
INTEGER = np.dtype("int64")


def _factor(levels):
    """Return the dtype of an unordered factor; the first level is the reference."""
    return pd.CategoricalDtype(levels.split())


def _ordered(levels):
    return pd.CategoricalDtype(levels.split(), ordered=True)


_BATCHES = "A B C D E F G H I J"
_AGGRESSION_ITEMS = """
    S1WantCurse S1WantScold S1WantShout S2WantCurse S2WantScold S2WantShout
    S3WantCurse S3WantScold S3WantShout S4wantCurse S4WantScold S4WantShout
    S1DoCurse S1DoScold S1DoShout S2DoCurse S2DoScold S2DoShout
    S3DoCurse S3DoScold S3DoShout S4DoCurse S4DoScold S4DoShout
"""
_THIRDS = pd.CategoricalDtype(["bottom 25%", "mid 50%", "top 25%"])


@dataclass(frozen=True)
class Table:
    """Where one data set is stored and what its columns are.

    Attributes
    ----------
    filename : str
        File in ``skmixed/datasets/data``, plain or gzip-compressed CSV.
    target : str
        Name of the response column.
    columns : dict of str to dtype
        Column types in the order of the table. The levels of a factor stand in the
        order that R gives them, so that reference levels agree.
    """

    filename: str
    target: str
    columns: dict = field(repr=False)


TABLES = {
    "london_schools": Table(
        "london_schools.csv.gz",
        "exam",
        {
            "school": INTEGER,
            "student": INTEGER,
            "exam": NUMBER,
            "lrt": NUMBER,
            "gender": _factor("F M"),
            "school_gender": _factor("mixed boys girls"),
            "school_avg": NUMBER,
            "vr": _THIRDS,
            "intake": _THIRDS,
        },
    ),
    "sleepstudy": Table(
        "sleepstudy.csv",
        "Reaction",
        {
            "Reaction": NUMBER,
            "Days": INTEGER,
            "Subject": _factor(
                "308 309 310 330 331 332 333 334 335 "
                "337 349 350 351 352 369 370 371 372"
            ),
        },
    ),
    "penicillin": Table(
        "penicillin.csv",
        "diameter",
        {
            "diameter": NUMBER,
            "plate": _factor("a b c d e f g h i j k l m n o p q r s t u v w x"),
            "sample": _factor("A B C D E F"),
        },
    ),
    "pastes": Table(
        "pastes.csv",
        "strength",
        {
            "strength": NUMBER,
            "batch": _factor(_BATCHES),
            "cask": _factor("a b c"),
            "sample": pd.CategoricalDtype(
                [f"{batch}:{cask}" for batch in _BATCHES.split() for cask in "abc"]
            ),
        },
    ),
    "dyestuff": Table(
        "dyestuff.csv", "Yield", {"Batch": _factor("A B C D E F"), "Yield": NUMBER}
    ),
    "cake": Table(
        "cake.csv",
        "angle",
        {
            "replicate": _factor("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"),
            "recipe": _factor("A B C"),
            "temperature": _ordered("175 185 195 205 215 225"),
            "angle": INTEGER,
            "temp": NUMBER,
        },
    ),
    "machines": Table(
        "machines.csv",
        "score",
        {
            "Worker": _factor("6 2 4 1 3 5"),
            "Machine": _factor("A B C"),
            "score": NUMBER,
        },
    ),
    "oxboys": Table(
        "oxboys.csv",
        "height",
        {
            "Subject": _factor(
                "10 26 25 9 2 6 7 17 16 15 8 20 1 18 5 23 11 21 3 24 22 12 13 14 19 4"
            ),
            "age": NUMBER,
            "height": NUMBER,
        },
    ),
    "scots_schools": Table(
        "scots_schools.csv.gz",
        "attain",
        {
            "verbal": NUMBER,
            "attain": NUMBER,
            "primary": INTEGER,
            "sex": _factor("M F"),
            "social": NUMBER,
            "second": INTEGER,
        },
    ),
    "chem97": Table(
        "chem97.csv.gz",
        "score",
        {
            "lea": INTEGER,
            "school": INTEGER,
            "score": NUMBER,
            "gender": _factor("M F"),
            "age": NUMBER,
            "gcsecnt": NUMBER,
        },
    ),
    "insteval": Table(
        "insteval.csv.gz",
        "y",
        {
            "s": INTEGER,
            "d": INTEGER,
            "studage": _ordered("2 4 6 8"),
            "lectage": _ordered("1 2 3 4 5 6"),
            "service": _factor("0 1"),
            "dept": _factor("15 5 10 12 6 7 4 8 9 14 1 3 11 2"),
            "y": INTEGER,
        },
    ),
    "cbpp": Table(
        "cbpp.csv",
        "incidence",
        {
            "herd": _factor(" ".join(map(str, range(1, 16)))),
            "incidence": INTEGER,
            "size": INTEGER,
            "period": _factor("1 2 3 4"),
        },
    ),
    "contraception": Table(
        "contraception.csv.gz",
        "use",
        {
            "district": INTEGER,
            "use": _factor("N Y"),
            "livch": _factor("0 1 2 3+"),
            "age": NUMBER,
            "urban": _factor("N Y"),
        },
    ),
    "grouseticks": Table(
        "grouseticks.csv",
        "TICKS",
        {
            "INDEX": INTEGER,
            "TICKS": INTEGER,
            "BROOD": INTEGER,
            "HEIGHT": INTEGER,
            "YEAR": _factor("95 96 97"),
            "LOCATION": INTEGER,
            "cHEIGHT": NUMBER,
        },
    ),
    "verbagg": Table(
        "verbagg.csv.gz",
        "r2",
        {
            "Anger": INTEGER,
            "Gender": _factor("F M"),
            "item": _factor(_AGGRESSION_ITEMS),
            "id": INTEGER,
            "btype": _factor("curse scold shout"),
            "situ": _factor("other self"),
            "mode": _factor("want do"),
            "r2": _factor("N Y"),
        },
    ),
    "wine": Table(
        "wine.csv",
        "rating",
        {
            "rating": _ordered("1 2 3 4 5"),
            "temp": _factor("cold warm"),
            "contact": _factor("no yes"),
            "bottle": INTEGER,
            "judge": INTEGER,
        },
    ),
}


def read_table(name):
    """Read one of the stored data sets.

    Parameters
    ----------
    name : str
        Key of `TABLES`.

    Returns
    -------
    DataFrame of shape (n_rows, n_columns)

    Examples
    --------
    >>> from skmixed.datasets.tables import read_table
    >>> read_table("dyestuff").shape
    (30, 2)
    """
    table = TABLES[name]
    source = resources.files(DATA_MODULE) / table.filename
    with source.open("rb") as stream:
        return pd.read_csv(
            stream,
            dtype=table.columns,
            compression="gzip" if table.filename.endswith(".gz") else None,
        )[list(table.columns)]


def read_description(name):
    """Read the text (reStructuredText) that describes a data set.

    Parameters
    ----------
    name : str
        Name of a file in ``skmixed/datasets/descr``, without its suffix.

    Returns
    -------
    str

    Examples
    --------
    >>> from skmixed.datasets.tables import read_description
    >>> print(read_description("dyestuff").splitlines()[0])
    Yield of dyestuff from six batches
    """
    source = resources.files(DESCR_MODULE) / f"{name}.rst"
    return source.read_text(encoding="utf-8")


def bunch_table(frame, target, *, name, filename, return_X_y, as_frame):
    """Hand a table over as scikit-learn's data set functions do.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
    target : str
        Column of `frame` that holds the response.
    name : str
        Name of the description.
    filename : str
        File the table was read from.
    return_X_y : bool
        Whether to return the pair ``(data, target)`` alone.
    as_frame : bool
        Whether data and target are pandas objects instead of arrays.

    Returns
    -------
    Bunch, or tuple of (data, target)
    """
    data = frame.drop(columns=target)
    response = frame[target]
    feature_names = list(data.columns)
    if not as_frame:
        data, response = data.to_numpy(), response.to_numpy()
    if return_X_y:
        return data, response
    return Bunch(
        data=data,
        target=response,
        frame=frame if as_frame else None,
        feature_names=feature_names,
        target_names=[target],
        DESCR=read_description(name),
        filename=filename,
    )


def load_table(name, *, return_X_y, as_frame):
    """Load one of the stored data sets.

    Parameters
    ----------
    name : str
        Key of `TABLES`.
    return_X_y, as_frame : bool
        As in `bunch_table`.

    Returns
    -------
    Bunch, or tuple of (data, target)
    """
    table = TABLES[name]
    loaded = bunch_table(
        read_table(name),
        table.target,
        name=name,
        filename=table.filename,
        return_X_y=return_X_y,
        as_frame=as_frame,
    )
    if not return_X_y:
        loaded.data_module = DATA_MODULE
    return loaded
