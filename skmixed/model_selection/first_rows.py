"""Folds of whole groups whose first rows are known."""

import numpy as np
from sklearn.model_selection import GroupKFold
from sklearn.utils.validation import check_consistent_length

from skmixed.errors import ArgumentError


class FirstRowsKFold:
    """Folds of whole groups, of which the first rows are in the training rows.

    The situation between new and known groups: a customer has come in with a few rows,
    and the next ones are predicted.

    Parameters
    ----------
    n_rows : int
        Rows of every group that are known, in the order of the table.
    n_splits : int, default=5
        Folds, of whole groups.
    skip : int, default=None
        Rows of a group before those that are predicted, `n_rows` by default: where
        several numbers of known rows are compared, all of them predict the same rows.

    See Also
    --------
    compare_models : Its ``first_rows`` makes one for every number of rows.
    skmixed.MixedLinearRegressor.adapt : The same without the training rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skmixed.model_selection import FirstRowsKFold
    >>> groups = np.array([0, 0, 0, 1, 1, 1])
    >>> for train, test in FirstRowsKFold(1, n_splits=2).split(groups, groups=groups):
    ...     print(train, test)
    [0 1 2 3] [4 5]
    [0 3 4 5] [1 2]
    """

    def __init__(self, n_rows, n_splits=5, *, skip=None):
        self.n_rows, self.n_splits, self.skip = n_rows, n_splits, skip

    def get_n_splits(self, X=None, y=None, groups=None):
        """Number of folds.

        Parameters
        ----------
        X, y, groups : object
            Not looked at.

        Returns
        -------
        int
        """
        return self.n_splits

    def split(self, X, y=None, groups=None):
        """Split the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
        groups : array-like of shape (n_samples,)

        Yields
        ------
        train, test : ndarray of int

        Raises
        ------
        ValueError
            Without groups, and where no group of a fold has rows left to predict.
        """
        if groups is None:
            raise ArgumentError("FirstRowsKFold needs groups.")
        check_consistent_length(X, groups)
        skip = self.n_rows if self.skip is None else self.skip
        if not 0 <= self.n_rows <= skip:
            raise ArgumentError(
                f"n_rows={self.n_rows} should be from 0 to skip, which is {skip}."
            )
        place = place_in_group(groups)
        for train, test in GroupKFold(self.n_splits).split(X, y, groups):
            later = test[place[test] >= skip]
            if not len(later):
                raise ArgumentError(
                    f"No group of a fold has more than {skip} rows; take fewer first "
                    "rows, or fewer folds."
                )
            known = test[place[test] < self.n_rows]
            yield np.sort(np.concatenate([train, known])), later


def place_in_group(groups):
    """Place of every row among the rows of its group, from 0, of shape (n,)."""
    codes = np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max(initial=0) + 1))
    place = np.empty(len(codes), dtype=np.int64)
    place[order] = np.arange(len(codes)) - starts[codes[order]]
    return place
