"""A few random sums over the rows of a fit: enough to compare column spaces later."""

from functools import cached_property, lru_cache

import numpy as np

from skmixed.likelihood.covariance.names import structure_of

# Sums over the rows, at the most; less than half the rows, so that none can be told.
MOST_SUMS = 256
# Rows of one pass of the random weights, in buckets.
PASSES = 16
# Quadratic forms of every covariance, at the least, and more than its parameters by.
LEAST_FORMS, MORE_FORMS = 12, 4
# Numbers of a table whose sums may wait until they are asked for, 320 kB.
MOST_HELD = 40_000
# Rows for the quadratic forms: all up to so many, else pieces of them.
MOST_ROWS, PIECE = 1024, 128


class RowSketch:
    """Random sums over the rows, with weights that depend on a row's place alone.

    Those of a small table are added up when they are first asked for.

    Parameters
    ----------
    design : Design
    kept : ndarray of bool of shape (p,)
        The fixed-effects columns that are not aliased.

    Notes
    -----
    For generic weights S, columns X_0 lie in the span of X if and only if S X_0 lies in
    that of S X, as long as S has more rows than X has columns; that they do not is
    certain from any S. So are the covariances Z E Z' in the span of others if and only
    if the forms a'Z E Z'a are, for generic vectors a.
    """

    SUMS = ("X", "one", "y", "forms")

    def __init__(self, design, kept):
        self._design, self._kept = design, kept
        wide = sum(block.z.shape[1] + 1 for block in design.random)
        if len(design.X) * (wide + design.X.shape[1] + 1) > MOST_HELD:
            self._add_up()

    def _add_up(self):
        """Find all sums, and let go of the rows."""
        sums = {name: getattr(self, name) for name in self.SUMS}
        self._design = None
        return sums

    def __getstate__(self):
        return self._add_up()

    @cached_property
    def X(self):
        """Sums of the kept fixed-effects columns, of shape (s, r)."""
        return sums_of_columns(self._design.X, self._kept)

    @cached_property
    def one(self):
        """Sums of a constant, of shape (s,)."""
        return sums_of_one(len(self._design.X))

    @cached_property
    def y(self):
        """Sums of the response, of shape (s,)."""
        return bucket_sums(self._design.y)

    @cached_property
    def forms(self):
        """Per random term ``sum_g s_g s_g'``, a tuple of arrays (K, k, k).

        Here s_g is the sum of a z over the rows of a group, for K random vectors a.
        """
        return forms_of(self._design.random, sampled_rows(len(self._design.X)))


