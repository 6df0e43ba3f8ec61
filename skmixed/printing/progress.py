"""One progress bar for all long work: it counts what is done, and comes by itself."""

import sys
from contextlib import contextmanager

from tqdm import tqdm

from skmixed.printing.numbers import say_duration

# Work that takes less than these seconds shows no bar that nobody asked for.
PATIENCE = 3.0
# Work that is estimated to take more than these seconds is announced.
LONG = 180.0


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
    with open_bar(total, what, unit, delay=0.0 if verbose else PATIENCE) as bar:
        yield bar.update


def open_bar(total, what, unit, delay=0.0):
    """Open a progress bar.

    Parameters
    ----------
    total : int or None
        Units of work, where their number is known.
    what, unit
        As :func:`count_done`.
    delay : float, default=0.0
        Seconds before it is shown.

    Returns
    -------
    tqdm
    """
    return tqdm(
        total=total,
        desc=what,
        unit=f" {unit}",
        delay=delay,
        dynamic_ncols=True,
        file=sys.stderr,
    )


def announce(seconds, what, verbose=0):
    """Say beforehand that work will take long, to who asked or watches.

    Parameters
    ----------
    seconds : float
        Estimated.
    what : str
        Name of the work, with what makes it long.
    verbose : int, default=0
        1 says so wherever standard error leads, 0 where somebody watches it.
    """
    if seconds >= LONG and (verbose or watched(sys.stderr)):
        print(f"{what}: about {say_duration(seconds)} on one core.", file=sys.stderr)


def ignore(n=1):
    """Count nothing."""


def watched(stream):
    """Whether a stream is a terminal, or the standard error of a notebook."""
    notebook = type(stream).__module__.startswith("ipykernel")
    return notebook or bool(getattr(stream, "isatty", lambda: False)())
