"""Which observation, or which group, drives the fixed effects."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skmixed.errors import ArgumentError, UnavailableError
from skmixed.estimators.rows import Rows
from skmixed.inference.diagnose.block_deletion import delete_dependent
from skmixed.inference.diagnose.deletion import delete_rows
from skmixed.inference.diagnose.family_deletion import delete_family_units
from skmixed.inference.diagnose.group_deletion import delete_groups
from skmixed.inference.diagnose.subject_deletion import (
    delete_subjects,
    variance_parameters,
)
from skmixed.inference.opened.residual_refit import by_pattern
from skmixed.inspection.rows import choose_factor
from skmixed.likelihood.result import is_linear
from skmixed.printing.printed import Printed, Table


@dataclass(frozen=True, eq=False, repr=False)
class Influence(Printed):
    """How the estimates change without each unit.

    Attributes
    ----------
    table : DataFrame
        One row per unit: ``n_rows``, ``cooks_distance``, ``leverage``, ``sigma``
        without the unit and, for observations, ``hat``. Of generalised models without
        leverage, and with the ``dispersion`` in place of sigma where there is one.
    dfbetas : DataFrame
        Change of every fixed effect by the unit, in standard errors without it.
    coef : DataFrame
        Fixed effects without the unit.
    random_sd : DataFrame or None
        Standard deviations of the random effects without the unit, where refitted; of
        a model with ``residual=`` or ``dispersion=`` all parameters of the covariances.
    level : str
        "observation", or the grouping factor.

    See Also
    --------
    InfluenceDisplay : The picture.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_sleepstudy
    >>> from skmixed.inspection import influence
    >>> sleep = load_sleepstudy().frame
    >>> model = MixedLinearRegressor("Reaction ~ Days + (Days | Subject)").fit(sleep)
    >>> influence(model, sleep, level="Subject").top(2).round(2)
             n_rows  cooks_distance  leverage  sigma
    Subject
    309          10            0.15      0.11  26.25
    335          10            0.13      0.11  26.19
    """

    table: pd.DataFrame
    dfbetas: pd.DataFrame
    coef: pd.DataFrame
    random_sd: pd.DataFrame | None
    level: str

    def top(self, n=5):
        """List the units with the largest Cook's distances.

        Parameters
        ----------
        n : int, default=5

        Returns
        -------
        DataFrame
        """
        return self.table.sort_values("cooks_distance", ascending=False).head(n)

    @property
    def frame(self):
        """A row per unit: ``table``."""
        return self.table

    def blocks(self):
        """Yield the units with the largest Cook's distances."""
        units = "observations" if self.level == "observation" else f"`{self.level}`"
        how = "held" if self.random_sd is None else "estimated anew"
        title = f"Influence of {len(self.table)} {units}, variances {how}; the largest:"
        yield Table(self.top(), title)


def influence(
    model,
    X,
    y=None,
    *,
    sample_weight=None,
    level="observation",
    refit=True,
    verbose=None,
):
    """Measure how much single observations, or groups, drive the fixed effects.

    Parameters
    ----------
    model : MixedLinearRegressor, or estimator of another family
        Fitted.
    X : data frame
        The table that `fit` was given; a fitted model keeps no rows.
    y, sample_weight : array-like of shape (n_samples,), default=None
        As they were given to `fit`.
    level : str, default="observation"
        Units to delete: "observation", or the name of a grouping factor; of a model
        with ``residual=`` or ``dispersion=`` its subject or a grouping factor.
    refit : bool, default=True
        For groups, whether the variances are estimated anew without each group, which
        costs a short fit per group, or held at their estimates. For observations they
        are always held, relative to the residual variance. Of generalised models every
        unit, observations too, costs a fit of all parameters to the other rows.
    verbose : int, default=None
        1 shows a progress bar, 0 none; by default one appears in a terminal or a
        notebook when it takes more than a few seconds.

    Returns
    -------
    Influence

    Raises
    ------
    ValueError
        Where `X` is not the table of the fit, or `level` is no grouping factor.

    See Also
    --------
    InfluenceDisplay : The picture.
    check_model : All questions in short.

    Notes
    -----
    With b the fixed effects of all rows, b_i those without unit i, V the covariance
    matrix of b and r its rank: Cook's distance is ``(b - b_i)'V^-1(b - b_i) / r``; a
    unit with a distance of 1 moves the estimates to the edge of a 50 to 70 %
    confidence region. DFBETAS are ``(b - b_i)`` in standard errors of ``b_i``. Leverage
    is what the unit's responses contribute to their own expectation and sums to r;
    ``hat`` is the same with random effects (lme4: ``hatvalues``). Where an effect
    cannot be estimated without a unit, that unit's other columns are NaN.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor
    >>> from skmixed.datasets import load_london_schools
    >>> from skmixed.inspection import influence
    >>> schools = load_london_schools().frame
    >>> model = MixedLinearRegressor("exam ~ lrt + (1 + lrt | school)").fit(schools)
    >>> found = influence(model, schools, level="school")
    >>> found.dfbetas.loc[28].round(2).to_dict()
    {'Intercept': -0.32, 'lrt': -0.22}
    """
    allowed = {"asked": "influence", "residual": True, "generalized": True}
    rows = Rows.read_fitted(model, X, y, sample_weight, **allowed)
    result = model.result_
    if getattr(result, "residual", None) is None:
        codes, index = units_of(model, rows, level)
        deletion = delete_units(model, rows.design, codes, level, refit, verbose)
    else:
        codes = dependent_units(model, rows, level)[0]
        deletion, index = delete_dependent_units(
            model, rows, level, refit=refit, verbose=verbose
        )
    linear = is_linear(result)
    table = {
        "n_rows": np.bincount(codes, minlength=len(index)),
        "cooks_distance": deletion.cooks_distance(result),
        "leverage": deletion.leverage,
        "sigma" if linear else "dispersion": deletion.sigma,
    }
    if deletion.hat is not None:
        table["hat"] = deletion.hat
    table = {name: own for name, own in table.items() if not np.isnan(own).all()}
    names = list(model.fixed_effects_.index)
    return Influence(
        table=pd.DataFrame(table, index=index),
        dfbetas=pd.DataFrame(deletion.dfbetas(result), index=index, columns=names),
        coef=pd.DataFrame(deletion.coef, index=index, columns=names),
        random_sd=random_sd(model.fitted_, deletion, index),
        level=level,
    )


