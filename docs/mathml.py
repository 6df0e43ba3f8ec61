"""Write equations as MathML: they need no script, and no network."""

from docutils.nodes import SkipNode
from latex2mathml.converter import convert


def inline(self, node):
    """Write an equation of a sentence."""
    self.body.append(convert(node.astext()))
    raise SkipNode


def block(self, node):
    """Write an equation that has lines of its own."""
    self.body.append(f"<div>{convert(_aligned(node.astext()), display='block')}</div>")
    raise SkipNode


def _aligned(text):
    rows = r"\\" in text and r"\begin{" not in text
    return rf"\begin{{aligned}}{text}\end{{aligned}}" if rows else text
