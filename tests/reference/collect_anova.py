"""Ask lmerTest and pbkrtest for F tests of types I, II and III, and keep the answers.

    python tests/reference/collect_anova.py

Needs R with lmerTest, pbkrtest and jsonlite. Rewrites anova.json beside this file.
"""

import json
import subprocess
import tempfile
from pathlib import Path

from skmixed import datasets

HERE = Path(__file__).parent
SIGNIFICANT = 10

# Rows that stay: a data frame's query.
SOME, THIRD = "index % 11 != 3", "index % 3 == 0"
EMPTY = f"(recipe != 'C' or temp != 225) and {SOME}"

# Data sets, rows, formula for both packages, and whether Kenward and Roger's adjustment
# is asked for.
MODELS = {
    "cake": (
        "cake",
        "index >= 0",
        "angle ~ recipe * temperature + (1 | recipe:replicate)",
        True,
    ),
    "cake_unbalanced": (
        "cake",
        SOME,
        "angle ~ recipe * temperature + (1 | recipe:replicate)",
        True,
    ),
    "cake_turned": (
        "cake",
        SOME,
        "angle ~ temperature * recipe + (1 | recipe:replicate)",
        True,
    ),
    "cake_line": (
        "cake",
        SOME,
        "angle ~ recipe * temp + (1 | recipe:replicate)",
        True,
    ),
    "cake_empty_cell": (
        "cake",
        EMPTY,
        "angle ~ recipe * temperature + (1 | recipe:replicate)",
        True,
    ),
    "machines": ("machines", SOME, "score ~ Machine + (1 | Worker)", True),
    "machines_slopes": (
        "machines",
        SOME,
        "score ~ Machine + (Machine | Worker)",
        True,
    ),
    "schools": (
        "london_schools",
        "index >= 0",
        "exam ~ lrt + gender + vr + school_gender + (1 | school)",
        False,
    ),
    "schools_crossed": (
        "london_schools",
        "index >= 0",
        "exam ~ lrt * gender * vr + (lrt | school)",
        False,
    ),
    "schools_empty_cells": (
        "london_schools",
        THIRD,
        "exam ~ lrt + gender * school_gender + (1 | school)",
        True,
    ),
    "schools_numbers": (
        "london_schools",
        "index >= 0",
        "exam ~ lrt * school_avg + gender + (lrt | school)",
        False,
    ),
    "schools_no_intercept": (
        "london_schools",
        THIRD,
        "exam ~ 0 + gender + vr + lrt + (1 | school)",
        True,
    ),
    "schools_without_main_effect": (
        "london_schools",
        THIRD,
        "exam ~ vr + vr:gender + vr:lrt + (1 | school)",
        True,
    ),
}

R = """
suppressMessages({library(lmerTest); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
models <- fromJSON(file.path(folder, "models.json"), simplifyVector = FALSE)
answers <- lapply(models, function(model) {
  frame <- read.csv(file.path(folder, model$table), colClasses = unlist(model$classes))
  for (name in names(model$levels))
    frame[[name]] <- factor(frame[[name]], levels = unlist(model$levels[[name]]))
  control <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9,
    maxfun = 1e5), calc.derivs = FALSE)
  fit <- lmer(as.formula(model$formula), frame, control = control)
  methods <- c("Satterthwaite", if (model$kenward_roger) "Kenward-Roger")
  tables <- list()
  for (method in methods) for (type in 1:3) {
    table <- as.data.frame(anova(fit, type = type, ddf = method))
    tables[[method]][[as.character(type)]] <- c(list(terms = rownames(table)), table)
  }
  tables
})
write_json(answers, file.path(folder, "answers.json"), digits = NA, auto_unbox = FALSE)
"""

COLUMNS = {
    "Sum Sq": "sum_sq",
    "NumDF": "num_df",
    "DenDF": "den_df",
    "F value": "F",
    "Pr(>F)": "p",
}


def read_frame(name, rows):
    """Table of one model."""
    frame = getattr(datasets, f"load_{name}")().frame
    return frame.query(rows).reset_index(drop=True)


def describe(folder, name, frame, formula, kenward_roger):
    """Write one table for R, and say how to read it."""
    table = f"{name}.csv"
    frame.to_csv(folder / table, index=False)
    factors = frame.select_dtypes("category").columns
    return {
        "table": table,
        "formula": formula,
        "kenward_roger": kenward_roger,
        "classes": {
            column: "character" if column in factors else "numeric"
            for column in frame.columns
        },
        "levels": {
            column: [str(level) for level in frame[column].cat.categories]
            for column in factors
        },
    }


def rounded(values):
    """Numbers of one list to a few significant digits."""
    return [
        None if isinstance(v, str) or v is None else float(f"{v:.{SIGNIFICANT}g}")
        for v in values
    ]


def ask(folder):
    """Answers of R, by model, method and type."""
    models = {
        name: describe(folder, name, read_frame(data, rows), formula, kenward_roger)
        for name, (data, rows, formula, kenward_roger) in MODELS.items()
    }
    (folder / "models.json").write_text(json.dumps(models))
    (folder / "ask.R").write_text(R)
    subprocess.run(["Rscript", folder / "ask.R", folder], check=True)
    return json.loads((folder / "answers.json").read_text())


def main():
    """Write the file."""
    with tempfile.TemporaryDirectory() as folder:
        answers = ask(Path(folder))
    cases = {}
    for name, (data, rows, formula, _) in MODELS.items():
        tables = {
            f"{method.lower()} {kind}": {"terms": table["terms"]}
            | {ours: rounded(table[theirs]) for theirs, ours in COLUMNS.items()}
            for method, kinds in answers[name].items()
            for kind, table in kinds.items()
        }
        cases[name] = {"data": data, "rows": rows, "formula": formula, "tables": tables}
    lines = ",\n".join(f' "{key}": {json.dumps(value)}' for key, value in cases.items())
    source = "R 4.2.2, lme4 1.1.31, lmerTest 3.1.3, pbkrtest 0.5.2"
    text = f'{{"source": "{source}",\n"cases": {{\n{lines}\n}}}}\n'
    (HERE / "anova.json").write_text(text)


if __name__ == "__main__":
    main()
