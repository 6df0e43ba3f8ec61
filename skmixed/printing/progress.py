"""One progress bar for all long work: it counts what is done, and comes by itself."""

import sys
from contextlib import contextmanager

from tqdm import tqdm

# Work that takes less than these seconds shows no bar that nobody asked for.
PATIENCE = 3.0


@contextmanager
def count_done(total, what, unit, verbose=None):
    """Count units of work as they are done, on a progress bar where there is one.

    Parameters
    ----------
    total : int
        Units of work in all.
    what : str
        Name of the work.
    unit : str
        What is counted, in the plural: "replicates", "groups", "folds".
    verbose : int, optional
        1 shows the bar from the start, 0 none. By default it appears by itself when the
        work takes more than a few seconds and somebody watches: standard error is a
        terminal or a notebook.

    Yields
    ------
    callable
        ``done(n=1)``, to be called when n more units are done.

    Notes
    -----
    Plain tqdm writes to standard error everywhere, and asks for no widgets.

    Examples
    --------
    >>> from skmixed.printing.progress import count_done
    >>> with count_done(3, "bootstrap", "replicates", verbose=0) as done:
    ...     for _ in range(3):
    ...         done()
    """
    if not (verbose or (verbose is None and watched(sys.stderr))):
        yield ignore
        return
    bar = tqdm(
        total=total,
        desc=what,
        unit=f" {unit}",
        delay=0.0 if verbose else PATIENCE,
        dynamic_ncols=True,
        file=sys.stderr,
    )
    with bar:
        yield bar.update


def ignore(n=1):
    """Count nothing."""


def watched(stream):
    """Whether a stream is a terminal, or the standard error of a notebook."""
    notebook = type(stream).__module__.startswith("ipykernel")
    return notebook or bool(getattr(stream, "isatty", lambda: False)())
