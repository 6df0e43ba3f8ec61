"""The power of a test of fixed effects, by simulation."""

from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.base import clone

from skmixed.errors import ArgumentError, UnavailableError
from skmixed.estimators.hypotheses import read_contrasts
from skmixed.estimators.input import read_features
from skmixed.estimators.many import fit_many
from skmixed.formula.text.parse import parse_formula
from skmixed.inference.resample.truth import Truth
from skmixed.likelihood.products.plan import cross_products
from skmixed.printing.printed import Printed, Table
from skmixed.printing.progress import count_done, ignore

# Numbers of rows times samples that are drawn at once.
AT_ONCE = 4_000_000
# Confidence of the binomial intervals.
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False, repr=False)
class PowerCurve(Printed):
    """Share of simulated samples in which a hypothesis is rejected, by sample size.

    Attributes
    ----------
    frame : DataFrame
        By number of groups: ``power`` with its exact binomial interval ``lower`` and
        ``upper``, ``n_obs``, and ``singular``, the share of singular fits.
    hypothesis : str
    group : str
        The factor whose groups are counted.
    alpha : float
    n_samples : int

    See Also
    --------
    simulate_power : What makes it.
    skmixed.inspection.PowerDisplay : The picture.
    """

    frame: pd.DataFrame
    hypothesis: str
    group: str
    alpha: float
    n_samples: int

    def blocks(self):
        """Yield the table and what it is of."""
        yield Table(self.frame, f"Power to reject {self.hypothesis}, by {self.group}")
        yield (
            f"{self.n_samples} samples per size, alpha {self.alpha:g}, Satterthwaite's "
            f"t test. {CONFIDENCE:.0%} binomial intervals."
        )

    def size_for(self, power=0.8):
        """Fewest groups that reach a power, between the sizes by a straight line.

        Parameters
        ----------
        power : float, default=0.8

        Returns
        -------
        float
            NaN where no size reaches it.
        """
        sizes, powers = self.frame.index, self.frame["power"]
        if powers.iloc[0] >= power:
            return float(sizes[0])
        for (n, low), (m, high) in pairwise(zip(sizes, powers, strict=True)):
            if low < power <= high:
                return float(n + (m - n) * (power - low) / (high - low))
        return float("nan")


def simulate_power(
    model,
    X,
    sizes,
    L,
    *,
    group=None,
    effects=None,
    n_samples=1000,
    alpha=0.05,
    random_state=None,
    verbose=None,
):
    """Simulate how often a study of some size would reject a hypothesis.

    Parameters
    ----------
    model : MixedLinearRegressor
        A fitted one is the truth that responses are drawn from, but for what `effects`
        says; of one that is not fitted `effects` are the truth.
    X : data frame
        Rows of a study, real or planned, without the response. A study of another size
        has its groups again and again, under new names, or the first of them.
    sizes : int or sequence of int
        Numbers of groups.
    L : str, dict, array-like
        One combination of fixed effects that is tested against zero: ``"x = 0"``, or
        as of `contrast_test`.
    effects : dict of str to float, default=None
        Parameters of the truth by their names in ``model.bootstrap().replicates``:
        coefficients, ``"sd_Intercept|g"``, ``"cor_x.Intercept|g"``, ``"sigma"``. Of a
        model that is not fitted, standard deviations are needed; other effects and
        correlations are zero unless they are given.
    group : str, default=None
        Grouping column that `sizes` counts, by default the first one of the formula.
        Levels of columns that lie within its groups become new ones too; those of
        crossed factors stay.
    n_samples : int, default=1000
        Samples per size.
    alpha : float, default=0.05
    random_state : int, Generator or None, default=None
    verbose : int, default=None
        As of `fit_many`.

    Returns
    -------
    PowerCurve

    Raises
    ------
    ValueError
        For parameters that the model does not have, or that are missing, and for
        hypotheses of several combinations.

    See Also
    --------
    skmixed.inspection.PowerDisplay : Its picture.
    fit_many : How the samples are fitted.
    contrast_test : The test, of a model.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmixed import MixedLinearRegressor, simulate_power
    >>> plan = pd.DataFrame(
    ...     [(i, t, "ab"[i % 2]) for i in range(20) for t in range(4)],
    ...     columns=["id", "week", "arm"],
    ... )
    >>> curve = simulate_power(
    ...     MixedLinearRegressor("~ week * arm + (1 | id)"),
    ...     plan,
    ...     sizes=[10, 20, 40],
    ...     L="week:arm[T.b] = 0",
    ...     effects={"week:arm[T.b]": 0.4, "sd_Intercept|id": 1.0, "sigma": 1.0},
    ...     n_samples=200,
    ...     random_state=0,
    ... )
    >>> bool(curve.frame["power"].is_monotonic_increasing)
    True
    """
    if not isinstance(alpha, Real) or not 0.0 < alpha < 1.0:
        raise ArgumentError(f"alpha={alpha!r} should be a number between 0 and 1.")
    sizes = [int(size) for size in np.atleast_1d(sizes)]
    frame = read_features(clone(model), X, reset=True)
    response = parse_formula(model._formula_to_read()).response_columns
    frame = frame.drop(columns=[name for name in response if name in frame])
    spec, truth = read_truth(model, frame, effects)
    columns = list(spec.group_columns)
    group = columns[0] if group is None and columns else group
    if group not in columns:
        raise ArgumentError(f"group={group!r} should be one of {columns}.")
    matrix, labels, values = read_contrasts(L, truth.coef_names)
    if len(matrix) != 1 or (values is not None and np.any(values)):
        raise ArgumentError(
            f"simulate_power tests one combination against 0; {L!r} is something else."
        )
    asked = Asked(matrix, alpha, int(n_samples))
    rng, rows = np.random.default_rng(random_state), []
    with count_done(len(sizes) * n_samples, "simulate", "samples", verbose) as done:
        for size in sizes:
            study = resized(frame, columns, group, size)
            at = simulate(model, study, truth, asked, rng, done)
            rows.append(at)
    table = pd.DataFrame(rows, index=pd.Index(sizes, name=group))
    return PowerCurve(table, str(labels[0]), group, float(alpha), int(n_samples))


