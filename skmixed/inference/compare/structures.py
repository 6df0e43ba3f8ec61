"""Terms of two models with the same effects, compared by their structures."""

from skmixed.likelihood.covariance.structure import contains


def factor_key(group):
    """Name of a grouping factor; a:b and b:a are one."""
    return ":".join(sorted(group.split(":")))


def pair_structured(small, large):
    """Terms of both models with the same effects where one is not free.

    Parameters
    ----------
    small, large : FitResult

    Returns
    -------
    pairs : list of tuple (Term, Term or None)
        Of the smaller model and of the larger one; None where that has no such term.
    alone : list of Term
        Structured terms of the larger model that the smaller one lacks.
    """
    old, new = ({term_key(r, t): t for t in r.terms} for r in (small, large))
    pairs = [
        (term, new.get(key))
        for key, term in old.items()
        if is_structured(term) or (key in new and is_structured(new[key]))
    ]
    alone = [t for key, t in new.items() if is_structured(t) and key not in old]
    return pairs, alone


def is_structured(term):
    """Whether a term's covariance is not free in entries of its own."""
    return not term.structure.free_blocks


def holds(term, other):
    """Whether a term, if there is one, can be what another one of its effects is."""
    return term is not None and contains(term.structure, other.structure)


def term_key(result, term):
    """What makes two terms the same but for their structure."""
    names = result.effects[term.factor]
    group = factor_key(result.groups[term.factor])
    return group, tuple(names[e] for e in term.effects)


def write_structure(term, result):
    """Write the covariance of a whole term for a message."""
    names = ", ".join(f"`{result.effects[term.factor][e]}`" for e in term.effects)
    return f"the covariance of {names} by `{result.groups[term.factor]}`"
