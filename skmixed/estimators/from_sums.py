"""Fits from sums over rows: of a source, of statistics, of very many rows."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skmixed.errors import (
    ResponseError,
    RowsError,
    UnavailableError,
    WeightError,
    WeightTypeError,
)
from skmixed.estimators.design_facts import FactsOfSums
from skmixed.estimators.diagnostics import warn_about_facts
from skmixed.estimators.freezing import freeze_design
from skmixed.estimators.many_rows import sum_parts
from skmixed.estimators.memory import memory_in_words
from skmixed.estimators.reading import (
    accumulate,
    needed_columns,
)
from skmixed.estimators.statistics import Statistics
from skmixed.estimators.submodel import submodel
from skmixed.formula.table.columns import check_columns
from skmixed.formula.text.errors import FormulaError
from skmixed.formula.text.parse import parse_formula
from skmixed.inference.opened.fitted import Fitted, refuse_held
from skmixed.likelihood.covariance.names import canonical_name
from skmixed.printing.progress import count_done
from skmixed.warnings import warn


class FromSumsMixin:
    """Solve what sums over rows come to, at once or when it is first asked."""

    def _fit_source(self, source, y, sample_weight):
        """Fit to a source of rows, or to statistics of them."""
        if y is not None:
            raise ResponseError(
                "The response of a source of rows is one of its columns: name it on "
                "the left side of the formula, and leave y out."
            )
        self._refuse_residual("A fit to a source of rows")
        self._forget()
        if isinstance(source, Statistics):
            if sample_weight is not None:
                raise WeightError("Statistics hold their weights: leave them out.")
            formula = self._read_formula(None, True)
            if source.spec.formula_text != str(formula):
                source = submodel(source, formula)
            return self._solve(source)
        if not (sample_weight is None or isinstance(sample_weight, str)):
            raise WeightTypeError(
                "sample_weight of a source of rows is the name of a column, not a "
                f"{type(sample_weight).__name__}."
            )
        with memory_in_words(self.formula):
            names = source.names
            formula = self._read_formula(names, True)
            needed = needed_columns(formula, sample_weight)
            check_columns(pd.DataFrame(columns=names), needed)
            frozen = freeze_design(formula, source, sample_weight, self.na_action)
            n, verbose = source.n_rows, self.verbose or None
            with count_done(n, "read", "rows", verbose) as done:
                found = accumulate(frozen, source, done)
            self.feature_names_in_ = np.asarray(names, dtype=object)
            self.n_features_in_ = len(names)
            return self._solve(found, source.blank)

    def _read_formula(self, columns, needs_response):
        formula = parse_formula(self._formula_to_read(), columns=columns)
        formula = formula.with_covariances(canonical_name)
        for remark in formula.remarks:
            warn(remark, section="powers")
        if needs_response and formula.response is None:
            raise FormulaError(
                "The formula names no response; write it on the left side: 'y ~ ...'."
            )
        return formula

    def _refuse_residual(self, asked):
        given = {"residual": self.residual, "dispersion": self.dispersion}
        given = [f"{name}={text!r}" for name, text in given.items() if text]
        if given:
            raise UnavailableError(
                f"{asked} is for independent residuals; {' and '.join(given)} "
                "needs the rows themselves. Pass a frame to fit."
            )

    def _solve(self, statistics, blank=None):
        """Fit to statistics, and publish.

        Parameters
        ----------
        statistics : Statistics
        blank : DataFrame, optional
            Columns of the rows and their types, where these are known.
        """
        settled = self._settle(statistics)
        self._solve_settled(settled, blank)
        self.n_dropped_ = statistics.sums.n_dropped
        self.statistics_ = statistics
        return self

    def _settle(self, statistics):
        """What is fitted, as `Statistics.settled`, after warnings about the design."""
        settled = statistics.settled()
        facts = FactsOfSums(settled[1], statistics.products)
        warn_about_facts(settled[1].formula, facts)
        return settled

    def _solve_settled(self, settled, blank, sketch=None):
        A, spec, alias, moments = settled
        result = self._fit_products(A, self.verbose)
        self.spec_, self._linear_columns_ = spec, None
        if blank is not None:
            self._keep_columns(blank, spec.formula)
        self.formula_, self.n_obs_ = spec.formula_text, A.n_obs
        sketch = None if sketch is None else sketch.done(result.kept)
        self._publish(Fitted(result, spec, alias, moments, sketch))
        self._warn_about_result()

    def _fit_parts(self, given):
        """Fit to very many rows by sums over parts of them; tell whether that went.

        Where it does not, the design of all rows says why, or does better.
        """
        if self.residual is not None or self.dispersion is not None:
            return False
        try:
            statistics, sketch = sum_parts(given)
            settled = self._settle(statistics)
        except (ValueError, TypeError):
            return False
        del statistics  # before the search takes memory
        self._solve_settled(settled, given.frame, sketch)
        return True

    def _sums_of_rows(self):
        check_is_fitted(self)
        self._refuse_residual("A fit to sums of rows")
        found = getattr(self, "statistics_", None)
        if found is None:
            refuse_held(self.result_, "A fit to sums of rows")
            raise RowsError(
                "The model was fitted to a table, and kept no sums of its rows. Fit "
                "it to a source: model.fit(lambda: [frame])."
            )
        return found

    def _forget(self):
        super()._forget()
        self.__dict__.pop("_reader", None)

    def _forget_solution(self):
        """Remove what was solved, so that new rows count; the columns stay known."""
        kept = {"n_features_in_", "feature_names_in_"}
        for name in [n for n in vars(self) if n.endswith("_") and n not in kept]:
            delattr(self, name)

    def __sklearn_is_fitted__(self):
        return "fitted_" in vars(self) or vars(self).get("_reader") is not None

    def __getattr__(self, name):
        # reached for what is not there: the first question after partial_fit
        reader = self.__dict__.get("_reader")
        asked = name.endswith("_") and not name.endswith("__")
        if asked and reader is not None and "_asking" not in self.__dict__:
            self.__dict__["_asking"] = True
            try:
                if "fitted_" not in self.__dict__:
                    self._solve(reader.statistics(), reader.blank)
            finally:
                del self.__dict__["_asking"]
        return object.__getattribute__(self, name)
