"""Ask metafor for meta-analyses with known variances, and keep the answers.

    python tests/reference/collect_metafor.py

Needs R with metafor and jsonlite. Rewrites metafor.json beside this file.
"""

import json
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
SIGNIFICANT = 12
SCRIPT = r"""
suppressMessages({library(metafor); library(jsonlite)})
bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg,
              data = dat.bcg)
schools <- dat.konstantopoulos2011
tight <- list(threshold = 1e-12, maxiter = 5000)
out <- list()
for (method in c("REML", "ML")) for (mods in c("1", "ablat")) {
  r <- rma(yi, vi, mods = as.formula(paste("~", mods)), data = bcg, method = method,
           control = tight)
  b <- blup(r)
  out[[length(out) + 1]] <- list(
    data = "bcg", formula = paste("yi ~", mods, "+ (1 | trial)"),
    reml = method == "REML", variances = r$tau2, coef = c(r$beta), std_error = r$se,
    z = r$zval, p = r$pval, lower = r$ci.lb, upper = r$ci.ub, predicted = b$pred,
    loglik = if (method == "ML") c(logLik(r)) else NULL)
}
for (method in c("REML", "ML")) {
  r <- rma.mv(yi, vi, random = ~ 1 | district/school, data = schools, method = method,
              control = list(rel.tol = 1e-10, iter.max = 1000, eval.max = 1000))
  out[[length(out) + 1]] <- list(
    data = "schools", formula = "yi ~ 1 + (1 | district/school)",
    reml = method == "REML", variances = r$sigma2, coef = c(r$beta), std_error = r$se,
    z = r$zval, p = r$pval, lower = r$ci.lb, upper = r$ci.ub, predicted = NULL,
    loglik = if (method == "ML") c(logLik(r)) else NULL)
}
data <- list(bcg = bcg[, c("trial", "ablat", "yi", "vi")],
             schools = schools[, c("district", "school", "yi", "vi")])
cat(toJSON(list(data = data, models = out), dataframe = "columns", digits = 14,
           null = "null", auto_unbox = TRUE))
"""


def rounded(value):
    """Numbers to a dozen digits, in lists and dictionaries too."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.{SIGNIFICANT}g}") if isinstance(value, float) else value


if __name__ == "__main__":
    answer = subprocess.run(
        ["Rscript", "/dev/stdin"],
        input=SCRIPT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    text = json.dumps(rounded(json.loads(answer)), indent=1)
    (HERE / "metafor.json").write_text(f"{text}\n")
