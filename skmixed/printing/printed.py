"""Results that people print: one way to text, HTML, Markdown and LaTeX."""

import html
from dataclasses import dataclass, field

import pandas as pd

from skmixed.printing.layout import fold, wrap_line
from skmixed.printing.numbers import write_cell, write_columns, write_entries
from skmixed.printing.render import STYLE, html_table, latex_table, markdown_table

# Columns of a terminal.
WIDTH = 80


@dataclass(frozen=True, eq=False)
class Table:
    """A block of a result: a data frame with a caption.

    Parameters
    ----------
    frame : DataFrame or Series
    caption : str, default=""
    headings : dict, default={}
        What columns are called in print; those that map to None are left out.
    rules : dict of str to callable, default={}
        How columns are written, beside the common rules.
    index : bool, default=True
        Whether the index is printed.
    labels : sequence of str, optional
        What is printed in place of the index.
    own_units : bool, default=False
        Whether every row has units, and so decimals, of its own.
    right : sequence of str, default=()
        Columns of text that end at the right, as numbers do.
    note : str, default=""
        A line right below the table.
    """

    frame: pd.DataFrame
    caption: str = ""
    headings: dict = field(default_factory=dict)
    rules: dict = field(default_factory=dict)
    index: bool = True
    labels: tuple | None = None
    own_units: bool = False
    right: tuple = ()
    note: str = ""

    def cells(self):
        """Head, rows and the places of the columns that start at the left.

        Returns
        -------
        head : list of str
        rows : list of list of str
        left : tuple of int
        """
        head, columns, left = self.label_cells()
        frame = self.frame
        if isinstance(frame, pd.Series):
            written = [write_entries(frame, self.rules)]
            frame = frame.to_frame("" if frame.name is None else frame.name)
        else:
            written = write_columns(frame, self.rules, self.own_units)
        for place, (name, cells) in enumerate(zip(frame.columns, written, strict=True)):
            if self.heading(name) is None:
                continue
            is_text = frame.iloc[:, place].to_numpy().dtype.kind not in "iufb"
            if is_text and name not in self.right:
                left.append(len(head))
            head.append(self.heading(name))
            columns.append(cells)
        return head, [list(row) for row in zip(*columns, strict=True)], tuple(left)

    def label_cells(self):
        """Head, columns and left places of what stands before the columns."""
        if not self.index:
            return [], [], []
        if self.labels is not None:
            return [""], [list(self.labels)], [0]
        head, columns, index = [], [], self.frame.index
        for level, name in enumerate(index.names):
            values = [write_cell(v) for v in index.get_level_values(level)]
            head.append("" if name is None else str(self.heading(name)))
            columns.append(values if level == index.nlevels - 1 else once(values))
        return head, columns, list(range(len(head)))

    def heading(self, name):
        """What a column is called in print."""
        return self.headings.get(name, " ".join(map(str, in_words(name))))


def in_words(name):
    """Parts of a column's name; those of several levels one by one."""
    return name if isinstance(name, tuple) else (str(name).replace("_", " "),)


def once(values):
    """Leave repeated labels of neighbouring rows out."""
    return [
        "" if place and value == values[place - 1] else value
        for place, value in enumerate(values)
    ]


