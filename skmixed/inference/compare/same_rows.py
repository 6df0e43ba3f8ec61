"""Whether models were fitted to the same rows, responses and weights."""

import numpy as np

from skmixed.errors import ComparisonError
from skmixed.likelihood.result import is_linear

# Two sums of squares of one response agree to this, relative.
SAME_SUM = 1e-8
# Products of columns that have one name agree to this, relative.
SAME_PRODUCT = 1e-6
# Random sums of one response agree to this, relative.
SAME_ORDER = 1e-9


def response_sum(A):
    """Weighted sum of squares of the raw response, offset taken off.

    Parameters
    ----------
    A : CrossProducts

    Returns
    -------
    float
    """
    basis, p = A.basis, A.n_fixed
    full = np.append(basis.crude_coef, 1.0)
    moved = A.gram @ full
    total = float(full @ moved)
    if basis.constant.any():
        one = basis.one
        total += 2.0 * basis.y_shift * float(one @ moved[:p])
        total += basis.y_shift**2 * float(one @ A.gram[:p, :p] @ one)
    return total


def refuse_different_data(results, names):
    """Raise unless models were fitted to the same response and weights.

    Parameters
    ----------
    results : sequence of FitResult
    names : sequence of str
        Formulas, for the message.

    Raises
    ------
    ValueError
    """
    first, label = results[0], names[0]
    for other, name in zip(results[1:], names[1:], strict=True):
        if other.n_obs != first.n_obs:
            raise ComparisonError(
                f"The models were fitted to different data: `{label}` to {first.n_obs} "
                f"rows, `{name}` to {other.n_obs}. Were rows dropped for missing "
                "values? Leave out the same rows for both."
            )
        if not (is_linear(first) and is_linear(other)):
            refuse_other_family(first, other, (label, name))
            continue
        if other.A.sigma != first.A.sigma:
            raise ComparisonError(
                f"`{label}` has sigma={first.A.sigma}, `{name}` sigma={other.A.sigma}; "
                "models are compared with one sigma, or with None for both."
            )
        sums = response_sum(first.A), response_sum(other.A)
        weights = first.A.sum_log_weights, other.A.sum_log_weights
        if not (
            np.isclose(*sums, rtol=SAME_SUM, atol=0.0)
            and np.isclose(*weights, rtol=SAME_SUM, atol=SAME_SUM)
        ):
            raise ComparisonError(
                f"`{label}` and `{name}` were fitted to different responses, offsets "
                f"or weights: their weighted sums of squares are {sums[0]:.8g} and "
                f"{sums[1]:.8g}."
            )


def refuse_other_family(one, other, names):
    """Raise unless two models are of one family, approximation and response.

    Parameters
    ----------
    one, other : FitResult
        One of them, at least, of a generalised model.
    names : tuple of two str
        Formulas, for the message.

    Raises
    ------
    ValueError
    """
    kinds = [family_of_result(result) for result in (one, other)]
    if kinds[0] != kinds[1]:
        raise ComparisonError(
            f"Likelihoods of one family are compared; `{names[0]}` is {kinds[0]}, "
            f"`{names[1]}` is {kinds[1]}. Compare AICs, where the responses are the "
            "same numbers."
        )
    if one.fingerprint != other.fingerprint:
        raise ComparisonError(
            f"`{names[0]}` and `{names[1]}` were fitted to different responses, "
            "offsets or weights."
        )
    ways = [r.approximation for r in (one, other) if r.A.factors]
    if len(set(ways)) > 1:
        raise ComparisonError(
            f"The likelihoods are approximated in two ways, {ways[0]} and {ways[1]}: "
            "fit both with one n_quadrature."
        )


def family_of_result(result):
    """Name a family and its link."""
    if is_linear(result):
        return "a linear mixed model"
    return f"{result.family.name} with the {result.family.link.name} link"


def same_order(one, other):
    """Whether two sketches are of the same rows in the same order, by the response.

    Parameters
    ----------
    one, other : RowSketch or None

    Returns
    -------
    bool
    """
    if one is None or other is None or len(one.y) != len(other.y):
        return False
    gap = np.linalg.norm(one.y - other.y)
    return bool(gap <= SAME_ORDER * np.linalg.norm(one.y))


def raw_products(A):
    """``[X y]'X`` of the raw kept columns, of shape (r + 1, r).

    Parameters
    ----------
    A : CrossProducts

    Returns
    -------
    ndarray
    """
    basis, p = A.basis, A.n_fixed
    G = A.gram[:p, :p]
    Xty = G @ basis.crude_coef + A.gram[:p, p]
    if basis.constant.any():
        Xty = Xty + basis.y_shift * (G @ basis.one)
    # X_raw = X_C T^-1
    back = basis.fixed.coordinates
    return np.vstack([back.T @ G @ back, Xty @ back])


def different_columns(results, coef_names):
    """Names that two models share and whose products with each other and y differ.

    Parameters
    ----------
    results : tuple of two FitResult
    coef_names : tuple of two lists of str

    Returns
    -------
    list of str
    """
    shared = [name for name in coef_names[0] if name in coef_names[1]]
    # working models weigh the same columns differently
    if not shared or not all(map(is_linear, results)):
        return []
    found, scale = [], response_sum(results[0].A)
    for result, names in zip(results, coef_names, strict=True):
        places = [names.index(name) for name in shared]
        products = raw_products(result.A)[[*places, -1]][:, places]
        size = np.sqrt(np.maximum(np.diag(products), 0.0))
        found.append((products, np.append(size, np.sqrt(scale))[:, None] * size))
    gap = np.abs(found[0][0] - found[1][0])
    allowed = SAME_PRODUCT * np.maximum(found[0][1], found[1][1])
    return [
        name for name, far in zip(shared, (gap > allowed).T, strict=True) if far.any()
    ]
