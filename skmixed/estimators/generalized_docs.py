"""What the docstrings of the generalised estimators have in common."""

from inspect import cleandoc

PARTS = {
    "formula": """
        formula : str, default=None
            For example ``"y ~ x + (1 + x | group)"``. The left side names the response
            in `X`; it may be left out where `fit` gets `y`. By default ``"~ ."``: every
            column is a fixed effect and there are no random effects. Without bars this
            is the plain generalised linear model. Exposure enters as
            ``offset(log(time))``.
        """,
    "others": """
        n_quadrature : int, default=1
            Nodes of adaptive Gauss-Hermite quadrature over the random effects, for one
            grouping factor; 1 is Laplace's approximation, for any random part.
        na_action : {"raise", "drop"}, default="raise"
            What to do with rows that have missing values in what is needed. "drop"
            leaves them out of the fit, and predicts NaN.
        unseen_groups : {"population", "error"}, default="population"
            What predictions do with a group that `fit` did not see: average over the
            population, or raise.
        tol : float, default=1e-8
            The fit ends with the Newton step that would lower the deviance by less.
        max_iter : int, default=200
            Most evaluations of the deviance.
        verbose : int, default=0
            1 shows a progress bar, 2 a line per evaluation.
        """,
    "attributes": """
        fixed_effects_ : Series
            Fixed effects on the scale of the linear predictor (lme4: ``fixef``).
        fixed_effects_cov_ : DataFrame
            Their covariance matrix, from the Hessian of the deviance in all parameters.
        random_effects_ : dict of str to DataFrame
            For every grouping factor the conditional modes, groups by effects.
        random_effects_cov_ : dict of str to DataFrame
            For every grouping factor the covariance matrix of its effects.
        conditional_cov_ : dict of str to ndarray of shape (n_groups, k, k)
            Covariances of the random effects given the data and the parameters.
        group_coef_ : dict of str to DataFrame
            Fixed plus random effects of every group.
        theta_ : ndarray of shape (n_theta,)
            Covariance parameters in lme4's order.
        dispersion_ : float or None
            Dispersion of the family.
        loglik_, deviance_ : float
            Log-likelihood with all constants, and -2 times it.
        aic_, bic_ : float
            Information criteria as R computes them.
        converged_, n_iter_ : bool, int
            Whether the optimiser reached `tol`, and evaluations of the deviance.
        singular_ : bool
            Whether a variance is at zero or a correlation at -1 or +1.
        n_obs_, n_dropped_ : int
            Rows in the fit, and rows left out for missing values.
        n_groups_ : dict of str to int
            Groups of every grouping factor.
        formula_ : str
            The formula in full.
        family_ : Family
            Family and link.
        approximation_ : str
            How the random effects were integrated out.
        laplace_shift_ : float or None
            How far, in standard errors, quadrature would move the estimate that moves
            most; None where it was not looked at.
        result_, spec_, fitted_ : FitResult, DesignSpec, Fitted
            The fit as arrays, how tables become arrays, and both.
        n_features_in_ : int
            Number of columns of `X` in `fit`.
        feature_names_in_ : ndarray of shape (`n_features_in_`,)
            Their names, where all are strings.
        """,
    "weights": """
        ``sample_weight`` multiplies the log-likelihood: a row of weight 2 is the row
        twice, as in scikit-learn's generalised linear models and in glmmTMB, and unlike
        the precision weights of `MixedLinearRegressor`. Laplace's approximation takes
        the observed information, as glmmTMB does; lme4 takes the expected one for links
        other than the canonical. Dispersions are estimated by maximum likelihood.
        """,
}


def documented(cls):
    """Fill what all estimators share into the docstring of one."""
    # None under python -OO
    if cls.__doc__ is not None:
        # from Python 3.13 on the compiler takes the indentation away
        text = cleandoc(cls.__doc__)
        for name, part in PARTS.items():
            text = text.replace(f"{{{name}}}", cleandoc(part))
        cls.__doc__ = text
    return cls
