"""Everything about a fitted model on one self-contained page."""

import base64
import html
import io
from functools import partial
from pathlib import Path

from skmixed.formula.text.operators import write_term
from skmixed.formula.text.parse import columns_of
from skmixed.inspection.check_model import check_model
from skmixed.inspection.covariance import CovarianceDisplay
from skmixed.inspection.group_lines import GroupLinesDisplay
from skmixed.inspection.random_effects import RandomEffectsDisplay
from skmixed.inspection.residuals import ResidualsDisplay
from skmixed.inspection.slopes import MOST_LEVELS, SlopesDisplay
from skmixed.inspection.style import require_matplotlib
from skmixed.inspection.variance import VarianceDisplay
from skmixed.inspection.variogram import VariogramDisplay
from skmixed.likelihood.result import is_linear

DPI = 150
# Inches from which a picture is too wide for a phone, and is moved there by hand.
WIDE = 7.5
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:1rem auto;"
    "padding:0 1rem;color:#222}h1{font-size:1.4rem}h2{font-size:1.15rem;"
    "margin:1.8rem 0 .4rem}img{max-width:100%;height:auto}pre{white-space:pre-wrap;"
    "font-size:.85rem;line-height:1.45}blockquote{margin:.5rem 0;padding:.1rem .8rem;"
    "border-left:4px solid #0072B2;background:#f3f7fa}.skmixed{overflow-x:auto}"
    ".skmixed td,.skmixed th{vertical-align:top}"
    ".picture{overflow-x:auto}"
    "@media(max-width:600px){.wide img{max-width:none;width:600px}"
    "body{font-size:14px;padding:0 .6rem}}"
)


def write_page(model, path, X, y=None, *, sample_weight=None):
    """Write equations, tables, sentences, pictures and checks of a model to one file.

    Parameters
    ----------
    model : MixedLinearRegressor, or estimator of another family
        Fitted.
    path : str or path
    X : data frame
        The table that `fit` was given; a fitted model keeps no rows.
    y, sample_weight : array-like of shape (n_samples,), default=None
        As they were given to `fit`.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    ImportError
        Without matplotlib.
    ValueError
        Where `X` is not the table of the fit.

    See Also
    --------
    describe : The sentences alone.
    check_model : The checks alone.
    """
    plt = require_matplotlib("report")
    checks = check_model(model, X, y, sample_weight=sample_weight)
    sections = [
        ("In words", f"<blockquote>{model.describe().to_html()}</blockquote>"),
        ("Estimates", model.summary().to_html()),
        ("Equations", model.equations().to_html()),
    ]
    if has_shares(model):
        tables = "".join(table.to_html() for table in shares_of(model))
        sections.append(("Where the variance lies", tables))
    for title, draw in pictures(model, X, y, sample_weight):
        display = draw()
        alt = html.escape(title)
        sections.append((title, picture_html(display.figure_, alt)))
        plt.close(display.figure_)
    sections.append(("Checks", checks.to_html()))
    text = "\n".join(
        f"<section><h2>{html.escape(title)}</h2>\n{body}</section>"
        for title, body in sections
    )
    title = html.escape(model.formula_)
    path = Path(path)
    path.write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body>"
        f"<h1>{title}</h1>\n{text}\n</body></html>",
        encoding="utf-8",
    )
    return path


def has_shares(model):
    """Whether the variance has shares: there are groups, and one residual variance."""
    result = model.result_
    covary = getattr(result, "residual", None) is not None
    return bool(result.groups) and result.A.sigma is None and not covary


def scale_of(model):
    """Scale on which a generalised model has variances; None of a linear one."""
    if is_linear(model.result_):
        return None
    try:
        model.variance_partition()
    except ValueError:
        return "response"
    return "link"


def shares_of(model):
    """Tables of where the variance lies."""
    scale = scale_of(model)
    options = {} if scale is None else {"scale": scale}
    asked = (model.variance_partition, model.icc, model.r2_nakagawa)
    return [ask(**options) for ask in asked]


def pictures(model, X, y, sample_weight):
    """Titles and makers of the pictures that a model has.

    Returns
    -------
    list of (str, callable)
    """
    found, spec = [], model.spec_
    weighted = {"sample_weight": sample_weight}

    def add(title, display, *rows, **options):
        found.append((title, partial(display.from_estimator, model, *rows, **options)))

    numeric = [c for c, (_, levels) in spec.typical.items() if not levels]
    if model.result_.groups and numeric:
        add("Lines of the groups", GroupLinesDisplay, X, y)
    slopes = moderated(model)
    if slopes is not None:
        add(f"Slopes of {slopes[0]}", SlopesDisplay, X, *slopes)
    if has_shares(model):
        add("Shares of the variance", VarianceDisplay, scale=scale_of(model))
    if model.result_.groups:
        add("Random effects", RandomEffectsDisplay)
    if spec.residual is not None and spec.residual.by_visit:
        title = "Standard deviations and correlations by visit"
        add(title, CovarianceDisplay, X, y, **weighted)
    elif spec.residual is not None:
        add("Variogram", VariogramDisplay, X, y, **weighted)
    add("Residuals", ResidualsDisplay, X, y, **weighted)
    return found


def picture_html(figure, alt):
    """Embed a figure as PNG."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI, bbox_inches="tight")
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    image = f'<img alt="{alt}" src="data:image/png;base64,{data}">'
    width = " wide" if figure.get_figwidth() > WIDE else ""
    return f'<div class="picture{width}">{image}</div>'


def moderated(model):
    """First interaction of a numeric column with another: (var, moderator), or None."""
    typical = model.spec_.typical
    for term in model.spec_.formula.fixed:
        columns = columns_of([term])
        if len(columns) != 2 or ":" not in write_term(term):
            continue
        numeric = [c for c in columns if not typical[c][1]]
        others = [c for c in columns if c != (numeric or [None])[0]]
        if numeric and len(typical[others[0]][0]) <= MOST_LEVELS:
            return numeric[0], others[0]
    return None
