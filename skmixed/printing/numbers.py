"""How numbers are written: one rule for each kind of column, in every table."""

import numpy as np

# Significant digits of the smallest number in a column, as lme4 prints them.
DIGITS = 4
# Beyond this many decimals a column is unreadable: its numbers go their own way.
MOST_DECIMALS = 8
# Larger numbers have more digits before the point than a double holds.
MOST_WHOLE = 1e15
# Nothing below the precision of a double is told apart from 0.
SMALLEST_P = 2.2e-16
# Units of time, in seconds, the longest first.
DURATIONS = {"day": 86_400.0, "hour": 3_600.0, "minute": 60.0, "second": 1.0}


def format_p(p):
    """Write a p-value in a table, as R does.

    Parameters
    ----------
    p : float

    Returns
    -------
    str
        Three significant digits, nothing below the precision of a double, and nothing
        at all for NaN.

    Examples
    --------
    >>> from skmixed.printing.numbers import format_p
    >>> format_p(0.04321), format_p(3.2637e-06), format_p(1e-20), format_p(1.0)
    ('0.0432', '3.26e-06', '< 2e-16', '1')
    """
    if np.isnan(p):
        return ""
    if p < SMALLEST_P:
        return "< 2e-16"
    return f"{p:.3g}"


def say_p(p):
    """Write a p-value in a sentence, as journals do.

    Examples
    --------
    >>> from skmixed.printing.numbers import say_p
    >>> say_p(0.0432), say_p(1e-5), say_p(0.9996)
    ('p = .043', 'p < .001', 'p > .999')
    """
    if p < 0.001:
        return "p < .001"
    if p > 0.999:
        return "p > .999"
    return f"p = {p:.3f}".replace("0.", ".")


def say_level(confidence_level):
    """Say in a note of which level intervals are.

    Examples
    --------
    >>> from skmixed.printing.numbers import say_level
    >>> say_level(0.95)
    'Bounds at 95 %.'
    """
    return f"Bounds at {100 * confidence_level:.4g} %."


def say_duration(seconds):
    """Write an estimated time in a sentence: one number, of the unit that suits it.

    Parameters
    ----------
    seconds : float

    Returns
    -------
    str

    Examples
    --------
    >>> from skmixed.printing.numbers import say_duration
    >>> say_duration(0.2), say_duration(70), say_duration(9000), say_duration(1e6)
    ('less than a second', '70 seconds', '2.5 hours', '12 days')
    """
    for unit, length in DURATIONS.items():
        count = seconds / length
        if count >= 1.5:
            return f"{count:.0f} {unit}s" if count >= 9.5 else f"{count:.2g} {unit}s"
    return "a second" if seconds >= 1.0 else "less than a second"


def format_df(df):
    """Write degrees of freedom: four significant digits, ∞ of a normal law."""
    if np.isnan(df):
        return ""
    return "∞" if np.isinf(df) else f"{df:.4g}"


def format_count(count):
    """Write a number of things."""
    return "" if np.isnan(count) else f"{count:.0f}"


def format_number(value, digits=DIGITS):
    """Write a number by itself with some significant digits; nothing for NaN.

    Examples
    --------
    >>> from skmixed.printing.numbers import format_number
    >>> format_number(1234.567), format_number(0.0001234), format_number(2.0, 3)
    ('1235', '0.0001234', '2.00')
    """
    if isinstance(value, str):
        return value
    if value is None or np.isnan(value):
        return ""
    if np.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    size = int(np.floor(np.log10(abs(value))))
    if -4 <= size < 6:
        return f"{value:.{max(digits - 1 - size, 0)}f}"
    return f"{value:.{digits - 1}e}"


def format_column(numbers, digits=DIGITS, like=None):
    """Write numbers with as many decimals as the smallest needs; nothing for NaN.

    Numbers that would be too long are written each by itself.

    Parameters
    ----------
    numbers : array-like of shape (n,)
    digits : int, default=4
    like : array-like, optional
        Numbers whose smallest counts, in place of these: standard errors say how far
        estimates are known.

    Returns
    -------
    list of str
    """
    numbers = np.asarray(numbers, dtype=float)
    scale = numbers if like is None else np.asarray(like, dtype=float)
    size = np.abs(scale[np.isfinite(scale) & (scale != 0)])
    decimals = digits - 1
    if size.size:
        decimals -= int(np.floor(np.log10(size.min())))
    whole = np.abs(numbers[np.isfinite(numbers)]).max(initial=0.0)
    if decimals > MOST_DECIMALS or whole >= MOST_WHOLE:
        return [format_number(value, digits) for value in numbers]
    return [fixed_decimals(max(decimals, 0))(value) for value in numbers]


