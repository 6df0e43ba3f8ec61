"""How Sphinx builds the site: `python -m sphinx -W -b html docs docs/_build/html`."""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
EXAMPLES = DOCS.parent / "examples"
TUTORIALS = DOCS / "tutorials"
sys.path[:0] = [str(DOCS.parent), str(DOCS), str(EXAMPLES), str(TUTORIALS)]

import api_links  # noqa: E402
import api_pages  # noqa: E402
import mathml  # noqa: E402
import outputs  # noqa: E402
import parity  # noqa: E402
import picture  # noqa: E402

import skmixed  # noqa: E402

project = "skmixed"
author = "The skmixed developers"
copyright = author
version = release = skmixed.__version__

# folders that the scripts of the gallery and the tutorials are built into
BUILT = ["gallery", "tutorials_built"]

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "tutorials"]
exclude_patterns += [f"{f}/*.{k}" for f in BUILT for k in ("py", "ipynb")]
templates_path = ["_templates"]

# what is in __all__ has a page
api_pages.write(DOCS / "api")
# differences from stored results are those of this build
parity.write(DOCS / "parity")
autosummary_filename_map = api_pages.file_names()
autosummary_generate = True
numpydoc_show_class_members = False
autodoc_member_order = "alphabetical"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

toc_object_entries_show_parents = "hide"
html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "skmixed"
html_static_path = ["_static"]
html_css_files = ["narrow.css"]
html_js_files = ["fold.js"]
html_sidebars = {"index": [], "theory": []}
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
}

sphinx_gallery_conf = {
    "examples_dirs": [str(EXAMPLES), str(TUTORIALS)],
    "gallery_dirs": BUILT,
    # scripts that draw nothing, and plot_reisby, which downloads its data
    "ignore_pattern": r"(^|[/\\])((?!plot_)\w+|plot_reisby)\.py$",
    "show_signature": False,
    "reset_modules": ("matplotlib", "picture.dress"),
    "ignore_repr_types": r"matplotlib|skmixed\.inspection",
    "remove_config_comments": True,
    "write_computation_times": False,
    "abort_on_example_error": True,
}
# the gallery collects open figures by itself
picture.show = lambda path=None: None


def skip_foreign_members(app, what, name, obj, skip, options):
    """Leave out what scikit-learn's base classes bring: it is documented there."""
    if isinstance(obj, property):
        obj = obj.fget
    own = str(getattr(obj, "__module__", "skmixed")).startswith("skmixed")
    return True if not own else None


def link_inside_the_site(app, page, source):
    """Link to the site's page of a file that stands beside the docs in the checkout."""
    source[0] = source[0].replace("](../CONTRIBUTING.md)", "](contributing.md)")


def link_inside_an_included_page(app, path, parent, content):
    """Link to the site's page from a file that stands beside the docs, too."""
    content[0] = content[0].replace("](CHANGELOG.md)", "](docs/changelog.md)")


def setup(app):
    """Register what is asked while pages are read."""
    app.add_html_math_renderer("mathml", (mathml.inline, None), (mathml.block, None))
    app.connect("source-read", link_inside_the_site)
    app.connect("source-read", outputs.source_read)
    app.connect("include-read", link_inside_an_included_page)
    app.connect("doctree-resolved", api_links.link_names)
    app.connect("autodoc-skip-member", skip_foreign_members)
