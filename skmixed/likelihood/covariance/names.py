"""The tables of covariance structures: what formulas and ``residual=`` call them."""

from functools import lru_cache

from skmixed.errors import ArgumentError
from skmixed.likelihood.covariance.correlation import (
    Autoregressive,
    CompoundSymmetry,
    Toeplitz,
    Uncorrelated,
)
from skmixed.likelihood.covariance.free import Diagonal, Unstructured
from skmixed.likelihood.covariance.scaled import Scaled
from skmixed.likelihood.covariance.serial import (
    Antedependence,
    Exponential,
    GapAutoregressive,
    GaussianShape,
)

# Name -> shape of the correlations, and whether variances are equal unless `hom=` says
# so: the defaults of lme4 and glmmTMB. Us has no such option.
SHAPES: dict = {
    "us": (None, None),
    "diag": (Uncorrelated, False),
    "cs": (CompoundSymmetry, False),
    "ar1": (Autoregressive, True),
    "toep": (Toeplitz, False),
}
# Other spellings, of glmmTMB and of SAS: the name, and its option.
ALIASES = {
    "homdiag": ("diag", True),
    "homcs": ("cs", True),
    "homtoep": ("toep", True),
    "hetcs": ("cs", False),
    "hetar1": ("ar1", False),
    "hettoep": ("toep", False),
    "csh": ("cs", False),
    "ar1h": ("ar1", False),
    "toeph": ("toep", False),
}
# The same of residuals, with SAS's defaults; None: no option.
RESIDUALS: dict = {
    "us": (None, None),
    "id": (Uncorrelated, None),
    "diag": (Uncorrelated, False),
    "cs": (CompoundSymmetry, True),
    "ar1": (GapAutoregressive, True),
    "toep": (Toeplitz, True),
    "ad": (Antedependence, True),
    "car1": (Exponential, None),
    "gau": (GaussianShape, None),
}
# Those that are functions of distances in time, and may have a nugget.
BY_LAG = ("ar1", "car1", "gau")
SPELLINGS: dict = {**ALIASES, "adh": ("ad", False), "exp": ("car1", None)}


def canonical_name(name, options=()):
    """The one spelling of a structure.

    Parameters
    ----------
    name : str
    options : tuple of tuple (key, value)

    Returns
    -------
    name : str
    options : tuple of tuple (key, value)
        ``hom`` always written, but for ``us`` and for ``diag`` of unequal variances.

    Raises
    ------
    ValueError
        If the name or an option is not known.

    Examples
    --------
    >>> from skmixed.likelihood.covariance.names import canonical_name
    >>> canonical_name("hetar1")
    ('ar1', (('hom', False),))
    """
    name, hom = chosen(name, dict(options))
    if hom is None or (name == "diag" and not hom):
        return name, ()
    return name, (("hom", hom),)


def chosen(written, options, residual=False):
    """Name in the table, and whether variances are equal (None: no such option).

    Parameters
    ----------
    written : str
    options : dict
    residual : bool, default=False
        Whether it is of residuals.

    Returns
    -------
    name : str
    hom : bool or None

    Raises
    ------
    ValueError
        If the name or an option is not known.
    """
    table, spellings = (RESIDUALS, SPELLINGS) if residual else (SHAPES, ALIASES)
    name, hom = spellings.get(written, (written, None))
    if name not in table:
        what, bar = "covariance structure", "... | group"
        if residual:
            what, bar = "residual covariance", "time | subject"
        raise ArgumentError(
            f"The {what} `{written}({bar})` is not known; there are: "
            f"{', '.join([*table, *spellings])}."
        )
    default = table[name][1]
    known = ["hom"] if default is not None and written not in spellings else []
    known += ["nugget"] if residual and name in BY_LAG else []
    for key, value in options.items():
        if key not in known:
            has = " and ".join([*known, "by"] if residual else known)
            raise ArgumentError(
                f"`{written}()` has no option `{key}`"
                + (f"; it has: {has}." if has else ".")
            )
        if not isinstance(value, bool):
            raise ArgumentError(f"`{written}({key}=...)` should be True or False.")
    return name, options.get("hom", default if hom is None else hom)


def structure_of(name, options, effects, group):
    """The covariance structure of one random term.

    Parameters
    ----------
    name : str
    options : tuple of tuple (key, value)
    effects : sequence of str
        Names of the term's effects.
    group : str

    Returns
    -------
    Structure

    Raises
    ------
    ValueError
        If the name is not known, or a structure that goes by order has an intercept or
        a single effect.
    """
    name, hom = chosen(name, dict(options))
    k, shape = len(effects), SHAPES[name][0]
    if shape is not None and shape.ordered:
        check_ordered(name, effects, group)
    return make(name, hom, k)


@lru_cache(maxsize=256)
def make(name, hom, k):
    """Structure of k effects, made once: what it derives from its fields is kept."""
    if name == "us" or k == 1:
        return Unstructured(k)
    if name == "diag" and not hom:
        return Diagonal(k)
    return Scaled(name, SHAPES[name][0](k), hom)


def check_ordered(name, effects, group):
    """Raise unless the effects are levels that can be put in order."""
    if "Intercept" in effects:
        raise ArgumentError(
            f"`{name}(... | {group})` correlates effects by their order, in which an "
            f"intercept has no place; write `{name}(0 + f | {group})` with a factor f."
        )
    if len(effects) < 2:
        raise ArgumentError(
            f"`{name}(0 + {effects[0]} | {group})` has a single effect, and a "
            "correlation is between several; if it is a number, write "
            f"`{name}(0 + factor({effects[0]}) | {group})`."
        )
