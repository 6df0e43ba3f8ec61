"""How numbers are written: one rule for each kind of column, in every table."""

import numpy as np

# Significant digits of the smallest number in a column, as lme4 prints them.
DIGITS = 4
# Beyond this many decimals a column is unreadable: its numbers go their own way.
MOST_DECIMALS = 8
# Nothing below the precision of a double is told apart from 0.
SMALLEST_P = 2.2e-16


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


def format_column(numbers, digits=DIGITS):
    """Write numbers with as many decimals as the smallest needs; nothing for NaN.

    Parameters
    ----------
    numbers : array-like of shape (n,)
    digits : int, default=4

    Returns
    -------
    list of str
    """
    numbers = np.asarray(numbers, dtype=float)
    size = np.abs(numbers[np.isfinite(numbers) & (numbers != 0)])
    decimals = digits - 1
    if size.size:
        decimals -= int(np.floor(np.log10(size.min())))
    if decimals > MOST_DECIMALS:
        return [format_number(value, digits) for value in numbers]
    return [
        f"{value:.{max(decimals, 0)}f}" if np.isfinite(value) else format_number(value)
        for value in numbers
    ]


def fixed_decimals(decimals):
    """Return the rule that writes this many decimals."""

    def rule(value):
        if not np.isfinite(value):
            return format_number(value)
        return f"{value:.{decimals}f}"

    return rule


# The rule of a column by its name; others take as many decimals as they need.
RULES = {
    **dict.fromkeys(("p", "p_naive", "p_mixture", "p_adjusted"), format_p),
    **dict.fromkeys(("df", "num_df", "den_df", "df_resid"), format_df),
    **dict.fromkeys(("t", "z", "statistic", "t_ratio", "F", "chi2"), fixed_decimals(3)),
    **dict.fromkeys(("aic", "bic", "loglik", "deviance"), fixed_decimals(1)),
    **dict.fromkeys(
        ("n", "n_obs", "rows", "n_parameters", "groups", "count"), format_count
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


def write_cell(value):
    """Write a value that stands among others of any kind."""
    if isinstance(value, (float, np.floating)):
        return format_number(value)
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    return "" if value is None else str(value)
