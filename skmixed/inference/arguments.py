"""Checks of the arguments that statements share: levels of confidence and counts."""

from numbers import Integral, Real

from skmixed.errors import ArgumentError


def check_confidence_level(confidence_level):
    """Return a level of confidence as a float.

    Parameters
    ----------
    confidence_level : float

    Returns
    -------
    float
        Strictly between 0 and 1.

    Raises
    ------
    ValueError
        If it is no such number; a percentage gets told the number that it stands for.

    Examples
    --------
    >>> from skmixed.inference.arguments import check_confidence_level
    >>> check_confidence_level(95)
    Traceback (most recent call last):
        ...
    skmixed.errors.ArgumentError: confidence_level=95 should be a number between 0 \
    and 1; for 95 % it is 0.95.
    See docs/troubleshooting.md#arguments.
    """
    level = confidence_level
    if isinstance(level, Real) and not isinstance(level, bool) and 0 < level < 1:
        return float(level)
    percent = level if isinstance(level, Real) and 1 < level < 100 else 95
    raise ArgumentError(
        f"confidence_level={level!r} should be a number between 0 and 1; for "
        f"{percent:g} % it is {percent / 100:g}."
    )


def check_count(name, value, least=1):
    """Return a count as an int.

    Parameters
    ----------
    name : str
        Of the argument, for the message.
    value : int
    least : int, default=1

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If it is no whole number, or less than `least`.

    Examples
    --------
    >>> from skmixed.inference.arguments import check_count
    >>> check_count("n_resamples", 0)
    Traceback (most recent call last):
        ...
    skmixed.errors.ArgumentError: n_resamples=0 should be a positive integer.
    See docs/troubleshooting.md#arguments.
    """
    if isinstance(value, Integral) and not isinstance(value, bool) and value >= least:
        return int(value)
    wanted = "a positive integer" if least == 1 else f"an integer, {least} or more"
    raise ArgumentError(f"{name}={value!r} should be {wanted}.")


def check_interval(confidence_level, kind):
    """Raise unless the arguments of `predict_interval` make sense."""
    check_confidence_level(confidence_level)
    if kind not in ("prediction", "mean"):
        raise ArgumentError(f"kind={kind!r} should be 'prediction' or 'mean'.")


def check_simulate(n_samples, random_effects):
    """Raise unless the arguments of `simulate` make sense."""
    check_count("n_samples", n_samples)
    if random_effects not in ("new", "fitted"):
        raise ArgumentError(
            f"random_effects={random_effects!r} should be 'new' or 'fitted'."
        )
