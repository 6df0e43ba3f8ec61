"""A short report of what is wrong with a fitted model, in plain sentences."""

import textwrap
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skmixed.estimators.rows import Rows
from skmixed.inference.diagnose.family_residuals import (
    FamilyRows,
    predictor_at,
    weights_of,
)
from skmixed.inference.diagnose.simulated_family import family_tests, scale_by_family
from skmixed.inference.diagnose.unshrunk import standardise_modes
from skmixed.inspection import family_findings as family
from skmixed.inspection import findings as ask
from skmixed.inspection.influence import delete_dependent_units
from skmixed.inspection.style import choose_rows
from skmixed.likelihood.products.residual import residual_of
from skmixed.likelihood.products.rows import without_offset
from skmixed.likelihood.result import is_linear
from skmixed.printing.printed import WIDTH, Printed, Table

MARKS = {
    "ok": "ok         ",
    "note": "NOTE       ",
    "problem": "PROBLEM    ",
    "not checked": "not checked",
}
# Responses that are simulated for every row, and rows that they are for at the most.
N_SIMULATIONS, MOST_SIMULATED = 100, 5_000
# What needs no action.
QUIET = ("ok", "not checked")
INDENT = " " * 13


@dataclass(frozen=True, eq=False, repr=False)
class ModelReport(Printed):
    """What `check_model` found.

    Attributes
    ----------
    findings : tuple of Finding
        Each with ``topic``, ``status`` ("ok", "note", "problem" or "not checked"),
        ``sentence`` and ``docs``.

    See Also
    --------
    check_model : Makes one.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_london_schools
    >>> from skmixed.inspection import check_model
    >>> schools = load_london_schools().frame
    >>> model = MixedLinearRegressor("exam ~ lrt + (1 + lrt | school)").fit(schools)
    >>> report = check_model(model, schools)
    >>> report.table.loc["influence", "status"]
    'ok'
    """

    findings: tuple

    @property
    def table(self):
        """The findings as a data frame, by topic."""
        rows = {
            "status": [finding.status for finding in self.findings],
            "finding": [finding.sentence for finding in self.findings],
            "docs": [finding.docs for finding in self.findings],
        }
        topics = pd.Index([finding.topic for finding in self.findings], name="topic")
        return pd.DataFrame(rows, index=topics)

    @property
    def ok(self):
        """Whether there is neither a note nor a problem."""
        return all(finding.status in QUIET for finding in self.findings)

    @property
    def frame(self):
        """The findings as a data frame: ``table``."""
        return self.table

    def blocks(self):
        """Yield the findings as a table."""
        yield Table(self.table, "Checks of the model", headings={"docs": None})

    def to_text(self, width=WIDTH):
        """Write a sentence per finding, those that need action marked.

        Parameters
        ----------
        width : int, default=80

        Returns
        -------
        str
        """
        lines = []
        for finding in self.findings:
            head = f"{MARKS[finding.status]}  {finding.topic}: "
            text = head + finding.sentence
            lines.append(textwrap.fill(text, width - 1, subsequent_indent=INDENT))
            if finding.status not in QUIET:
                lines.append(INDENT + finding.docs)
        return "\n".join(lines)


def check_model(model, X, y=None, *, sample_weight=None, verbose=None):
    """Ask a fitted model the usual questions, and answer in sentences.

    Parameters
    ----------
    model : MixedLinearRegressor, or estimator of another family
        Fitted.
    X : data frame
        The table that `fit` was given; a fitted model keeps no rows.
    y, sample_weight : array-like of shape (n_samples,), default=None
        As they were given to `fit`.
    verbose : int, default=None
        1 shows a progress bar, 0 none; by default one appears in a terminal or a
        notebook when it takes more than a few seconds.

    Returns
    -------
    ModelReport
        On convergence, singular terms, collinearity, group sizes, slopes that do not
        vary within groups, influential groups, linearity, rows far out, the spread and
        the normality of the residuals, and the normality of the random effects. Of
        generalised models on Laplace's approximation, over- and underdispersion, zeros
        and the distribution of the responses in place of the residuals' spread.

    Raises
    ------
    ValueError
        Where `X` is not the table of the fit.

    See Also
    --------
    influence, simulated_residuals : Two of the questions in full.
    MixedLinearRegressor.report : The answers with tables and pictures.

    Notes
    -----
    Of models with ``residual=`` or ``dispersion=`` the residuals are normalised: what a
    row leaves given the fixed effects and the subject's earlier rows, that is
    ``L^-1 (y - X b)`` with the responses' covariance ``V = L L'``.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.inspection import check_model
    >>> sleep = load_sleepstudy().frame
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep)
    >>> report = check_model(model, sleep)
    >>> report.ok
    False
    >>> print(report.findings[9].sentence)
    The residuals have heavy tails (skewness 0.17, excess kurtosis 7.68). Fixed effects
    stand this well; prediction intervals do not. Look for single rows, or transform the
    response.
    """
    allowed = {"residual": True, "generalized": True}
    rows = Rows.read_fitted(model, X, y, sample_weight, **allowed)
    if getattr(model.result_, "residual", None) is not None:
        found = check_dependent(model, rows, verbose)
    elif is_linear(model.result_):
        found = [
            *check_structure(model, rows, ask.check_influence, verbose),
            *check_residuals(model, rows),
        ]
    else:
        found = [
            *check_structure(model, rows, family.check_family_influence, verbose),
            *check_responses(model, rows),
        ]
    found += [
        ask.check_normality(modes, f"effects `{effect}` of `{group}`", "random effects")
        for group, effect, modes in standardised_modes(model.fitted_)
    ]
    return ModelReport(tuple(found))


