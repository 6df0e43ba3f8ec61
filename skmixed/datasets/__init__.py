"""Data sets: classic tables, and simulated ones with a known truth."""

from skmixed.datasets.generate import make_mixed_regression
from skmixed.datasets.loaders import (
    load_cake,
    load_chem97,
    load_dyestuff,
    load_insteval,
    load_london_schools,
    load_machines,
    load_oxboys,
    load_pastes,
    load_penicillin,
    load_scots_schools,
    load_sleepstudy,
)
from skmixed.datasets.reisby import fetch_reisby

__all__ = [
    "fetch_reisby",
    "load_cake",
    "load_chem97",
    "load_dyestuff",
    "load_insteval",
    "load_london_schools",
    "load_machines",
    "load_oxboys",
    "load_pastes",
    "load_penicillin",
    "load_scots_schools",
    "load_sleepstudy",
    "make_mixed_regression",
]
