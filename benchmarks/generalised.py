"""How the packages are asked for generalised models.

As in `rivals`, every ``open_...`` function returns the call that is timed and the
reading of the log-likelihood.
"""

LARGE_ROWS = 50_000
NAMES = {
    "skmixed": {
        "binomial": "MixedLogisticClassifier",
        "poisson": "MixedPoissonRegressor",
        "nbinom2": "MixedNegativeBinomialRegressor",
    },
    "glmm": {"nbinom2": "negativebinomial"},
    "mixedlm": {"binomial": "Binomial", "poisson": "Poisson"},
    "gpboost": {
        "binomial": "bernoulli_logit",
        "poisson": "poisson",
        "nbinom2": "negative_binomial",
    },
    "lme4": {"nbinom2": ""},
}


def of_trials(case):
    """Whether the response is a number of successes and one of failures."""
    return case.fixed.startswith("cbind(")


def open_skmixed(case, frame):
    """Ask skmixed for the formula."""
    import skmixed

    name = NAMES["skmixed"][case.family]
    if of_trials(case):
        name = "MixedBinomialRegressor"
    model = getattr(skmixed, name)(case.formula, n_quadrature=case.n_nodes)
    return model.fit, lambda model: model.loglik_


def open_glmm(case, frame):
    """Ask glmm for the formula."""
    import glmm

    family = NAMES["glmm"].get(case.family, case.family)

    def fit(frame):
        return glmm.fit(
            frame, case.formula, family=family, nagq=case.n_nodes, anova_test="Wald"
        )

    return fit, lambda model: model.loglik


def open_mixedlm(case, frame):
    """Ask mixedlm for the formula."""
    import mixedlm

    if case.family not in NAMES["mixedlm"]:
        raise NotImplementedError(f"no {case.family} with an estimated shape")
    family = getattr(mixedlm.families, NAMES["mixedlm"][case.family])()

    def fit(frame):
        return mixedlm.glmer(case.formula, frame, family=family, nAGQ=case.n_nodes)

    def log_likelihood(model):
        value = model.logLik()
        return getattr(value, "value", value)

    return fit, log_likelihood


def open_gpboost(case, frame):
    """Ask gpboost for independent random intercepts, its arrays made before."""
    import gpboost
    import numpy as np
    from formulaic import model_matrix

    X = model_matrix(case.fixed.split("~")[1], frame, output="pandas")
    weights = None
    if of_trials(case):
        successes, failures = (frame[c] for c in ("incidence", "healthy"))
        weights = (successes + failures).to_numpy(float)
        y, likelihood = successes.to_numpy() / weights, "binomial_logit"
    else:
        y = frame[case.response].to_numpy(float)
        likelihood = NAMES["gpboost"][case.family]
    codes = [frame[group].astype(str).factorize()[0] for group in case.groups]
    groups = np.column_stack(codes)

    def fit(frame):
        model = gpboost.GPModel(
            group_data=groups, likelihood=likelihood, weights=weights
        )
        model.fit(y=y, X=X)
        return model

    return fit, lambda model: -model.get_current_neg_log_likelihood()


def ask_lme4(case):
    """Ask lme4's glmer for the formula; empty where it has no such family."""
    family = NAMES["lme4"].get(case.family, case.family)
    nodes = f", nAGQ = {case.n_nodes}" if case.n_nodes > 1 else ""
    return family and f"glmer({case.formula}, table, family = {family}{nodes})"


def ask_glmmtmb(case):
    """Ask glmmTMB for the formula; empty where that is by quadrature."""
    if case.n_nodes > 1:
        return ""
    return f"glmmTMB({case.formula}, table, family = {case.family})"


def refuse_large(case):
    """Refuse families of responses in large tables."""
    if case.family and case.n_rows > LARGE_ROWS:
        return f"not tried on families above {LARGE_ROWS:,} rows"
    return ""
