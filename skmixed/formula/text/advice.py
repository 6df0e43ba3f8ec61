"""What to write instead of the functions that a formula may not call."""

__all__ = ["ADVICE"]

BEFOREHAND = "compute it in the data frame first"
CATEGORICAL = "write `factor(x)`"
NUMERIC = "numeric columns need no conversion; text must be converted " + (
    "in the data frame first"
)
AGGREGATE = (
    "write `mean(x)`, `sd(x)`, `center(x)` or `scale(x)`, which are learnt in fit"
)
ORDER = f"it depends on the order of the rows; {BEFOREHAND}"

ADVICE = {
    "Q": "write the column's name in back-ticks: `my column`",
    "as.character": CATEGORICAL,
    "as.integer": NUMERIC,
    "as.logical": "write a comparison, for example `I(x > 0)`",
    "as.numeric": NUMERIC,
    "as.ordered": "write `C(x, contr.poly)`",
    "cbind": "successes and failures are the left side of MixedBinomialRegressor; "
    "elsewhere write one response",
    "cut": f"{BEFOREHAND}: data['class'] = pd.cut(data['x'], bins)",
    "diff": ORDER,
    "hashed": BEFOREHAND,
    "ifelse": "write `np.where(x > 2, 1, 0)` or `I(x > 2)`",
    "interaction": "write `a:b`",
    "is.na": f"{BEFOREHAND}: data['missing'] = data['x'].isna()",
    "lag": ORDER,
    "ns": (
        "for `ns(x, df=3)` write `cr(x, df=4)`, the same curves beside an intercept "
        "(one more, because `cr` holds the constant), or `bs(x, df=4)`"
    ),
    "ordered": "write `C(x, contr.poly)`",
    "relevel": "write `C(x, contr.treatment('level'))`",
    "reorder": "order the categories in the data frame first",
    "s": "write `bs(x, df=4)` or `cr(x, df=4)`",
    "te": "write `bs(x, df=4):bs(z, df=4)`",
    "np.cumsum": ORDER,
    "np.diff": ORDER,
    "np.matmul": "write the products of columns one by one: `I(x * z)`",
    **dict.fromkeys(("np.mean", "np.std", "np.median", "var", "sum"), AGGREGATE),
}
