"""Small random designs of every shape a formula can ask for, from a seed.

They carry the attributes of the formula room's designs and nothing else, so that the
likelihood is tested without a formula. `random_design(i)` is the same for ever; its
shape is ``SHAPES[i % len(SHAPES)]``, the rest (scales, balance, weights, offset, true
variances, zero components) is drawn.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RandomBlock:
    """The arrays of one random term."""

    group: str
    effects: tuple[str, ...]
    z: np.ndarray
    codes: np.ndarray
    n_levels: int
    covariance: str = "us"
    options: tuple = ()
    constant: np.ndarray | None = None


@dataclass(frozen=True)
class Design:
    """The arrays of one model."""

    X: np.ndarray
    y: np.ndarray
    random: tuple[RandomBlock, ...]
    offset: np.ndarray | None = None
    weights: np.ndarray | None = None
    constant: np.ndarray | None = None


# Factors are trees: "a" alone, "a:b" within "a", "a:b:c" within "a:b"; "s" and "t"
# cross them. Effects: 1 the intercept, x w v covariates, f g h the dummies of a
# factor; d in front of the bar makes the term diagonal.
SHAPES = (
    "1|a",
    "1x|a",
    "x|a",
    "1xw|a",
    "1xwv|a",
    "xw|a",
    "fgh|a",
    "1gh|a",
    "1xd|a",
    "1xwvd|a",
    "1|a x|a",
    "1x|a wv|a",
    "1|a fgd|a",
    "1|a 1|a:b",
    "1|a:b 1|a",
    "1x|a 1|a:b",
    "1x|a 1w|a:b",
    "xd|a:b 1x|a 1|a:b",
    "1|a 1|a:b 1|a:b:c",
    "1x|a 1|a:b 1x|a:b:c",
    "1|a 1|s",
    "1|s 1|a",
    "1x|a 1|s",
    "1|a 1x|s",
    "1x|a 1w|s",
    "1xd|a fgh|s",
    "1|a x|a 1|s",
    "1|a 1|s 1|t",
    "1x|a 1|s 1w|t",
    "1|a 1|a:b 1|s",
    "1|s 1x|a:b 1|a",
    "1x|a 1|a:b 1w|s",
    "1|a 1|a:b 1|s 1|t",
)

# Trees of factors, each within the one before; all other shapes with two factors cross.
CHAINS = {shape for shape in SHAPES if "|s" not in shape and "|t" not in shape}


def regimes(shape):
    """Regimes of elimination that are exact for a shape; dense is so for all.

    The stochastic one is where directions without chance span all effects.
    """
    n_factors = len({term.split("|")[1] for term in shape.split()})
    if n_factors == 1:
        return ["dense", "batched"]
    both = ["nested"] if shape in CHAINS else ["stochastic"]
    return ["dense", "crossed", "sparse", *both]


def random_design(index, *, seed=0):
    """One design of shape ``SHAPES[index % len(SHAPES)]``."""
    rng = np.random.default_rng([seed, index])
    terms = [term.split("|") for term in SHAPES[index % len(SHAPES)].split()]
    n = int(rng.integers(50, 61))
    columns = _columns(rng, n)
    deep = any(name == "a:b:c" for _, name in terms)
    codes = _grouping(rng, n, leaves=12 if deep else int(rng.integers(16, 21)))
    random = tuple(_block(name, effects, columns, codes) for effects, name in terms)
    X, constant = _fixed(rng, n, columns)
    mean = X @ rng.normal(size=X.shape[1]) / np.maximum(_size(X), 1e-300).max(initial=1)
    offset = rng.normal(size=n) if rng.random() < 0.2 else None
    weights = np.exp(0.7 * rng.normal(size=n)) if rng.random() < 0.25 else None
    noise = rng.normal(size=n) / (1 if weights is None else np.sqrt(weights))
    y = mean + noise + (0 if offset is None else offset)
    for block in random:
        y = y + _effect_of(rng, block)
    y = y * 10.0 ** rng.uniform(-1, 1)
    return Design(np.asfortranarray(X), y, random, offset, weights, constant)


def _columns(rng, n):
    """Covariates on very different scales, and the dummies of a factor."""
    x = rng.normal(size=(3, n)) * 10.0 ** rng.uniform(-2, 2, size=(3, 1))
    shifted = rng.random((3, 1)) < 0.4
    x = x + shifted * 10 * np.abs(x).max(axis=1, keepdims=True)
    dummies = np.eye(3)[rng.permutation(np.arange(n) % 3)].T
    return {"1": np.ones(n), **dict(zip("xwvfgh", [*x, *dummies], strict=True))}


def _grouping(rng, n, leaves):
    """Codes of every factor: a tree a > a:b > a:b:c, and two that cross it."""
    leaf = _draw(rng, n, leaves)
    middle = np.arange(leaves) // 2
    top = np.arange(middle.max() + 1) // 2
    return {
        "a": top[middle[leaf]],
        "a:b": middle[leaf],
        "a:b:c": leaf,
        "s": _draw(rng, n, int(rng.integers(4, 7))),
        "t": _draw(rng, n, 4),
    }


def _draw(rng, n, n_levels):
    """Codes in which every level occurs: balanced, uneven or with singletons."""
    style = rng.integers(3)
    if style == 0:
        codes = np.arange(n) % n_levels
    elif style == 1:
        odds = rng.dirichlet(np.full(n_levels, 0.8))
        codes = np.append(
            np.arange(n_levels), rng.choice(n_levels, n - n_levels, p=odds)
        )
    else:
        many = n_levels - n_levels // 3
        codes = np.append(np.arange(n_levels), rng.integers(many, size=n - n_levels))
    return rng.permutation(codes)


def _block(name, effects, columns, codes):
    diagonal, effects = effects.endswith("d"), tuple(effects.removesuffix("d"))
    n = len(columns["1"])
    if effects == ("1",):
        z = np.broadcast_to(1.0, (n, 1))
    else:
        z = np.asfortranarray(np.column_stack([columns[name] for name in effects]))
    constant = None
    if effects[0] == "1":
        constant = (np.arange(len(effects)) == 0).astype(float)
    elif effects == tuple("fgh"):
        constant = np.ones(3)
    covariance, n_levels = "diag" if diagonal else "us", int(codes[name].max()) + 1
    return RandomBlock(
        name, effects, z, codes[name], n_levels, covariance, constant=constant
    )


def _fixed(rng, n, columns):
    """From no column at all to six."""
    names = "1xwvgh"[: rng.integers(7)]
    if rng.random() < 0.15:
        names = ("fgh" + names[1:4])[:6]  # full dummies span the constant
    if rng.random() < 0.1:
        names = names[1:]
    X = np.column_stack([np.zeros((n, 0))] + [columns[name] for name in names])
    if not X.shape[1] or not np.isin(("1", "f"), list(names)).any():
        return X, None
    members = "1" if names[0] == "1" else "fgh"
    return X, np.array([float(name in members) for name in names])


def _size(X):
    return np.sqrt((X**2).mean(axis=0))


def _effect_of(rng, block):
    """Z b for true covariances that are often zero or of deficient rank."""
    k = block.z.shape[1]
    root = rng.normal(size=(k, k))
    style = rng.integers(4)
    if style == 0:
        root[rng.integers(k) :] = 0  # the last components do not vary
    elif style == 1:
        root[:, 1:] = 0  # perfect correlation
    scaled = block.z / _size(block.z)
    if block.covariance == "diag":
        root = np.diag(np.diag(root))
    b = rng.normal(size=(block.n_levels, k)) @ root.T
    return np.einsum("ik,ik->i", scaled, b[block.codes])
