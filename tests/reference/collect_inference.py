"""Condense what lmerTest, pbkrtest and lme4 say about fixed effects into one file.

    python tests/reference/collect_inference.py FOLDER

FOLDER holds cases/<id>.json, as README.md describes. Rewrites inference.json beside
this file for the models that stand in lme4/.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
SIGNIFICANT = 10


def rounded(values):
    """Numbers of one list to a few significant digits."""
    return [None if v is None else float(f"{v:.{SIGNIFICANT}g}") for v in values]


def collect(case):
    """Facts of one case: degrees of freedom, standard errors, tests, intervals."""
    found = {}
    if case.get("satterthwaite_reliable", True) and "satterthwaite_rescaled" in case:
        found["satterthwaite_df"] = rounded(case["satterthwaite_rescaled"]["df"])
    if "kenward_roger" in case:
        for key in ("se", "df"):
            found[f"kenward_roger_{key}"] = rounded(case["kenward_roger"][key])
    for method in ("satterthwaite", "kenward_roger"):
        table = case.get(f"anova_type3_{method}")
        # lmerTest's finite differences fail on covariates of order 1e6
        if table and "badly_scaled" not in case["tags"]:
            keys = {"NumDF": "num_df", "DenDF": "den_df", "F value": "F"}
            keys["Sum Sq"] = "sum_sq"
            found[f"anova_{method}"] = {"terms": table["rows"]} | {
                ours: rounded(table[theirs]) for theirs, ours in keys.items()
            }
    if case.get("profile_ci"):
        found["profile"] = {
            key: rounded(case["profile_ci"][key]) for key in ("lower", "upper")
        }
    return found


def main(folder):
    """Write the file."""
    facts = {}
    for path in sorted((HERE / "lme4").glob("*.json")):
        name = path.name
        if not (folder / "cases" / name).exists():
            name = f"v_{name}"
        found = collect(json.loads((folder / "cases" / name).read_text()))
        if found:
            facts[path.stem] = found
    lines = ",\n".join(f' "{key}": {json.dumps(value)}' for key, value in facts.items())
    source = "R 4.2.2, lme4 1.1.31, lmerTest, pbkrtest; profiles by lme4's confint"
    text = f'{{"source": "{source}",\n"cases": {{\n{lines}\n}}}}\n'
    (HERE / "inference.json").write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
