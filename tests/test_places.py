"""In how many files a word stands: what somebody who adds a thing has to touch."""

import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

import skmixed
from skmixed import inspection
from skmixed.likelihood.covariance.names import RESIDUALS, SHAPES
from skmixed.likelihood.elimination.regime import REGIMES, REWEIGHTED
from skmixed.likelihood.families import FAMILIES
from skmixed.sources.source import Source
from skmixed.sources.types import SOURCES

ROOM = Path(skmixed.__file__).parent
ROOT = ROOM.parent


def heirs_of(cls):
    """All that is built on a class."""
    for heir in cls.__subclasses__():
        yield heir
        yield from heirs_of(heir)


# Classes of a kind, and how many files may name one: its own, and the table.
KINDS = {
    "structure": ([c for c, _ in (*SHAPES.values(), *RESIDUALS.values()) if c], 2),
    "family": (list(FAMILIES.values()), 2),
    "source": (list(heirs_of(Source)), 2),
    "regime": ([*REGIMES, *REWEIGHTED], 2),
    "display": (
        [getattr(inspection, n) for n in inspection.__all__ if n.endswith("Display")],
        2,
    ),
}


def test_every_source_has_a_row_in_the_table():
    made = {make.__module__ for _, make in SOURCES.values()}
    assert {cls.__module__ for cls in KINDS["source"][0]} <= made


@cache
def code_names():
    """The names that stand in the code of every file, by file; no strings."""
    found = {}
    for path in sorted(ROOM.rglob("*.py")):
        read = io.StringIO(path.read_text(encoding="utf-8")).readline
        names = {t.string for t in tokenize.generate_tokens(read) if t.type == 1}
        found[str(path.relative_to(ROOM))] = names
    return found


def places(cls):
    """Files that name a class; not those that build on it, which only it may know."""
    heirs = {each.__module__ for each in cls.__subclasses__()}
    files = {name for name, words in code_names().items() if cls.__name__ in words}
    own = {cls.__module__, *heirs}
    built_on = {f"{m.removeprefix('skmixed.').replace('.', '/')}.py" for m in own}
    return (files - built_on) | {f"{cls.__module__}"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_class_is_named_in_its_own_file_and_in_one_table(kind):
    classes, limit = KINDS[kind]
    assert len(classes) > 3
    # the page of a report draws some displays by name; nobody has to add to it
    found = {c.__name__: places(c) - {"inspection/page.py"} for c in classes}
    assert {k: v for k, v in found.items() if len(v) > limit} == {}


def displays_of_files():
    """Names of the displays that the files of the room define."""
    for path in (ROOM / "inspection").glob("*.py"):
        yield from re.findall(r"(?m)^class (\w+Display)\b", path.read_text("utf-8"))


@pytest.mark.parametrize("name", sorted(displays_of_files()))
def test_a_display_is_public_has_a_row_in_the_docs_and_an_example(name):
    assert name in inspection.__all__
    assert f"`{name}." in (ROOT / "docs" / "diagnostics.md").read_text("utf-8")
    examples = (ROOT / "examples").glob("*.py")
    assert any(f"{name}." in path.read_text("utf-8") for path in examples)


def test_the_docs_list_the_covariances_of_residuals():
    page = (ROOT / "docs" / "longitudinal.md").read_text("utf-8")
    assert [n for n in RESIDUALS if f"`{n}`" not in page and f"{n}(" not in page] == []
