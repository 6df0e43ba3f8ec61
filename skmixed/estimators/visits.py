"""The table of a trial's report: marginal means of arms at every visit, compared."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skmixed.errors import ArgumentError, ColumnError
from skmixed.estimators.rows import Rows
from skmixed.inference.fixed.emmeans import MEANS, emmeans
from skmixed.inference.fixed.multiplicity import check_adjust
from skmixed.inference.opened.fitted import fitted
from skmixed.printing.numbers import say_level
from skmixed.printing.printed import Printed, Table

# More times than this are no visits.
MOST_VISITS = 60


@dataclass(frozen=True, eq=False, repr=False)
class VisitTable(Printed):
    """Means of arms at every visit, and how they differ; by :func:`visit_table`.

    Attributes
    ----------
    frame : DataFrame
        A row per visit and arm: ``n`` rows with a response, the marginal mean
        ``estimate`` with ``std_error``, ``df``, ``lower`` and ``upper``.
    differences : DataFrame
        A row per visit and arm but the reference: ``contrast``, ``estimate``,
        ``std_error``, ``df``, ``t``, ``p``, ``lower`` and ``upper``.
    treatment, visit : str
        Columns of arms and visits.
    reference : object
        The arm that the others are compared with.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, visit_table
    >>> from skmixed.datasets import make_trial
    >>> X, y = make_trial(100, 3, random_state=0)
    >>> model = MixedLinearRegressor("~ arm * C(visit)", residual="us(visit | subject)")
    >>> table = visit_table(model.fit(X, y), X, y, treatment="arm")
    >>> table.differences[["visit", "contrast", "estimate", "p"]].round(3)
       visit           contrast  estimate      p
    0      0  treated - control    -0.185  0.824
    1      1  treated - control    -3.234  0.004
    2      2  treated - control    -4.983  0.002
    """

    frame: pd.DataFrame
    differences: pd.DataFrame
    treatment: str
    visit: str
    reference: object
    notes: tuple[str, ...] = ()

    def blocks(self):
        """Yield the means, the differences and what to know about them."""
        title = f"Marginal means by {self.visit}:"
        yield Table(self.frame.drop(columns="df"), title, index=False)
        title = f"Differences from {self.treatment} = {self.reference}:"
        yield Table(self.differences, title, index=False)
        yield "\n".join(self.notes)


def visit_table(
    model,
    X,
    y=None,
    *,
    treatment,
    visit=None,
    reference=None,
    at=None,
    adjust="none",
    ddf="kenward-roger",
    confidence_level=0.95,
    vcov=None,
):
    """Marginal means of treatments at every visit, and their differences.

    Parameters
    ----------
    model : MixedLinearRegressor
        Fitted, its fixed part with `treatment` and `visit`.
    X : data frame
        Rows to count: those of the fit, or others.
    y : array-like of shape (n_samples,), default=None
        By default the response's column of `X`.
    treatment : str
        Column of the arms.
    visit : str, default=None
        Column of the visits; by default that of ``residual=``.
    reference : object, default=None
        Arm that the others are compared with; by default the first level.
    at : dict of str to list, default=None
        Values of further columns, as of `emmeans`: by default the means are at the
        means of numeric columns, and averages over the levels of others. Values for the
        column `visit` choose visits.
    adjust : {"none", "bonferroni", "holm", "sidak", "fdr"}, default="none"
        Adjustment for several arms, within each visit.
    ddf : str, default="kenward-roger"
        Degrees of freedom and standard errors, as in ``summary``.
    confidence_level : float, default=0.95
    vcov : ClusterRobust, default=None
        Robust covariance of the fixed effects; see `cluster_robust`.

    Returns
    -------
    VisitTable
        With the data frames ``frame`` and ``differences``.

    Raises
    ------
    ValueError
        Where the columns are none of the fixed part, the reference is no arm, or there
        are too many times; for Kenward and Roger's method after maximum likelihood.

    See Also
    --------
    emmeans : Marginal means of any columns.
    skmixed.inspection.VisitsDisplay : The picture.
    compare_covariances : Which residual covariance.

    Notes
    -----
    Means and differences are those of :func:`emmeans`, which weighs the levels of other
    columns alike. Where patients leave, ``n`` falls, and the estimates still speak of
    all patients as far as leaving depends on what was seen of them.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, visit_table
    >>> from skmixed.datasets import make_trial
    >>> X, y = make_trial(100, 3, random_state=0)
    >>> model = MixedLinearRegressor("~ arm * C(visit)", residual="us(visit | subject)")
    >>> print(visit_table(model.fit(X, y), X, y, treatment="arm"))
    Marginal means by visit:
    visit arm      n estimate std error   lower   upper
        0 control 50  24.4945    0.5862 23.3313 25.6578
        0 treated 50  24.3096    0.5862 23.1464 25.4728
        1 control 42  23.7921    0.7652 22.2706 25.3136
        1 treated 39  20.5579    0.7778 19.0122 22.1037
        2 control 36  21.5435    1.0816 19.3876 23.6995
        2 treated 33  16.5605    1.1110 14.3475 18.7735
    <BLANKLINE>
    Differences from arm = control:
    visit contrast          estimate std error    df      t       p   lower   upper
        0 treated - control  -0.1849    0.8290    98 -0.223   0.824 -1.8300  1.4601
        1 treated - control  -3.2341    1.0911  86.5 -2.964 0.00392 -5.4030 -1.0652
        2 treated - control  -4.9831    1.5505 74.01 -3.214 0.00194 -8.0726 -1.8935
    <BLANKLINE>
    With residual='us(visit | subject)'.
    Bounds at 95 %.
    Tests of fixed effects use Kenward and Roger's degrees of freedom and standard
    errors.
    """
    fit = fitted(model, "visit_table", residual=True)
    visit = choose_visit(model, visit)
    rows = Rows.read_complete(model, X, y)
    at = dict(at or {})
    at.setdefault(visit, visits_of(model, rows.frame, visit))
    check_adjust(adjust, pairwise=False)
    options = {"ddf": ddf, "confidence_level": confidence_level, "vcov": vcov}
    means = emmeans(model, treatment, visit, at=at, adjust="none", **options)
    cells = means.grid.cells
    arms = list(dict.fromkeys(cells[treatment]))
    reference = choose_reference(arms, reference, treatment)
    weights = {
        f"{arm} - {reference}": [float(a == arm) - float(a == reference) for a in arms]
        for arm in arms
        if arm != reference
    }
    differences = means.contrasts(weights, adjust=adjust).frame
    frame = cells[[visit, treatment]].assign(n=count(rows.frame, cells))
    frame = pd.concat([frame, means.frame[list(MEANS)]], axis=1)
    columns = [visit, "contrast", *MEANS[:3], "t", "p", "lower", "upper"]
    return VisitTable(
        frame=frame,
        differences=differences[columns],
        treatment=treatment,
        visit=visit,
        reference=reference,
        notes=tuple(say_what(means, adjust, len(arms), fit, confidence_level)),
    )


def choose_visit(model, visit):
    """The column of visits: by default that of the residual covariance."""
    residual = getattr(model.spec_, "residual", None)
    if visit is None and residual is not None and residual.by_visit:
        visit = residual.term.time
    if visit is None:
        raise ArgumentError(
            "visit_table needs the column of the visits: pass its name as visit=."
        )
    return visit


def visits_of(model, frame, visit):
    """Visits of the grid: those of the fit's residual covariance, else of the rows."""
    residual = getattr(model.spec_, "residual", None)
    if residual is not None and residual.by_visit and residual.term.time == visit:
        return list(residual.visits)
    if visit not in frame:
        raise ColumnError(f"X has no column {visit!r} of visits.")
    column = frame[visit].dropna()
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [level for level in column.cat.categories if (column == level).any()]
    values = sorted(column.unique().tolist())
    if len(values) > MOST_VISITS:
        raise ArgumentError(
            f"`{visit}` has {len(values)} distinct values; visit_table is for up to "
            f"{MOST_VISITS} visits. Choose some by at={{{visit!r}: [...]}}."
        )
    return values


