"""Every line of Python on a page of the docs runs, in its order, without a warning."""

import contextlib
import importlib.util
import io
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

import skmixed

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(DOCS.glob("*.md")),
]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_on_a_page_runs(page):
    names = {"__name__": page.stem}
    with contextlib.redirect_stdout(io.StringIO()):
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            exec(compile(block, str(page), "exec"), names)


def test_pages_link_to_files_that_exist():
    link = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
    missing = [
        (page.name, target)
        for page in PAGES
        for target in link.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not missing


def load_tool(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def api_pages():
    return load_tool("api_pages")


def test_every_public_name_has_its_page(api_pages, tmp_path):
    packages = [skmixed, *(import_module(f"skmixed.{p}") for p in skmixed._PACKAGES)]
    public = [p.__name__ for p in packages if hasattr(p, "__all__")]
    assert sorted(api_pages.PACKAGES) == sorted(public)
    api_pages.write(tmp_path / "api")
    lines = (tmp_path / "api" / "index.rst").read_text(encoding="utf-8").split("\n")
    for package in public:
        for name in import_module(package).__all__:
            assert f"   ~{package}.{name}" in lines


def test_pages_differ_in_more_than_capitals(api_pages):
    files = api_pages.file_names()
    assert files["skmixed.inspection.Influence"] != "skmixed.inspection.Influence"
    names = [name for found in api_pages.public_names().values() for name in found]
    pages = {files.get(name, name).lower() for name in names}
    assert len(pages) == len(names)


def test_every_page_is_in_a_table_of_contents():
    pages = {p.stem: p.read_text(encoding="utf-8") for p in DOCS.glob("*.md")}
    tree = re.compile(r"^```{toctree}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    listed = {
        line
        for page in pages.values()
        for lines in tree.findall(page)
        for line in lines.splitlines()
    }
    assert set(pages) - {"index"} <= listed


def test_dead_links_of_the_site_are_named(tmp_path):
    dead_links = load_tool("check_links").dead_links
    links = ("b.html", "b.html#here", "#top", "https://a.org", "c.html", "b.html#gone")
    page = "".join(f'<a href="{link}">x</a>' for link in links)
    (tmp_path / "a.html").write_text(page, encoding="utf-8")
    (tmp_path / "b.html").write_text('<p id="here">', encoding="utf-8")
    found = [(str(page), link) for page, link in dead_links(tmp_path)]
    assert found == [("a.html", "b.html#gone"), ("a.html", "c.html")]


PAGE = """# Sum

```python
a = 1  # kept
a + 1  # seen
print("three")
b = None
b
```
"""
WITH_OUTPUTS = """# Sum

```python
a = 1  # kept
a + 1  # seen
```

```{code-block} text
:class: output

2
```

```python
print("three")
```

```{code-block} text
:class: output

three
```

```python
b = None
b
```
"""


def test_what_a_page_prints_stands_below_the_line_that_prints_it():
    assert load_tool("outputs").with_outputs(PAGE, "sum") == WITH_OUTPUTS


def test_names_in_sentences_link_to_the_reference(api_pages, monkeypatch):
    monkeypatch.setitem(sys.modules, "api_pages", api_pages)
    links = load_tool("api_links")
    described = {"skmixed.anova", "skmixed.MixedLinearRegressor.icc", "skmixed.x.lost"}
    assert links.targets(described) == {
        "anova": "skmixed.anova",
        "icc": "skmixed.MixedLinearRegressor.icc",
    }
    names = {"anova": "anova", "model.icc()": "icc", 'anova(m, type="3")': "anova"}
    assert {text: links.CALL.fullmatch(text)[1] for text in names} == names
    assert links.CALL.fullmatch("(1 | g)") is None
