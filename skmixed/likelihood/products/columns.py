"""The columns that rows are multiplied in: each once, however often it is used."""

from dataclasses import dataclass

import numpy as np

from skmixed.likelihood.products.basis import Basis

# Rows held in the basis at a time: they stay in cache while they are multiplied.
CHUNK_ROWS = 16_384
# Entries that tell most columns apart before all are compared.
SAMPLED = 8


@dataclass(frozen=True)
class DistinctColumns:
    """The different columns among those of X and of every factor's z.

    Parameters
    ----------
    columns : list of ndarray of shape (n,)
        Those of X first, all of them.
    places : tuple of list of int
        For every factor, where each of its effects is among the columns.
    """

    columns: list
    places: tuple[list, ...]

    @classmethod
    def of(cls, X, z):
        """Find the columns of z that X has, or another factor.

        Parameters
        ----------
        X : ndarray of shape (n, p)
        z : sequence of ndarray of shape (n, k_i)

        Returns
        -------
        DistinctColumns
        """
        columns, step = list(X.T), max(1, len(X) // SAMPLED)
        candidates: dict[bytes, list[int]] = {}
        for place, column in enumerate(columns):
            candidates.setdefault(column[::step].tobytes(), []).append(place)
        places = []
        for effects in z:
            own = []
            for column in effects.T:
                alike = candidates.setdefault(column[::step].tobytes(), [])
                same = (a for a in alike if are_equal(columns[a], column))
                place = next(same, len(columns))
                if place == len(columns):
                    alike.append(place)
                    columns.append(column)
                own.append(place)
            places.append(own)
        return cls(columns, tuple(places))

    @classmethod
    def named(cls, X, names, z, effects):
        """Take columns of one name for one: those of a chunk may be alike by chance.

        Parameters
        ----------
        X : ndarray of shape (n, p)
        names : sequence of str of length p
        z : sequence of ndarray of shape (n, k_i)
        effects : sequence of tuple of str of length k_i

        Returns
        -------
        DistinctColumns
        """
        columns, known = list(X.T), {name: place for place, name in enumerate(names)}
        for own, values in zip(effects, z, strict=True):
            for name, column in zip(own, values.T, strict=True):
                if name not in known:
                    known[name] = len(columns)
                    columns.append(column)
        return cls(columns, tuple([known[name] for name in own] for own in effects))


def are_equal(one, other):
    """Whether two columns hold the same numbers, or are the same memory."""
    places = (column.__array_interface__ for column in (one, other))
    same = len({(place["data"], place["strides"]) for place in places}) == 1
    return same or np.array_equal(one, other)


@dataclass(frozen=True, eq=False)
class Moments:
    """Weighted means and covariances of columns.

    Parameters
    ----------
    mean : ndarray of shape (w,)
    covariance : ndarray of shape (w, w)
        Sums are divided by the sum of the weights.
    deviation : ndarray of shape (w,)
        Standard deviations; infinite for a constant, that cannot be scaled by its own.
    """

    mean: np.ndarray
    covariance: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, columns, residual):
        """Take the moments of columns.

        Parameters
        ----------
        columns : list of ndarray of shape (n,)
        residual : Residual

        Returns
        -------
        Moments
        """
        n = len(columns[0])
        total, mean = residual.means(columns)
        squares, ones = 0.0, [1.0] * len(columns)
        buffer = np.empty((len(columns), min(n, CHUNK_ROWS)))
        for chunk in chunks(n):
            centred = standardise(columns, mean, ones, chunk, buffer)
            squares = squares + residual.times(centred, chunk) @ centred.T
        mean, covariance = np.array(mean), squares / total
        deviation = np.sqrt(covariance.diagonal())
        # a shifted constant leaves its rounding behind, which is no scale
        deviation[deviation <= 8 * np.finfo(float).eps * np.abs(mean)] = np.inf
        return cls(mean, covariance, deviation)

    def about(self, shift, places):
        """Mean products of columns from which a shift has been taken.

        Parameters
        ----------
        shift : ndarray of shape (r,)
        places : sequence of int of length r

        Returns
        -------
        ndarray of shape (r, r)
        """
        left = self.mean[places] - shift
        return self.covariance[places][:, places] + left[:, None] * left


@dataclass(frozen=True, eq=False)
class FramedRows:
    """Rows in the basis: the columns of X, the response, and further ones of z.

    Parameters
    ----------
    basis : Basis
    columns : list of ndarray of shape (n,)
        Raw columns of X that are kept, and further ones.
    shift, scale : list of float
    places : tuple of list of int
        For every factor, where its effects are among the rows of :meth:`fill`.
    """

    basis: Basis
    columns: list
    shift: list
    scale: list
    places: tuple[list, ...]

    @classmethod
    def of(cls, distinct, basis):
        """Put distinct columns into a basis, whatever it mixes of random effects.

        Parameters
        ----------
        distinct : DistinctColumns
        basis : Basis

        Returns
        -------
        FramedRows
        """
        fixed = basis.fixed
        used = [*column_keys(fixed.kept.tolist(), fixed)]
        r = len(used)
        seen = {} if fixed.mix is not None else dict(zip(used, range(r), strict=True))
        places = []
        for own, change in zip(distinct.places, basis.random, strict=True):
            keys = [*column_keys(own, change)]
            for key in keys:
                if key not in seen:
                    used.append(key)
                    seen[key] = len(used)  # the response stands after X
            places.append([seen[key] for key in keys])
        return cls(
            basis,
            [distinct.columns[place] for place, _, _ in used],
            [shift for _, shift, _ in used],
            [scale for _, _, scale in used],
            tuple(places),
        )

    def fill(self, y, chunk, buffer):
        """Rows in the basis.

        Parameters
        ----------
        y : ndarray of shape (n,)
        chunk : slice
            Of the rows.
        buffer : ndarray of shape (w, at least n_chunk)
            What is returned is a part of it.

        Returns
        -------
        ndarray of shape (w, n_chunk)
            The r columns of X, the response, the further columns of z.
        """
        basis, r = self.basis, len(self.basis.fixed.kept)
        X = standardise(self.columns[:r], self.shift, self.scale, chunk, buffer)
        if basis.fixed.mix is not None:
            X[:] = basis.fixed.mix.T @ X
        own = buffer[:, : X.shape[1]]
        own[r] = basis.response(y[chunk], X.T)
        standardise(
            self.columns[r:], self.shift[r:], self.scale[r:], chunk, own[r + 1 :]
        )
        return own


def column_keys(places, change):
    """Place, shift and scale of every column: what tells columns in a basis apart."""
    return zip(places, change.shift.tolist(), change.scale.tolist(), strict=True)


def chunks(n):
    """Yield slices of n rows, few enough to stay in cache."""
    for start in range(0, n, CHUNK_ROWS):
        yield slice(start, min(start + CHUNK_ROWS, n))


def standardise(columns, shift, scale, chunk, buffer):
    """Shift and scale some rows of columns.

    Parameters
    ----------
    columns : list of ndarray of shape (n,)
    shift, scale : sequence of float
        One for every column, or more.
    chunk : slice
        Of the rows.
    buffer : ndarray of shape (at least r, at least n_chunk)

    Returns
    -------
    ndarray of shape (r, n_chunk)
        A part of the buffer.
    """
    out = buffer[: len(columns), : chunk.stop - chunk.start]
    for row, column, origin, unit in zip(out, columns, shift, scale, strict=False):
        np.subtract(column[chunk], origin, out=row)
        if unit != 1.0:
            row /= unit
    return out