def units_of(estimator, rows, level):
    """Unit of every row, and the units' labels."""
    if level == "observation":
        return np.arange(len(rows.design.X)), rows.index
    group = choose_factor(estimator, level)
    blocks = rows.design.random
    codes = next(block.codes for block in blocks if block.group == group)
    return codes, estimator.spec_.groups[group].to_index()


def delete_dependent_units(estimator, rows, level, *, refit, verbose):
    """Leave out units of a model whose residuals covary or differ in spread.

    Returns
    -------
    deletion : Deletion
    index : Index
        Labels of the units.
    """
    _, index, factor, at = dependent_units(estimator, rows, level)
    fit, options = estimator.fitted_, {"refit": refit, "verbose": verbose}
    if by_pattern(fit.result):
        return delete_subjects(fit, rows.design, at, **options), index
    return delete_dependent(fit, factor, len(index), **options), index


def dependent_units(estimator, rows, level):
    """Units of a model whose residuals covary or differ in spread.

    Returns
    -------
    codes : ndarray of int of shape (n,)
    index : Index
        Labels of the units.
    factor : int or None
        Grouping factor of the random effects that they are; None for subjects.
    at : ResidualRows or None
        Where rows stand in the residual covariance.
    """
    spec, groups = estimator.spec_.residual, estimator.result_.groups
    if spec is not None and level == spec.term.subject:
        at = spec.read(rows.frame)
        labels = rows.frame[level].to_numpy()
        first = np.unique(at.subject, return_index=True)[1]
        return at.subject, pd.Index(labels[first], name=level), None, at
    if level in groups:
        codes, index = units_of(estimator, rows, level)
        return codes, index, groups.index(level), None
    subjects = [] if spec is None else [spec.term.subject]
    offered = [f"level={name!r}" for name in dict.fromkeys([*subjects, *groups])]
    does = f"is that of its subjects and groups; write {' or '.join(offered)}"
    if not offered:
        does = "needs subjects or groups, and this one has neither"
    raise ArgumentError(
        f"level={level!r}: influence of a model with {estimator.result_.residual.label}"
        f" {does}."
    )


def delete_units(estimator, design, codes, level, refit, verbose):
    """Leave every unit out, as the model's family allows.

    Returns
    -------
    Deletion
    """
    fit, result, single = estimator.fitted_, estimator.result_, level == "observation"
    if not is_linear(result):
        if not refit:
            raise UnavailableError(
                "refit=False holds the variances of linear mixed models; generalised "
                "models are fitted again without every unit: leave refit=True."
            )
        units = "observations" if single else "groups"
        n_units = int(codes.max()) + 1
        return delete_family_units(fit, design, codes, n_units, units, verbose)
    if single:
        return delete_rows(fit, design)
    factor = result.groups.index(choose_factor(estimator, level))
    return delete_groups(fit, design, factor, refit=refit, verbose=verbose)


def random_sd(fit, deletion, index):
    """Tabulate the standard deviations of the random effects without each unit."""
    if deletion.covariances is None:
        return None
    result = fit.result
    if getattr(result, "residual", None) is not None:
        columns = [p.name for p in variance_parameters(fit)]
        return pd.DataFrame(deletion.covariances, index=index, columns=columns)
    columns = [
        f"{group}: {effect}"
        for group, effects in zip(result.groups, result.effects, strict=True)
        for effect in effects
    ]
    sd = [
        np.concatenate([np.sqrt(np.diag(covariance)) for covariance in of_unit])
        for of_unit in deletion.covariances
    ]
    return pd.DataFrame(sd, index=index, columns=columns)
