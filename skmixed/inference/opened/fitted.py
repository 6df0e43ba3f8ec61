"""The one door to a fitted mixed model, for everything that is said about it."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import UnavailableError
from skmixed.formula.table.design import DesignSpec
from skmixed.inference.opened.open_fit import OpenFit
from skmixed.inference.opened.row_facts import (
    RowMoments,
    alias_weights,
    has_column_sums,
)
from skmixed.inference.opened.row_sketch import RowSketch
from skmixed.likelihood.elimination.regime import bid_for
from skmixed.likelihood.result import FitResult, is_linear

# With a larger dense matrix an open likelihood is too much memory to keep.
LARGEST_KEPT = 4000


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted mixed model without its rows.

    Parameters
    ----------
    result : FitResult
    spec : DesignSpec, optional
        How tables become designs; not needed by what speaks of parameters alone.
    alias_weights : ndarray of shape (r, p - r), optional
        Weights with which the kept columns in the basis give the aliased ones.
    row_moments : RowMoments, optional
        Where the cross-products do not give them.
    sketch : RowSketch, optional
        Random sums of the rows, by which other models' columns are known.
    rows_hidden : bool, default=False
        Whether the second moments of the rows cannot be told any more.

    Notes
    -----
    ``open`` and ``few_groups`` are kept with the object, but are no part of its state:
    pickles and copies are small, and open the likelihood anew when they are asked.
    """

    result: FitResult
    spec: DesignSpec | None = None
    alias_weights: np.ndarray | None = None
    row_moments: RowMoments | None = None
    sketch: RowSketch | None = None
    rows_hidden: bool = False

    @classmethod
    def of(cls, result, spec, design):
        """Keep what the rows of a fit tell.

        Parameters
        ----------
        result : FitResult
        spec : DesignSpec
        design : Design
            Of the fit, with weights.

        Returns
        -------
        Fitted
        """
        # those of a working model are weighted by its family
        known = (
            is_linear(result) and design.weights is None and has_column_sums(result.A)
        )
        return cls(
            result,
            spec,
            alias_weights(result, design),
            None if known else RowMoments.of_design(design, result.A.basis),
            RowSketch(design, result.kept),
        )

    @property
    def names(self):
        """Names of the fixed effects that were kept, a list of length r."""
        names = zip(self.spec.coef_names, self.result.kept, strict=True)
        return [name for name, kept in names if kept]

    @property
    def aliased(self):
        """Names of those that earlier columns determine."""
        kept = set(self.names)
        return [name for name in self.spec.coef_names if name not in kept]

    @property
    def moments(self):
        """Second moments of the rows, `RowMoments`.

        Raises
        ------
        ValueError
            Where a model with weights, or without an intercept, was adapted.
        """
        if self.rows_hidden:
            raise UnavailableError(
                "An adapted model does not know the variances of its rows' columns "
                "where rows have weights, or the formula no intercept. Fit it to all "
                "rows."
            )
        if self.row_moments is not None:
            return self.row_moments
        return RowMoments.of_result(self.result)

    @property
    def open(self):
        """The likelihood at the estimates, `OpenFit`: made once, and kept.

        Not kept is one with a dense matrix of more than 4000 columns, 128 MB.
        """
        if "_open" in vars(self):
            return self._open
        opened = OpenFit(self.result)
        if bid_for(self.result.A).columns <= LARGEST_KEPT:
            object.__setattr__(self, "_open", opened)
        return opened

    @property
    def few_groups(self):
        """What rows of a few groups made of an earlier fit, `FewGroups`, or None."""
        return vars(self).get("_few_groups")

    def with_few_groups(self, found):
        """Keep what further rows of a few groups can build on; returns the object."""
        object.__setattr__(self, "_few_groups", found)
        return self

    @property
    def mode_covariances(self):
        """Conditional covariances of the random effects; see `OpenFit`."""
        return self.open.mode_covariances if self.result.groups else ()

    def __getstate__(self):
        state = {name: getattr(self, name) for name in self.__dataclass_fields__}
        if self.few_groups is not None:
            A = self.result.A
            A = replace(A, ZtZ=tuple(A.ZtZ), ZtXy=tuple(A.ZtXy))
            state["result"] = replace(self.result, A=A, modes=tuple(self.result.modes))
        return state


def refuse_held(result, asked):
    """Raise for a model whose variances are held: it maximises no likelihood.

    Parameters
    ----------
    result : FitResult
    asked : str
        Who asks, for the message.

    Raises
    ------
    ValueError
    """
    if result.held_from is not None:
        raise UnavailableError(
            f"{asked} needs a fit that maximises its likelihood; the variances of an "
            f"adapted model are those of the first {result.held_from.n_obs} of its "
            f"{result.n_obs} rows. Fit a model to all rows."
        )


def fitted(model, asked="This", residual=False, *, generalized=False):
    """Fetch what a mixed model has estimated.

    Parameters
    ----------
    model : estimator
    asked : str
        Who asks, for the message.
    residual : bool, default=False
        Whether it holds for models with a residual covariance too.
    generalized : bool, default=False
        Whether what is asked has an answer for responses of other families.

    Returns
    -------
    Fitted

    Raises
    ------
    NotFittedError
    ValueError
        Where the estimator is no mixed model, and where there is no answer for its
        family.
    """
    check_is_fitted(model)
    found = getattr(model, "fitted_", None)
    if isinstance(found, Fitted):
        if not residual:
            refuse_residual(found.result, asked)
        if not generalized and not is_linear(found.result):
            raise UnavailableError(
                f"{asked} is for linear mixed models; it is not there for the "
                f"{found.result.family.name} family of {type(model).__name__}."
            )
        return found
    raise UnavailableError(
        f"{asked} needs a mixed model; {type(model).__name__} is none. Leave the "
        "random part out of the formula of a MixedLinearRegressor instead."
    )


def refuse_residual(result, asked):
    """Raise for a model whose residuals covary.

    Parameters
    ----------
    result : FitResult
    asked : str
        Who asks.

    Raises
    ------
    ValueError
    """
    if getattr(result, "residual", None) is not None:
        raise UnavailableError(
            f"{asked} is for independent residuals, and this model has "
            f"{result.residual.label}. Of such models there are predict, "
            "predict_interval, simulate, summary, describe, equations, conf_int, "
            "profile, bootstrap, anova, contrast_test, drop_fixed_terms, joint_tests, "
            "likelihood_ratio_test, bootstrap_test, emmeans, emtrends, johnson_neyman, "
            "visit_table, check_model, report, pool, influence of subjects and "
            "marginal_cov."
        )
