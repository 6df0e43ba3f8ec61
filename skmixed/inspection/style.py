"""What all pictures share: colours, axes, and how much is too much to draw."""

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.random import sample_without_replacement

from skmixed.errors import ArgumentError

# Okabe and Ito's palette: told apart with every kind of colour vision.
BLACK, GREY, PALE = "#1a1a1a", "#8c8c8c", "#c9c9c9"
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
ORANGE, SKY, PURPLE = "#E69F00", "#56B4E9", "#CC79A7"
HIGHLIGHTS = (VERMILLION, GREEN, PURPLE, ORANGE, SKY)

# A mean of fewer rows than this share of those in other bins is noise.
SCARCE = 0.05

# Area of a dot in a legend, in square points: those of a scatter may be too small.
LEGEND_DOT = 22

# Points between axes that were given and their title, and for each line of a legend
# that stands between.
TITLE_PAD, LEGEND_LINE = 24, 13
# Names of one property of an artist.
SYNONYMS = {
    "c": "color",
    "colors": "color",
    "lw": "linewidth",
    "linewidths": "linewidth",
    "ls": "linestyle",
    "linestyles": "linestyle",
    "ms": "markersize",
}

# Inches of one panel.
WIDTH, HEIGHT = 6.4, 4.6
# From this many artists on, a vector file would be larger than its picture.
RASTERISED = 2_000


