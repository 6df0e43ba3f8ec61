"""The table of families: by R's name and link."""

from typing import Any

from skmixed.errors import ArgumentError
from skmixed.likelihood.families.beta import BetaLogit
from skmixed.likelihood.families.binomial import (
    BinomialCloglog,
    BinomialLogit,
    BinomialProbit,
)
from skmixed.likelihood.families.count import NegativeBinomialLog, PoissonLog
from skmixed.likelihood.families.gaussian import GaussianIdentity
from skmixed.likelihood.families.ordinal import OrdinalLogit, OrdinalProbit
from skmixed.likelihood.families.positive import (
    GammaInverse,
    GammaLog,
    InverseGaussianLog,
)

FAMILIES: dict[tuple[str, str], Any] = {
    (cls.name, cls.link.name): cls
    for cls in (
        BetaLogit,
        BinomialCloglog,
        BinomialLogit,
        BinomialProbit,
        GammaInverse,
        GammaLog,
        GaussianIdentity,
        InverseGaussianLog,
        NegativeBinomialLog,
        OrdinalLogit,
        OrdinalProbit,
        PoissonLog,
    )
}


def family_of(name, link, n_grades=None):
    """Look a family up.

    Parameters
    ----------
    name, link : str
        As R names them.
    n_grades : int, optional
        Of ordinal responses.

    Returns
    -------
    Family

    Raises
    ------
    ValueError
        That lists the links that the family has.

    Examples
    --------
    >>> family_of("poisson", "log").n_psi
    0
    """
    links = sorted(key[1] for key in FAMILIES if key[0] == name)
    if link not in links:
        raise ArgumentError(
            f"`link` is {link!r}; it should be one of: {', '.join(links) or 'none'}."
        )
    cls = FAMILIES[name, link]
    return cls() if n_grades is None else cls(n_grades)
