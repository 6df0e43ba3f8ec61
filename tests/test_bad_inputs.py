"""Bad inputs and what each is answered: one line per input.

Every answer is an error of ours, or of scikit-learn's validation, in the user's words;
none comes out of numpy, pandas, pyarrow or formulaic.
"""

import contextlib
import datetime
import re
import traceback
import warnings

import numpy as np
import pandas as pd
import pytest

from skmixed import MixedLinearRegressor, anova, emmeans
from skmixed.formula import FormulaError, parse_formula

COLUMNS = ("y", "x", "z", "f", "g", "a", "b")
N_ROWS = 60
# What no message may say: the words of the libraries below.
FOREIGN = (
    "ufunc|numpy\\.|<class|NoneType|positional arg|unexpected keyword|pyarrow|formulaic"
    "|object is not|unsupported operand|has no attribute|inhomogeneous|out of bounds"
    "|could not convert|Arrow|Traceback|Kind\\."
)

# -- formulas that cannot be read -------------------------------------------------

FORMULAS = {
    "y ~ x | g": "must stand in parentheses",
    "y ~ x + 1 | g": "must stand in parentheses",
    "y ~ x || g": "must stand in parentheses",
    "y ~ x * (1 | g)": "can only be added with `+`",
    "y ~ (1 | g) : x": "can only be added with `+`",
    "y ~ x - (1 | g)": "can only be added with `+`",
    "y ~ (x + (1 | g))^2": "can only be added with `+`",
    "y ~ (1 | g)/x": "can only be added with `+`",
    "y ~ x %in% (1 | g)": "can only be added with `+`",
    "y ~ ((1 | a) | b)": "cannot be nested",
    "y ~ (1 | (1 | a))": "cannot be nested",
    "y ~ x + (1 | a | b)": "More than one bar",
    "y ~ x + (0 | g)": "estimates no effect",
    "y ~ x + (1 - 1 | g)": "estimates no effect",
    "y ~ x + ( | g)": "nothing on the left of its bar",
    "y ~ x + (1 | )": "The operator `|` lacks one of its sides",
    "y ~ x + (1 | 1)": "must be a column",
    "y ~ x + (1 | 0)": "must be a column",
    "y ~ x + (1 | g + 1)": "must be a column",
    "y ~ x + (1 | a:2)": "must be a column",
    "y ~ x + (1 | a - b)": "no meaning among grouping factors",
    "y ~ x + (1 | .)": "no meaning among grouping factors",
    "y ~ x + (1 | log(g))": "compute it in the data frame first",
    "y ~ x + (1 | C(g, contr.sum))": "compute it in the data frame first",
    "y ~ x + (1 | g) + (1 | g)": "appears twice",
    "y ~ x + (1 | g) + (x | g)": "appears twice",
    "y ~ x + (1 | g) + (x | factor(g))": "appears twice",
    "y ~ x + (1 | a:b) + (1 | b:a)": "appears twice",
    "y ~ x + (1 | a/b) + (1 | a)": "appears twice",
    "(1 | g) ~ x": "on the right of `~`",
    "y ~ x ~ z": "at most one `~`",
    "y ~ (z ~ x)": "at most one `~`",
    "y ~ ": "nothing on the right",
    "~": "nothing on the right",
    "": "empty",
    "  ": "empty",
    "y + z ~ x + (1|g)": "One response",
    "y * z ~ x + (1|g)": "One response",
    "y:z ~ x": "single column",
    "-y ~ x": "no response",
    "y - z ~ x + (1|g)": "algebra of terms",
    "y^2 ~ x + (1|g)": "algebra of terms",
    "1 ~ x": "cannot be a response",
    ". ~ x": "cannot be a response",
    "y ~ y + x": "also a predictor",
    "y ~ x + (1 | y)": "also a predictor",
    "y ~ x + cs(x || g)": "one term with one bar",
    "y ~ x + ar1(0 + f | g, TRUE)": "not `TRUE`",
    "y ~ x + ar1(0 + f | g, hom=T, hom=F)": "option `hom` twice",
    "y ~ x + cs(0 + f, x | g)": "one term with one bar",
    "y ~ x + diag(x || g)": "one term with one bar",
    "y ~ x + diag((1 | a) + (1 | b))": "one term with one bar",
    "y ~ x + diag(x)": "Unknown function",
    "y ~ x:offset(z) + (1|g)": "`offset()` must be a term of its own",
    "y ~ x + (offset(z) | g)": "cannot stand in a random-effects term",
    "y ~ (1 + x | g": "never closed",
    "y ~ 1 + x | g)": "never opened",
    "y ~ x + (1 | g))": "never opened",
    "y ~ x (1 | g)": "Missing operator",
    "y ~ x + (1 | g) z": "Missing operator",
    "y ~ (0 + x)": "cannot be removed inside parentheses",
    "y ~ (x - 1) + z": "cannot be removed inside parentheses",
    "y ~ ((0 + x) | g)": "cannot be removed inside parentheses",
    "y ~ x + ((0 + x) | g)": "cannot be removed inside parentheses",
    "y ~ * x": "lacks its left side",
    "y ~ x + (: x | g)": "lacks its left side",
    "y ~ x + 2": "Numeric literals",
    "y ~ 2:x": "Numeric literals",
    "y ~ x + 'a'": "String literals",
    "y ~ x + (2 | g)": "Numeric literals",
    "y ~ (x + z)^0": "The operator `^` lacks one of its sides",
    "y ~ (x + z)^1.5": "positive whole number",
    "y ~ (x + z)^x": "positive whole number",
    "y ~ log(x": "quote context",
    "y ~ poly(x, 2": "quote context",
    "y ~ C(f, contr.treatment(base=)) + (1|g)": "Cannot read",
    "y ~ [x + z]": "Square brackets",
    "y ~ x[1]": "not allowed in a formula",
    "y = x + (1 | g)": "Unknown operator",
    "y ~ x & z": "Unknown operator",
    "y ~ x %*% z": "`%*%` is arithmetic",
    "y ~ x %/% z": "`%/%` is arithmetic",
    "y ~ x %% z": "`%%` is arithmetic",
    "y ~ x + ``": "nothing between the back-ticks",
    "y ~ log(``)": "nothing between the back-ticks",
    "d$y ~ d$x": "not `data$x`",
    "y ~ s(z) + (1|g)": "write `bs(x, df=4)`",
}

