"""How short the part of a column may be that the columns before it do not give."""

import numpy as np

# A column is aliased when its part orthogonal to the columns before it is shorter than
# this, relative to its own centred length (the tolerance of R's qr and lme4).
ALIASED = 1e-7
# What is left of a product of columns far from zero is kept while it holds four digits.
ROUNDING = 1e4 * float(np.finfo(float).eps)
# Rows at which products are looked for before all are compared.
SAMPLED = 8


def shortest_parts(X, doubtful):
    """Root mean squares below which columns are determined by the ones before them.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    doubtful : sequence of int of length d
        Columns that are shorter than ALIASED allows.

    Returns
    -------
    ndarray of shape (d,)
        Infinite for a column that is no product.

    Notes
    -----
    Far from zero a product ``x f`` is all but ``mean(x) f``: what it adds is measured
    by the product of the centred factors, ``(x - mean(x)) (f - mean(f))``, and by the
    digits that doubles leave of it. A product with a level is the number within that
    level, and centred there.
    """
    found = []
    for j in doubtful:
        bare = bare_lengths(X, j)
        size = np.sqrt(np.mean(X[:, j] ** 2))
        found.append(max(ALIASED * min(bare), ROUNDING * size) if bare else np.inf)
    return np.array(found)


def bare_lengths(X, j):
    """Root mean squares of a column as a product of centred factors, in each way."""
    n, column = len(X), X[:, j]
    inside, found = column != 0, []
    if not inside.all():
        own = column[inside]
        found.append(np.sqrt(np.sum((own - own.mean()) ** 2) / n))
    rows = X[:: max(1, n // SAMPLED)]
    before = rows[:, :j]
    alike = (before[:, :, None] * before[:, None, :] == rows[:, j, None, None]).all(0)
    for a, b in zip(*np.nonzero(np.triu(alike)), strict=True):
        factors = [X[:, a], X[:, b]]
        if all(map(np.ptp, factors)) and np.array_equal(np.prod(factors, 0), column):
            one, other = (factor - factor.mean() for factor in factors)
            found.append(np.sqrt(np.mean((one * other) ** 2)))
    return found
