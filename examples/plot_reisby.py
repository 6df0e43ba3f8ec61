"""
Repeated measurements: depression over six weeks
================================================

66 patients (Reisby et al., 1977) were rated on Hamilton's depression scale at the start
and after each of five weeks of treatment; 21 ratings are missing. Patients start and
recover differently: the spread between them grows, and ratings far apart in time have
less in common. A random intercept cannot say so, a random slope can.

The data are downloaded at first use. Where that is not possible, the sleep deprivation
study, which the package carries, takes their place.

Run: python examples/plot_reisby.py [FIGURE.png [FOLDER_WITH_reisby.csv]]
"""

import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skmixed import (
    AggregatedLinearRegressor,
    MixedLinearRegressor,
    PooledLinearRegressor,
    describe_occasions,
    likelihood_ratio_test,
)
from skmixed.datasets import fetch_reisby, load_sleepstudy


@dataclass
class Study:
    """A table of repeated measurements, and what its columns are."""

    frame: pd.DataFrame
    response: str
    time: str
    group: str
    treatment: str | None = None


def load_study(folder=None):
    """Load the Reisby trial, or the sleep study where it is not to be had."""
    try:
        frame = fetch_reisby(data_home=folder).frame
    except OSError as error:
        print(f"{error}\n\nThe sleep deprivation study instead.\n")
        return Study(load_sleepstudy().frame, "Reaction", "Days", "Subject")
    return Study(frame, "hamd", "week", "id", "endog")


def compare_spread(study, models):
    """Print the sd on every occasion, observed and as the models have it."""
    data = describe_occasions(study.frame, study.response, study.time, study.group)
    times = data.table.index.to_numpy(dtype=float)
    table = pd.DataFrame({"observed sd": data.table["sd"]})
    for name, model in models.items():
        z = np.column_stack([np.ones_like(times), times])
        covariance = model.random_effects_cov_[study.group].to_numpy()
        z = z[:, : len(covariance)]
        variance = np.einsum("ta,ab,tb->t", z, covariance, z) + model.sigma_**2
        table[name] = np.sqrt(variance)
    print(table.round(2).to_string())


def compare_treatment(study):
    """Print the difference between kinds of patients by three approaches."""
    formula = f"{study.response} ~ {study.treatment} + (1 | {study.group})"
    rows = {}
    for baseline in (
        PooledLinearRegressor,
        AggregatedLinearRegressor,
        MixedLinearRegressor,
    ):
        model = baseline(formula, na_action="drop").fit(study.frame)
        table = model.summary().fixed.loc[study.treatment]
        rows[baseline.__name__] = table[["estimate", "std_error", "p"]]
    print(formula, "\n")
    print(pd.DataFrame(rows).T.astype(float).round(3).to_string())
    print("\nThe pooled regression takes every rating for another patient.")


def draw_lines(study, models, path=None):
    """Draw every patient's ratings, and the lines of both models."""
    from picture import plt, show

    from skmixed.inspection.style import BLUE, GREY, HEIGHT, HIGHLIGHTS, WIDTH

    _, axes = plt.subplots(
        1, 3, figsize=(WIDTH, 0.75 * HEIGHT), sharey=True, layout="constrained"
    )
    for _, one in study.frame.groupby(study.group):
        axes[0].plot(one[study.time], one[study.response], color=GREY, lw=0.7)
    mean = study.frame.groupby(study.time)[study.response].mean()
    axes[0].plot(mean.index, mean, color=HIGHLIGHTS[0], lw=2)
    axes[0].set_title("data and mean")
    times = np.array([study.frame[study.time].min(), study.frame[study.time].max()])
    for axis, (name, model) in zip(axes[1:], models.items(), strict=True):
        for intercept, slope in model.group_coef_[study.group].to_numpy():
            axis.plot(times, intercept + slope * times, color=BLUE, lw=0.6)
        axis.set_title(name)
    for axis in axes:
        axis.set_xlabel(study.time)
    axes[0].set_ylabel(study.response)
    show(path)


def main(path=None, folder=None):
    """Describe the data, compare the two models, and draw them."""
    study = load_study(folder)
    print(describe_occasions(study.frame, study.response, study.time, study.group))
    fixed = f"{study.response} ~ {study.time}"
    formulas = {
        "random intercept": f"{fixed} + (1 | {study.group})",
        "random slope": f"{fixed} + ({study.time} | {study.group})",
    }
    models = {
        name: MixedLinearRegressor(formula, reml=False, na_action="drop")
        for name, formula in formulas.items()
    }
    for name, model in models.items():
        print(f"\n\n{name}\n\n{model.fit(study.frame).summary()}")
    print("\n\nDoes every patient need a slope?\n")
    print(likelihood_ratio_test(*models.values()))
    print("\n\nThe spread that the models imply\n")
    compare_spread(study, models)
    print("\n\nThe model that says so\n")
    print(models["random slope"].equations())
    if study.treatment:
        print("\n\nEndogenous against reactive depression\n")
        compare_treatment(study)
    draw_lines(study, models, path)


if __name__ == "__main__":
    main(*sys.argv[1:3])