def choose_reference(arms, reference, treatment):
    """The arm that the others are compared with."""
    if reference is None:
        reference = arms[0]
    if reference not in arms or len(arms) < 2:
        raise ArgumentError(
            f"reference={reference!r} should be one of several levels of "
            f"`{treatment}`, which are {arms}."
        )
    return reference


def count(frame, cells):
    """Rows in every cell."""
    columns = list(cells.columns)
    written = frame[columns].astype(object)
    sizes = written.groupby(columns, observed=True).size()
    keys = cells[columns].astype(object).itertuples(index=False, name=None)
    return np.array([int(sizes.get(key, 0)) for key in keys])


def say_what(means, adjust, n_arms, fit, level):
    """Notes below the tables."""
    residual = fit.result.residual
    notes = [] if residual is None else [f"With {residual.label}."]
    grid = means.grid
    if grid.averaged:
        notes.append(f"Averaged over the levels of {', '.join(grid.averaged)}.")
    held = [f"{c} = {value:.4g}" for c, value in grid.held.items()]
    if held:
        notes.append(f"At {', '.join(held)}.")
    if np.isnan(grid.L).any():
        notes.append("NaN: not estimable, cells of the design are empty.")
    if n_arms > 2 or adjust != "none":
        notes.append(f"Differences of a visit adjusted by: {adjust}.")
    return [*notes, say_level(level), means.reason]
