"""Data sets: classic tables, and simulated ones with a known truth."""

from skmixed.datasets.generate import make_mixed_classification, make_mixed_regression
from skmixed.datasets.loaders import (
    load_cake,
    load_cbpp,
    load_chem97,
    load_contraception,
    load_dyestuff,
    load_grouseticks,
    load_insteval,
    load_london_schools,
    load_machines,
    load_oxboys,
    load_pastes,
    load_penicillin,
    load_scots_schools,
    load_sleepstudy,
    load_verbagg,
    load_wine,
)
from skmixed.datasets.reisby import fetch_reisby
from skmixed.datasets.trial import make_trial

__all__ = [
    "fetch_reisby",
    "load_cake",
    "load_cbpp",
    "load_chem97",
    "load_contraception",
    "load_dyestuff",
    "load_grouseticks",
    "load_insteval",
    "load_london_schools",
    "load_machines",
    "load_oxboys",
    "load_pastes",
    "load_penicillin",
    "load_scots_schools",
    "load_sleepstudy",
    "load_verbagg",
    "load_wine",
    "make_mixed_classification",
    "make_mixed_regression",
    "make_trial",
]