class Asked(NamedTuple):
    """What every sample is asked.

    Parameters
    ----------
    L : ndarray of shape (1, p)
        The combination that is tested.
    alpha : float
    n_samples : int
    """

    L: np.ndarray
    alpha: float
    n_samples: int


def read_truth(model, frame, effects):
    """Parameters that responses are drawn from.

    Parameters
    ----------
    model : MixedLinearRegressor
    frame : DataFrame
    effects : dict or None

    Returns
    -------
    spec : DesignSpec
    truth : Truth
    """
    if not hasattr(model, "_fit_products"):
        raise UnavailableError(
            f"simulate_power is for MixedLinearRegressor, not {type(model).__name__}."
        )
    if getattr(model, "residual", None) is not None:
        raise UnavailableError(
            "simulate_power is for models with independent residuals."
        )
    if hasattr(model, "fitted_"):
        return model.spec_, Truth.of_fit(model.fitted_).changed(effects or {})
    own = clone(model)
    design = own._learn_design(frame, np.zeros(len(frame)), None)
    blank = Truth.blank(own.spec_, cross_products(design))
    return own.spec_, blank.changed(effects or {})


def resized(frame, columns, group, size):
    """A study with another number of groups.

    Parameters
    ----------
    frame : DataFrame
    columns : list of str
        Grouping columns.
    group : str
        The one whose groups are repeated, in the order of their first rows.
    size : int

    Returns
    -------
    DataFrame
    """
    codes, levels = pd.factorize(frame[group])
    if size < 2:
        raise ArgumentError(f"A study of {size} groups has no variance between them.")
    members = [np.flatnonzero(codes == code) for code in range(len(levels))]
    taken = [members[i % len(levels)] for i in range(size)]
    rows = np.concatenate(taken)
    copies = np.repeat(np.arange(size), [len(own) for own in taken])
    study = frame.iloc[rows].reset_index(drop=True)
    for column in columns:
        within = frame.groupby(column, observed=True)[group].nunique().max() == 1
        if within and column != group:
            keys = pd.MultiIndex.from_arrays([copies, study[column]])
            study[column] = pd.factorize(keys)[0]
    study[group] = copies
    return study


def simulate(model, study, truth, asked, rng, done=ignore):
    """Draw samples for a study and test each.

    Parameters
    ----------
    model : MixedLinearRegressor
    study : DataFrame
    truth : Truth
    asked : Asked
    rng : Generator
    done : callable

    Returns
    -------
    dict
        A row of the power curve.
    """
    design = clone(model)._learn_design(study, np.zeros(len(study)), None)
    rejected = singular = known = 0
    at_once = max(1, AT_ONCE // len(study))
    for start in range(0, asked.n_samples, at_once):
        n = min(at_once, asked.n_samples - start)
        fits = fit_many(model, study, truth.draw(design, n, rng), verbose=0)
        p = fits.contrast(asked.L)["p"].to_numpy()
        rejected += int((p < asked.alpha).sum())
        known += int(np.isfinite(p).sum())
        singular += int(fits.fit["singular"].sum())
        done(n)
    interval = stats.binomtest(rejected, known).proportion_ci(CONFIDENCE)
    return {
        "power": rejected / known,
        "lower": interval.low,
        "upper": interval.high,
        "n_obs": len(study),
        "singular": singular / known,
    }
