"""Residuals that are uniform if the model is right, whatever its random effects."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from skmixed.errors import ArgumentError
from skmixed.estimators.input import read_features
from skmixed.estimators.rows import Rows
from skmixed.inference.diagnose.rotation import rotate_residuals
from skmixed.inference.diagnose.simulated import residual_tests, scale_by_simulation
from skmixed.inference.diagnose.simulated_family import family_tests, scale_by_family
from skmixed.inference.opened.fitted import fitted
from skmixed.likelihood.result import is_linear
from skmixed.printing.numbers import fixed_decimals
from skmixed.printing.printed import Printed, Table
from skmixed.printing.progress import count_done


@dataclass(frozen=True, eq=False, repr=False)
class SimulatedResiduals(Printed):
    """Scaled residuals of a fitted model, and tests of them.

    Attributes
    ----------
    residuals : Series of length n
        Uniform between 0 and 1 if the model is right.
    tests : DataFrame
        ``uniformity``, ``dispersion``, ``outliers`` and ``spread``, with the columns
        ``statistic``, ``expected`` and ``p_value``.
    n_simulations : int

    See Also
    --------
    simulated_residuals : Makes one.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_london_schools
    >>> from skmixed.inspection import simulated_residuals
    >>> schools = load_london_schools().frame
    >>> model = MixedLinearRegressor("exam ~ lrt + (1 + lrt | school)").fit(schools)
    >>> found = simulated_residuals(model, schools, random_state=0)
    >>> found.tests.index.tolist()
    ['uniformity', 'dispersion', 'outliers', 'spread']
    """

    residuals: pd.Series
    tests: pd.DataFrame
    n_simulations: int

    @property
    def frame(self):
        """The tests: ``tests``."""
        return self.tests

    def blocks(self):
        """Yield the tests."""
        yield Table(
            self.tests,
            f"Simulated residuals of {len(self.residuals)} rows, "
            f"{self.n_simulations} simulations",
            rules={"expected": fixed_decimals(3)},
        )


def simulated_residuals(
    model,
    X,
    y=None,
    *,
    sample_weight=None,
    n_simulations=250,
    random_state=None,
    verbose=None,
):
    """Compare every response with responses that the fitted model simulates.

    Parameters
    ----------
    model : MixedLinearRegressor or estimator of another family
        Fitted.
    X : data frame
        The table that `fit` was given; a fitted model keeps no rows.
    y, sample_weight : array-like of shape (n_samples,), default=None
        As they were given to `fit`.
    n_simulations : int, default=250
        Responses simulated for every row.
    random_state : int, RandomState instance or None, default=None
        Seed of the simulations.
    verbose : int, default=None
        1 shows a progress bar, 0 none; by default one appears in a terminal or a
        notebook when it takes more than a few seconds.

    Returns
    -------
    SimulatedResiduals

    Raises
    ------
    ValueError
        Where `X` is not the table of the fit, and for several grouping factors with
        more than 3000 random effects.

    See Also
    --------
    ResidualsDisplay : Residuals as they are, in pictures.

    Notes
    -----
    New random effects and residuals are drawn for every simulation, as DHARMa does by
    default, and the fixed effects are estimated anew. Responses of one group then vary
    together; observed and simulated ones are therefore rotated by the inverse root of
    their covariance before they are compared, so that the residuals are independent
    and the tests hold their level. As the residual variance was estimated from the same
    rows, ``dispersion`` is next to 1 whenever the fit is right; look at ``spread`` for
    a variance that changes with the fitted value.

    Of other families responses are ranked as they are, ties broken at random (Dunn and
    Smyth, 1996), as DHARMa does. The tests are ``uniformity``, ``dispersion``,
    ``zeros`` and ``outliers``; the first three are held against the simulations
    themselves, in which groups vary together too.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.inspection import simulated_residuals
    >>> sleep = load_sleepstudy().frame
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep)
    >>> found = simulated_residuals(model, sleep, random_state=0)
    >>> bool(found.tests.loc["uniformity", "p_value"] < 0.05)
    True
    """
    if not isinstance(n_simulations, Integral) or n_simulations < 20:
        raise ArgumentError(f"n_simulations={n_simulations!r} should be at least 20.")
    generator = check_random_state(random_state)
    if not is_linear(fitted(model, generalized=True).result):
        options = (n_simulations, generator, verbose)
        return of_family(model, X, y, sample_weight, *options)
    rows = Rows.read_fitted(model, X, y, sample_weight)
    result, design = model.result_, rows.design
    residuals, basis = rotate_residuals(model.fitted_, design)
    found = scale_by_simulation(residuals, basis, n_simulations, generator, verbose)
    means = design.X[:, result.kept] @ result.coef
    if design.offset is not None:
        means += design.offset
    return SimulatedResiduals(
        residuals=pd.Series(found.scaled, index=rows.index, name="scaled_residual"),
        tests=residual_tests(found, means),
        n_simulations=n_simulations,
    )


def of_family(
    estimator, X, y, sample_weight, n_simulations, random_state, verbose=None
):
    """Scaled residuals of a generalised model; see `simulated_residuals`."""
    frame = read_features(estimator, X, reset=False)
    response = estimator._observed(frame, y)
    with count_done(n_simulations, "simulate", "responses", verbose) as done:
        simulated = estimator._draw_responses(
            frame, n_simulations, "new", sample_weight, random_state, done
        )
    known = ~(np.isnan(response) | np.isnan(simulated[:, 0]))
    response, simulated = response[known], simulated[known]
    scaled = scale_by_family(response, simulated, random_state)
    return SimulatedResiduals(
        residuals=pd.Series(
            scaled[:, 0], index=frame.index[known], name="scaled_residual"
        ),
        tests=family_tests(response, simulated, scaled),
        n_simulations=n_simulations,
    )
