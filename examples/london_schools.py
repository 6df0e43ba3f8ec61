"""London schools: one line per school, from one model.

4059 pupils in 65 schools sat an exam at age 16. How much does a reading test at age 11
(LRT) say about it, and how far do schools differ? The model

    exam ~ lrt + gender + (1 + lrt | school)

has one line for the population (fixed effects) and lets every school deviate from it in
intercept and slope (random effects).

Run: python examples/london_schools.py [picture.png]
"""

import sys

import pandas as pd
from sklearn.model_selection import GroupKFold, KFold, cross_val_score

from skmixed import MixedLinearRegressor
from skmixed.datasets import load_london_schools
from skmixed.inspection import GroupLinesDisplay

SCHOOLS_TO_SHOW = [1, 28, 48, 53]


def fit_and_summarise(schools):
    """Fit the model to all pupils and print its summary."""
    print(f"{len(schools)} pupils in {schools['school'].nunique()} schools\n")
    model = MixedLinearRegressor("exam ~ lrt + gender + (1 + lrt | school)")
    model.fit(schools)
    print(model.summary())
    return model


def show_school_lines(model, schools):
    """Print the intercept and slope of a few schools, beside their sizes."""
    print("\n\nEach school has a line of its own: fixed effects + its random effects.")
    print("Small schools are drawn to the population line; school 48 has 2 pupils.\n")
    lines = model.group_coef_["school"].loc[SCHOOLS_TO_SHOW, ["Intercept", "lrt"]]
    lines.insert(0, "pupils", schools["school"].value_counts())
    print(lines.round(3).to_string())
    population = model.fixed_effects_[["Intercept", "lrt"]].round(3)
    print(f"\nPopulation: {population['Intercept']} + {population['lrt']} lrt (girls)")


def predict_one_pupil(model):
    """Predict for the same pupil in two known schools and in a new one."""
    print("\n\nA girl with lrt = 1. The model knows schools 28 and 53, but not 1000:")
    print("there it predicts the population's value.\n")
    pupil = pd.DataFrame({"school": [28, 53, 1000], "lrt": 1.0, "gender": "F"})
    pupil["predicted_exam"] = model.predict(pupil)
    pupil["population"] = model.predict(pupil, random_effects=False)
    print(pupil.round(3).to_string(index=False))


def cross_validate(model, schools):
    """Score the model, and one without random effects, in two situations."""
    print("\n\nCross-validated R2 in two situations:")
    print("- new pupils of schools that the model has seen (KFold);")
    print("- pupils of schools that it has never seen (GroupKFold).\n")
    without_schools = MixedLinearRegressor("exam ~ lrt + gender")
    situations = {
        "known schools": {"cv": KFold(5, shuffle=True, random_state=0)},
        "new schools": {"cv": GroupKFold(5), "groups": schools["school"]},
    }
    scores = {
        situation: {
            candidate.formula: cross_val_score(
                candidate, schools, schools["exam"], **splitting
            ).mean()
            for candidate in (model, without_schools)
        }
        for situation, splitting in situations.items()
    }
    print(pd.DataFrame(scores).round(3).to_string())
    print("\nKnowing the school helps where the school is known. For a new school the")
    print("random effects have nothing to say, and the two formulas are about equal.")


def draw_school_lines(model, schools, path):
    """Save a picture of all lines, school 28 in colour."""
    display = GroupLinesDisplay.from_estimator(model, schools, highlight=28)
    display.figure_.savefig(path, dpi=120)
    print(f"\nThe lines of the schools are drawn in {path}.")


def main(path="london_schools.png"):
    """Run the five steps; the last needs matplotlib."""
    schools = load_london_schools().frame
    model = fit_and_summarise(schools)
    show_school_lines(model, schools)
    predict_one_pupil(model)
    cross_validate(model, schools)
    draw_school_lines(model, schools, path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
