"""Every picture takes a title and styles, from the first call and from later ones."""

import inspect

import matplotlib.pyplot as plt
import numpy as np
import pytest
from headless import (  # noqa: F401
    closed_figures,
    covarying,
    london,
    sleepstudy,
    trial,
)
from test_pictures import adaptation, power

from skmixed import MixedLinearRegressor, compare_approaches, compare_models, inspection
from skmixed.inspection import (
    ApproachesDisplay,
    CovarianceDisplay,
    CrossValidationDisplay,
    GroupLinesDisplay,
    InfluenceDisplay,
    OccasionsDisplay,
    ProfileDisplay,
    RandomEffectsDisplay,
    ResidualsDisplay,
    ShrinkageDisplay,
    SlopesDisplay,
    TrajectoriesDisplay,
    VarianceDisplay,
    VariogramDisplay,
    VisitsDisplay,
)

STYLES = {"line_kw", "scatter_kw", "band_kw", "bar_kw"}
DISPLAYS = {n: getattr(inspection, n) for n in inspection.__all__ if "Display" in n}
COLUMNS = {"x": "Days", "y": "Reaction", "group": "Subject"}


def moderated(**style):
    frame = london()[1]
    model = MixedLinearRegressor("exam ~ lrt * school_avg + (1 | school)").fit(frame)
    return SlopesDisplay.from_estimator(model, frame, "school_avg", "lrt", **style)


def compared(**style):
    models = ["Reaction ~ Days", "Reaction ~ Days + (1 | Subject)"]
    table = compare_models(models, sleepstudy()[1], cv=3)
    return CrossValidationDisplay.from_table(table, **style)


def approaches(**style):
    model, frame = sleepstudy()
    table = compare_approaches(model.formula, frame)
    return ApproachesDisplay.from_table(table, **style)


MAKE = {
    "ApproachesDisplay": approaches,
    "CovarianceDisplay": lambda **style: CovarianceDisplay.from_estimator(
        *covarying(), **style
    ),
    "CrossValidationDisplay": compared,
    "GroupLinesDisplay": lambda **style: GroupLinesDisplay.from_data(
        sleepstudy()[1], **COLUMNS, **style
    ),
    "InfluenceDisplay": lambda **style: InfluenceDisplay.from_estimator(
        *sleepstudy(), level="Subject", refit=False, **style
    ),
    "OccasionsDisplay": lambda **style: OccasionsDisplay.from_data(
        sleepstudy()[1], **COLUMNS, **style
    ),
    "AdaptationDisplay": adaptation,
    "PowerDisplay": power,
    "ProfileDisplay": lambda **style: ProfileDisplay.from_estimator(
        sleepstudy()[0], "sigma", **style
    ),
    "RandomEffectsDisplay": lambda **style: RandomEffectsDisplay.from_estimator(
        sleepstudy()[0], **style
    ),
    "ResidualsDisplay": lambda **style: ResidualsDisplay.from_estimator(
        *sleepstudy(), **style
    ),
    "ShrinkageDisplay": lambda **style: ShrinkageDisplay.from_estimator(
        sleepstudy()[0], **style
    ),
    "SlopesDisplay": moderated,
    "TrajectoriesDisplay": lambda **style: TrajectoriesDisplay.from_data(
        sleepstudy()[1], **COLUMNS, **style
    ),
    "VarianceDisplay": lambda **style: VarianceDisplay.from_estimator(
        sleepstudy()[0], **style
    ),
    "VariogramDisplay": lambda **style: VariogramDisplay.from_estimator(
        *covarying(), **style
    ),
    "VisitsDisplay": lambda **style: VisitsDisplay.from_estimator(
        *trial(), treatment="arm", **style
    ),
}


def styles_of(cls):
    return STYLES & set(inspect.signature(cls.plot).parameters)


@pytest.mark.parametrize("name", DISPLAYS)
def test_displays_take_their_styles_by_the_same_names(name):
    cls = DISPLAYS[name]
    parameters = inspect.signature(cls.plot).parameters
    assert list(parameters)[:3] == ["self", "ax", "title"]
    assert styles_of(cls)
    for key in parameters:
        assert key in STYLES or not key.endswith(("_kw", "_kwargs"))
    makers = [m for m in vars(cls) if m.startswith("from_")]
    assert makers
    for maker in makers:
        kinds = [
            p.kind for p in inspect.signature(getattr(cls, maker)).parameters.values()
        ]
        assert inspect.Parameter.VAR_KEYWORD in kinds


@pytest.mark.parametrize("name", DISPLAYS)
def test_a_title_and_styles_are_drawn_on_new_and_on_given_axes(name):
    style = {key: {"alpha": 0.37} for key in styles_of(DISPLAYS[name])}
    display = MAKE[name](title="A title", **style)
    assert display.figure_.get_suptitle() == "A title"
    drawn = [artist.get_alpha() for artist in display.figure_.findobj()]
    assert 0.37 in drawn
    _, ax = plt.subplots()
    display.plot(ax, title="Another")
    texts = [text.get_text() for text in ax.figure.findobj(plt.Text)]
    assert texts.count("Another") == 1
    assert not any(a.get_alpha() == 0.37 for a in ax.figure.findobj())


@pytest.mark.parametrize("name", DISPLAYS)
def test_a_property_goes_by_any_of_its_names(name):
    for key in styles_of(DISPLAYS[name]) - {"scatter_kw"}:
        MAKE[name](**{key: {"color": "#123456", "linewidth": 1.5}})
    if "scatter_kw" in styles_of(DISPLAYS[name]):
        MAKE[name](scatter_kw={"color": "#123456"})
    figure = plt.gcf()
    figure.canvas.draw()
    assert np.size(figure.axes)


def test_an_unknown_style_is_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        MAKE["RandomEffectsDisplay"](colour="red")
