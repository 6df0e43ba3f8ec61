"""Sentences of a tutorial, whose numbers its code has computed."""

from html import escape


class Say:
    """Paragraphs to copy; the page shows them as a quotation.

    Parameters
    ----------
    *paragraphs : str
    """

    def __init__(self, *paragraphs):
        self.paragraphs = paragraphs

    def _repr_html_(self):
        text = "".join(f"<p>{escape(one)}</p>" for one in self.paragraphs)
        return f'<blockquote class="said">{text}</blockquote>'

    def __repr__(self):
        """The same as text."""
        return "\n\n".join(self.paragraphs)


def p(value):
    """Write a p-value the way journals want it."""
    return "p < .001" if value < 0.001 else f"p = {value:.3f}".replace("0.", ".", 1)
