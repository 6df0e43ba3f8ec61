"""One reader of rows: what a fitted model makes of a table, converted once."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import (
    MissingValuesError,
    ResponseError,
    RowsError,
    UnseenLevelError,
    WeightError,
)
from skmixed.estimators.input import (
    read_features,
    refuse_missing,
    require_response_in,
)
from skmixed.estimators.weights import read_weights
from skmixed.formula import Design
from skmixed.formula.table.columns import missing_rows
from skmixed.formula.table.frame import FrameColumns
from skmixed.inference.opened.fitted import fitted
from skmixed.inference.opened.row_sketch import RowSketch
from skmixed.likelihood.generalized import fingerprint_of
from skmixed.likelihood.products.residual import residual_of
from skmixed.likelihood.products.rows import without_offset
from skmixed.likelihood.result import is_linear

# Cross-products of the same rows differ by rounding; others by more than this.
SAME_ROWS = 1e-6


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a table as a fitted model reads them.

    Parameters
    ----------
    model : estimator
        Fitted; with the parameters `na_action` and `unseen_groups`.
    frame : DataFrame of n rows
        The table.
    design : Design
        With response and weights once they are read.
    missing : ndarray of bool of shape (n,)
        Rows that lack what predictions need (``na_action="drop"``).
    """

    model: Any
    frame: pd.DataFrame
    design: Design
    missing: np.ndarray

    @property
    def index(self):
        """Labels of the rows in the table."""
        return self.frame.index

    @classmethod
    def read(cls, model, X, random_effects=True):
        """Read a table with the columns of the formula.

        Parameters
        ----------
        model : estimator
        X : data frame, array-like, or FrameColumns that were read already
        random_effects : bool or tuple of str
            Which grouping factors enter, as `DesignSpec.build` takes it.

        Returns
        -------
        Rows

        Raises
        ------
        ValueError
            For missing values and unseen groups, where the model allows none.
        """
        require_fitted(model)
        columns = X
        if not isinstance(X, FrameColumns):
            columns = FrameColumns(read_features(model, X, reset=False))
        needed = columns_that_count(model, random_effects)
        missing = find_missing(model, columns, needed)
        design = model.spec_.build(columns, random_effects=random_effects)
        rows = cls(model, columns.frame, design, missing)
        rows.refuse_unseen([block.group for block in design.random])
        return rows

    @classmethod
    def read_all_effects(cls, model, X, chosen=True, *, refuse_unseen=True):
        """Read a table with every random term; factors not chosen have new groups.

        Parameters
        ----------
        model : estimator
        X : data frame or array-like
        chosen : bool or tuple of str
            Grouping factors whose levels are to be read; of the others `X` may lack
            the columns.
        refuse_unseen : bool, default=True
            Whether ``unseen_groups="error"`` holds.

        Returns
        -------
        Rows
        """
        if chosen is True and (refuse_unseen or model.unseen_groups != "error"):
            return cls.read(model, X)
        check_is_fitted(model)
        frame, spec = read_features(model, X, reset=False), model.spec_
        needed = [*columns_that_count(model, chosen), *spec.design_columns_for(True)]
        missing = find_missing(model, FrameColumns(frame), needed)
        known = {*spec.columns_for(chosen), *needed}
        unread = [c for c in spec.columns_for(True) if c not in known]
        frame = frame.assign(**dict.fromkeys(unread, np.nan))
        rows = cls(model, frame, spec.build(frame), missing)
        if chosen is True:
            return rows
        rows.refuse_unseen(chosen or ())
        return rows.forget_groups(keep=chosen or ())

    @classmethod
    def read_known(cls, model, X, sample_weight=None):
        """Read complete rows, of positive weight, of the groups that `fit` saw.

        Raises
        ------
        ValueError
            For others.
        """
        rows = cls.read(model, X)
        n, blocks = len(rows.frame), rows.design.random
        weights = read_weights(sample_weight, n, allow_missing=False)
        if rows.missing.any() or any((block.codes < 0).any() for block in blocks):
            raise MissingValuesError(
                "X needs complete rows of the groups that fit saw."
            )
        if weights is not None and not (weights > 0).all():
            raise WeightError("Only positive weights; leave out rows of weight zero.")
        design = dataclasses.replace(rows.design, weights=weights)
        return dataclasses.replace(rows, design=design)

    @classmethod
    def read_complete(cls, model, X, y=None, sample_weight=None):
        """Read the complete rows of a table, with response and weights.

        Parameters
        ----------
        model : estimator
        X : data frame or array-like
        y : array-like, optional
            By default the left side of the formula is read from `X`.
        sample_weight : array-like, optional

        Returns
        -------
        Rows
            Without those of weight zero.
        """
        rows = cls.read(model, X)
        y = rows.response(y)
        keep = ~rows.missing & ~np.isnan(y)
        weights = read_weights(sample_weight, len(y), allow_missing=True)
        everything = np.ones(len(y), dtype=bool)
        weights = model._weigh_rows(FrameColumns(rows.frame), weights, everything)
        if weights is not None:
            keep &= weights > 0
        design = dataclasses.replace(rows.design, y=y, weights=weights)
        return dataclasses.replace(rows, design=design).select(keep)

    @classmethod
    def read_fitted(
        cls, model, X, y=None, sample_weight=None, *, asked=None, **allowed
    ):
        """Read the table that a model was fitted to; see `as_fitted`.

        Parameters
        ----------
        asked, **allowed
            As `fitted` takes them: ``residual`` and ``generalized``.
        """
        asked = asked or "A look at the rows of a fit (check_model, influence)"
        fitted(model, asked, **allowed)
        return cls.read_complete(model, X, y, sample_weight).as_fitted()

    def select(self, keep):
        """Return some of the rows; all of them cost nothing.

        Parameters
        ----------
        keep : ndarray of bool of shape (n,), or of int
        """
        if keep.dtype == bool and keep.all():
            return self
        design, missing = self.design.select(keep), self.missing[keep]
        return Rows(self.model, self.frame.iloc[keep], design, missing)

    def forget_groups(self, keep=()):
        """Take the groups of all factors but some for new ones.

        Parameters
        ----------
        keep : sequence of str, default=()

        Returns
        -------
        Rows
        """
        blocks = tuple(
            block
            if block.group in keep
            else dataclasses.replace(block, codes=np.full_like(block.codes, -1))
            for block in self.design.random
        )
        design = dataclasses.replace(self.design, random=blocks)
        return dataclasses.replace(self, design=design)

    def response(self, y=None):
        """Return the response, by default the left side of the formula, of shape (n,).

        Raises
        ------
        ValueError
            Where there is none.
        """
        return self.model._observed(self.frame, y)

    def refuse_unseen(self, groups):
        """Raise for new groups of some factors, where the model allows none.

        Parameters
        ----------
        groups : sequence of str

        Raises
        ------
        ValueError
        """
        if self.model.unseen_groups != "error":
            return
        for block in self.design.random:
            unseen = (block.codes < 0) & ~self.missing
            if block.group not in groups or not unseen.any():
                continue
            columns = list(self.model.spec_.groups[block.group].columns)
            rows = self.frame.loc[unseen, columns].drop_duplicates().map(str)
            labels = [":".join(row) for row in rows.itertuples(index=False)]
            more = ", ..." if len(labels) > 10 else ""
            raise UnseenLevelError(
                f"{int(unseen.sum())} rows of X have a `{block.group}` that fit did "
                f"not see: {', '.join(labels[:10])}{more}. Set "
                "unseen_groups='population' to predict them from the fixed effects."
            )

    def as_fitted(self):
        """Return the rows if they are those of the fit, with response and weights.

        Raises
        ------
        ValueError
            Where they are not: another number of them, new groups, other values.
        """
        n, n_fit = len(self.design.y), self.model.n_obs_
        unseen = any((block.codes < 0).any() for block in self.design.random)
        if n != n_fit or unseen:
            what = "groups that fit did not see" if unseen else f"{n} complete rows"
            raise RowsError(
                f"X has {what}; the model was fitted to {n_fit} rows and keeps none. "
                "Pass the table (and y, sample_weight) that fit was given."
            )
        if not same_rows(self.model.fitted_, self.design):
            raise RowsError(
                "X, y or sample_weight differ from those that the model was fitted to; "
                "it keeps no rows. Pass what fit was given."
            )
        return self


