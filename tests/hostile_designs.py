"""Small designs whose likelihoods have several optima, of three kinds, from a seed.

``hostile_design(kind, index, seed=seed)`` is the same for ever:

- ``"simpson"``: the slope within groups differs from the slope between them, and groups
  are apart in the covariate, so that a between-group slope without variance between
  groups competes with the slope within groups and a large one.
- ``"heavy"``: random intercepts with tails as a Cauchy distribution's in effects and
  residuals, weights within a factor of 10, and outlying groups.
- ``"wild"``: one to three factors, up to four effects each, weights over six orders,
  scales over twelve, outliers, few rows.

:func:`best_of_many_starts` is the reference that a fit is held against.
"""

import numpy as np
from random_designs import Design, RandomBlock

# Variances of the scale-free effects that the reference starts from.
VARIANCES = (1e-3, 0.05, 0.4, 2.0, 16.0, 128.0, 1e3, 1e4)
# Those of one block of effects where the others start small, or the reverse.
CONTRASTS = ((100.0, 0.1), (1e4, 0.1), (0.01, 30.0))


def hostile_design(kind, index, *, seed=0):
    """Draw one design.

    Parameters
    ----------
    kind : {"simpson", "heavy", "wild"}
    index : int
    seed : int, default=0

    Returns
    -------
    Design
    reml : bool
    """
    number = sorted(KINDS).index(kind)
    rng = np.random.default_rng([seed, number, index])
    return KINDS[kind](rng), bool(rng.random() < 0.5)


def simpson(rng):
    """Groups aligned with the covariate, against the slope within them."""
    n_groups, n_within = int(rng.integers(5, 61)), int(rng.integers(4, 51))
    codes = np.repeat(np.arange(n_groups), n_within)
    n = len(codes)
    within, between = rng.choice([-1, 1]) * rng.uniform(0.2, 3.0), rng.uniform(0.2, 3.0)
    apart = np.exp(rng.uniform(0, np.log(30.0)))
    centre = rng.permutation(n_groups) * apart / (1 if rng.random() < 0.5 else 5)
    if rng.random() < 0.3:
        centre = apart * rng.normal(size=n_groups)
    x = centre[codes] + rng.normal(size=n)
    mean = within * (x - centre[codes]) - np.sign(within) * between * centre[codes]
    spread = rng.choice([0.0, 0.1, 1.0, apart]) * rng.normal(size=n_groups)
    y = mean + spread[codes] + rng.choice([0.3, 1.0, 3.0]) * rng.normal(size=n)
    columns = [np.ones(n), x]
    if rng.random() < 0.5:
        second = rng.normal(size=n) + rng.choice([0, 1]) * centre[codes] / apart
        columns.append(second)
        y = y + rng.normal() * second
    ones = np.ones(n)
    terms = [("a", np.column_stack([ones, x] if rng.random() < 0.3 else [ones]), codes)]
    variant = rng.integers(4)
    if variant == 1:
        inner = codes * 2 + rng.integers(2, size=n)
        y = y + rng.uniform(0, 2) * rng.normal(size=2 * n_groups)[inner]
        terms.append(("a:b", ones[:, None], inner))
    elif variant == 2:
        other = rng.permutation(np.arange(n) % int(rng.integers(4, 9)))
        y = y + rng.uniform(0, 2) * rng.normal(size=9)[other]
        terms.append(("s", ones[:, None], other))
    return compose(np.column_stack(columns), y, terms)


def heavy(rng):
    """Random intercepts with outliers and weights."""
    n_groups = int(rng.integers(4, 26))
    n = int(rng.integers(2 * n_groups + 4, 6 * n_groups + 10))
    codes = np.append(np.arange(n_groups), rng.integers(n_groups, size=n - n_groups))
    df = rng.choice([1.0, 1.5, 3.0])
    x = rng.standard_t(df, size=n) if rng.random() < 0.4 else rng.normal(size=n)
    y = rng.normal() * x + rng.standard_t(df, size=n)
    y = y + 10 ** rng.uniform(-1.5, 1) * rng.standard_t(df, size=n_groups)[codes]
    weights = 10 ** rng.uniform(0, 1, size=n) if rng.random() < 0.7 else None
    if rng.random() < 0.3:
        # an outlier in a group of its own
        codes = np.append(codes, n_groups)
        x, y = np.append(x, rng.normal()), np.append(y, 1e3 * rng.standard_t(df))
        weights = None if weights is None else np.append(weights, 1.0)
    X = np.column_stack([np.ones(len(y)), x])
    return compose(X, y, [("a", np.ones((len(y), 1)), codes)], weights)