# Calls on the right of `y ~`.
CALLS = {
    "ns(x, 3)": "cr(x, df=4)",
    "relevel(f, ref = 'b')": "contr.treatment",
    "cut(x, 3)": "pd.cut",
    "ifelse(x > 2, 1, 0)": "np.where",
    "is.na(x)": "isna()",
    "as.numeric(f)": "in the data frame first",
    "as.integer(f)": "in the data frame first",
    "as.character(f)": "factor(x)",
    "ordered(f)": "contr.poly",
    "interaction(f, g)": "a:b",
    "lag(x)": "order of the rows",
    "np.mean(x)": "center(x)",
    "np.cumsum(x)": "order of the rows",
    "np.load('file')": "row by row",
    "cbind(a, b)": "one response",
    "Q('x')": "back-ticks",
    "I(x == NA)": "missing value",
    "if(x > 2, 1, 0)": "Unknown function `if`",
    "myfun(x)": "Unknown function `myfun`",
    "x.mean()": "Unknown function `x.mean`",
    "I(x$y)": "no meaning",
    "I('a)": "a quote is not closed",
    "I(`x)": "Formula ended before quote context was closed",
    # a closed list of functions with fixed arguments
    "exp(x, z)": "`exp` takes no more than 1 argument, got 2: write `exp(x)`",
    "exp(x, out=z)": "`exp` has no argument `out`",
    "np.log(x, where=x > 0)": "`np.log` has no argument `where`: write `np.log(x)`",
    "np.add(x, z, out=b)": "`np.add` has no argument `out`: write `np.add(x, y)`",
    "np.add(x)": "`np.add` lacks its argument 'y'",
    "np.clip(x, 0, 1, z)": "no more than 3 arguments, got 4",
    "np.sqrt(x, dtype='f4')": "has no argument `dtype`",
    "np.matmul(x, z)": "`I(x * z)`",
    "np.vecdot(x, z)": "work row by row",
    "np.sort(x)": "work row by row",
    "np.argsort(x)": "work row by row",
    "np.random(x)": "work row by row",
    "np.interp(x, z, x)": "`xp` of `np.interp` must be a list of numbers",
    "np.interp(x, c(0, 1))": "lacks its argument 'fp'",
    "np.isin(x, z)": "`values` of `np.isin` must be a list",
    "np.digitize(x, z)": "`bins` of `np.digitize` must be a list of numbers",
    "np.where(x > 0, z)": "`np.where` lacks its argument 'y'",
    "np.where(x > 0, 'a', 'b')": "must be numbers, row by row",
    "np.select(x, z)": "`conditions` of `np.select` must be a list",
    "np.pi(x)": "`np.pi` is a number and takes no arguments",
    "I(np.log)": "`np.log` is a function: write `np.log(x)`",
    "I(np.nosuch)": "work row by row",
    "log()": "`log` lacks its argument 'x': write `log(x, base)`",
    "log(x, 2, 3)": "no more than 2 arguments",
    "log('x')": "`x` of `log` must be numbers, row by row, not `'x'`",
    "log(NULL)": "must be numbers, row by row",
    "log(c(1, 2))": "must be numbers, row by row, not `[1, 2]`",
    "log(poly(x, 2))": "must be numbers, row by row, not `poly(x, 2)`",
    "log(x, base=x, base=2)": "has the argument `base` twice",
    "log(x, x=2)": "`log` has the argument `x` twice",
    "log(**x)": "`**` is not allowed among the arguments",
    "round(x, 1.5)": "`digits` of `round` must be a whole number",
    "round(x, 1, z)": "no more than 2 arguments",
    "pmax(x)": "`pmax` lacks its argument 'y': write `pmax(x, y, ...)`",
    "pmax(x, z, 'a')": "must be numbers, row by row",
    "pmin()": "`pmin` lacks its argument 'x' and 'y'",
    "max(x, 0)": "`na_rm` of `max` must be TRUE or FALSE",
    "mean(x, trim=0.1)": "`mean` has no argument `trim`",
    "sd(f, x, z)": "no more than 2 arguments",
    "scale(x, z)": "`center` of `scale` must be TRUE, FALSE or a number",
    "scale(poly(x, 2))": "must be numbers, row by row",
    "center(x, TRUE)": "no more than 1 argument",
    "poly(x, 0)": "`degree` of `poly` must be a whole number of 1 or more, not `0`",
    "poly(x, -1)": "whole number of 1 or more, not `-1`",
    "poly(x, 'a')": "whole number of 1 or more, not `'a'`",
    "poly(x, z)": "whole number of 1 or more, not `z`",
    "poly(x, 2.5)": "whole number of 1 or more, not `2.5`",
    "poly(x, TRUE)": "whole number of 1 or more",
    "poly(x, 2, raw=z)": "`raw` of `poly` must be TRUE or FALSE",
    "poly(x, 2, coefs=3)": "`poly` has no argument `coefs`",
    "bs(x, df=0)": "`df` of `bs` must be a whole number of 1 or more",
    "bs(x, knots='a')": "`knots` of `bs` must be a list of numbers",
    "bs(x, knots=z)": "`knots` of `bs` must be a list of numbers",
    "bs(x, df=4, extrapolation='no')": "must be 'extend' or 'raise' or 'clip'",
    "bs(x, df=4, intercept=TRUE)": "has no argument `intercept`",
    "cr(x, df=z)": "`df` of `cr` must be a whole number",
    "cr(x, df=4, constraints='sum')": "`constraints` of `cr` must be 'center'",
    "C()": "`C` lacks its argument 'x'",
    "C(1)": "`x` of `C` must be a column, not `1`",
    "C('f')": "`x` of `C` must be a column, not `'f'`",
    "C(f, 3)": "`contrasts` of `C` must be a coding: contr.sum",
    "C(f, 'contr.sum')": "must be a coding: contr.sum",
    "C(f, c(1, 2))": "must be a coding: contr.sum",
    "C(f, x)": "must be a coding: contr.sum",
    "C(f, contr.custom)": "must be a coding: contr.sum",
    "C(f, [[1], [1, 2]])": "must be a coding: contr.sum",
    "C(f, {'a': 1})": "must be a coding: contr.sum",
    "C(f, {})": "must be a coding: contr.sum",
    "C(f, contr.nosuch)": "Unknown function `contr.nosuch`",
    "C(f, contr.sum(3))": "`contr.sum` takes no more than 0 arguments",
    "C(f, contr.poly('a'))": "`scores` of `contr.poly` must be a list of numbers",
    "C(f, contr.treatment(x))": "`base` of `contr.treatment` must be a number or",
    "C(f, Treatment(base='a'))": "`Treatment` has no argument `base`",
    "factor(f, TRUE)": "must be a coding: contr.sum",
    "factor(f, levels='a', labels='b')": "`factor` has no argument `labels`",
    "within(x)": "write `within(x, group)`",
    "within(x, a:b)": "Cannot read `within(x, a:b)` as an expression",
    "between(x, factor(g))": "write `between(x, group)`",
    "I()": "`I` lacks its argument 'x'",
    "I(x, z)": "no more than 1 argument",
    "I(x + 'a')": "`'a'` cannot stand in arithmetic",
    "I(x + c(1, 2))": "`[1, 2]` cannot stand in arithmetic",
    "I(x + NULL)": "`None` cannot stand in arithmetic",
    "I(poly(x, 2) * z)": "`poly(x, 2)` cannot stand in arithmetic",
    "I(-factor(f))": "`factor(f)` cannot stand in arithmetic",
    "I(f < 'b')": "`'b'` cannot stand in arithmetic",
    "I(!'a')": "`'a'` cannot stand in arithmetic",
    "I(x & 'a')": "`'a'` cannot stand in arithmetic",
    "I(contr.sum + x)": "`contr.sum` cannot stand in arithmetic",
    "I(x %o% z)": "the operator `%o%` has no meaning",
    f"I(x + 1{'0' * 400})": "too large for a double",
    f"I(x * 1e{'9' * 5})": "too large for a double",
    f"I({'(' * 300}x{')' * 300})": "Cannot read",
    "I(x + `` )": "nothing between the back-ticks",
    "I(x ? z)": "no meaning in a formula",
    "`log(x)` + log(x)": "is a column and a call in one formula",
}

