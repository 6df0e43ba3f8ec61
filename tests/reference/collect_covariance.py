"""Keep figures of SAS, mmrm and nlme for models whose residuals covary.

    python tests/reference/collect_covariance.py FOLDER

FOLDER holds full results: cases/NAME.json, data/NAME.csv with data/datasets.json, and
sas_fev.json. Needs R with nlme and jsonlite, for the intervals. Rewrites
covariance.json and data/covariance_NAME.csv beside this file.
"""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SIGNIFICANT = 12
CASES = [
    "bodyweight_ar1h_ml",
    "orthodont_cs",
    "orthodont_csh_ml",
    "orthodont_toeph",
    "orthodont_us",
    "orthodont_us_by_sex",
    "orthodont_us_ml",
    "ovary_ar1",
    "sleep_ad_ml",
    "sleep_ar1",
    "sleep_toep",
    "trial_ar1h",
    "trial_cs",
    "trial_toep",
    "trial_us",
]
KEPT = ("formula", "residual", "REML", "logLik", "AIC", "BIC_subjects", "sigma")
SCRIPT = r"""
suppressMessages({library(nlme); library(jsonlite)})
folder <- commandArgs(TRUE)
read <- function(name) read.csv(file.path(folder, "data", paste0(name, ".csv")))
teeth <- read("orthodont"); sleep <- read("sleepstudy"); mares <- read("ovary")
teeth$Sex <- factor(teeth$Sex, levels = c("Male", "Female"))
four <- subset(sleep, Days < 4); four$visit <- four$Days + 1
models <- list(
  list("orthodont", "distance ~ age*Sex", "cs(age | Subject)",
       gls(distance ~ age * Sex, teeth,
           correlation = corCompSymm(form = ~1 | Subject))),
  list("sleepstudy", "Reaction ~ Days", "ar1(Days | Subject)",
       gls(Reaction ~ Days, sleep, correlation = corAR1(form = ~Days | Subject))),
  list("sleepstudy", "Reaction ~ Days", "ar1h(Days | Subject)",
       gls(Reaction ~ Days, sleep, correlation = corAR1(form = ~Days | Subject),
           weights = varIdent(form = ~1 | Days))),
  list("ovary", "follicles ~ sin(2*pi*Time) + cos(2*pi*Time)", "ar1(obs | Mare)",
       gls(follicles ~ sin(2 * pi * Time) + cos(2 * pi * Time), mares,
           correlation = corAR1(form = ~obs | Mare))),
  list("sleepstudy", "Reaction ~ Days", "us(Days | Subject)",
       gls(Reaction ~ Days, four, correlation = corSymm(form = ~visit | Subject),
           weights = varIdent(form = ~1 | Days))))
cat(toJSON(lapply(models, function(m) {
  i <- intervals(m[[4]], which = "var-cov")
  list(dataset = m[[1]], formula = m[[2]], residual = m[[3]], correlation = i$corStruct,
       ratio = i$varStruct, sigma = matrix(i$sigma, 1))
}), digits = NA, auto_unbox = TRUE, null = "null"))
"""


def rounded(value):
    """Numbers with so many significant digits, inside of anything."""
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT}g}")
    if isinstance(value, list):
        return [rounded(one) for one in value]
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return value


def shorten(case):
    """What a test needs of a case."""
    kept = {key: case[key] for key in KEPT}
    names, vcov = case["fixef"]["names"], case["vcov"]
    kept["dataset"], kept["names"] = case["dataset"], names
    kept["coef"] = case["fixef"]["values"]
    kept["std_error"] = [row[i] ** 0.5 for i, row in enumerate(vcov)]
    kept["satterthwaite_df"] = case["satterthwaite"]["df"]
    kept["kenward_roger"] = case.get("kenward_roger")
    kept["emmeans"] = case.get("emmeans")
    programs = case["engines"]
    kept["programs"] = {
        name: {key: found[key] for key in ("version", "logLik", "fixef", "se")}
        for name, found in programs.items()
        if name in ("mmrm", "nlme") and "logLik" in found
    }
    return kept


def main(folder):
    """Rewrite the files."""
    cases = {
        name: shorten(json.loads((folder / "cases" / f"{name}.json").read_text()))
        for name in CASES
    }
    asked = ["Rscript", "-e", SCRIPT, str(folder)]
    intervals = json.loads(subprocess.check_output(asked, text=True))
    sas = json.loads((folder / "sas_fev.json").read_text())
    found = {"cases": cases, "nlme_intervals": intervals, "sas_fev": sas}
    columns = json.loads((folder / "data" / "datasets.json").read_text())
    sets = {case["dataset"] for case in cases.values()} - {"sleepstudy"}
    found["columns"] = {name: columns[name]["columns"] for name in sorted(sets)}
    text = json.dumps(rounded(found), indent=None, separators=(", ", ": "))
    (HERE / "covariance.json").write_text(text.replace('}, "', '},\n"') + "\n")
    for name in sets:
        data = (folder / "data" / columns[name]["file"]).read_text()
        (HERE / "data" / f"covariance_{name}.csv").write_text(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
