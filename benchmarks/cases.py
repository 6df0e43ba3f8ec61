"""The data sets and models of the benchmark, and the tables they are stored in.

Run as ``python cases.py FOLDER NAME...`` it writes the tables of these cases; the
classic ones come from ``skmixed.datasets``, the simulated ones from fixed seeds.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from responses import MODELS, tables
from trials import trial

SMALL_ROWS = 5_000


@dataclass(frozen=True)
class Case:
    """One model on one data set.

    Parameters
    ----------
    name : str
        Name in the table.
    fixed : str
        Response and fixed effects, for example ``"exam ~ lrt + gender"``.
    random : tuple of (str, str)
        Effects and grouping factor of each random term.
    table : str
        Name of the stored table; several cases may share one.
    n_rows : int
        Rows of the table.
    crossed : bool
        Whether grouping factors are crossed, not nested.
    residual : str
        Covariance of the residuals over visits; such a case has no random terms.
    family : str
        Family of the responses, as R names it; empty for linear models.
    n_nodes : int
        Nodes of the quadrature per random effect; 1 is Laplace's approximation.
    """

    name: str
    fixed: str
    random: tuple[tuple[str, str], ...]
    table: str
    n_rows: int
    crossed: bool = False
    residual: str = ""
    family: str = ""
    n_nodes: int = 1

    @property
    def kind(self):
        """Which kind of model: "linear", "residual" or "generalised"."""
        if self.family:
            return "generalised"
        return "residual" if self.residual else "linear"

    @property
    def formula(self):
        """The model in lme4's notation."""
        terms = [f"({effects} | {group})" for effects, group in self.random]
        return " + ".join([self.fixed, *terms])

    @property
    def text(self):
        """The model, with its family or the covariance of its residuals."""
        nodes = f"{self.n_nodes} nodes" if self.n_nodes > 1 else ""
        parts = (self.formula, self.family, nodes, self.residual)
        return ", ".join(part for part in parts if part)

    @property
    def small(self):
        """Whether fits are repeated within one measurement."""
        return self.n_rows < SMALL_ROWS

    @property
    def response(self):
        """Name of the response."""
        return self.fixed.split("~")[0].strip()

    @property
    def groups(self):
        """Grouping factors without repetition."""
        return list(dict.fromkeys(group for _, group in self.random))

    @property
    def intercepts_only(self):
        """Whether every random term is ``(1 | group)``."""
        return all(effects == "1" for effects, _ in self.random)


MILLION = 1_000_000
SLOPE = "y ~ x1 + x2", (("1 + x1", "g"),)
TRIAL = "y ~ base + sex + arm * visit", ()
SLEEP = "Reaction ~ Days", (), "sleepstudy", 180
WORDS = "a + b + c + ab + ac + bc + abc"

