"""What is said about the models of many responses."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pandas as pd

from skmixed.errors import ContrastError
from skmixed.estimators.hypotheses import read_contrasts
from skmixed.inference.fixed.moderated import VariancePrior, many_tests
from skmixed.inference.variance.parameters import list_parameters


class ManyFits(Mapping):
    """Models of many responses, by name; `fit_many` makes it.

    A model is made when it is asked for (``fits["gene1"]``). The tables are there for
    all responses without making their models.

    Attributes
    ----------
    fixed : DataFrame
        Fixed effects, by response and coefficient: ``estimate``, ``std_error``, ``df``
        (Satterthwaite's), ``t``, ``p``, and ``p_adjusted`` over the responses
        (Benjamini and Hochberg's false discovery rate).
    random : DataFrame
        Standard deviations and correlations of the random effects, and ``sigma``, a row
        per response.
    shares : DataFrame
        Shares of the fixed effects, of every grouping factor and of the residual in the
        variance of each response, as of ``variance_partition``.
    fit : DataFrame
        ``loglik``, ``singular``, ``converged`` and ``n_iter`` of each response.
    failed : dict of str to str
        Responses without a fit, and why; their rows in the tables are NaN.

    See Also
    --------
    fit_many : Fit one model to many responses.
    contrast_test : Contrasts of a single model.

    Examples
    --------
    >>> import numpy as np
    >>> from skmixed import MixedLinearRegressor, fit_many
    >>> from skmixed.datasets import load_sleepstudy
    >>> sleep = load_sleepstudy().frame
    >>> Y = sleep[["Reaction"]].assign(log=np.log(sleep["Reaction"]))
    >>> fits = fit_many(MixedLinearRegressor("~ Days + (Days | Subject)"), sleep, Y)
    >>> fits
    2 models of ~ 1 + Days + (1 + Days | Subject)
    fixed, random, shares, fit: tables; fits[name]: the model of a response
    >>> fits.contrast("Days = 0")[["estimate", "std_error", "df", "t"]].round(2)
                          estimate  std_error    df     t
    response coefficient
    Reaction Days = 0        10.47       1.55  17.0  6.77
    log      Days = 0         0.03       0.00  17.0  7.08
    """

    def __init__(self, names, source):
        self._names, self._source = names, source
        self._places = {name: j for j, name in enumerate(names)}

    def __getitem__(self, name):
        return self._source.model(self._places[name])

    def __iter__(self):
        return iter(self._names)

    def __len__(self):
        return len(self._names)

    def __contains__(self, name):
        return name in self._places

    def __repr__(self):
        lines = [f"{len(self):,} models of {self._source.first.formula_}"]
        if self.failed:
            lines.append(f"{len(self.failed):,} responses have no fit: see failed")
        lines.append(
            "fixed, random, shares, fit: tables; fits[name]: the model of a response"
        )
        return "\n".join(lines)

    @property
    def failed(self):
        """Responses without a fit, and why."""
        return {self._names[j]: why for j, why in self._source.failed.items()}

    @property
    def coef_names(self):
        """Names of the fixed effects that are not aliased."""
        kept = self._source.A.basis.fixed.kept
        return [self._source.first.spec_.coef_names[j] for j in kept]

    @cached_property
    def fixed(self):
        """Tests of every fixed effect of every response."""
        return self._tests(self.coef_names, self._source.fixed)

    def _tests(self, labels, found):
        return many_tests(
            self._names, labels, found.estimate, found.std_error, found.df
        )

    def contrast(self, L):
        """Test the same combinations of fixed effects in every response.

        Parameters
        ----------
        L : array-like, DataFrame, dict, str or list of str
            As of `contrast_test`; equations are compared with zero.

        Returns
        -------
        DataFrame
            By response and contrast, as ``fixed``.

        Raises
        ------
        ValueError
            If `L` does not fit the coefficients, or an equation has a right side.

        See Also
        --------
        contrast_test : Of a single model.
        """
        matrix, names, values = read_contrasts(L, self.coef_names)
        if values is not None and np.any(values):
            raise ContrastError(
                "Contrasts of many responses are compared with 0; write the equations "
                "with 0 on their right sides."
            )
        return self._tests(list(names), self._source.contrasts(matrix))

    def moderated(self, L=None):
        """Test with residual variances that are drawn towards what they have in common.

        Parameters
        ----------
        L : array-like, DataFrame, dict, str or list of str, default=None
            As of :meth:`contrast`; by default every fixed effect.

        Returns
        -------
        DataFrame
            As ``fixed``, with moderated standard errors and degrees of freedom. Its
            ``attrs`` have ``prior_df`` and ``prior_variance``.

        Raises
        ------
        ValueError
            With fewer than three responses.

        See Also
        --------
        contrast : Without help from other responses.

        Notes
        -----
        Empirical Bayes of the residual variance (Smyth 2004, Stat. Appl. Genet. Mol.
        Biol. 3(1)), as in R's limma: sigma^2 has an inverse chi-square prior with d0
        degrees of freedom, whose parameters all responses tell together. Standard
        errors shrink or grow with sigma, and d0 is added to the degrees of freedom.
        Each residual variance counts with its own, ``2 sigma^4 / var(sigma^2)``. The
        variance ratios of the random effects are held.
        """
        found = self._source.fixed if L is None else None
        labels = self.coef_names
        if L is not None:
            matrix, labels, _ = read_contrasts(L, self.coef_names)
            found = self._source.contrasts(matrix)
        variance, df = self._source.variances.sigma**2, found.residual_df
        prior = VariancePrior.of(variance, df)
        scale = np.sqrt(prior.posterior(variance, df) / variance)[:, None]
        table = many_tests(
            self._names,
            list(labels),
            found.estimate,
            found.std_error * scale,
            found.df + prior.df,
        )
        table.attrs |= {"prior_df": prior.df, "prior_variance": prior.variance}
        return table

    @cached_property
    def random(self):
        """Standard deviations, correlations and sigma of every response."""
        some = next(n for n in self._names if n not in self.failed)
        variances, columns = self._source.variances, {}
        for parameter in list_parameters(self[some].result_, self.coef_names):
            if parameter.kind == "sigma":
                columns[parameter.name] = variances.sigma
            elif parameter.kind != "fixed":
                C = variances.covariances[parameter.factor]
                columns[parameter.name] = entry(C, parameter)
        return self._by_response(columns)

    @cached_property
    def shares(self):
        """Shares of the response's variance, as of a single model."""
        source, moments = self._source, self._source.moments
        basis, variances = source.A.basis, self._source.variances
        beta = source.fixed.estimate @ basis.fixed.coordinates.T
        columns = {"Fixed effects": np.einsum("ra,ab,rb->r", beta, moments.fixed, beta)}
        for factor, own, C, S in zip(
            source.A.factors,
            basis.random,
            variances.covariances,
            moments.random,
            strict=True,
        ):
            back = np.linalg.pinv(own.to_raw)
            columns[factor.group] = np.einsum("rab,ba->r", C, back.T @ S @ back)
        columns["Residual"] = variances.sigma**2
        table = self._by_response(columns)
        return table.div(table.sum(axis=1, skipna=False), axis=0)

    @cached_property
    def fit(self):
        """Likelihood and state of every fit."""
        source = self._source
        return self._by_response(
            {
                "loglik": source.variances.loglik,
                "singular": source.variances.singular,
                "converged": source.converged,
                "n_iter": source.n_iter,
            }
        )

    def _by_response(self, columns):
        index = pd.Index(self._names, name="response")
        return pd.DataFrame(columns, index=index)


def entry(C, parameter):
    """Standard deviation or correlation of many covariances, of shape (r,)."""
    i, j = parameter.effects[0], parameter.effects[-1]
    sd = np.sqrt(np.maximum(C[:, i, i], 0.0))
    if parameter.kind == "sd":
        return sd
    scale = sd * np.sqrt(np.maximum(C[:, j, j], 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale > 0, np.clip(C[:, i, j] / scale, -1.0, 1.0), np.nan)
