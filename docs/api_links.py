"""Links from names in sentences to their pages in the reference."""

import re

import api_pages
from docutils import nodes

# whose methods are meant by a method's name alone
MODEL = "skmixed.MixedLinearRegressor"
CALL = re.compile(r"(?:(?:model|m|fit)\.)?(\w+)(?:\(.*\))?", re.DOTALL)


def targets(objects):
    """Full name of what a name in a sentence means, of all that has a place.

    Parameters
    ----------
    objects : container of str
        Full names of what the site describes.

    Returns
    -------
    dict of str to str
    """
    methods = [name for name in objects if name.startswith(f"{MODEL}.")]
    public = [name for names in api_pages.public_names().values() for name in names]
    return {
        name.rpartition(".")[2]: name for name in [*methods, *public] if name in objects
    }


def link_names(app, tree, page):
    """Turn names of a page of the guide into links; Sphinx calls this per page."""
    if page.startswith("api/") or app.builder.format != "html":
        return
    objects = app.env.domaindata["py"]["objects"]
    known = targets(objects)
    for literal in list(tree.findall(nodes.literal)):
        found = CALL.fullmatch(literal.astext())
        name = known.get(found[1]) if found else None
        if name is None or is_linked(literal):
            continue
        entry = objects[name]
        uri = app.builder.get_relative_uri(page, entry.docname)
        link = nodes.reference("", "", refuri=f"{uri}#{entry.node_id}", internal=True)
        literal.replace_self(link)
        link += literal


def is_linked(node):
    """Whether a node stands in a link or a heading."""
    while node is not None:
        if isinstance(node, nodes.reference | nodes.title):
            return True
        node = node.parent
    return False