class GrowingSketch:
    """The sums of a `RowSketch` over rows that come a part at a time.

    Parameters
    ----------
    n : int
        Rows in all.
    """

    def __init__(self, n):
        self.n, self.n_read = n, 0
        self.X = self.y = 0.0
        self.forms = ()

    def add(self, design):
        """Add the rows of a part."""
        width = len(weights_of_rows(self.n))
        columns = (*design.X.T, design.y)
        sums = np.array([folded(column, width) for column in columns])
        sums = np.roll(sums, self.n_read % width, axis=1)
        self.X, self.y = self.X + sums[:-1], self.y + sums[-1]
        self.n_read += len(design.y)

    def look_at(self, design):
        """Take the quadratic forms from a design of :func:`sampled_rows`."""
        self.forms = forms_of(design.random, slice(None))

    def done(self, kept):
        """The sketch, of the columns that were kept.

        Parameters
        ----------
        kept : ndarray of bool of shape (p,)

        Returns
        -------
        RowSketch
        """
        weights, sketch = weights_of_rows(self.n), RowSketch.__new__(RowSketch)
        X = [by_bucket(weights * sums) for sums in self.X[kept]]
        X = np.array(X).T if X else np.zeros((len(weights) // PASSES, 0))
        sketch.__dict__.update(
            _design=None,
            _kept=kept,
            X=X,
            one=sums_of_one(self.n),
            y=by_bucket(weights * self.y),
            forms=self.forms,
        )
        return sketch


def forms_of(random, rows):
    """Quadratic forms of every random term over some rows; see :class:`RowSketch`.

    Parameters
    ----------
    random : sequence of RandomBlock
    rows : ndarray of int, or slice

    Returns
    -------
    tuple of ndarray of shape (K, k, k)
    """
    m = sum(
        structure_of(b.covariance, b.options, b.effects, b.group).n_theta
        for b in random
    )
    own = [(block.z[rows], block.codes[rows]) for block in random]
    n = len(own[0][1]) if own else 0
    vectors = random_vectors(max(LEAST_FORMS, m + MORE_FORMS), n)
    return tuple(quadratic_forms(z, codes, vectors) for z, codes in own)


def sums_of_columns(X, kept):
    """What :func:`bucket_sums` gives for the kept columns, of shape (s, r)."""
    n, weights = len(X), weights_of_rows(len(X))
    width, r = len(weights) // PASSES, np.count_nonzero(kept)
    if n <= len(weights):  # one pass: all columns at once
        weighted = np.zeros((r, len(weights)))
        np.multiply(X.T[kept], weights[:n], out=weighted[:, :n])
        return weighted.reshape(r, PASSES, width).sum(axis=1).T
    sums = np.empty((width, r))
    for place, column in enumerate(np.flatnonzero(kept)):
        sums[:, place] = bucket_sums(X[:, column])
    return sums


def bucket_sums(column):
    """Weighted sums of a column over buckets of rows, of shape (s,)."""
    weights = weights_of_rows(len(column))
    return by_bucket(weights * folded(column, len(weights)))


def folded(column, width):
    """Sums of the rows that are a width apart, of shape (width,)."""
    whole = len(column) // width
    rest = column[whole * width :]
    total = column[: len(column) - len(rest)].reshape(whole, width).sum(axis=0)
    total[: len(rest)] += rest
    return total


def sums_of_one(n):
    """What :func:`bucket_sums` gives for n ones."""
    weights = weights_of_rows(n)
    whole, rest = divmod(n, len(weights))
    return by_bucket(weights * (whole + (np.arange(len(weights)) < rest)))


def weights_of_rows(n):
    """Weights that n rows take in turn, all passes of the buckets, of shape (16 s,)."""
    return random_weights(PASSES * min(MOST_SUMS, max(n // 2, 1)))


def by_bucket(values):
    """Add the passes up."""
    return values.reshape(PASSES, -1).sum(axis=0)


@lru_cache(maxsize=8)
def random_weights(n):
    """Weights of the buckets' rows, of shape (n,)."""
    return np.random.default_rng(0).standard_normal(n)


@lru_cache(maxsize=8)
def random_vectors(n_forms, n):
    """Vectors of the quadratic forms, of shape (n, K); the same whatever K is."""
    return np.ascontiguousarray(np.random.default_rng(1).random((n_forms, n)).T) - 0.5


def sampled_rows(n):
    """All rows, or pieces of neighbours spread over them."""
    if n <= MOST_ROWS:
        return np.arange(n)
    starts = np.linspace(0, n - PIECE, MOST_ROWS // PIECE).astype(int)
    return (starts[:, None] + np.arange(PIECE)).ravel()


def quadratic_forms(z, codes, vectors):
    """``sum_g s_g s_g'`` of every vector, of shape (K, k, k)."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    weighted = vectors[order] * z[order].T[:, :, None]
    sums = np.add.reduceat(weighted, starts, axis=1)
    return np.matmul(sums.transpose(2, 0, 1), sums.transpose(2, 1, 0))


def directions(sketch, terms, n_forms):
    """Forms of the free covariances, a column each.

    Parameters
    ----------
    sketch : RowSketch
    terms : sequence of Term
        Of free covariances.
    n_forms : int

    Returns
    -------
    ndarray of shape (n_forms, m)
    """
    columns = [np.zeros((n_forms, 0))]
    for forms, (_, _, structure) in zip(sketch.forms, terms, strict=True):
        rows, cols = structure.rows, structure.cols
        twice = np.where(rows == cols, 1.0, 2.0)
        columns.append(twice * forms[:n_forms, rows, cols])
    return np.hstack(columns)