# -- formulas that the table does not satisfy -------------------------------------

FITS = {
    "y ~ nosuch + (1 | gg)": "X lacks: ['nosuch', 'gg']",
    "y ~ Z + (1 | g)": "Did you mean 'z'?",
    "yy ~ nosuch + (1 | gg)": "['yy'] of the formula and no y was passed",
    "yy ~ nosuch + (1 | h)": "It lacks the columns ['nosuch', 'h'] too",
    "log(yy) ~ x + (1 | g)": "lacks the response ['yy']",
    "y ~ np.pi + (1 | g)": "X lacks: ['np.pi']",
    "y ~ log + x + (1 | g)": "X lacks: ['log']",
    "f ~ x + (1 | g)": "must be numeric",
    "log(f) ~ x + (1 | g)": "column 'f' holds text (such as 'a')",
    "poly(y, 2) ~ x + (1 | g)": "gives 2 columns",
    "offset(y) ~ x + (1 | g)": "`offset()` cannot be the response",
    "log(x) ~ z + (1 | g)": "is not finite in",
    "y ~ log(x) + (1 | g)": "`log(x)` is not finite in",
    "y ~ I(x / 0) + (1 | g)": "is not finite in 60 rows",
    "y ~ I(1 / 0 + x) + (1 | g)": "its constants divide by zero",
    "y ~ I(9^9^9^9 * x) + (1 | g)": "too large for a double",
    "y ~ x + (log(x) | g)": "`log(x)` is not finite in",
    "y ~ offset(f) + (1 | g)": "column 'f' holds text (such as 'a')",
    "y ~ I(f + 1) + (1 | g)": "column 'f' holds text (such as 'a'), and numbers",
    "y ~ scale(f) + (1 | g)": "column 'f' holds text",
    "y ~ poly(f, 2) + (1 | g)": "column 'f' holds text",
    "y ~ bs(f, df=4) + (1 | g)": "column 'f' holds text",
    "y ~ within(f, g) + (1 | g)": "column 'f' holds text",
    "y ~ pmax(x, f) + (1 | g)": "column 'f' holds text",
    "y ~ I(f > 1) + (1 | g)": "column 'f' holds text",
    "y ~ I(f == 1) + (1 | g)": "column of text is compared with 1",
    "y ~ I(x == 'a') + (1 | g)": "column of numbers is compared with 'a'",
    "y ~ I(f %in% c(1, 2)) + (1 | g)": "column of text is compared with 1",
    "y ~ I(x == f) + (1 | g)": "is compared with a column",
    "y ~ poly(w, 20) + (1 | g)": "degree 20 needs more than 20 distinct values",
    "y ~ poly(x, 8000) + (1 | g)": "asks for 8000 columns, and there are 60 rows",
    "y ~ bs(x, df=100000000) + (1 | g)": "asks for 100000000 columns",
    "y ~ cr(x, df=100000000) + (1 | g)": "asks for 100000000 columns",
    "y ~ cc(x, df=100000000) + (1 | g)": "asks for 100000000 columns",
    "y ~ bs(x, df=2) + (1 | g)": "a spline of degree 3 has df=3 or more",
    "y ~ bs(x, df=4, knots=c(0)) + (1 | g)": "df or knots, not both",
    "y ~ bs(x, knots=c(99)) + (1 | g)": "the knots [99.0] do not lie between",
    "y ~ bs(x, df=4, lower_bound=9, upper_bound=1) + (1 | g)": "no room between",
    "y ~ cr(x) + (1 | g)": "write `cr(x, df=4)`",
    "y ~ cr(x, df=1) + (1 | g)": "df=1 is too few: write df=3 or more",
    "y ~ cr(w, df=20) + (1 | g)": "df=20 needs more than 20 distinct values",
    "y ~ cr(x, df=4, lower_bound=50) + (1 | g)": "no room between",
    "y ~ np.interp(x, c(1, 0), c(0, 1)) + (1 | g)": "in ascending order",
    "y ~ np.interp(x, c(0, 1), c(0, 1, 2)) + (1 | g)": "2 positions and 3 values",
    "y ~ np.digitize(x, c(0, 2, 1)) + (1 | g)": "must ascend or descend",
    "y ~ np.select([x > 0], [1, 2]) + (1 | g)": "1 conditions and 2 values",
    "y ~ C(f, contr.treatment('q')) + (1 | g)": "reference level 'q' is not among",
    "y ~ C(f, Treatment('q')) + (1 | g)": "reference level 'q' is not among",
    "y ~ C(f, {'d': [1, 0]}) + (1 | g)": "2 weights for the 3 levels",
    "y ~ C(f, [[1], [0]]) + (1 | g)": "2 weights for the 3 levels",
    "y ~ C(f, contr.poly(c(1, 2))) + (1 | g)": "2 weights for the 3 levels",
    "y ~ C(f, levels=c('a', 'b')) + (1 | g)": "did not see: ['c']",
    "y ~ C(f, levels=c('a')) + (1 | g)": "single level",
    "y ~ factor(one) + (1 | g)": "single level",
    "y ~ text + (1 | g)": "Column 'text' has a single level",
    "y ~ mixed + (1 | g)": "levels that read alike ([0, 1, '1'])",
    "y ~ C(mixed) + (1 | g)": "levels that read alike ([0, 1, '1'])",
    "y ~ day + (1 | g)": "Column 'day' holds dates",
    "y ~ log(day) + (1 | g)": "Column 'day' holds dates",
    "y ~ span + (1 | g)": "Column 'span' holds dates or times",
    "y ~ complex + (1 | g)": "Complex data not supported: column 'complex'",
    "y ~ lists + (1 | g)": "Column 'lists' (dtype object) holds values",
    "y ~ C(lists) + (1 | g)": "neither numbers nor text",
    "y ~ dicts + (1 | g)": "neither numbers nor text",
    "day ~ x + (1 | g)": "Column 'day' holds dates",
    "lists ~ x + (1 | g)": "neither numbers nor text",
    "y ~ x + (1 | lists)": "Column 'lists' (dtype object) holds values",
    "y ~ x + (1 | g:lists)": "neither numbers nor text",
    "y ~ x + (1 | complex)": "Complex data not supported: column 'complex'",
    "y ~ within(x, lists) + (1 | g)": "neither numbers nor text",
    "y ~ x + (1 | one)": "has 1 level in 60 rows",
    "y ~ x + (1 | row)": "`row`",
    "y ~ x + (lists | g)": "neither numbers nor text",
    "y ~ pi + (1 | g)": "`pi` is a number, the same in every row",
    "y ~ x + (pi | g)": "in a call it is understood, as in I(x * pi)",
    "y ~ x + offset(huge) + (1 | g)": "The largest number of the offset is",
    "y ~ huge + (1 | g)": "The largest number of `huge` is",
    "y ~ tiny + (1 | g)": "divide by 1e-",
    "y ~ x + (0 + huge | g)": "The largest number of `huge` is",
    "huge ~ x + (1 | g)": "The largest number of the response is",
    "infinite ~ x + (1 | g)": "not finite in 60 rows",
    "y ~ infinite + (1 | g)": "`infinite` is not finite in 60 rows",
    "y ~ gaps + (1 | g)": "columns ['gaps'] of X",
    "y ~ x + (1 | gaps)": "columns ['gaps'] of X",
    "gaps ~ x + (1 | g)": "columns ['gaps'] of X",
    "~ x + (1 | g)": "requires y to be passed",
    "y ~ x + (1 | y)": "also a predictor",
}