CASES = [
    Case(
        "sleepstudy", "Reaction ~ Days", (("1 + Days", "Subject"),), "sleepstudy", 180
    ),
    Case(
        "Penicillin",
        "diameter ~ 1",
        (("1", "plate"), ("1", "sample")),
        "penicillin",
        144,
        crossed=True,
    ),
    Case("Pastes", "strength ~ 1", (("1", "batch"), ("1", "batch:cask")), "pastes", 60),
    Case(
        "cake",
        "angle ~ recipe * temperature",
        (("1", "recipe:replicate"),),
        "cake",
        270,
    ),
    Case("Machines", "score ~ Machine", (("1 + Machine", "Worker"),), "machines", 54),
    Case("Oxboys", "height ~ age", (("1 + age", "Subject"),), "oxboys", 234),
    Case("London 1", "exam ~ lrt + gender", (("1", "school"),), "london_schools", 4059),
    Case(
        "London 2",
        "exam ~ lrt + gender",
        (("1 + lrt", "school"),),
        "london_schools",
        4059,
    ),
    Case(
        "ScotsSec",
        "attain ~ verbal + sex",
        (("1", "primary"), ("1", "second")),
        "scots_schools",
        3435,
        crossed=True,
    ),
    Case(
        "maximal",
        f"y ~ {WORDS}",
        ((f"1 + {WORDS}", "subject"), (f"1 + {WORDS}", "item")),
        "maximal",
        1792,
        crossed=True,
    ),
    Case(
        "Chem97",
        "score ~ gcsecnt + gender",
        (("1", "school"), ("1", "lea")),
        "chem97",
        31_022,
    ),
    Case(
        "InstEval 2",
        "y ~ service",
        (("1", "s"), ("1", "d")),
        "insteval",
        73_421,
        crossed=True,
    ),
    Case(
        "InstEval 3",
        "y ~ service",
        (("1", "s"), ("1", "d"), ("1", "dept:service")),
        "insteval",
        73_421,
        crossed=True,
    ),
    Case(
        "200k q=4",
        "y ~ x1 + x2 + x3 + x4",
        (("1 + x1 + x2 + x3", "g"),),
        "single_200k",
        200_000,
    ),
    Case("1M slope, int", *SLOPE, "single_1m_int", MILLION),
    Case("1M slope, str", *SLOPE, "single_1m_str", MILLION),
    Case("1M slope, cat", *SLOPE, "single_1m_cat", MILLION),
    Case("1M nested", "y ~ x", (("1", "a"), ("1", "b")), "nested_1m", MILLION),
    Case(
        "200k crossed",
        "y ~ x",
        (("1", "f"), ("1", "h")),
        "crossed_200k",
        200_000,
        crossed=True,
    ),
    Case(
        "1M crossed",
        "y ~ x",
        (("1", "f"), ("1", "h")),
        "crossed_1m",
        MILLION,
        crossed=True,
    ),
    Case("sleepstudy cs", *SLEEP, residual="cs(Days | Subject)"),
    Case("sleepstudy ar1", *SLEEP, residual="ar1(Days | Subject)"),
    Case("sleepstudy ar1h", *SLEEP, residual="ar1h(Days | Subject)"),
    Case("200 x 4 us", *TRIAL, "trial_200", 655, residual="us(visit | id)"),
    Case("1,000 x 10 us", *TRIAL, "trial_1k", 7_000, residual="us(visit | id)"),
    Case("5,000 x 10 us", *TRIAL, "trial_5k", 35_000, residual="us(visit | id)"),
    Case("100k x 6 ar1", *TRIAL, "trial_100k", 480_000, residual="ar1(time | id)"),
    Case("200k x 6 toeph", *TRIAL, "trial_200k", 950_000, residual="toeph(visit | id)"),
    *(
        Case(name, *model, table, rows, family=family, **more)
        for name, model, family, table, rows, more in MODELS
    ),
]


def classic(name):
    """Load a table of skmixed with unordered factors, whose contrasts all agree on."""
    from skmixed import datasets

    frame = getattr(datasets, f"load_{name}")().frame.copy()
    for column in frame.select_dtypes("category"):
        frame[column] = frame[column].cat.as_unordered()
    return frame


def single(n_rows, n_groups, n_effects, seed, keys="int"):
    """Simulate one factor whose first effects vary between groups."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_groups, n_rows)
    n_columns = n_effects + 1
    X = np.column_stack([np.ones(n_rows), rng.standard_normal((n_rows, n_columns - 1))])
    Lambda = np.tril(0.25 * rng.standard_normal((n_effects, n_effects)))
    Lambda[np.diag_indices(n_effects)] = 0.3 + 0.5 * rng.random(n_effects)
    b = rng.standard_normal((n_groups, n_effects)) @ Lambda.T
    y = X @ rng.standard_normal(n_columns) + (X[:, :n_effects] * b[codes]).sum(axis=1)
    frame = pd.DataFrame({"y": y + rng.standard_normal(n_rows), "g": codes})
    if keys != "int":
        frame["g"] = np.array([f"g{g:05d}" for g in range(n_groups)])[codes]
    if keys == "cat":
        frame["g"] = frame["g"].astype("category")
    for j in range(1, n_columns):
        frame[f"x{j}"] = X[:, j]
    return frame


def crossed(n_rows, n_leading, n_other, seed):
    """Simulate two crossed factors, the second with levels of unequal frequency."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    f = rng.integers(0, n_leading, n_rows)
    h = (n_other * rng.beta(1, 1.5, n_rows)).astype(int)
    x = rng.standard_normal(n_rows)
    y = 1 + 0.5 * x + rng.standard_normal(n_rows)
    y += 0.7 * rng.standard_normal(n_leading)[f]
    y += 0.4 * rng.standard_normal(n_other)[h]
    return pd.DataFrame({"y": y, "x": x, "f": f, "h": h})


