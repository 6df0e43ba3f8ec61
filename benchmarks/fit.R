# One R process that fits one model with a package, a call for every line it reads.
# Rscript fit.R PACKAGE CALL TABLE.csv REPEATS; answers like worker.py, a JSON line each.
# Columns named in TABLE.factors, one a line, are factors.

arguments <- commandArgs(trailingOnly = TRUE)
package <- arguments[1]
suppressPackageStartupMessages(library(package, character.only = TRUE))
call <- parse(text = arguments[2])[[1]]
table <- read.csv(arguments[3], stringsAsFactors = TRUE)
repeats <- as.integer(arguments[4])
for (column in readLines(sub("csv$", "factors", arguments[3]))) {
  table[[column]] <- factor(table[[column]])
}

enough <- 0.25

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

say('{"ready": {"%s": "%s", "r": "%s"}}',
    package, as.character(packageVersion(package)), as.character(getRversion()))
input <- file("stdin", "r")
while (length(readLines(input, n = 1)) > 0) {
  gc()
  if (file.exists("/proc/self/clear_refs")) {
    try(cat("5", file = "/proc/self/clear_refs"), silent = TRUE)
  }
  resident <- status("VmRSS")
  before <- seconds()
  done <- 0
  # a slow fit needs no repetition
  while (done < repeats && (seconds() - before)[["cpu"]] < enough) {
    model <- suppressMessages(suppressWarnings(eval(call)))
    done <- done + 1
  }
  took <- (seconds() - before) / done
  growth <- status("VmHWM") - resident
  say('{"cpu": %.9f, "wall": %.9f, %s"loglik": %.10f}', took[["cpu"]], took[["wall"]],
      if (is.na(growth)) "" else sprintf('"memory": %.3f, ', growth),
      as.numeric(logLik(model)))
}
