"""Whether one fitted model is a special case of another, and by what they differ."""

from dataclasses import dataclass

import numpy as np

# Two sums of squares of one response agree to this, relative.
SAME_SUM = 1e-8


@dataclass(frozen=True)
class Difference:
    """What a model has beyond a smaller one.

    Parameters
    ----------
    n_fixed : int
        Fixed effects.
    n_free : int
        Covariances that may have either sign.
    blocks : tuple of tuple (factor, effects, diagonal)
        Random effects whose variances the smaller model holds at zero: a factor of the
        larger one, positions of its effects, and whether they are independent.
    """

    n_fixed: int
    n_free: int
    blocks: tuple

    @property
    def n_parameters(self):
        """All parameters that the smaller model lacks."""
        return self.n_fixed + self.n_free + self.n_cone

    @property
    def n_cone(self):
        """Parameters within the blocks, whose variances cannot be negative."""
        return sum(
            len(effects) if diagonal else len(effects) * (len(effects) + 1) // 2
            for _, effects, diagonal in self.blocks
        )


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
            raise ValueError(
                f"The models were fitted to different data: `{label}` to {first.n_obs} "
                f"rows, `{name}` to {other.n_obs}. Were rows dropped for missing "
                "values? Leave out the same rows for both."
            )
        sums = response_sum(first.A), response_sum(other.A)
        weights = first.A.sum_log_weights, other.A.sum_log_weights
        if not (
            np.isclose(*sums, rtol=SAME_SUM, atol=0.0)
            and np.isclose(*weights, rtol=SAME_SUM, atol=SAME_SUM)
        ):
            raise ValueError(
                f"`{label}` and `{name}` were fitted to different responses, offsets "
                f"or weights: their weighted sums of squares are {sums[0]:.8g} and "
                f"{sums[1]:.8g}."
            )


def difference(small, large, names, coef_names):
    """Find what a model has beyond a smaller one that is a special case of it.

    Parameters
    ----------
    small, large : FitResult
    names : tuple of two str
        Formulas, for the message.
    coef_names : tuple of two lists of str
        Names of the kept fixed effects.

    Returns
    -------
    Difference

    Raises
    ------
    ValueError
        If the smaller model has a fixed effect, a random effect or a covariance that
        the larger one lacks. Only names are compared.
    """
    lacking = [name for name in coef_names[0] if name not in coef_names[1]]
    old, new = free_entries(small), free_entries(large)
    lacking += [write_entry(entry) for entry in sorted(set(old) - set(new))]
    if lacking:
        raise ValueError(
            f"`{names[0]}` is not nested in `{names[1]}`, which lacks: "
            f"{', '.join(lacking)}. A likelihood-ratio test needs every term of the "
            "smaller model in the larger one, in the same coding; compare models that "
            "are not nested by AIC or cross-validation."
        )
    added = set(new) - set(old)
    zero = {(group, a) for group, a, b in added if a == b}
    blocks = []
    for j, effects, diagonal in large.terms:
        key = factor_key(large.groups[j])
        fresh = tuple(e for e in effects if (key, large.effects[j][e]) in zero)
        if fresh:
            blocks.append((j, fresh, diagonal or len(fresh) == 1))
    n_fixed = len(coef_names[1]) - len(coef_names[0])
    found = Difference(n_fixed, 0, tuple(blocks))
    return Difference(n_fixed, len(added) - found.n_cone, tuple(blocks))


def factor_key(group):
    """Name of a grouping factor; a:b and b:a are one."""
    return ":".join(sorted(group.split(":")))


def free_entries(result):
    """Free entries of the covariances by name: (group, effect, effect).

    Parameters
    ----------
    result : FitResult

    Returns
    -------
    list of tuple
    """
    entries = []
    for j, effects, diagonal in result.terms:
        group = factor_key(result.groups[j])
        named = sorted(result.effects[j][e] for e in effects)
        for i, one in enumerate(named):
            entries += [
                (group, one, other)
                for other in named[i:]
                if not diagonal or one == other
            ]
    return entries


def write_entry(entry):
    """Write a free entry for a message."""
    group, one, other = entry
    kind = "variance of" if one == other else f"covariance of `{one}` and"
    return f"the {kind} `{other}` by `{group}`"
