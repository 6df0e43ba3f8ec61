"""Families of responses: the log-density of a row and its derivatives."""

from skmixed.likelihood.families.family import Family, Terms
from skmixed.likelihood.families.names import FAMILIES, family_of

__all__ = ["FAMILIES", "Family", "Terms", "family_of"]