# -- what else `fit` is given -----------------------------------------------------

TABLES = {
    "a dict": (lambda d: d.to_dict("list"), "pass a data frame: pd.DataFrame(X)"),
    "None": (lambda d: None, "Expected 2D array"),
    "text": (lambda d: "table.csv", "pass a data frame: pd.read_csv(X)"),
    "a number": (lambda d: 3, "Expected 2D array"),
    "no rows": (lambda d: d.head(0), "0 sample"),
    "one row": (lambda d: d.head(1), "1 rows cannot tell"),
    "one column": (lambda d: d[["y"]], "X lacks: ['x', 'g']"),
    "a series": (lambda d: d["y"], "pass a data frame: X.to_frame()"),
    "one name twice": (lambda d: pd.concat([d, d[["x"]]], axis=1), "one name: ['x']"),
    "numbers as names": (lambda d: d.set_axis(range(d.shape[1]), axis=1), "strings"),
    "mixed names": (lambda d: d.rename(columns={"z": 1}), "string"),
    "other names": (lambda d: d.rename(columns=str.upper), "lacks the response ['y']"),
    "prefixed names": (
        lambda d: d.assign(y=d.y).rename(columns={"x": "num__x"}),
        "verbose_feature_names_out=False",
    ),
    "an array": (lambda d: d[["y", "x", "g"]].to_numpy(), "lacks the response ['y']"),
    "a cube": (lambda d: np.zeros((3, 3, 3)), "dim 3"),
    "a column": (lambda d: np.zeros(60), "1D array"),
    "complex array": (lambda d: np.full((60, 3), 1j), "Complex data"),
    "array of text": (lambda d: d[["f", "f"]].to_numpy(), "an array with text ('a')"),
}

