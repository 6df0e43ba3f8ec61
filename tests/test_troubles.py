"""Warnings and errors name a section of the page of troubles, and it exists."""

import ast
import re
from pathlib import Path

import pytest

import skmixed
from skmixed.errors import TROUBLES, ExplainedError, see
from skmixed.warnings import warn

ROOT = Path(skmixed.__file__).parents[1]
PAGE = (ROOT / TROUBLES).read_text(encoding="utf-8")
HEADINGS = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
SECTIONS = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in HEADINGS}
# Hand on what was said elsewhere.
REPEATERS = {"covariances.py", "cross_validation.py"}
# Raised by name, these would leave a user without a section to read.
PLAIN = {"ValueError", "TypeError", "MemoryError"}


def nodes(kind):
    for path in sorted((ROOT / "skmixed").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kind):
                yield path, node


def calls_of(name):
    for path, node in nodes(ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id == name:
            yield path, node


def calls_of_warn():
    for path, node in calls_of("warn"):
        if path.name not in REPEATERS:
            yield pytest.param(node, id=f"{path.stem}:{node.lineno}")


def explained_classes(base=ExplainedError):
    for found in base.__subclasses__():
        yield found
        yield from explained_classes(found)


@pytest.mark.parametrize("call", list(calls_of_warn()))
def test_a_warning_names_a_section(call):
    named = [k.value.value for k in call.keywords if k.arg == "section"]
    categories = [arg.id for arg in call.args[1:]]
    if named:
        assert set(named) <= SECTIONS
    else:
        assert categories
        assert all(name.endswith("Warning") for name in categories)


@pytest.mark.parametrize("name", [n for n in skmixed.__all__ if n.endswith("Warning")])
def test_a_category_of_warnings_has_a_section(name):
    category = getattr(skmixed, name)
    assert category.section in SECTIONS
    with pytest.warns(category, match=re.escape(see(category.section))):
        warn("Something.", category)


@pytest.mark.parametrize("error", list(explained_classes()))
def test_an_error_has_a_section(error):
    assert error.section in SECTIONS
    assert error("Something.").__notes__ == [see(error.section)]


def test_no_error_is_raised_without_a_section():
    found = []
    for path, node in nodes(ast.Raise):
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if isinstance(raised, ast.Name) and raised.id in PLAIN:
            found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not found, "take a class of skmixed/errors.py"


def test_what_other_packages_raise_is_explained_by_a_section_that_exists():
    named = {node.args[0].value for _, node in calls_of("explained")}
    assert named
    assert named <= SECTIONS


def test_parameters_that_scikit_learn_refuses_name_a_section():
    model = skmixed.MixedLinearRegressor("y ~ 1", reml="yes")
    with pytest.raises(ValueError, match="'reml' parameter") as caught:
        model.fit({})
    assert caught.value.__notes__ == [see("arguments")]
