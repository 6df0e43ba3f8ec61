"""Condense lme4 results, one JSON file per fit, into the ones that stand here.

    python tests/reference/collect_lme4.py FOLDER

FOLDER holds cases/<id>.json, data/datasets.json and data/*.csv, as README.md
describes. Rewrites lme4/ and data/ beside this file. Only linear models are taken,
and only of data sets that the package carries or that were simulated.
"""

import json
import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
SIGNIFICANT = 12
FEW_LEVELS = 100  # more random effects than this are stored by their first 20
FIRST = 20

# Data sets of the package: its name, and the columns that it calls otherwise.
CARRIED = {
    "sleepstudy": ("sleepstudy", {}),
    "penicillin": ("penicillin", {}),
    "pastes": ("pastes", {}),
    "dyestuff": ("dyestuff", {}),
    "cake": ("cake", {}),
    "machines": ("machines", {}),
    "oxboys": ("oxboys", {}),
    "scotssec": ("scots_schools", {}),
    "chem97": ("chem97", {}),
    "insteval": ("insteval", {}),
    "exam": (
        "london_schools",
        {
            "normexam": "exam",
            "standLRT": "lrt",
            "sex": "gender",
            "schgend": "school_gender",
            "schavg": "school_avg",
        },
    ),
}
SIMULATED = ("dyestuff2",)  # and all whose name starts with sim_


def is_simulated(name):
    """Whether the data of a case may be copied."""
    return name.startswith("sim_") or name in SIMULATED


def renamed(text, columns):
    """Replace column names in a formula, whole words only."""
    for old, new in columns.items():
        text = re.sub(rf"(?<![\w.]){re.escape(old)}(?![\w.])", new, text)
    return text


def formula_of(case, columns, types):
    """Our spelling: renamed columns, R's polynomials of ordered factors by name."""
    ordered = {
        name: f"C({name}, contr.poly)"
        for name, column in types.items()
        if column["type"] == "ordered"
    }
    return renamed(renamed(case["formula"], columns), ordered)


def r_call(case):
    """Return the call in R."""
    weights = f", weights = {case['weights']}" if case["weights"] else ""
    reml = str(case["REML"]).upper()
    return f"lmer({case['formula']}, {case['dataset']}, REML = {reml}{weights})"


def random_effects(ranef):
    """Conditional modes and their standard deviations, of the first levels if many."""
    kept = {}
    for group, found in ranef.items():
        few = found["complete"] and found["n_levels"] <= FEW_LEVELS
        count = found["n_levels"] if few else FIRST
        values, sds = found["values"], found.get("condsd", {})
        same_terms = len(sds) == len(values)
        kept[group] = {
            "levels": found["levels"][:count],
            "values": [column[:count] for column in values.values()],
            "sd": [c[:count] for c in sds.values()] if same_terms else None,
            "sum_of_squares": found["sumsq"],
        }
    return kept


def condense(case, types):
    """Keep what the tests read of one case."""
    dataset, columns = CARRIED.get(case["dataset"], (case["dataset"], {}))
    versions, newdata = case["versions"], case["newdata"]
    return {
        "source": f"R {versions['R']}, lme4 {versions['lme4']}: {r_call(case)}",
        "dataset": dataset,
        "formula": formula_of(case, columns, types),
        "reml": case["REML"],
        "weights": case["weights"],
        "tags": case["tags"],
        "n_obs": case["nobs"],
        "n_groups": case["ngrps"],
        "dropped_columns": case["dropped_columns"],
        "singular": case["isSingular"],
        "default_loglik": case["default"]["logLik"],
        "loglik": case["logLik"],
        "aic": case["AIC"],
        "bic": case["BIC"],
        "n_parameters": case["npar"],
        "sigma": case["sigma"],
        "theta": case["theta"],
        "theta_names": case["theta_names"],
        "fixed_names": case["fixef"]["names"],
        "fixed": case["fixef"]["values"],
        "fixed_se": case["fixef"]["se"],
        "fixed_cov": case["vcov"],
        "covariances": [
            {"group": term["group"], "effects": term["names"], "cov": term["cov"]}
            for term in case["varcorr"].values()
        ],
        "random_effects": random_effects(case["ranef"]),
        "fitted": {key: case["fitted"][key] for key in ("first", "sum", "sumsq")},
        "population": {
            key: case["fitted_population"][key] for key in ("first", "sum", "sumsq")
        },
        "newdata": {
            "columns": {
                columns.get(name, name): values
                for name, values in newdata["columns"].items()
            },
            "kind": newdata["kind"],
            "conditional": newdata["conditional"],
            "population": newdata["population"],
        },
    }


def rounded(value):
    """Cut floats to the digits worth storing, in nested lists and dicts."""
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT}g}")
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return value


def as_text(record):
    """One key a line."""
    lines = [f" {json.dumps(key)}: {json.dumps(record[key])}" for key in record]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main(folder):
    """Write lme4/*.json, data/*.csv and data/columns.json."""
    tables = json.loads((folder / "data" / "datasets.json").read_text())
    used = {}
    for path in sorted((folder / "cases").glob("*.json")):
        case = json.loads(path.read_text())
        name = case["dataset"]
        if case["kind"] != "lmm" or not (name in CARRIED or is_simulated(name)):
            continue
        record = rounded(condense(case, tables[name]["columns"]))
        target = HERE / "lme4" / f"{case['id'].removeprefix('v_')}.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(as_text(record))
        if is_simulated(name):
            used[name] = tables[name]["columns"]
            (HERE / "data").mkdir(exist_ok=True)
            shutil.copyfile(
                folder / "data" / tables[name]["file"], HERE / "data" / f"{name}.csv"
            )
    (HERE / "data" / "columns.json").write_text(as_text(used))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