def nested(n_rows, n_leaves, n_parents, seed):
    """Simulate leaves in parents; leaves have labels of their own in every parent."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    parent = rng.integers(0, n_parents, n_leaves)
    b = rng.integers(0, n_leaves, n_rows)
    a = parent[b]
    x = rng.standard_normal(n_rows)
    y = 1 + 0.5 * x + rng.standard_normal(n_rows)
    y += 0.5 * rng.standard_normal(n_parents)[a]
    y += 0.3 * rng.standard_normal(n_leaves)[b]
    return pd.DataFrame({"y": y, "x": x, "a": a, "b": b})


def maximal(n_subjects, n_items, seed):
    """Simulate a 2 x 2 x 2 experiment within subjects and within items.

    The products of the factors are columns, since not every package has interactions.
    """
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    subject, item = np.divmod(np.arange(n_subjects * n_items), n_items)
    condition = (subject + item) % 8
    a, b, c = (((condition >> shift) & 1) - 0.5 for shift in range(3))
    products = {"ab": a * b, "ac": a * c, "bc": b * c, "abc": a * b * c}
    columns = pd.DataFrame({"a": a, "b": b, "c": c, **products})
    X = np.column_stack([np.ones(len(a)), columns])
    y = X @ rng.normal(0, 0.3, 8) + rng.standard_normal(len(a))
    for codes, n_levels in ((subject, n_subjects), (item, n_items)):
        Lambda = np.tril(rng.normal(0, 0.15, (8, 8)))
        Lambda[np.diag_indices(8)] = [0.6, *np.linspace(0.45, 0.2, 7)]
        y += (X * (rng.standard_normal((n_levels, 8)) @ Lambda.T)[codes]).sum(axis=1)
    return columns.assign(y=y, subject=subject, item=item)


SIMULATED: dict[str, Callable] = {
    "maximal": lambda: maximal(56, 32, seed=41),
    "single_200k": lambda: single(200_000, 2_000, 4, seed=12),
    "single_1m_int": lambda: single(MILLION, 50_000, 2, seed=11),
    "single_1m_str": lambda: single(MILLION, 50_000, 2, seed=11, keys="str"),
    "single_1m_cat": lambda: single(MILLION, 50_000, 2, seed=11, keys="cat"),
    "nested_1m": lambda: nested(MILLION, 50_000, 2_000, seed=31),
    "crossed_200k": lambda: crossed(200_000, 5_000, 1_000, seed=22),
    "crossed_1m": lambda: crossed(MILLION, 20_000, 5_000, seed=21),
    "trial_200": lambda: trial(200, 4, seed=1),
    "trial_1k": lambda: trial(1_000, 10, seed=5),
    "trial_5k": lambda: trial(5_000, 10, seed=2),
    "trial_100k": lambda: trial(100_000, 6, seed=3, ar1=True),
    "trial_200k": lambda: trial(200_000, 6, seed=4),
    **tables(classic),
}


def select_cases(names=None):
    """Return the cases with these names, all of them by default."""
    known = {case.name: case for case in CASES}
    unknown = set(names or ()) - set(known)
    if unknown:
        raise ValueError(
            f"no case is called {sorted(unknown)}; there are {list(known)}."
        )
    return [known[name] for name in names or known]


def write_table(frame, path):
    """Store a frame so that every environment reads the same columns from it."""
    import numpy as np

    arrays, kinds = {}, {}
    for column in frame:
        values = frame[column]
        kinds[column] = "values"
        if values.dtype == "category":
            kinds[column] = "category"
            arrays[f"{column} levels"] = np.asarray(values.cat.categories).astype(str)
            values = values.cat.codes
        elif values.dtype.kind not in "iufb":
            values = values.to_numpy().astype(str)
        arrays[column] = np.asarray(values)
    np.savez(path, **arrays, kinds=json.dumps(kinds))


def read_table(path):
    """Read a frame stored by `write_table`."""
    import numpy as np
    import pandas as pd

    columns = {}
    with np.load(path) as arrays:
        for column, kind in json.loads(str(arrays["kinds"])).items():
            columns[column] = arrays[column]
            if kind == "category":
                columns[column] = pd.Categorical.from_codes(
                    arrays[column], arrays[f"{column} levels"]
                )
            elif arrays[column].dtype.kind == "U":
                columns[column] = arrays[column].astype(object)
    return pd.DataFrame(columns)


def write_tables(folder, names, *, csv=False):
    """Write the tables of these cases that `folder` does not hold yet."""
    for table in dict.fromkeys(case.table for case in select_cases(names)):
        path = Path(folder) / f"{table}.npz"
        if not path.exists():
            frame = SIMULATED[table]() if table in SIMULATED else classic(table)
            write_table(frame, path)
        if csv and not path.with_suffix(".csv").exists():
            frame = read_table(path)
            factors = frame.select_dtypes("category").columns
            path.with_suffix(".factors").write_text("".join(f"{f}\n" for f in factors))
            frame.to_csv(path.with_suffix(".csv"), index=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--csv", action="store_true", help="CSV beside it, for R")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    write_tables(arguments.folder, arguments.names, csv=arguments.csv)