class Printed:
    """A result that people print.

    A subclass yields its :meth:`blocks`, text and :class:`Table`, and has ``frame``,
    the numbers themselves. What a data frame answers (indexing, ``columns``, ``loc``,
    ``to_csv``) is handed on to it.

    Notes
    -----
    The text is whole in 80 columns: tables that are wider continue below, with their
    labels repeated; nothing is left out.
    """

    frame: pd.DataFrame

    def blocks(self):
        """Yield text and tables, in the order in which they are printed."""
        yield Table(self.frame)

    # ---------------------------------------------------------------- in four languages
    def to_text(self, width=WIDTH):
        """Write the result as text.

        Parameters
        ----------
        width : int, default=80

        Returns
        -------
        str
        """
        return text_of(self.blocks(), width)

    def to_html(self):
        """Write the result as HTML.

        Returns
        -------
        str
        """
        parts = [block_html(block) for block in self.blocks() if printable(block)]
        return f'<div class="skmixed">{STYLE}{"".join(parts)}</div>'

    def to_markdown(self):
        """Write the result in Markdown.

        Returns
        -------
        str
        """
        return "\n\n".join(
            block_markdown(block) for block in self.blocks() if printable(block)
        )

    def to_latex(self):
        """Write the tables as LaTeX ``tabular``; they need the package booktabs.

        Returns
        -------
        str
        """
        tables = [b for b in self.blocks() if isinstance(b, Table) and printable(b)]
        return "\n\n".join(block_latex(table) for table in tables)

    def __str__(self):
        return self.to_text()

    def __repr__(self):
        return self.to_text()

    def _repr_html_(self):
        return self.to_html()

    # ------------------------------------------------------------- as a frame is asked
    def __getattr__(self, name):
        if name.startswith("_") or name == "frame":
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}"
            )
        return getattr(self.frame, name)

    def __getitem__(self, key):
        return self.frame[key]

    def __len__(self):
        return len(self.frame)

    def __iter__(self):
        return iter(self.frame)

    def __contains__(self, key):
        return key in self.frame

    def __array__(self, dtype=None, copy=None):
        return self.frame.to_numpy(dtype=dtype)


class PrintedTable(Printed):
    """A table with a title above and notes below.

    Parameters
    ----------
    frame : DataFrame or Series
    title : str, default=""
    notes : sequence of str, default=()
    headings, rules, index, labels, own_units, right, note
        As :class:`Table` has them.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmixed.printing.printed import PrintedTable
    >>> frame = pd.DataFrame({"estimate": [10.467], "p": [3.2e-06]}, index=["Days"])
    >>> table = PrintedTable(frame, "Slope", ["By Satterthwaite's method."])
    >>> table
    Slope
         estimate       p
    Days    10.47 3.2e-06
    <BLANKLINE>
    By Satterthwaite's method.
    >>> float(table.loc["Days", "p"])
    3.2e-06
    """

    def __init__(self, frame, title="", notes=(), **options):
        self.frame = frame
        self.title = title
        self.notes = tuple(note for note in notes if note)
        self.table = Table(frame, title, **options)

    def blocks(self):
        """Yield the table and its notes."""
        yield self.table
        if self.notes:
            yield "\n".join(self.notes)


def text_of(blocks, width=WIDTH):
    """Write blocks as text."""
    return "\n\n".join(block_text(block, width) for block in blocks if printable(block))


def printable(block):
    """Whether there is anything to print."""
    return bool(block) if isinstance(block, str) else len(block.frame) > 0


# -------------------------------------------------------------------------- as text
def block_text(block, width):
    """Write a block in lines of at most this width."""
    if isinstance(block, str):
        return "\n".join(wrap_line(line, width) for line in block.split("\n"))
    head, rows, left = block.cells()
    parts = fold([head, *rows], left, width)
    lines = [block.caption, "\n\n".join(parts), block.note]
    lines[::2] = [wrap_line(line, width) for line in lines[::2]]
    return "\n".join(line for line in lines if line)


# ------------------------------------------------------------------ in other languages
def block_html(block):
    """Write a block as HTML."""
    if isinstance(block, str):
        return "".join(f"<p>{html.escape(line)}</p>" for line in block.split("\n"))
    head, rows, left = block.cells()
    table = html_table(head, rows, left=left, caption=block.caption)
    return table + (f"<p>{html.escape(block.note)}</p>" if block.note else "")


def block_markdown(block):
    """Write a block in Markdown."""
    if isinstance(block, str):
        return block
    head, rows, left = block.cells()
    caption = f"**{block.caption}**" if block.caption else ""
    parts = [caption, markdown_table(head, rows, left=left), block.note]
    return "\n\n".join(part for part in parts if part)


def block_latex(block):
    """Write a table in LaTeX."""
    head, rows, left = block.cells()
    return latex_table(head, rows, left=left)