RESPONSES = {
    "shorter": (lambda d: d.y[:-1], "inconsistent numbers of samples"),
    "longer": (lambda d: np.zeros(61), "inconsistent numbers of samples"),
    "two columns": (lambda d: d[["y", "z"]], "fit_many"),
    "text": (lambda d: d.f, "not numeric"),
    "array of text": (lambda d: np.array(d.f), "not numeric"),
    "dates": (lambda d: d.day, "not numeric"),
    "complex": (lambda d: np.full(60, 1j), "Complex data"),
    "infinite": (lambda d: np.full(60, np.inf), "not finite in 60 rows"),
    "missing": (lambda d: np.full(60, np.nan), "Input contains NaN"),
    "masked": (lambda d: np.ma.masked_array(d.y, d.y > 0), "Input contains NaN"),
    "lists": (lambda d: pd.Series([[1]] * 60), "not numeric"),
    "a number": (lambda d: 3.0, "should be a 1d array"),
    "huge": (lambda d: d.z * 1e190, "The largest number of the response is"),
    "tiny": (lambda d: d.z * 1e-190, "divide by 1e-19"),
    "categories of text": (lambda d: d.f.astype("category"), "not numeric"),
    "constant": (lambda d: np.ones(60), "response"),
}

WEIGHTS = {
    "a name": (lambda d: "w", "pass sample_weight=X['w']"),
    "a dict": (lambda d: {"w": 1}, "sample_weight is a dict"),
    "a set": (lambda d: {1}, "sample_weight is a set"),
    "text": (lambda d: d.f, "one number for each row"),
    "dates": (lambda d: d.day, "one number for each row"),
    "list of dates": (lambda d: list(d.day), "one number for each row"),
    "durations": (lambda d: d.span, "one number for each row"),
    "complex": (lambda d: np.full(60, 1j), "one number for each row"),
    "lists": (lambda d: [[1], [1, 2]], "one number for each row"),
    "an object": (lambda d: object(), "one number for each row"),
    "negative": (lambda d: -d.w - 1.0, "Negative values"),
    "infinite": (lambda d: np.full(60, np.inf), "infinity"),
    "missing": (lambda d: np.full(60, np.nan), "NaN"),
    "masked": (lambda d: np.ma.masked_array(d.w, d.w > 3), "NaN"),
    "all zero": (lambda d: np.zeros(60), "non-zero"),
    "shorter": (lambda d: np.ones(59), "expected (60,)"),
    "two columns": (lambda d: np.ones((60, 2)), "1D array or scalar"),
    "huge": (lambda d: np.full(60, 1e300), "the root of sample_weight"),
    "tiny": (lambda d: np.full(60, 1e-300), "the root of sample_weight"),
}