def format_intervals(estimate, lower, upper, digits=3):
    """Write estimates in units of their own, as far as their intervals are known.

    Parameters
    ----------
    estimate, lower, upper : array-like of shape (n,)
    digits : int, default=3
        Significant digits of an interval's length.

    Returns
    -------
    estimate, lower, upper : list of str

    Examples
    --------
    >>> from skmixed.printing.numbers import format_intervals
    >>> format_intervals([251.405, 0.0656], [237.68, -0.48], [265.13, 0.69])
    (['251.4', '0.07'], ['237.7', '-0.48'], ['265.1', '0.69'])
    """
    rows = np.column_stack([estimate, lower, upper]).astype(float)
    like = [row if np.isnan(row).any() else row[2:] - row[1] for row in rows]
    cells = [
        format_column(row, digits, size) for row, size in zip(rows, like, strict=True)
    ]
    return tuple(list(column) for column in zip(*cells, strict=True))


def fixed_decimals(decimals):
    """Return the rule that writes this many decimals."""

    def rule(value):
        if not np.isfinite(value):
            return format_number(value)
        return f"{value:.{decimals}f}"

    return rule


# The rule of a column by its name; others take as many decimals as they need.
RULES = {
    **dict.fromkeys(("p", "p_naive", "p_mixture", "p_adjusted", "p_value"), format_p),
    **dict.fromkeys(("df", "num_df", "den_df", "df_resid"), format_df),
    **dict.fromkeys(("t", "z", "statistic", "t_ratio", "F", "chi2"), fixed_decimals(3)),
    **dict.fromkeys(("aic", "bic", "loglik", "deviance"), fixed_decimals(1)),
    **dict.fromkeys(
        (
            "n",
            "n_obs",
            "rows",
            "n_rows",
            "n_parameters",
            "groups",
            "count",
            "n_resamples",
        ),
        format_count,
    ),
    **dict.fromkeys(("share", "adjusted_share", "unadjusted_share"), fixed_decimals(3)),
}


def write_column(name, values, rules=None):
    """Write the cells of a column by the rule of its name.

    Parameters
    ----------
    name : str
    values : array-like of shape (n,)
        Numbers, or anything that is written as it is.
    rules : dict of str to callable, optional
        Rules beside the common ones.

    Returns
    -------
    list of str
    """
    values = np.asarray(values)
    if values.dtype == bool:
        return ["yes" if value else "no" for value in values]
    if values.dtype.kind in "iu":
        return [str(value) for value in values]
    if values.dtype.kind != "f":
        return [write_cell(value) for value in values]
    rule = (rules or {}).get(name) or RULES.get(name)
    if rule is None:
        return format_column(values)
    return [rule(value) for value in values]


# Columns of one unit: the first says how many decimals all have.
UNITS = (
    ("sd", "mean"),
    ("std_error", "estimate", "bias", "lower", "upper"),
    ("sem", "sd", "mean"),
)


def write_columns(frame, rules=None, own_units=False):
    """Write the cells of a table by the rules of its columns.

    Estimates and what stands beside them have the decimals of their standard errors;
    where there are none, each row those of its interval.

    Parameters
    ----------
    frame : DataFrame
    rules : dict of str to callable, optional
        Rules beside the common ones.
    own_units : bool, default=False
        Whether every row has units of its own.

    Returns
    -------
    list of list of str
        One per column.
    """
    names, written = list(frame.columns), {}
    for first, *others in UNITS:
        if first in names:
            like = frame[first].to_numpy(dtype=float)
            for name in (first, *others):
                if name in names:
                    written[name] = write_like(frame[name], like, own_units)
    interval = ["estimate", "lower", "upper"]
    if "std_error" not in names and len(frame) and set(interval) <= set(names):
        cells = format_intervals(*(frame[name] for name in interval))
        written |= dict(zip(interval, cells, strict=True))
    for name in rules or {}:
        written.pop(name, None)
    return [
        written.get(name) or write_column(name, frame.iloc[:, place].to_numpy(), rules)
        for place, name in enumerate(names)
    ]


def write_like(numbers, like, own_units):
    """Write numbers as far as others go: their smallest, or each its own."""
    if not own_units:
        return format_column(numbers, like=like)
    pairs = zip(numbers, like, strict=True)
    return [format_column([x], 3, [x if np.isnan(s) else s])[0] for x, s in pairs]


def write_entries(series, rules=None):
    """Write values that stand below each other, each by the rule of its label.

    Parameters
    ----------
    series : Series
    rules : dict of str to callable, optional

    Returns
    -------
    list of str
    """
    known = {**RULES, **(rules or {})}
    if not any(name in known for name in series.index):
        return write_column(series.name, series.to_numpy(), rules)
    return [known.get(name, write_cell)(value) for name, value in series.items()]


def write_cell(value):
    """Write a value that stands among others of any kind."""
    if isinstance(value, (float, np.floating)):
        return format_number(value)
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    return "" if value is None else str(value)
