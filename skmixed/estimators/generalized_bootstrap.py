"""The parametric bootstrap of a generalised model, as a method of the estimator."""

from skmixed.errors import RowsError
from skmixed.estimators.rows import Rows
from skmixed.inference.arguments import check_count
from skmixed.inference.opened.fitted import fitted
from skmixed.inference.resample.family_bootstrap import family_replicates
from skmixed.inference.variance.family_parameters import list_family_parameters
from skmixed.inference.variance.parameters import choose_parameters


class GeneralizedBootstrapMixin:
    """Refit the model to responses drawn from it."""

    def bootstrap(
        self,
        n_resamples=1000,
        *,
        X=None,
        y=None,
        sample_weight=None,
        parameters=None,
        n_jobs=None,
        random_state=None,
        verbose=None,
    ):
        """Parametric bootstrap: refit the model to responses drawn from it.

        Random effects and responses are drawn for the rows of the fit; a refit starts
        at the estimates.

        Parameters
        ----------
        n_resamples : int, default=1000
        X : data frame
            The table that `fit` was given; a fitted model keeps no rows.
        y, sample_weight : array-like of shape (n_samples,), default=None
            As they were given to `fit`.
        parameters : str or list of str, default=None
            Names; "fixed" and "variance" stand for all of their kind. All by default.
        n_jobs : int, default=None
            Processes, as joblib counts them. Results do not depend on it.
        random_state : int, Generator or None, default=None
        verbose : int, default=None
            1 shows a progress bar, 0 none; by default one appears in a terminal or a
            notebook when it takes more than a few seconds.

        Returns
        -------
        BootstrapReplicates
            Of fixed effects, standard deviations, correlations, and of the family's
            ``dispersion`` or thresholds; with ``std_error``, ``bias`` and ``conf_int``.

        Raises
        ------
        ValueError
            Where `X` is not the table of the fit, and for weights that are no trials: a
            row then stands for several responses.

        See Also
        --------
        skmixed.bootstrap_test : A test of two models.

        Examples
        --------
        >>> from skmixed import MixedBinomialRegressor
        >>> from skmixed.datasets import load_cbpp
        >>> herds = load_cbpp().frame
        >>> model = MixedBinomialRegressor("incidence / size ~ period + (1 | herd)")
        >>> boot = model.fit(herds).bootstrap(20, X=herds, random_state=0)
        >>> boot.replicates.shape
        (20, 5)
        """
        fit = fitted(self, "bootstrap", generalized=True)
        if X is None:
            raise RowsError(
                "The bootstrap of generalised models draws from rows, and a fit keeps "
                "none; pass the table that fit was given as X."
            )
        known = list_family_parameters(
            fit.result, fit.names, getattr(self, "classes_", ())
        )
        rows = Rows.read_fitted(
            self, X, y, sample_weight, asked="bootstrap", generalized=True
        )
        return family_replicates(
            fit.result,
            rows.design,
            choose_parameters(known, parameters),
            check_count("n_resamples", n_resamples),
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
