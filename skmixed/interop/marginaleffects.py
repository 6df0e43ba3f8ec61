"""The package marginaleffects on our models, through its own base class."""

import numpy as np
import pandas as pd

from skmixed.errors import UnavailableError
from skmixed.inference.fixed.degrees_of_freedom import choose_degrees_of_freedom
from skmixed.inference.opened.fitted import fitted
from skmixed.likelihood.result import is_linear


def as_marginaleffects(model, X):
    """Wrap a fitted mixed model so that the package marginaleffects accepts it.

    ``marginaleffects.predictions``, ``avg_comparisons``, ``avg_slopes``, ``hypotheses``
    and the other functions take the returned object as their model. They see the
    fixed effects: predictions for the population, random effects at zero. Those of
    generalised models are means on the scale of the response.

    Parameters
    ----------
    model : MixedLinearRegressor, or estimator of another family
        Fitted.
    X : DataFrame
        Rows over which effects are averaged, for example those of `fit`: the model
        keeps none. Rows with missing values in the model's columns are left out. All
        other columns go along, so that ``by`` may name any of them.

    Returns
    -------
    marginaleffects.classes.model.ModelAbstract
        With the covariance of the fixed effects; ``vcov="kenward-roger"`` takes the
        adjusted one. Tests are normal, unless a function is given ``df``.

    Raises
    ------
    ImportError
        If marginaleffects, version 0.6 or later, is not installed.

    See Also
    --------
    emmeans : Marginal means without another package.

    Examples
    --------
    >>> import marginaleffects  # doctest: +SKIP
    >>> from skmixed import MixedLinearRegressor, as_marginaleffects
    >>> from skmixed.datasets import load_london_schools
    >>> frame = load_london_schools().frame
    >>> model = MixedLinearRegressor("exam ~ lrt * gender + (1 | school)").fit(frame)
    >>> wrapped = as_marginaleffects(model, frame)  # doctest: +SKIP
    >>> marginaleffects.avg_comparisons(wrapped, variables="gender")  # doctest: +SKIP
    """
    refuse_grades(fitted(model, "as_marginaleffects", generalized=True).result)
    pl, ModelAbstract, ModelVault = imported()

    class MixedModel(FixedEffectsAdapter, ModelAbstract):
        """A mixed model as marginaleffects wants it."""

        def get_predict(self, params, newdata):
            """Predict from the design that ``get_exog`` made."""
            estimate = self.predict_design(params, np.asarray(newdata))
            return pl.DataFrame(
                {
                    "rowid": pl.Series(range(len(estimate)), dtype=pl.Int32),
                    "estimate": estimate,
                }
            )

    columns = used_columns(model)
    frame = X.dropna(subset=columns).reset_index(drop=True)
    others = [c for c in frame.columns if isinstance(c, str) and c not in columns]
    vault = ModelVault(
        coef=np.array(model.result_.coef),
        coefnames=np.array(model.fitted_.names),
        formula=plain_formula(columns),
        modeldata=pl.DataFrame(
            {c: as_polars(pl, frame[c], model.spec_) for c in [*columns, *others]}
        ),
        package="skmixed",
        variable_names=columns,
    )
    return MixedModel(model, vault)


def refuse_grades(result):
    """Raise for ordinal models, which have a probability per grade.

    Raises
    ------
    ValueError
    """
    if not is_linear(result) and result.family.name == "ordinal":
        raise UnavailableError(
            "as_marginaleffects is for one mean per row, and grades have a probability "
            "each: see predict_proba, and emmeans for the latent scale."
        )


def imported():
    """polars, and the two classes of marginaleffects that a model is made of."""
    try:
        import polars as pl
        from marginaleffects.classes.model import ModelAbstract, ModelVault
    except ImportError as error:
        raise ImportError(
            "as_marginaleffects needs the package marginaleffects, version 0.6 or "
            "later: pip install marginaleffects"
        ) from error
    return pl, ModelAbstract, ModelVault


def used_columns(model):
    """Response, if it is a column of the table, and the fixed part's columns."""
    formula = model.spec_.formula
    linear = is_linear(model.result_)
    if not linear and not formula.response_is_column:
        return [*formula.response_columns[:1], *formula.fixed_columns]
    if not formula.response_is_column:
        raise UnavailableError(
            f"marginaleffects needs a response that is a column; the formula has "
            f"{formula.response!r}. Transform it in the table beforehand."
        )
    return [*formula.response_columns, *formula.fixed_columns]


def plain_formula(columns):
    """Write a formula from which marginaleffects reads the columns, no more."""
    quoted = [c if c.isidentifier() else f"`{c}`" for c in columns]
    return f"{quoted[0]} ~ {' + '.join(quoted[1:]) or '1'}"


def as_polars(pl, series, spec):
    """Turn a column to polars; what is no number becomes labels, as `by` needs them.

    Levels of the design, and categories, keep their order.
    """
    levels = spec.levels.get(series.name)
    if not isinstance(levels, list):
        if isinstance(series.dtype, pd.CategoricalDtype):
            levels = series.cat.categories
        elif series.dtype.kind in "biufmM":
            return pl.Series(series.name, series.to_numpy())
        else:
            levels = sorted(series.dropna().unique(), key=str)
    labels = list(dict.fromkeys(map(str, levels)))
    texts = [None if pd.isna(value) else str(value) for value in series]
    return pl.Series(series.name, texts, dtype=pl.Enum(labels))


class FixedEffectsAdapter:
    """Design, covariance and prediction of a mixed model's fixed effects."""

    def get_exog(self, newdata):
        """Columns of the kept fixed effects, and the offset as one more."""
        design = self.model.spec_.build(self.read(newdata), random_effects=False)
        X = design.X[:, self.model.result_.kept]
        offset = np.zeros(len(X)) if design.offset is None else design.offset
        return np.column_stack([X, offset])

    def read(self, newdata):
        """Turn a polars table to pandas, with the levels that the model learnt."""
        frame = newdata.to_pandas()
        for column, levels in self.model.spec_.levels.items():
            if isinstance(levels, list) and column in frame:
                names = {str(level): level for level in levels}
                frame[column] = frame[column].astype(str).map(names)
        return frame

    def get_vcov(self, vcov=True):
        """Covariance of the fixed effects, or Kenward and Roger's."""
        if vcov is False:
            return None
        if isinstance(vcov, str):
            return choose_degrees_of_freedom(self.model.fitted_, vcov)[0].covariance
        return np.array(self.model.result_.coef_cov)

    def predict_design(self, params, columns):
        """Predictions from the columns of ``get_exog``, of shape (n,)."""
        eta = columns[:, :-1] @ np.asarray(params) + columns[:, -1]
        result = self.model.result_
        return eta if is_linear(result) else result.family.mean(eta, result.psi)
