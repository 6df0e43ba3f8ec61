"""Ask emmeans for joint tests of the cake data, and keep the answers.

    python tests/reference/collect_joint_tests.py

Needs R with lme4, emmeans and jsonlite. Rewrites joint_tests.json beside this file.
"""

import json
import subprocess
import tempfile
from pathlib import Path

from skmixed.datasets import load_cake

HERE = Path(__file__).parent
SIGNIFICANT = 11
# Rows that stay: a data frame's query.
SOME = "index % 11 != 3"
EMPTY = f"(recipe != 'C' or temp != 225) and {SOME}"
FACTORS = "angle ~ recipe * temperature + (1 | recipe:replicate)"
MODELS = [
    (SOME, FACTORS, ""),
    (SOME, FACTORS, "recipe"),
    (SOME, "angle ~ recipe * temp + (1 | recipe:replicate)", ""),
    (SOME, "angle ~ recipe * temp + (1 | recipe:replicate)", "recipe"),
    (EMPTY, FACTORS, ""),
    (EMPTY, FACTORS, "temperature"),
]
# F of emmeans' hypotheses; it rounds its own to three decimals.
SCRIPT = r"""
suppressMessages({library(lme4); library(emmeans); library(jsonlite)})
options(digits = 15)  # emmeans rounds hypotheses to these
control <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-12))
out <- list()
for (job in read_json("jobs.json")) {
  data <- read.csv(job$file, stringsAsFactors = TRUE)
  data$temperature <- factor(data$temperature)
  model <- suppressMessages(lmer(as.formula(job$formula), data, control = control))
  by <- if (job$by == "") NULL else job$by
  found <- joint_tests(model, by = by, lmer.df = "asymptotic", showconf = FALSE)
  hypotheses <- attr(found, "est.fcns")
  if (is.null(by)) hypotheses <- list(all = hypotheses)
  else hypotheses <- unlist(lapply(names(hypotheses), function(term)
    lapply(hypotheses[[term]], function(L) setNames(list(L), term))), FALSE)
  kept <- names(fixef(model))
  for (part in names(hypotheses)) for (term in names(hypotheses[[part]])) {
    L <- hypotheses[[part]][[term]]
    L <- L[, kept, drop = FALSE]
    b <- L %*% fixef(model)
    wald <- sum(b * solve(L %*% as.matrix(vcov(model)) %*% t(L), b))
    out[[length(out) + 1]] <- list(job = job$number, part = part, term = term,
                                   num_df = nrow(L), F = wald / nrow(L))
  }
}
cat(toJSON(out, auto_unbox = TRUE, digits = 14))
"""


def ask(folder):
    """Run the script over all models."""
    cake, jobs = load_cake().frame.reset_index(drop=True), []
    for number, (rows, formula, by) in enumerate(MODELS):
        file = folder / f"{number}.csv"
        cake.query(rows).to_csv(file, index=False)
        jobs.append({"number": number, "file": str(file), "formula": formula, "by": by})
    (folder / "jobs.json").write_text(json.dumps(jobs))
    command = ["Rscript", "/dev/stdin"]
    found = subprocess.run(
        command,
        check=True,
        input=SCRIPT,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    return json.loads(found.stdout)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        answers = ask(Path(folder))
    models = [dict(zip(("rows", "formula", "by"), m, strict=True)) for m in MODELS]
    for model in models:
        model["tests"] = []
    for answer in answers:
        job = models[answer.pop("job")]
        answer["F"] = float(f"{answer['F']:.{SIGNIFICANT}g}")
        job["tests"].append(answer)
    (HERE / "joint_tests.json").write_text(json.dumps(models, indent=1) + "\n")
