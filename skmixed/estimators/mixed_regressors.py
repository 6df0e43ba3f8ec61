"""Mixed models of counts and of positive amounts."""

from typing import ClassVar

import numpy as np
from sklearn.utils._param_validation import StrOptions

from skmixed.estimators.generalized import GeneralizedEstimator
from skmixed.estimators.generalized_docs import documented
from skmixed.estimators.generalized_regressor import (
    GeneralizedRegressor,
    LinkedRegressor,
)
from skmixed.warnings import warn


class CountRegressor(GeneralizedRegressor):
    """What counts have in common: fractions are suspicious, but have a likelihood."""

    def _check_response(self, family, design):
        y = design.y
        family.check(np.ceil(y), 1.0)
        fractional = y != np.floor(y)
        if fractional.any():
            warn(
                f"{int(fractional.sum())} counts are not whole numbers, such as "
                f"{y[fractional][0]:g}. Give counts, and what they are counted over as "
                "`offset(log(time))`, not rates.",
                section="fractional-counts",
            )


@documented
class MixedPoissonRegressor(CountRegressor):
    """Counts with random effects: a Poisson mixed model with a log link.

    Parameters
    ----------
    {formula}
    {others}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    MixedNegativeBinomialRegressor : Counts that vary more.

    Notes
    -----
    {weights}

    Examples
    --------
    >>> from skmixed import MixedPoissonRegressor
    >>> from skmixed.datasets import load_grouseticks
    >>> ticks = load_grouseticks().frame
    >>> model = MixedPoissonRegressor(
    ...     "TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)"
    ... )
    >>> round(model.fit(ticks).loglik_, 2)
    -890.27
    """

    _family_name = "poisson"


@documented
class MixedNegativeBinomialRegressor(CountRegressor):
    """Overdispersed counts with random effects: NB2, with a log link.

    Parameters
    ----------
    {formula}
    {others}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    MixedPoissonRegressor : Counts that vary as chance alone.

    Notes
    -----
    The variance of a count is ``mu + mu^2 / theta``, theta being ``dispersion_``.
    {weights}

    Examples
    --------
    >>> from skmixed import MixedNegativeBinomialRegressor
    >>> from skmixed.datasets import load_grouseticks
    >>> model = MixedNegativeBinomialRegressor("TICKS ~ YEAR + cHEIGHT + (1 | BROOD)")
    >>> round(model.fit(load_grouseticks().frame).loglik_, 1)
    -890.2
    """

    _family_name = "nbinom2"


@documented
class MixedGammaRegressor(LinkedRegressor):
    """Positive responses with random effects: a Gamma mixed model.

    Parameters
    ----------
    {formula}
    link : {"log", "inverse"}, default="log"
        From the mean to the linear predictor.
    {others}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    MixedInverseGaussianRegressor : Responses that are more skewed.
    MixedLinearRegressor : Of the logarithm of the response.

    Notes
    -----
    The variance is ``phi mu^2``, phi being ``dispersion_``.
    {weights}

    Examples
    --------
    >>> from skmixed import MixedGammaRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> model = MixedGammaRegressor("Reaction ~ Days + (Days | Subject)")
    >>> round(model.fit(load_sleepstudy().frame).loglik_, 2)
    -866.02
    """

    _family_name = "Gamma"
    _parameter_constraints: ClassVar[dict] = {
        **GeneralizedEstimator._parameter_constraints,
        "link": [StrOptions({"log", "inverse"})],
    }


@documented
class MixedInverseGaussianRegressor(LinkedRegressor):
    """Positive, very skewed responses with random effects: inverse Gaussian.

    Parameters
    ----------
    {formula}
    link : {"log"}, default="log"
        From the mean to the linear predictor.
    {others}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    MixedGammaRegressor : Responses that are less skewed.

    Notes
    -----
    The variance is ``phi mu^3``, phi being ``dispersion_``.
    {weights}

    Examples
    --------
    >>> from skmixed import MixedInverseGaussianRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> model = MixedInverseGaussianRegressor("Reaction ~ Days + (1 | Subject)")
    >>> round(float(model.fit(load_sleepstudy().frame).fixed_effects_["Days"]), 3)
    0.033
    """

    _family_name = "inverse.gaussian"
    _parameter_constraints: ClassVar[dict] = {
        **GeneralizedEstimator._parameter_constraints,
        "link": [StrOptions({"log"})],
    }
