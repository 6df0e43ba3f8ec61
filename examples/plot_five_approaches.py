"""
Five approaches to multilevel data: the London schools
======================================================

4059 pupils sit in 65 schools. How does the exam at 16 (``exam``) depend on a reading
test at 11 (``lrt``)? Five analyses of the same data from one formula,

    exam ~ lrt + (1 + lrt | school)

give five answers. This prints them beside the figures of a lecture that compares them,
and draws the lines that each one sees.

Run: python examples/plot_five_approaches.py [FIGURE.png]
"""

import sys

import numpy as np
import pandas as pd

from skmixed import (
    PooledLinearRegressor,
    SeparateLinearRegressor,
    compare_approaches,
    naive_vs_mixed,
)
from skmixed.datasets import load_london_schools

FORMULA = "exam ~ lrt + (1 + lrt | school)"
# As printed in the lecture.
LECTURE = {
    ("aggregated", "Intercept"): "0.005 (se 0.040)",
    ("aggregated", "lrt"): "0.884 (se 0.116)",
    ("pooled", "Intercept"): "-0.001 (se 0.013)",
    ("pooled", "lrt"): "0.595 (se 0.013)",
    ("separate", "Intercept"): "mean -0.068, sd 0.519, sem 0.064",
    ("separate", "lrt"): "mean 0.425, sd 0.939, sem 0.116",
    ("interaction", "extra df"): "128",
}
SCHOOL_ALONE = 28


def print_beside_the_lecture(table):
    """Print every figure of the lecture, and the same figure from the models."""
    found = {("interaction", "extra df"): str(table.frame.extra_df["interaction"])}
    for approach in ("aggregated", "pooled"):
        fixed = table.models[approach].summary().fixed
        for name, row in fixed.iterrows():
            text = f"{row['estimate']:.3f} (se {row['std_error']:.3f})"
            found[approach, name] = text
    for name, row in table.models["separate"].summary().fixed.iterrows():
        found["separate", name] = (
            f"mean {row['mean']:.3f}, sd {row['sd']:.3f}, sem {row['sem']:.3f}"
        )
    both = pd.DataFrame({"lecture": LECTURE, "here": found})
    both["same"] = np.where(both["lecture"] == both["here"], "yes", "see below")
    print(both.loc[list(LECTURE)].to_string())
    spread = table.models["separate"].summary().fixed.loc["lrt"]
    print(
        f"\nThe sem of the slopes is {spread['sem']:.5f}; the lecture's 0.116 is what "
        f"the rounded sd gives:\n0.939 / sqrt(65) = {0.939 / np.sqrt(65):.5f}."
    )


def print_school_alone(schools):
    """Print the regression of one school beside that of all pupils."""
    one = schools[schools["school"] == SCHOOL_ALONE]
    alone = PooledLinearRegressor("exam ~ lrt").fit(one)
    everybody = PooledLinearRegressor("exam ~ lrt").fit(schools)
    lines = SeparateLinearRegressor(FORMULA).fit(schools).group_coef_["school"]
    rows = {
        f"school {SCHOOL_ALONE} alone ({len(one)} pupils)": alone.fixed_effects_,
        "the same, among separate regressions": lines.loc[SCHOOL_ALONE],
        "all pupils": everybody.fixed_effects_,
    }
    print(pd.DataFrame(rows).T.round(3).to_string())


def draw_lines(table, schools, path=None):
    """Draw the line or lines of each approach, and one school alone."""
    from picture import plt, show

    from skmixed.inspection.style import BLUE, GREY, HEIGHT, HIGHLIGHTS, WIDTH

    figure, axes = plt.subplots(
        3,
        2,
        figsize=(WIDTH, 1.6 * HEIGHT),
        sharex=True,
        sharey=True,
        layout="constrained",
    )
    ends = schools.groupby("school")["lrt"].agg(["min", "max"])
    for (name, model), axis in zip(table.models.items(), axes.flat, strict=False):
        axis.scatter(schools["lrt"], schools["exam"], s=1, color=GREY, alpha=0.4)
        lines = model.group_coef_["school"]
        if name in ("aggregated", "pooled"):
            x = np.array([schools["lrt"].min(), schools["lrt"].max()])
            axis.plot(x, model.intercept_ + model.fixed_effects_["lrt"] * x, color=BLUE)
        else:
            for school, (intercept, slope) in lines.iterrows():
                x = ends.loc[school].to_numpy()
                axis.plot(x, intercept + slope * x, color=BLUE, lw=0.6)
        if name == "aggregated":
            means = schools.groupby("school")[["lrt", "exam"]].mean()
            axis.scatter(
                means["lrt"], means["exam"], s=9, color=HIGHLIGHTS[0], zorder=3
            )
        axis.set_title(name)
    one = schools[schools["school"] == SCHOOL_ALONE]
    alone = PooledLinearRegressor("exam ~ lrt").fit(one)
    x = np.array([one["lrt"].min(), one["lrt"].max()])
    axes.flat[-1].scatter(one["lrt"], one["exam"], s=6, color=GREY)
    axes.flat[-1].plot(
        x, alone.intercept_ + alone.fixed_effects_["lrt"] * x, color=HIGHLIGHTS[0]
    )
    axes.flat[-1].set_title(f"school {SCHOOL_ALONE} alone")
    figure.supxlabel("LRT score at 11 (standardised)")
    figure.supylabel("exam score at 16 (normalised)")
    show(path)


def main():
    """Run the comparison, and draw it."""
    schools = load_london_schools().frame
    table = compare_approaches(FORMULA, schools)
    print(table)
    print("\n\nThe lecture's figures, and the same from the models above\n")
    print_beside_the_lecture(table)
    print("\n\nOne school by itself tells another story\n")
    print_school_alone(schools)
    print("\n\nWhat ignoring schools does to standard errors\n")
    formula = "exam ~ lrt + gender + school_gender + school_avg + (1 | school)"
    print(naive_vs_mixed(formula, schools))
    draw_lines(table, schools, *sys.argv[1:2])


if __name__ == "__main__":
    main()
