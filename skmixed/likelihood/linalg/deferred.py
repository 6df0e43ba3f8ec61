"""Arrays that are made when they are first read."""

from collections.abc import Sequence


class Deferred(Sequence):
    """A tuple of arrays that is made when it is first read.

    Parameters
    ----------
    make : callable
        Returns the tuple.
    length : int
        Of the tuple.

    Notes
    -----
    Pickles and copies hold the arrays, not the function.

    Examples
    --------
    >>> from skmixed.likelihood.linalg.deferred import Deferred
    >>> squares = Deferred(lambda: tuple(i * i for i in range(3)), 3)
    >>> squares[2], len(squares)
    (4, 3)
    """

    def __init__(self, make, length):
        self._make, self._length, self._made = make, length, None

    def __len__(self):
        return self._length

    def __getitem__(self, place):
        if self._made is None:
            self._made, self._make = tuple(self._make()), None
        return self._made[place]

    def __reduce__(self):
        return tuple, (list(self),)