def check_structure(estimator, rows, check_influence, verbose):
    """Ask what concerns the fit, its terms and its groups.

    Parameters
    ----------
    estimator : estimator
    rows : Rows
        Of the fit.
    check_influence : callable
        Of a factor's groups.
    verbose : int or None

    Returns
    -------
    list of Finding
    """
    design, fit, result = rows.design, estimator.fitted_, estimator.result_
    slopes = ask.count_constant_slopes(design) if result.groups else {}
    still = [slope for slope, (count, total) in slopes.items() if count == total]
    linear = is_linear(result)
    found = [
        ask.check_convergence(estimator),
        ask.check_singularity(estimator, still),
        ask.check_collinearity(estimator),
    ]
    if not linear and result.groups:
        found.insert(1, family.check_laplace(estimator))
    estimated = linear and result.A.sigma is None
    for group, n_levels in zip(result.groups, result.n_levels, strict=True):
        found.append(ask.check_group_sizes(design, group, n_levels, estimated))
    if result.groups:
        found.append(ask.check_constant_slopes(slopes))
    for factor, group in enumerate(result.groups):
        labels = estimator.spec_.groups[group].labels
        found.append(check_influence(design, fit, factor, labels, verbose))
    return found


def check_dependent(estimator, rows, verbose):
    """Ask what concerns a model whose residuals covary or differ in spread.

    Parameters
    ----------
    estimator : MixedLinearRegressor
    rows : Rows
        Of the fit.
    verbose : int or None

    Returns
    -------
    list of Finding
    """

    def of_groups(design, fit, factor, labels, verbose):
        group = fit.result.groups[factor]
        return influence_of(estimator, rows, group, labels, verbose)

    found, spec = check_structure(estimator, rows, of_groups, verbose), estimator.spec_
    subject = None if spec.residual is None else spec.residual.term.subject
    if subject is not None and subject not in estimator.result_.groups:
        found.append(influence_of(estimator, rows, subject, None, verbose))
    residuals, fitted = estimator._whitened_residuals(rows)
    names, X = estimator.fixed_effects_.index, rows.design.X[:, estimator.result_.kept]
    return [
        *found,
        ask.check_linearity(X, names, residuals),
        ask.check_rows(residuals, rows.index),
        ask.check_spread(residuals, fitted),
        ask.check_normality(residuals, "residuals", "residual normality"),
    ]


def influence_of(estimator, rows, level, labels, verbose):
    """Whether a single subject or group moves the fixed effects."""
    deletion, index = delete_dependent_units(
        estimator, rows, level, refit=False, verbose=verbose
    )
    distance = deletion.cooks_distance(estimator.result_)
    return ask.say_influence(distance, level, list(index), "held")


def check_residuals(estimator, rows):
    """Ask what concerns the residuals of a linear model.

    Returns
    -------
    list of Finding
    """
    design = rows.design
    residuals, fitted = conditional_residuals(estimator.fitted_, design)
    names, kept = estimator.fixed_effects_.index, estimator.result_.kept
    return [
        ask.check_linearity(design.X[:, kept], names, residuals),
        ask.check_rows(residuals, rows.index),
        ask.check_spread(residuals, fitted),
        ask.check_normality(residuals, "residuals", "residual normality"),
    ]


def check_responses(estimator, rows):
    """Ask what concerns the responses of a generalised model.

    Parameters
    ----------
    estimator : estimator
    rows : Rows
        Of the fit.

    Returns
    -------
    list of Finding
    """
    design, result = rows.design, estimator.result_
    fit, w = estimator.fitted_, weights_of(design)
    at_modes = predictor_at(result, design, result.modes)
    given = FamilyRows(result, design.y, w, at_modes)
    scores = given.quantile_residuals(np.random.default_rng(0))
    names, kept = estimator.fixed_effects_.index, result.kept
    return [
        ask.check_linearity(design.X[:, kept], names, scores),
        ask.check_rows(scores, rows.index),
        *family.check_excess(fit, design),
        family.check_distribution(simulated_tests(estimator, rows)),
    ]


def simulated_tests(estimator, rows):
    """Tests of simulated residuals, of many rows those of a random sample."""
    design = rows.design
    some = choose_rows(len(design.y), MOST_SIMULATED, 0)
    w = None if design.weights is None else design.weights[some]
    rng = np.random.RandomState(0)
    drawn = estimator._draw_responses(
        rows.frame.iloc[some], N_SIMULATIONS, "new", w, rng
    )
    y = design.y[some]
    return family_tests(y, drawn, scale_by_family(y, drawn, rng))


def conditional_residuals(fit, design):
    """Residuals of fixed and random effects, in units of sigma, and fitted values.

    Parameters
    ----------
    fit : Fitted
    design : Design

    Returns
    -------
    residuals, fitted : ndarray of shape (n,)
    """
    y = without_offset(design)
    result, posterior = fit.result, fit.open.posterior
    rows = posterior.basis.rows(design)
    residuals = result.A.basis.response(y, rows.X) - posterior.mean(rows)
    weighted = residual_of(design).root(residuals)
    return weighted / result.sigma, design.y - residuals


def standardised_modes(fit):
    """Conditional modes over their own standard deviations.

    Parameters
    ----------
    fit : Fitted

    Yields
    ------
    group, effect : str
    modes : ndarray of shape (G,)
        NaN where the standard deviation is zero.
    """
    result = fit.result
    for factor, group in enumerate(result.groups):
        variances = np.diag(result.covariances[factor])
        conditional = np.diagonal(fit.mode_covariances[factor], axis1=1, axis2=2)
        modes = standardise_modes(result.modes[factor], variances, conditional)
        for effect, column in zip(result.effects[factor], modes.T, strict=True):
            yield group, effect, column
