"""One concept has one name and one place, in every public function and method."""

import inspect
from importlib import import_module
from itertools import combinations

import pytest

import skmixed
from skmixed import inspection

PACKAGES = ("skmixed", "skmixed.inspection", "skmixed.model_selection")
# What other libraries call our arguments.
FOREIGN = {
    *("alpha", "conf_level", "level_of_confidence", "seed", "rng", "n_boot", "n_sim"),
    *("weights", "frame", "dataframe", "df", "fit", "clusters", "progress", "njobs"),
    *("hypothesis", "kwargs", "line_kwargs", "scatter_kwargs"),
}
FREE = {"self", "cls", "args", "others", "style", "options"}


def public_calls():
    """Public functions, methods that make displays, and methods of the estimator."""
    for package in PACKAGES:
        module = import_module(package)
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isfunction(found):
                yield name, found
            elif name.endswith("Display"):
                for maker in (
                    m for m in vars(found) if m.startswith(("from_", "plot"))
                ):
                    yield f"{name}.{maker}", getattr(found, maker)
    for name, method in inspect.getmembers(skmixed.MixedLinearRegressor):
        own = str(getattr(method, "__module__", "")).startswith("skmixed.")
        if own and inspect.isfunction(method) and not name.startswith(("_", "set_")):
            yield f"MixedLinearRegressor.{name}", method


CALLS = dict(public_calls())


def names_of(call):
    return [name for name in inspect.signature(call).parameters if name not in FREE]


@pytest.mark.parametrize("call", CALLS)
def test_arguments_go_by_our_names(call):
    allowed = {"alpha"} if call == "simulate_power" else set()  # a test has a level
    assert not (FOREIGN - allowed) & set(names_of(CALLS[call]))


@pytest.mark.parametrize("call", CALLS)
def test_a_model_comes_first_its_rows_second(call):
    names = names_of(CALLS[call])
    model = "estimator" if call.endswith("from_estimator") else "model"
    other = {"model", "estimator"} - {model}
    assert not other & set(names)
    if model in names and "formula" not in names:  # there it is one to be cloned
        assert names[0] == model
        assert "data" not in names  # rows of a model are X, tables without one are data
    if "X" in names and not set(names) & {"parameters", "null"}:  # not an option
        assert names.index("X") == (
            names[0] in {"model", "models", "estimator", "path"}
        )
    if "y" in names and "X" in names:
        assert names.index("y") == names.index("X") + 1
    if "data" in names:
        assert names.index("data") <= 1


def test_options_stand_in_one_order():
    order = {}
    for name, call in CALLS.items():
        if not name.endswith(".plot"):  # ax comes first there, as in scikit-learn
            parameters = inspect.signature(call).parameters.values()
            options = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
            for pair in combinations(options, 2):
                order.setdefault(pair, set()).add(name)
    twice = {
        pair: (order[pair], order[pair[::-1]]) for pair in order if pair[::-1] in order
    }
    # columns of a table in pictures of data, of a model's rows in others
    assert {pair for pair in twice if not set(pair) & {"x", "y"}} == set()


def test_inspection_has_no_words_of_its_own():
    for name in ("check_model", "influence", "simulated_residuals"):
        assert names_of(getattr(inspection, name))[:4] == [
            "model",
            "X",
            "y",
            "sample_weight",
        ]