def wild(rng):
    """Anything at all."""
    n = int(rng.choice([rng.integers(10, 21), rng.integers(21, 61), 150]))
    p, n_factors = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    scales = 10 ** rng.uniform(-6, 6, size=8)
    covariates = rng.normal(size=(n, 8))
    if rng.random() < 0.3:
        covariates = rng.standard_t(1.5, size=(n, 8))
    X = np.column_stack([np.ones(n), covariates[:, : p - 1]])
    mean, terms = X @ rng.normal(size=p), []
    for j in range(n_factors):
        codes, z, chosen = wild_term(rng, covariates)
        q = z.shape[1]
        n_levels = int(codes.max()) + 1
        size = 10 ** rng.uniform(-2, 2, size=q) * (rng.random(q) < 0.7)
        b = rng.normal(size=(n_levels, q)) * size
        mean = mean + np.einsum("ik,ik->i", z, b[codes])
        rescaled = z * np.append(1.0, scales)[chosen]
        if n_levels * q < n:
            terms.append(("abc"[j], rescaled, codes, rng.random() < 0.3))
    if not terms:
        terms = [("a", np.ones((n, 1)), rng.permutation(np.arange(n) % 4))]
    X = X * np.append(1.0, scales[: p - 1])
    y = mean + rng.normal(size=n)
    if rng.random() < 0.3:
        y = y + (rng.random(n) < 0.1) * 1e2 * rng.standard_t(1, size=n)
    weights = None
    if rng.random() < 0.5:
        weights = 10 ** rng.uniform(0, rng.choice([1, 3, 6]), size=n)
    return compose(X, y * 10 ** rng.uniform(-6, 6), terms, weights)


def wild_term(rng, covariates):
    """Codes of some levels, columns of some effects, and which these are."""
    n = len(covariates)
    n_levels = int(rng.integers(2, max(3, n // 4)))
    codes = np.append(np.arange(n_levels), rng.integers(n_levels, size=n))[:n]
    q = int(min(rng.choice([1, 1, 2, 3, 4]), max(1, (n - 1) // n_levels)))
    chosen = np.append(0, 1 + rng.permutation(8)[: q - 1])
    if rng.random() < 0.2:
        chosen = 1 + rng.permutation(8)[:q]
    pool = np.column_stack([np.ones(n), covariates])
    return rng.permutation(codes), pool[:, chosen], chosen


KINDS = {"simpson": simpson, "heavy": heavy, "wild": wild}


def compose(X, y, terms, weights=None):
    """Arrays of a model from its terms (group, z, codes, is it diagonal)."""
    blocks = []
    for group, z, codes, *diagonal in terms:
        # levels that no row has are left out
        levels, codes = np.unique(codes, return_inverse=True)
        names = tuple(f"z{i}" for i in range(z.shape[1]))
        covariance = "diag" if any(diagonal) else "us"
        blocks.append(RandomBlock(group, names, z, codes, len(levels), covariance))
    return Design(np.asfortranarray(X), y, tuple(blocks), weights=weights)


def best_of_many_starts(deviance, descend):
    """Best deviance that descents from many starts reach.

    Parameters
    ----------
    deviance : ProfiledDeviance
    descend : callable
        Takes a theta, returns an Optimum.

    Returns
    -------
    Optimum
    """
    found = [descend(theta) for theta in reference_starts(deviance.structures)]
    return min(found, key=lambda optimum: optimum.value)


def reference_starts(structures):
    """Isotropic starts of every size, and each block large or small alone."""
    blocks = [(j, b) for j, t in enumerate(structures) for b in t.free_blocks]
    choices = [[v] * len(blocks) for v in VARIANCES]
    if len(blocks) > 1:
        for position in range(len(blocks)):
            for alone, others in CONTRASTS:
                choices.append([others] * len(blocks))
                choices[-1][position] = alone
    for variances in choices:
        Psi = [np.zeros((t.n_effects, t.n_effects)) for t in structures]
        for (j, block), variance in zip(blocks, variances, strict=True):
            Psi[j][block, block] = variance * np.eye(block.stop - block.start)
        yield np.concatenate(
            [t.nearest(M) for t, M in zip(structures, Psi, strict=True)]
        )