def require_matplotlib(caller):
    """Import pyplot, or say how to get it.

    Parameters
    ----------
    caller : str
        Who needs it.

    Returns
    -------
    module
        ``matplotlib.pyplot``.

    Raises
    ------
    ImportError
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib, which is not installed. Install it with: "
            'pip install "scikit-mixed[plot]"'
        ) from error
    return plt


def open_axes(display, ax, shape=(1, 1), n=None, *, title=None, figsize=None, **share):
    """Make the axes that a display draws on, and publish them.

    Parameters
    ----------
    display : object
        Gets ``ax_`` (one axes, or an array of shape `shape`) and ``figure_``.
    ax : matplotlib Axes, array of them, or None
        A single axes is divided where several panels are needed.
    shape : tuple of int, default=(1, 1)
        Rows and columns of panels.
    n : int, optional
        How many panels are drawn on; by default all.
    title : str, optional
        Over the picture.
    figsize : tuple of float, optional
        Inches of a new figure.
    **share
        ``sharex``, ``sharey`` of `matplotlib.pyplot.subplots`.

    Returns
    -------
    ndarray of shape `shape`

    Raises
    ------
    ValueError
        Where the axes given are too few or too many.
    """
    plt = require_matplotlib(f"{type(display).__name__}.plot")
    n_panels = shape[0] * shape[1]
    if ax is None:
        figsize = figsize or (WIDTH, HEIGHT)
        options = {"squeeze": False, "layout": "constrained", **share}
        figure, axes = plt.subplots(*shape, figsize=figsize, **options)
        if title:
            figure.suptitle(title)
    elif n_panels > 1 and np.size(ax) == 1:
        axes = divide(np.ravel(ax)[0], shape, share)
    elif np.size(ax) == n_panels:
        axes = np.reshape(np.asarray(ax, dtype=object), shape)
    else:
        raise ArgumentError(
            f"The picture has {n_panels} panels and ax has {np.size(ax)} axes. Pass "
            "one axes, which is divided, or as many as there are panels."
        )
    for unused in axes.flat[n_panels if n is None else n :]:
        unused.set_axis_off()
    for one in axes.flat:
        one.spines[["top", "right"]].set_visible(False)
    if title and ax is not None:
        name_given(axes, title)
    display.ax_ = axes[0, 0] if n_panels == 1 else axes
    display.figure_ = axes[0, 0].figure
    return axes


def name_given(axes, title):
    """Put a title over axes that were given; several may have titles of their own."""
    first = axes[0, 0]
    if axes.size == 1:
        first.set_title(title, pad=TITLE_PAD)
        return
    style = {"xycoords": "axes fraction", "textcoords": "offset points"}
    style |= {"xytext": (0, TITLE_PAD), "va": "bottom", "fontsize": "large"}
    first.annotate(title, (0.0, 1.0), gid="title", **style)


def styled(own, given):
    """Style of a picture with what the user gives instead, by any of its names.

    Parameters
    ----------
    own : dict
    given : dict or None

    Returns
    -------
    dict
    """
    given = given or {}
    named = {SYNONYMS.get(name, name) for name in given}
    kept = {k: v for k, v in own.items() if SYNONYMS.get(k, k) not in named}
    return kept | given


def grid(n, columns, ax=None):
    """Rows and columns of n panels: one row where exactly n axes are given."""
    if ax is not None and np.size(ax) == n:
        return 1, n
    return -(-n // columns), columns


def divide(ax, shape, share):
    """Divide an axes into panels, of shape `shape`."""
    place = ax.get_subplotspec()
    ax.set_axis_off()
    if place is None:
        raise ArgumentError(
            "ax is not part of a grid and cannot be divided; pass an array of "
            f"{shape[0] * shape[1]} axes, as plt.subplots makes it."
        )
    return place.subgridspec(*shape).subplots(squeeze=False, **share)


def legend_above(axes, *, new, ncols=3):
    """Put one legend over the panels, where it covers no data.

    Parameters
    ----------
    axes : ndarray of matplotlib Axes
        What is named in any of them is named once.
    new : bool
        Whether the figure is the display's own; else the legend belongs to the first
        axes.
    ncols : int, default=3
        Columns of the legend.
    """
    found = {}
    for ax in axes.flat:
        handles, labels = ax.get_legend_handles_labels()
        for handle, label in zip(handles, labels, strict=True):
            found.setdefault(label, handle)
    if not found:
        return
    first = axes.flat[0]
    # wider than its panel, a legend would squeeze the others
    columns = ncols if new or axes.size == 1 else 1
    if new and axes.size > 1:
        owner = first.figure
        side = "lower" if owner.get_suptitle() else "upper"
        place = {"loc": f"outside {side} left"}
    else:
        owner, place = first, {"loc": "lower left", "borderaxespad": 0.2}
        place["bbox_to_anchor"] = (0.0, 1.0)
        raise_title(first, -(-len(found) // columns))
    style = {"ncols": columns, "frameon": False, "handlelength": 1.6}
    style["fontsize"] = "small"
    legend = owner.legend(found.values(), found.keys(), **place, **style)
    for handle in legend.legend_handles:
        handle.set_alpha(1.0)
        if hasattr(handle, "set_sizes"):
            handle.set_sizes([LEGEND_DOT])


def raise_title(ax, lines):
    """Put the title of axes that were given over some lines of a legend."""
    height = TITLE_PAD + LEGEND_LINE * (lines - 1)
    if ax.get_title():
        ax.set_title(ax.get_title(), pad=height)
    for text in ax.texts:
        if text.get_gid() == "title":
            text.set_position((0, height))


def fade(n, *, least=0.08, most=0.85, at=20):
    """Opacity at which n overlapping lines or points leave each other visible."""
    return float(np.clip(most * np.sqrt(at / max(n, 1)), least, most))


def choose_groups(n_groups, at_most, keep, random_state):
    """Draw the groups that are shown.

    Parameters
    ----------
    n_groups, at_most : int
    keep : ndarray of int
        Always among them.
    random_state : int, RandomState instance or None

    Returns
    -------
    ndarray of int
        Sorted; all groups if there are no more than `at_most`.
    """
    if n_groups <= at_most:
        return np.arange(n_groups)
    drawn = check_random_state(random_state).choice(
        n_groups, size=at_most, replace=False
    )
    return np.union1d(drawn, keep)


def choose_rows(n_rows, at_most, random_state):
    """Draw the rows that are shown: sorted positions, all if they are few.

    Parameters
    ----------
    n_rows, at_most : int
    random_state : int, RandomState instance or None

    Returns
    -------
    ndarray of int
    """
    if n_rows <= at_most:
        return np.arange(n_rows)
    random_state = check_random_state(random_state)
    return np.sort(
        sample_without_replacement(n_rows, at_most, random_state=random_state)
    )


def find_groups(labels, wanted, group_name):
    """Find groups by their labels.

    Parameters
    ----------
    labels : array-like of shape (G,)
    wanted : label or sequence of labels
    group_name : str

    Returns
    -------
    ndarray of int

    Raises
    ------
    ValueError
        For a label that no group has.
    """
    scalar = isinstance(wanted, str) or np.isscalar(wanted)
    wanted = [wanted] if scalar else list(wanted)
    if not wanted:
        return np.zeros(0, dtype=np.intp)
    places = {str(label): place for place, label in enumerate(labels)}
    unknown = [label for label in wanted if str(label) not in places]
    if unknown:
        shown = ", ".join(list(places)[:5])
        raise ArgumentError(
            f"highlight={unknown} names no `{group_name}`; there are {len(places)}, "
            f"such as {shown}."
        )
    return np.array([places[str(label)] for label in wanted], dtype=np.intp)


def binned_means(x, y, n_bins=12):
    """Means of y in bins of x that hold equally many rows.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
    n_bins : int, default=12
        Distinct values of `x`, where there are hardly more, are bins of their own.

    Returns
    -------
    middle, mean : ndarray of shape (n_bins,)
        Fewer where bins are empty, or next to empty.
    """
    bins, n_bins = assign_bins(x, n_bins)
    count = np.bincount(bins, minlength=n_bins)
    filled = count > SCARCE * count.mean()
    middle = np.bincount(bins, x, minlength=n_bins)[filled] / count[filled]
    mean = np.bincount(bins, y, minlength=n_bins)[filled] / count[filled]
    order = np.argsort(middle)
    return middle[order], mean[order]


def assign_bins(x, n_bins):
    """Assign rows to bins of equal size; returns their bins and how many there are."""
    # a sample settles the edges: they need not be exact
    sample = x if len(x) <= 100_000 else x[:: len(x) // 50_000]
    values = np.unique(sample)
    if len(values) <= 2 * n_bins:
        edges = (values[1:] + values[:-1]) / 2
    else:
        edges = np.unique(np.quantile(sample, np.linspace(0, 1, n_bins + 1)[1:-1]))
    return np.searchsorted(edges, x, side="right"), len(edges) + 1