# -- a residual covariance --------------------------------------------------------

# Of `y ~ x`, over w (0 to 8) of g; the frame may change first.
RESIDUALS = {
    "UN(w | g)": "`UN` is called `us` here",
    "UNR(w | g)": "is called `us` here",
    "VC(w | g)": "is called `id` here",
    "ARH1(w | g)": "is called `ar1h` here",
    "TP(w | g)": "is called `toep` here",
    "corAR1(form = ~ w | g)": "is called `ar1` here",
    "corSymm(form = ~ w | g)": "is called `us` here",
    "corCompSymm(form = ~ 1 | g)": "is called `cs` here",
    "unstr(w, g)": "is called `us` here",
    "arma(w | g)": "is not known; there are: us",
    "us(w | f / g)": "by=f",
    "ar1": "`(` is missing",
    "ar1(w)": "`|` is missing",
    "ar1(w | g": "`)` is missing",
    "ar1(0 + w | g)": "should be a column",
    "ar1(w + z | g)": "one column of times",
    "ar1(factor(w) | g)": "not a call",
    "cs(w | g) + ar1(w | g)": "one residual covariance",
    "cs(w | g, hom=3)": "should be True or False",
    "csh(w | g, hom=True)": "no option `hom`",
    "car1(w | g, range=2)": "no option `range`",
    "cs(w | g, by=True)": "by= takes the name of a column",
    "cs(nosuch | g)": "no column 'nosuch'",
    "cs(w | nosuch)": "no column 'nosuch'",
    "cs(w | g, by=nosuch)": "no column 'nosuch'",
    "cs(w | g, by=z)": "constant within subjects",
    "cs(one | row)": "there is one visit only",
    "cs(w | row)": "no `row` has rows at two visits",
    "cs(one | g)": "several rows at one visit",
    "us(x | row)": "no `row` has rows at two visits",
    "ar1(half | g)": "write car1",
    "car1(day | g)": "`day` holds dates",
    "ar1(day | g)": "`day` holds dates",
    "gau(span | g)": "`span` holds dates",
    "car1(infinite | row)": "are infinite",
    "cs(mixed | row)": "have no order",
    "cs(lists | g)": "holds neither numbers nor text",
    "cs(gaps | g)": "columns ['gaps'] of X",
    "toep(w | pair)": "rows that are 2 visits apart",
    "ad(w | early)": "before and after the step between 3 and 4",
}
# What stands beside it.
BESIDE = {
    "the same twice": ("y ~ x + (1 | g)", {}, "cannot be told apart"),
    "random effects beside us": (
        "y ~ x + (1 | g)",
        {"residual": "us(w | g)"},
        "leaves nothing to",
    ),
    "a dispersion of all": (
        "y ~ x",
        {"residual": "us(w | g)", "dispersion": "~ f"},
        "leaves nothing to dispersion",
    ),
    "a response of dispersion": ("y ~ x", {"dispersion": "y ~ f"}, "one-sided"),
    "an empty dispersion": ("y ~ x", {"dispersion": "~ 1"}, "names no column"),
    "a known sigma": ("y ~ x", {"sigma": 1.0}, "sigma=1.0 is for independent"),
    "a constant": ("one ~ x", {}, "reproduce the response exactly"),
    "an exact response": ("double ~ x", {}, "reproduce the response exactly"),
    "a column per row": ("y ~ factor(row)", {}, "as many fixed effects as rows"),
    "no text": ("y ~ x", {"residual": 5}, "instance of 'str' or None"),
    "us in the formula": (
        "y ~ x + us(0 + f | triple)",
        {"residual": None},
        "residual='us(f | ",
    ),
}