def require_fitted(model):
    """Raise `NotFittedError` unless a model is fitted: fast where it is."""
    if "fitted_" not in vars(model):
        check_is_fitted(model)


def columns_that_count(model, random_effects):
    """Columns without which a row has no prediction.

    A missing group is an unseen one; but with ``na_action="drop"`` rows that `fit`
    would leave out have no prediction.
    """
    if model.na_action == "drop":
        return model.spec_.columns_for(random_effects)
    return model.spec_.design_columns_for(random_effects)


def find_missing(model, columns, needed):
    """Tell which rows lack what predictions need; raise if none may.

    Parameters
    ----------
    model : estimator
    columns : FrameColumns of n rows
    needed : list of str

    Returns
    -------
    ndarray of bool of shape (n,)
    """
    missing = missing_rows(columns, needed)
    if missing.any() and model.na_action == "raise":
        remedy = "Impute them; with na_action='drop' predict gives NaN for them."
        refuse_missing(columns.frame, needed, missing, remedy)
    return missing


def response_of(model, frame):
    """Read the left side of a fitted model's formula from a table.

    Parameters
    ----------
    model : estimator
    frame : DataFrame of n rows

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError
    """
    formula = model.spec_.formula
    if formula.response is None:
        raise ResponseError(
            "score() needs y: the formula has no left side to read it from X."
        )
    require_response_in(frame, formula, type(model).__name__)
    return model.spec_.read_response(frame)


def same_rows(fit, design):
    """Whether a response and its predictors are those of a fit, as far as it knows.

    Parameters
    ----------
    fit : Fitted
    design : Design

    Returns
    -------
    bool

    Notes
    -----
    Of linear models their cross-products are compared, of others the digest of the
    responses, weights and offsets, and a few random sums of the columns.
    """
    A = fit.result.A
    if not is_linear(fit.result):
        same = fingerprint_of(design) == fit.result.fingerprint
        found = RowSketch(design, fit.result.kept)
        pairs = zip(
            (found.X, *found.forms), (fit.sketch.X, *fit.sketch.forms), strict=True
        )
        return same and all(
            np.abs(one - other).max(initial=0.0) <= SAME_ROWS * np.abs(other).max()
            for one, other in pairs
        )
    X = A.basis.fixed.apply(design.X)
    y = without_offset(design)
    y = A.basis.response(y, X)
    weighted = residual_of(design).times(y)
    found = np.append(X.T @ weighted, y @ weighted)
    scale = np.sqrt(np.diag(A.gram)) * np.sqrt(A.gram[-1, -1])
    return bool((np.abs(found - A.gram[-1]) <= SAME_ROWS * scale).all())
