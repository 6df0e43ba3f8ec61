# Generalised models on data sets of R's packages by glmmTMB, and by lme4's adaptive quadrature.
# Rscript tests/reference/collect_generalized.R writes generalized_other.json and the data.

suppressMessages({
  library(lme4)
  library(glmmTMB)
  library(jsonlite)
})

here <- "tests/reference"
plain <- function(table) {
  table <- as.data.frame(table)
  for (column in names(table)) {
    if (is.factor(table[[column]])) {
      values <- factor(as.character(table[[column]]), levels(table[[column]]))
      table[[column]] <- droplevels(values)
    }
  }
  table
}
wide <- function(counts, response, names) {
  keys <- setdiff(names(dimnames(counts)), response)
  table <- reshape(as.data.frame(counts), idvar = keys, timevar = response, direction = "wide")
  names(table)[-seq_along(keys)] <- names
  table[rowSums(table[names]) > 0, ]
}

tables <- list(
  epil = MASS::epil[c("y", "trt", "subject", "V4", "lbase", "lage")],
  bacteria = transform(MASS::bacteria, infected = as.integer(y == "y"))[c("infected", "trt", "week", "ID")],
  sprays = transform(InsectSprays, block = rep(1:12, 6)),
  breaks = transform(warpbreaks, id = seq_len(54)),
  esoph = esoph,
  quine = MASS::quine,
  chicks = ChickWeight,
  gasoline = transform(nlme::Gasoline, share = yield / 100)[c("share", "endpoint", "vapor", "Sample")],
  machines = nlme::Machines,
  infert = infert[c("case", "spontaneous", "induced", "stratum")],
  admissions = wide(UCBAdmissions, "Admit", c("admitted", "rejected")),
  titanic = wide(Titanic, "Survived", c("died", "lived")),
  breslow = boot::breslow[c("age", "smoke", "n", "y")],
  alfalfa = transform(nlme::Alfalfa, Date = factor(as.character(Date))),
  pixel = nlme::Pixel,
  rats = nlme::RatPupWeight
)
tables <- lapply(tables, plain)

families <- list(
  MixedPoissonRegressor = poisson, MixedNegativeBinomialRegressor = nbinom2,
  MixedLogisticClassifier = binomial, MixedBinomialRegressor = binomial,
  MixedGammaRegressor = Gamma, MixedBetaRegressor = beta_family
)
sds <- function(components) as.numeric(unlist(lapply(components, attr, "stddev")))
fit <- function(id, data, estimator, link, nodes, formula) {
  family <- families[[estimator]](link)
  table <- tables[[data]]
  if (nodes == 1) {
    model <- glmmTMB(as.formula(formula), table, family = family)
    found <- list(
      loglik = as.numeric(logLik(model)), fixef = unname(fixef(model)$cond),
      se = unname(sqrt(diag(vcov(model)$cond))), sd = sds(VarCorr(model)$cond)
    )
    if (!estimator %in% names(families)[c(1, 3, 4)]) found$dispersion <- sigma(model)
    if (estimator == "MixedGammaRegressor") found$dispersion <- sigma(model)^2
  } else {
    control <- glmerControl("bobyqa", tolPwrss = 1e-12, optCtrl = list(maxfun = 1e5, rhoend = 1e-9))
    model <- glmer(as.formula(formula), table, family, nAGQ = nodes, control = control)
    found <- list(
      fixef = unname(fixef(model)), se = unname(sqrt(diag(as.matrix(vcov(model))))),
      sd = sds(VarCorr(model))
    )
  }
  facts <- list(
    id = id, data = data, estimator = estimator, formula = formula, link = link,
    n_quadrature = nodes, source = if (nodes == 1) "glmmTMB" else "lme4"
  )
  c(facts, found)
}

P <- "MixedPoissonRegressor"
N <- "MixedNegativeBinomialRegressor"
L <- "MixedLogisticClassifier"
B <- "MixedBinomialRegressor"
G <- "MixedGammaRegressor"
bacteria <- "infected ~ trt + week + (1 | ID)"
seizures <- "y ~ lbase * trt + lage + V4 + (1 | subject)"
cases <- list(
  fit("epil", "epil", P, "log", 1, seizures),
  fit("epil_slope", "epil", P, "log", 1, "y ~ lbase + trt + V4 + (1 + V4 | subject)"),
  fit("epil_nb", "epil", N, "log", 1, seizures),
  fit("epil_nodes", "epil", P, "log", 9, seizures),
  fit("bacteria", "bacteria", L, "logit", 1, bacteria),
  fit("bacteria_probit", "bacteria", L, "probit", 1, bacteria),
  fit("bacteria_cloglog", "bacteria", L, "cloglog", 1, bacteria),
  fit("bacteria_nodes", "bacteria", L, "logit", 9, bacteria),
  fit("sprays", "sprays", P, "log", 1, "count ~ spray + (1 | block)"),
  fit("breaks", "breaks", P, "log", 1, "breaks ~ wool * tension + (1 | id)"),
  fit("esoph", "esoph", B, "logit", 1, "cbind(ncases, ncontrols) ~ alcgp + tobgp + (1 | agegp)"),
  fit("quine", "quine", N, "log", 1, "Days ~ Sex + Lrn + (1 | Age) + (1 | Eth)"),
  fit("chicks", "chicks", G, "log", 1, "weight ~ Time + Diet + (1 | Chick)"),
  fit("gasoline", "gasoline", "MixedBetaRegressor", "logit", 1, "share ~ endpoint + vapor + (1 | Sample)"),
  fit("machines", "machines", G, "log", 1, "score ~ Machine + (1 | Worker / Machine)"),
  fit("infert", "infert", L, "logit", 1, "case ~ spontaneous + induced + (1 | stratum)"),
  fit("admissions", "admissions", B, "logit", 1, "cbind(admitted, rejected) ~ Gender + (1 + Gender | Dept)"),
  fit("titanic", "titanic", B, "probit", 1, "cbind(lived, died) ~ Class + Sex + Age + (1 | Class:Sex)"),
  fit("breslow", "breslow", P, "log", 1, "y ~ smoke + offset(log(n)) + (1 | age)"),
  fit("alfalfa", "alfalfa", G, "log", 1, "Yield ~ Date + (1 | Block / Variety)"),
  fit("pixel", "pixel", G, "log", 1, "pixel ~ day + (1 | Dog / Side)"),
  fit("rats", "rats", G, "log", 1, "weight ~ sex + Treatment + Lsize + (1 | Litter)")
)
levels_of <- function(table) Filter(Negate(is.null), lapply(table, levels))
for (name in names(tables)) {
  write.csv(tables[[name]], file.path(here, "data", paste0("generalized_", name, ".csv")), row.names = FALSE, quote = FALSE)
}
found <- list(levels = lapply(tables, levels_of), cases = cases)
writeLines(toJSON(found, auto_unbox = TRUE, digits = 10, pretty = 1), file.path(here, "generalized_other.json"))
