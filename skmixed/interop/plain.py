"""Fitted models as plain dictionaries: JSON, which runs nothing when it is read."""

import base64
import math
from importlib import import_module

import numpy as np

from skmixed.errors import ArgumentTypeError, SavedModelError
from skmixed.interop.skops import trusted_types

FORMAT = "skmixed model 1"
# Kinds of arrays whose bytes are their values.
PLAIN_KINDS = "biufcmM"
# What a dictionary of the data can be.
KINDS = ("part", "array", "scalar", "float", "tuple", "dict", "same")
NAMED_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def to_dict(model):
    """Turn a fitted model into dictionaries, lists, texts and numbers.

    Parameters
    ----------
    model : estimator
        Any of the package, fitted or not.

    Returns
    -------
    dict
        For ``json.dump``, or any format of plain data. Arrays are written byte by
        byte, so that nothing is rounded.

    Raises
    ------
    TypeError
        Where the model holds what is not of this package, such as a regressor of
        another one, and for encoders; skops and joblib save those.

    See Also
    --------
    from_dict : The way back.
    trusted_types : What skops has to trust, another format that runs nothing.

    Examples
    --------
    >>> import json
    >>> from skmixed import MixedLinearRegressor, from_dict, to_dict
    >>> from skmixed.datasets import load_sleepstudy
    >>> sleep = load_sleepstudy().frame
    >>> model = MixedLinearRegressor("Reaction ~ Days + (1 | Subject)").fit(sleep)
    >>> text = json.dumps(to_dict(model))
    >>> again = from_dict(json.loads(text))
    >>> bool((again.predict(sleep) == model.predict(sleep)).all())
    True
    """
    return {"format": FORMAT, "model": _Writer().write(model)}


def from_dict(data):
    """Make the model that was turned into plain data.

    Nothing in the data is run: names of classes are looked up among those of the
    package, and a formula may call the functions that formulas may call.

    Parameters
    ----------
    data : dict
        As :func:`to_dict` returns.

    Returns
    -------
    estimator
        Which predicts, and says, what the other did.

    Raises
    ------
    ValueError
        Where the data are no model, of another version of the format, or name what is
        no part of a model.

    See Also
    --------
    to_dict : What made the data.

    Examples
    --------
    >>> from skmixed import MixedLinearRegressor, from_dict, to_dict
    >>> from_dict(to_dict(MixedLinearRegressor("y ~ x + (1 | g)")))
    MixedLinearRegressor(formula='y ~ x + (1 | g)')
    """
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        raise SavedModelError(
            f"The data are no model of skmixed ({FORMAT!r}); their format is {found!r}."
        )
    try:
        return _Reader().read(data["model"])
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise SavedModelError(f"The data of the model are damaged: {error}.") from error


class _Writer:
    """One walk through a model; what occurs twice is written once."""

    def __init__(self):
        self.places, self.alive, self.known = {}, [], set(trusted_types())

    def write(self, value):
        if isinstance(value, np.generic):
            return {"scalar": self._array(np.asarray(value))["array"]}
        if isinstance(value, float) and not math.isfinite(value):
            return {"float": str(value)}
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, list | dict) or type(value) is tuple:
            return self._container(value)
        return self._once(value)

    def _container(self, value):
        if isinstance(value, dict):
            return {"dict": [[self.write(k), self.write(v)] for k, v in value.items()]}
        items = [self.write(item) for item in value]
        return {"tuple": items} if isinstance(value, tuple) else items

    def _once(self, value):
        if id(value) in self.places:
            return {"same": self.places[id(value)]}
        written = (
            self._array(value) if isinstance(value, np.ndarray) else self._part(value)
        )
        self.places[id(value)] = len(self.places)
        # an object that is gone could leave its id to another one
        self.alive.append(value)
        return written

    def _array(self, value):
        if value.dtype.kind in PLAIN_KINDS:
            data = np.ascontiguousarray(value)
            data = data.astype(data.dtype.newbyteorder("<"), copy=False)
            held = base64.b64encode(data.tobytes()).decode("ascii")
        else:
            held = [self.write(item) for item in value.ravel().tolist()]
        kind = value.dtype.newbyteorder("<").str
        return {"array": {"dtype": kind, "shape": list(value.shape), "data": held}}

    def _part(self, value):
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        if name not in self.known:
            raise ArgumentTypeError(
                f"There is a {type(value).__name__}, which has no plain form: only "
                "models of this package have one. Save it with skops or joblib."
            )
        named = isinstance(value, tuple)
        state = tuple(value) if named else value.__getstate__()
        return {"part": name, "state": self.write(state)}


class _Reader:
    """The walk of a writer again, in the same order."""

    def __init__(self):
        self.met, self.known = [], set(trusted_types())

    def read(self, data):
        if isinstance(data, list):
            return [self.read(item) for item in data]
        if not isinstance(data, dict):
            return data
        kind = next(iter(data), None)
        if kind not in KINDS:
            raise SavedModelError(
                f"The data of the model hold {kind!r}, which means nothing."
            )
        return getattr(self, f"_{kind}")(data[kind], data.get("state"))

    def _same(self, place, _):
        return self.met[place]

    def _float(self, name, _):
        return NAMED_FLOATS[name]

    def _tuple(self, items, _):
        return tuple(self.read(item) for item in items)

    def _dict(self, pairs, _):
        return {self.read(key): self.read(value) for key, value in pairs}

    def _scalar(self, held, _):
        return self._values(held)[()]

    def _array(self, held, _):
        return self._remember(self._values(held))

    def _part(self, name, state):
        if name not in self.known:
            raise SavedModelError(f"{name!r} is no part of a model of skmixed.")
        module, _, cls = name.rpartition(".")
        cls = getattr(import_module(module), cls)
        state = self.read(state)
        if issubclass(cls, tuple):
            return self._remember(tuple.__new__(cls, state))
        made = cls.__new__(cls)
        if hasattr(made, "__setstate__"):
            made.__setstate__(state)
        elif state is not None:
            made.__dict__.update(state)
        return self._remember(made)

    def _remember(self, value):
        self.met.append(value)
        return value

    def _values(self, held):
        dtype, shape = np.dtype(held["dtype"]), tuple(held["shape"])
        if dtype.kind in PLAIN_KINDS:
            data = np.frombuffer(base64.b64decode(held["data"]), dtype=dtype)
            return data.astype(dtype.newbyteorder("=")).reshape(shape)
        values = np.empty(len(held["data"]), dtype=dtype)
        values[:] = [self.read(item) for item in held["data"]]
        return values.reshape(shape)