# -- a fitted model ---------------------------------------------------------------

# Of `y ~ x + f + C(w) + (1 | g)`, applied to the rows of the fit.
PREDICTIONS = {
    "no column x": (lambda d: d.drop(columns="x"), "X lacks: ['x']"),
    "no group": (lambda d: d.drop(columns="g"), "X lacks: ['g']"),
    "no columns": (lambda d: d[["z"]], "X lacks: ['x', 'f', 'w', 'g']"),
    "text for numbers": (lambda d: d.assign(x="a"), "was numeric in fit but is categ"),
    "numbers for text": (lambda d: d.assign(f=1), "was categorical in fit but is num"),
    "a new level": (lambda d: d.assign(f="new"), "did not see: ['new']"),
    "a new level in C": (lambda d: d.assign(w=99), "did not see: ['99']"),
    "text groups": (lambda d: d.assign(g="a"), "held numbers in fit"),
    "dates": (lambda d: d.assign(x=d.day), "holds dates"),
    "lists": (lambda d: d.assign(f=d.lists), "neither numbers nor text"),
    "infinite": (lambda d: d.assign(x=np.inf), "`x` is not finite in 60 rows"),
    "missing": (lambda d: d.assign(x=np.nan), "columns ['x'] of X"),
    "missing level": (lambda d: d.assign(f=None), "columns ['f'] of X"),
    "no rows": (lambda d: d.head(0), "0 sample"),
    "an array": (lambda d: d[["x", "w", "g"]].to_numpy(), "of 3 columns without names"),
    "a list": (lambda d: [1, 2, 3], "Expected 2D array"),
    "a dict": (lambda d: {"x": [1]}, "pd.DataFrame(X)"),
    "one name twice": (lambda d: pd.concat([d, d[["x"]]], axis=1), "one name: ['x']"),
}

LEVELS = (95, -0.5, 0, 1, 1.5, "a", None, np.nan)
COUNTS = (-1, 0, 1.5, "a", None)
STATEMENTS = {
    **{
        f"{name} at {level!r}": (ask, level, "confidence_level=")
        for level in LEVELS
        for name, ask in {
            "conf_int": lambda m, d, v: m.conf_int(confidence_level=v),
            "summary": lambda m, d, v: m.summary(confidence_level=v),
            "interval": lambda m, d, v: m.predict_interval(d, confidence_level=v),
            "icc": lambda m, d, v: m.icc(confidence_level=v),
            "emmeans": lambda m, d, v: emmeans(m, "f", confidence_level=v),
        }.items()
        if not (name == "icc" and level is None)
    },
    **{
        f"bootstrap({count!r})": (lambda m, d, v: m.bootstrap(v), count, "n_resamples=")
        for count in COUNTS
    },
    **{
        f"simulate({count!r})": (
            lambda m, d, v: m.simulate(d, n_samples=v),
            count,
            "n_samples=",
        )
        for count in COUNTS
    },
    **{
        f"random_effects={wrong!r}": (
            lambda m, d, v: m.predict(d, random_effects=v),
            wrong,
            "['g']",
        )
        for wrong in ("h", ["g", "h"], [["g"]], [{}], None, 1, {"g": 1})
    },
    "no parameter": (lambda m, d, v: m.conf_int("nosuch"), None, "nosuch"),
    "no method": (lambda m, d, v: m.conf_int(method="nosuch"), None, "nosuch"),
    "no ddf": (lambda m, d, v: m.summary(ddf="nosuch"), None, "nosuch"),
    "no type": (lambda m, d, v: anova(m, type="IV"), None, "IV"),
    "no column": (lambda m, d, v: emmeans(m, "nosuch"), None, "nosuch"),
    "no kind": (lambda m, d, v: m.predict_interval(d, kind="no"), None, "kind='no'"),
    "no draws": (lambda m, d, v: m.simulate(d, random_effects="no"), None, "'no'"),
}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    n = np.arange(N_ROWS)
    x = rng.normal(size=N_ROWS)
    return pd.DataFrame(
        {
            "y": x + rng.normal(size=6)[n % 6] + rng.normal(size=N_ROWS),
            "x": x,
            "z": rng.normal(size=N_ROWS),
            "w": n // 3 % 9,
            "f": np.array(["a", "b", "c"])[n % 3],
            "g": n % 6,
            "one": 1,
            "row": n,
            "text": "same",
            "mixed": pd.Series([0, 1, "1"] * 20, dtype=object),
            "day": pd.date_range("2020-01-01", periods=N_ROWS),
            "span": pd.Series([datetime.timedelta(days=1)] * N_ROWS),
            "complex": x + 1j,
            "lists": pd.Series([[1, 2]] * N_ROWS, dtype=object),
            "dicts": pd.Series([{"a": 1}] * N_ROWS, dtype=object),
            "huge": x * 1e200,
            "tiny": x * 1e-200,
            "infinite": np.inf,
            "gaps": np.where(n < 3, np.nan, n % 4),
        }
    )


