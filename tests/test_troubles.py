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


def calls_of_warn():
    for path in sorted((ROOT / "skmixed").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if named and node.func.id == "warn" and path.name not in REPEATERS:
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
