"""Tables as lines of text: columns that are whole in the width of a terminal."""

import re
import textwrap

# Labels wider than this share of the line are broken over lines.
LABEL_SHARE = 0.5
# Labels of several levels stand before every part up to this share of the line.
MOST_LABELS = 0.7


def wrap_line(line, width):
    """Break a line between words, and where it must within one.

    What continues an indented line is indented further.
    """
    if len(line) < width:
        return line
    depth = len(line) - len(line.lstrip())
    indent = " " * (depth + 2) if depth else ""
    return "\n".join(textwrap.wrap(line, width - 1, subsequent_indent=indent))


def fold(lines, left, width):
    """Lay cells out in columns; those that do not fit continue below their labels.

    Parameters
    ----------
    lines : list of list of str
        The first is the head.
    left : tuple of int
        Columns that start at the left; the first of them is the label.
    width : int

    Returns
    -------
    list of str
        One part, or as many as the width needs.
    """
    lines = broken_cells(lines, left, width)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    label = labels_of(widths, left, width)
    parts, taken, used = [], [], 0
    room = width - 1 - sum(widths[j] + 1 for j in label)
    for j in range(len(label), len(widths)):
        if taken and used + widths[j] > room:
            parts.append(taken)
            taken, used = [], 0
        taken.append(j)
        used += widths[j] + 1
    parts.append(taken)
    return [
        align(
            [[line[j] for j in label + part] for line in lines],
            positions(left, label + part),
        )
        for part in parts
    ]


def labels_of(widths, left, width):
    """Leading columns of text, narrow enough to be repeated before every part."""
    label = []
    for j in range(len(widths) - 1):
        if j not in left or sum(widths[: j + 1]) + j >= width * MOST_LABELS:
            break
        label.append(j)
    return label or [0] * (0 in left)


def positions(left, columns):
    """Places, among these columns, of those that start at the left."""
    return tuple(place for place, j in enumerate(columns) if j in left)


def broken_cells(lines, left, width):
    """Break cells that are too wide over several lines of the table.

    Labels take half of the line at the most, other text what they leave; a heading is
    broken between words where it is wider than what stands below it.
    """
    columns = [list(column) for column in zip(*lines, strict=True)]
    fits = sum(max(map(len, column)) + 1 for column in columns) <= width
    room = width - 1
    for j, (heading, *cells) in enumerate(columns):
        limit = int(width * LABEL_SHARE) if j == 0 else room
        words = [1, *map(len, heading.split()), *map(len, cells)]
        below = limit if fits or j in left else max(words)
        columns[j] = [broken(cell, limit) for cell in (heading, *cells)]
        columns[j][0] = broken(heading, min(limit, below))
        if j == 0 and 0 in left:
            room -= max(len(part) for cell in columns[0] for part in cell) + 1
    head, *rows = zip(*columns, strict=True)
    depth = max(map(len, head))
    head = [[""] * (depth - len(cell)) + cell for cell in head]
    return [line for cells in (head, *rows) for line in spread(cells)]


def spread(cells):
    """Yield the lines of a row whose cells are broken."""
    for k in range(max(map(len, cells))):
        yield [cell[k] if k < len(cell) else "" for cell in cells]


def broken(cell, limit):
    """Break text at its joints (spaces, colons, commas), else where it must."""
    if len(cell) <= limit:
        return [cell]
    parts = [""]
    for piece in re.findall(r"[^\s:,+*]*[\s:,+*]*", cell):
        if parts[-1] and len(parts[-1] + piece.rstrip()) > limit:
            parts[-1] = parts[-1].rstrip()
            parts.append("")
        parts[-1] += piece
        while len(parts[-1].rstrip()) > limit:
            parts[-1:] = [parts[-1][:limit], parts[-1][limit:]]
    return [part.rstrip() for part in parts if part.strip()]


def align(lines, left):
    """Lay cells out in columns; those at the positions `left` start at the left."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        " ".join(
            cell.ljust(width) if j in left else cell.rjust(width)
            for j, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
