# One R process that fits one model with lme4, a call for every line it reads.
# Rscript lme4.R FORMULA TABLE.csv REPEATS; answers like worker.py, a JSON line each.
# Columns named in TABLE.factors, one a line, are factors.

suppressPackageStartupMessages(library(lme4))

arguments <- commandArgs(trailingOnly = TRUE)
formula <- as.formula(arguments[1])
table <- read.csv(arguments[2], stringsAsFactors = TRUE)
repeats <- as.integer(arguments[3])
for (column in readLines(sub("csv$", "factors", arguments[2]))) {
  table[[column]] <- factor(table[[column]])
}

status <- function(field) {
  if (!file.exists("/proc/self/status")) return(NA)
  line <- grep(field, readLines("/proc/self/status"), value = TRUE)[1]
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}

seconds <- function() {
  now <- proc.time()
  c(cpu = sum(now[c(1, 2, 4, 5)], na.rm = TRUE), wall = now[["elapsed"]])
}

say <- function(...) {
  cat(sprintf(...), "\n", sep = "")
  flush(stdout())
}

say('{"ready": {"lme4": "%s", "r": "%s"}}',
    as.character(packageVersion("lme4")), as.character(getRversion()))
input <- file("stdin", "r")
while (length(readLines(input, n = 1)) > 0) {
  gc()
  if (file.exists("/proc/self/clear_refs")) {
    try(cat("5", file = "/proc/self/clear_refs"), silent = TRUE)
  }
  resident <- status("VmRSS")
  before <- seconds()
  for (k in seq_len(repeats)) {
    model <- suppressMessages(suppressWarnings(lmer(formula, table)))
  }
  took <- (seconds() - before) / repeats
  growth <- status("VmHWM") - resident
  say('{"cpu": %.9f, "wall": %.9f, %s"loglik": %.10f}', took[["cpu"]], took[["wall"]],
      if (is.na(growth)) "" else sprintf('"memory": %.3f, ', growth),
      as.numeric(logLik(model)))
}
