"""What an estimator has not, though its sisters have: refused by name."""

from skmixed.errors import UnavailableAttributeError


class Absent:
    """An attribute that raises and says what serves in its place.

    Parameters
    ----------
    instead : str
        A sentence.

    Notes
    -----
    ``hasattr`` is False, as of an attribute that was never there.
    """

    def __init__(self, instead):
        self.instead = instead

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, model, owner=None):
        kind = owner if model is None else type(model)
        raise UnavailableAttributeError(
            f"{kind.__name__} has no {self.name}: that is there for linear mixed "
            f"models. {self.instead}"
        )
