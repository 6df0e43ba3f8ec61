# Fits of nlme to its data sets, and to others of R, whose residuals covary or differ
# in spread: longitudinal.json and data/longitudinal_NAME.csv beside this file.
#
#     Rscript tests/reference/collect_longitudinal.R
suppressMessages({library(nlme); library(MASS); library(jsonlite)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
tight <- glsControl(tolerance = 1e-10, msTol = 1e-12, msMaxIter = 2000, maxIter = 500,
                    opt = "nlminb", returnObject = TRUE)
tighter <- lmeControl(tolerance = 1e-10, msTol = 1e-12, msMaxIter = 2000, maxIter = 500,
                      niterEM = 50, opt = "nlminb", returnObject = TRUE)
plain <- function(d) {
  d <- as.data.frame(d)
  for (n in names(d)) if (is.factor(d[[n]])) d[[n]] <- factor(as.character(d[[n]]),
                                                            levels(d[[n]]), ordered = FALSE)
  d
}
data(Sitka, package = "MASS")
milk <- subset(plain(Milk), as.integer(Cow) %% 3 == 1)
tables <- list(
  dialyzer = plain(Dialyzer), milk = droplevels(milk), bodyweight = plain(BodyWeight),
  igf = plain(IGF), soybean = plain(Soybean), ovary = plain(Ovary),
  orthodont = plain(Orthodont), chicks = plain(ChickWeight), oxboys = plain(Oxboys),
  sitka = plain(Sitka), loblolly = plain(Loblolly), orange = plain(Orange),
  wafer = plain(Wafer), fatigue = plain(Fatigue), glucose = plain(Glucose))
tables$soybean$y <- log(tables$soybean$weight)
tables$ovary$obs <- ave(seq_len(nrow(tables$ovary)), tables$ovary$Mare, FUN = seq_along)
tables$orthodont$visit <- (tables$orthodont$age - 8) / 2 + 1
tables$wafer$place <- interaction(tables$wafer$Wafer, tables$wafer$Site, drop = TRUE)
cases <- list()
keep <- function(name, table, model, formula, residual = NULL, dispersion = NULL) {
  lme <- inherits(model, "lme")
  struct <- model$modelStruct
  parameters <- list(sigma = model$sigma)
  if (!is.null(struct$corStruct)) {
    value <- as.numeric(coef(struct$corStruct, unconstrained = FALSE))
    kind <- class(struct$corStruct)[1]
    if (kind == "corCAR1") parameters$range <- -1 / log(value[1])
    else if (kind %in% c("corExp", "corGaus")) {
      parameters$range <- value[1]
      if (length(value) > 1) parameters$nugget <- value[2]
    } else parameters$rho <- value[1]
  }
  if (!is.null(struct$varStruct) && inherits(struct$varStruct, c("varPower", "varExp")))
    parameters$dispersion <- as.numeric(coef(struct$varStruct))
  if (!is.null(struct$varStruct) && inherits(struct$varStruct, "varIdent"))
    parameters$ratio <- as.numeric(coef(struct$varStruct, unconstrained = FALSE))
  if (lme) parameters$sd <- as.numeric(unlist(lapply(rev(struct$reStruct), function(s)
    sqrt(diag(as.matrix(s))) * model$sigma)))
  cases[[name]] <<- list(
    table = table, formula = formula, residual = residual, dispersion = dispersion,
    REML = model$method == "REML", logLik = as.numeric(logLik(model)),
    coef = as.numeric(if (lme) fixef(model) else coef(model)),
    std_error = as.numeric(sqrt(diag(if (lme) model$varFix else vcov(model)))),
    adjusted = !lme && model$method == "ML", parameters = parameters)
}
d <- tables
rate <- rate ~ (pressure + I(pressure^2)) * QB
keep("dialyzer_ar1", "dialyzer", gls(rate, d$dialyzer, control = tight,
  correlation = corAR1(form = ~index | Subject)),
  "rate ~ (pressure + I(pressure**2))*QB", "ar1(index | Subject)")
keep("dialyzer_power", "dialyzer", gls(rate, d$dialyzer, control = tight,
  weights = varPower(form = ~pressure)),
  "rate ~ (pressure + I(pressure**2))*QB", NULL, "~ log(pressure)")
keep("dialyzer_ar1_power", "dialyzer", gls(rate, d$dialyzer, control = tight, method = "ML",
  correlation = corAR1(form = ~index | Subject), weights = varPower(form = ~pressure)),
  "rate ~ (pressure + I(pressure**2))*QB", "ar1(index | Subject)", "~ log(pressure)")
keep("dialyzer_intercept_power", "dialyzer", lme(rate, d$dialyzer, ~1 | Subject,
  control = tighter, weights = varPower(form = ~pressure)),
  "rate ~ (pressure + I(pressure**2))*QB + (1 | Subject)", NULL, "~ log(pressure)")
keep("milk_ar1", "milk", gls(protein ~ Diet * Time, d$milk, control = tight,
  correlation = corAR1(form = ~Time | Cow)), "protein ~ Diet*Time", "ar1(Time | Cow)")
keep("milk_nugget", "milk", gls(protein ~ Diet * Time, d$milk, control = tight,
  correlation = corExp(c(5, 0.2), form = ~Time | Cow, nugget = TRUE)), "protein ~ Diet*Time",
  "car1(Time | Cow, nugget=True)")
keep("milk_intercept_car1", "milk", lme(protein ~ Diet * Time, d$milk, ~1 | Cow,
  control = tighter, method = "ML", correlation = corCAR1(form = ~Time | Cow)),
  "protein ~ Diet*Time + (1 | Cow)", "car1(Time | Cow)")
keep("milk_cs", "milk", gls(protein ~ Diet + Time, d$milk, control = tight,
  correlation = corCompSymm(form = ~1 | Cow)), "protein ~ Diet + Time", "cs(Time | Cow)")
keep("bodyweight_slopes_power", "bodyweight", lme(weight ~ Time * Diet, d$bodyweight,
  ~Time | Rat, control = tighter, weights = varPower(form = ~Time)),
  "weight ~ Time*Diet + (Time | Rat)", NULL, "~ log(Time)")
keep("bodyweight_car1_diet", "bodyweight", gls(weight ~ Time * Diet, d$bodyweight,
  control = tight, correlation = corCAR1(0.95, form = ~Time | Rat),
  weights = varIdent(form = ~1 | Diet)), "weight ~ Time*Diet", "car1(Time | Rat)", "~ Diet")
keep("igf_intercept_exp", "igf", lme(conc ~ age, d$igf, ~1 | Lot, control = tighter,
  weights = varExp(form = ~age)), "conc ~ age + (1 | Lot)", NULL, "~ age")
keep("igf_lots", "igf", gls(conc ~ age, d$igf, control = tight, method = "ML",
  weights = varIdent(form = ~1 | Lot)), "conc ~ age", NULL, "~ Lot")
keep("soybean_car1", "soybean", gls(y ~ Variety * Time + I(Time^2), d$soybean,
  control = tight, correlation = corCAR1(0.9, form = ~Time | Plot)),
  "y ~ Variety*Time + I(Time**2)", "car1(Time | Plot)")
keep("soybean_exp", "soybean", gls(y ~ Variety * Time + I(Time^2) + Year, d$soybean,
  control = tight, method = "ML", weights = varExp(form = ~Time)),
  "y ~ Variety*Time + I(Time**2) + Year", NULL, "~ Time")
keep("soybean_intercept_years", "soybean", lme(y ~ Variety * Time + I(Time^2), d$soybean,
  ~1 | Plot, control = tighter, weights = varIdent(form = ~1 | Year)),
  "y ~ Variety*Time + I(Time**2) + (1 | Plot)", NULL, "~ Year")
wave <- follicles ~ sin(2 * pi * Time) + cos(2 * pi * Time)
keep("ovary_intercept_exp", "ovary", lme(wave, d$ovary, ~1 | Mare, control = tighter,
  correlation = corExp(0.2, form = ~Time | Mare)),
  "follicles ~ sin(2*pi*Time) + cos(2*pi*Time) + (1 | Mare)", "car1(Time | Mare)")
keep("ovary_gaus", "ovary", gls(wave, d$ovary, control = tight, method = "ML",
  correlation = corGaus(2, form = ~obs | Mare)),
  "follicles ~ sin(2*pi*Time) + cos(2*pi*Time)", "gau(obs | Mare)")
keep("ovary_car1_ml", "ovary", gls(wave, d$ovary, control = tight, method = "ML",
  correlation = corCAR1(0.5, form = ~obs | Mare)),
  "follicles ~ sin(2*pi*Time) + cos(2*pi*Time)", "car1(obs | Mare)")
keep("orthodont_ar1_sex", "orthodont", gls(distance ~ age * Sex, d$orthodont,
  control = tight, correlation = corAR1(form = ~visit | Subject),
  weights = varIdent(form = ~1 | Sex)), "distance ~ age*Sex", "ar1(visit | Subject)", "~ Sex")
keep("orthodont_slopes_sex", "orthodont", lme(distance ~ age * Sex, d$orthodont,
  ~I(age - 11) | Subject, control = tighter, weights = varIdent(form = ~1 | Sex)),
  "distance ~ age*Sex + (I(age - 11) | Subject)", NULL, "~ Sex")
keep("orthodont_intercept_ar1", "orthodont", lme(distance ~ age * Sex, d$orthodont,
  ~1 | Subject, control = tighter, method = "ML", correlation = corAR1(form = ~visit | Subject)),
  "distance ~ age*Sex + (1 | Subject)", "ar1(visit | Subject)")
keep("chicks_car1_exp", "chicks", gls(weight ~ Time * Diet, d$chicks, control = tight,
  correlation = corCAR1(0.9, form = ~Time | Chick), weights = varExp(form = ~Time)),
  "weight ~ Time*Diet", "car1(Time | Chick)", "~ Time")
keep("chicks_slopes_exp", "chicks", lme(weight ~ Time * Diet, d$chicks, ~Time | Chick,
  control = tighter, weights = varExp(form = ~Time)),
  "weight ~ Time*Diet + (Time | Chick)", NULL, "~ Time")
keep("oxboys_car1", "oxboys", gls(height ~ age + I(age^2), d$oxboys, control = tight,
  method = "ML", correlation = corCAR1(0.9, form = ~age | Subject)),
  "height ~ age + I(age**2)", "car1(age | Subject)")
keep("oxboys_slopes_car1", "oxboys", lme(height ~ age + I(age^2), d$oxboys, ~age | Subject,
  control = tighter, correlation = corCAR1(0.1, form = ~age | Subject)),
  "height ~ age + I(age**2) + (age | Subject)", "car1(age | Subject)")
keep("sitka_car1", "sitka", gls(size ~ treat * Time, d$sitka, control = tight,
  correlation = corCAR1(0.99, form = ~Time | tree)), "size ~ treat*Time", "car1(Time | tree)")
keep("sitka_intercept_exp", "sitka", lme(size ~ treat * Time, d$sitka, ~1 | tree,
  control = tighter, correlation = corExp(20, form = ~Time | tree)),
  "size ~ treat*Time + (1 | tree)", "car1(Time | tree)")
keep("loblolly_car1", "loblolly", gls(height ~ age + I(age^2), d$loblolly, control = tight,
  correlation = corCAR1(0.5, form = ~age | Seed), weights = varPower(form = ~age)),
  "height ~ age + I(age**2)", "car1(age | Seed)", "~ log(age)")
keep("orange_power", "orange", lme(circumference ~ age, d$orange, ~1 | Tree,
  control = tighter, method = "ML", weights = varPower(form = ~age)),
  "circumference ~ age + (1 | Tree)", NULL, "~ log(age)")
keep("wafer_nested_power", "wafer", lme(current ~ voltage + I(voltage^2), d$wafer,
  ~1 | Wafer / Site, control = tighter, weights = varPower(form = ~voltage)),
  "current ~ voltage + I(voltage**2) + (1 | Wafer) + (1 | Wafer:Site)", NULL,
  "~ log(voltage)")
keep("fatigue_slopes_exp", "fatigue", lme(relLength ~ cycles, d$fatigue, ~cycles - 1 | Path,
  control = tighter, weights = varExp(form = ~cycles)),
  "relLength ~ cycles + (0 + cycles | Path)", NULL, "~ cycles")
used <- unique(vapply(cases, function(case) case$table, ""))
for (name in used) {
  text <- paste(vapply(Filter(function(c) c$table == name, cases), function(c)
    paste(c$formula, c$residual, c$dispersion), ""), collapse = " ")
  own <- Filter(function(n) grepl(paste0("\\b", n, "\\b"), text), names(tables[[name]]))
  write.csv(tables[[name]][own], file.path(here, "data",
    paste0("longitudinal_", name, ".csv")), row.names = FALSE, quote = FALSE)
}
levels <- lapply(tables[used], function(t) Filter(Negate(is.null), lapply(t, levels)))
out <- list(program = paste("nlme", packageVersion("nlme")), levels = levels, cases = cases)
writeLines(toJSON(out, auto_unbox = TRUE, digits = I(12), null = "null"),
           file.path(here, "longitudinal.json"))