@pytest.fixture(scope="module")
def model(frame):
    return MixedLinearRegressor("y ~ x + f + C(w) + (1 | g)").fit(frame)


@contextlib.contextmanager
def answered(fragment, kind=(ValueError, TypeError)):
    """Expect an error of ours that says ``fragment`` and nothing foreign."""
    with warnings.catch_warnings(), pytest.raises(kind) as caught:  # noqa: PT012
        warnings.simplefilter("ignore")
        yield
    text = str(caught.value)
    assert fragment, "a table without an answer"
    assert fragment in text, text
    assert not re.search(FOREIGN, text), text
    assert "\x1b" not in text
    assert len(text) > 15, text
    last = traceback.extract_tb(caught.value.__traceback__)[-1].filename
    assert "skmixed" in last or "sklearn" in last, last


@pytest.mark.parametrize("text", FORMULAS)
def test_formula_is_refused_with_a_reason(text):
    with answered(FORMULAS[text], FormulaError):
        parse_formula(text, columns=COLUMNS)


@pytest.mark.parametrize("call", CALLS)
def test_call_is_refused_with_a_reason(call):
    with answered(CALLS[call], FormulaError):
        parse_formula(f"y ~ {call}")


@pytest.mark.parametrize("formula", FITS)
def test_formula_that_does_not_fit_its_table(frame, formula):
    with answered(FITS[formula]):
        MixedLinearRegressor(formula).fit(frame)


@pytest.mark.parametrize("name", TABLES)
def test_table(frame, name):
    change, fragment = TABLES[name]
    with answered(fragment):
        MixedLinearRegressor("y ~ x + (1 | g)").fit(change(frame))


@pytest.mark.parametrize("name", RESPONSES)
def test_response(frame, name):
    change, fragment = RESPONSES[name]
    with answered(fragment):
        MixedLinearRegressor("~ x + (1 | g)").fit(frame, change(frame))


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(frame, name):
    change, fragment = WEIGHTS[name]
    with answered(fragment):
        MixedLinearRegressor("y ~ x + (1 | g)").fit(frame, sample_weight=change(frame))


@pytest.mark.parametrize("text", RESIDUALS)
def test_residual_covariance(frame, text):
    n = np.arange(N_ROWS)
    changed = frame.assign(w=n // 6, pair=10 * (n % 6) + n // 12)
    changed = changed.assign(half=n / 12, early=10 * (n % 6) + (n // 6 >= 4))
    with answered(RESIDUALS[text]):
        MixedLinearRegressor("y ~ x", residual=text).fit(changed)


@pytest.mark.parametrize("name", BESIDE)
def test_beside_a_residual_covariance(frame, name):
    formula, options, fragment = BESIDE[name]
    n = np.arange(N_ROWS)
    changed = frame.assign(w=n // 6, triple=n // 3, double=2.0 * frame["x"])
    options = {"residual": "cs(w | g)"} | options
    with answered(fragment):
        MixedLinearRegressor(formula, **options).fit(changed)


@pytest.mark.parametrize("name", PREDICTIONS)
def test_prediction(model, frame, name):
    change, fragment = PREDICTIONS[name]
    with answered(fragment):
        model.predict(change(frame))


@pytest.mark.parametrize("name", STATEMENTS)
def test_statement(model, frame, name):
    ask, value, fragment = STATEMENTS[name]
    with answered(fragment):
        ask(model, frame, value)


def test_there_are_hundreds_of_bad_inputs():
    tables = (FORMULAS, CALLS, FITS, TABLES, RESPONSES, WEIGHTS, PREDICTIONS)
    tables = (*tables, RESIDUALS, BESIDE)
    assert sum(map(len, (*tables, STATEMENTS))) >= 340
