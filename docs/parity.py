"""Tables of the validation page: stored results of other programs, fitted anew."""

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parents[1] / "tests"
STORED = TESTS / "reference"
# Differences below this are rounding.
BOUND = 1e-9


def largest(ours, theirs, scale):
    """Largest difference in units of a scale; NaN where there is nothing to compare."""
    gaps = np.abs(np.asarray(ours, float) - np.asarray(theirs, float)) / scale
    return float(np.nanmax(gaps)) if gaps.size else np.nan


def row(*cells):
    """One line of a Markdown table."""
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def table(heads, rows):
    """A Markdown table: texts on the left, numbers on the right."""
    kinds = ["--:" if isinstance(cell, Gap) else "---" for cell in rows[0]]
    return "\n".join([row(*heads), row(*kinds), *(row(*cells) for cells in rows)])


class Gap(float):
    """A difference; what is below rounding prints as a bound."""

    def __str__(self):
        """One digit, or a dash where nothing was compared; it stays on one line."""
        if np.isnan(self):
            return "—"
        digit, power = f"{max(float(self), BOUND):.0e}".split("e")
        return ("<" if self < BOUND else "") + f"{digit}e{int(power)}".replace("-", "‑")


def linear_rows():
    """Compare the linear models with lme4, lmerTest and pbkrtest."""
    import test_reference as reference

    stored = json.loads((STORED / "inference.json").read_text())["cases"]
    for name in reference.CASES:
        case, _, model = reference.fit_case(name)
        se = np.array(case["fixed_se"])
        ours = np.sqrt(np.diag(model.fixed_effects_cov_))
        likelihood = abs(model.loglik_ - case["loglik"])
        gaps = [likelihood, largest(model.fixed_effects_, case["fixed"], se)]
        gaps += [largest(ours, se, se), abs(model.sigma_ / case["sigma"] - 1.0)]
        wanted = stored.get(name, {}).get("satterthwaite_df")
        gaps.append(np.nan if wanted is None else df_gap(model, wanted))
        kind = "REML" if case["reml"] else "ML"
        yield case["dataset"], f"`{case['formula']}`", kind, *map(Gap, gaps)


def df_gap(model, wanted):
    """Relative difference of Satterthwaite's degrees of freedom."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = model.summary(ddf="satterthwaite").frame["df"].to_numpy(float)
    wanted = np.array(wanted, float)
    known = np.isfinite(ours) & np.isfinite(wanted)
    return largest(ours[known], wanted[known], wanted[known])


def generalized_rows():
    """Compare the generalised models with lme4, glmmTMB and ordinal."""
    import skmixed
    from skmixed.datasets.tables import read_table

    for case in json.loads((STORED / "generalized.json").read_text()):
        frame = read_table(case["data"])
        options = {"link": case["link"]} if "link" in case else {}
        model = getattr(skmixed, case["estimator"])(
            case["formula"], n_quadrature=case["n_quadrature"], **options
        )
        weights = frame[case["weights"]] if "weights" in case else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(frame, sample_weight=weights)
        nodes = case["n_quadrature"]
        comparable = nodes == 1 or case["source"] != "lme4"
        gaps = [abs(model.loglik_ - case["loglik"]) if comparable else np.nan]
        if "fixef" in case:
            se = np.array(case["se"])
            ours = np.sqrt(np.diag(model.fixed_effects_cov_))
            gaps += [largest(model.fixed_effects_, case["fixef"], se)]
            gaps += [largest(ours, se, se)]
        else:
            gaps += [np.nan, np.nan]
        name = case["estimator"].removeprefix("Mixed")
        way = "Laplace" if nodes == 1 else f"{nodes} nodes"
        text = " ".join(case["formula"].split())
        yield case["data"], f"`{text}`", name, way, case["source"], *map(Gap, gaps)


def longitudinal_rows():
    """Compare models whose residuals covary with mmrm and nlme."""
    import test_reference_covariance as reference

    for name in reference.STORED["cases"]:
        case, _, model = reference.fit(name)
        summary = model.summary().fixed
        own, theirs = (
            reference.ordered(values) for values in (summary["estimate"], case["coef"])
        )
        se, df = (np.array(case[k])[theirs] for k in ("std_error", "satterthwaite_df"))
        ours = summary.iloc[own]
        best = max(found["logLik"] for found in case["programs"].values())
        gaps = [abs(model.loglik_ - best)]
        gaps.append(largest(ours["estimate"], np.array(case["coef"])[theirs], se))
        gaps += [largest(ours["std_error"], se, se), largest(ours["df"], df, df)]
        gaps.append(kenward_roger_gap(model, case, own, theirs))
        text = f"`{case['formula']}`", f"`{case['residual']}`"
        kind = "REML" if case["REML"] else "ML"
        programs = ", ".join(sorted(case["programs"]))
        yield case["dataset"], *text, kind, programs, *map(Gap, gaps)


def kenward_roger_gap(model, case, own, theirs):
    """Largest relative difference of Kenward and Roger's errors and df."""
    if case["kenward_roger"] is None:
        return np.nan
    ours = model.summary(ddf="kenward-roger").fixed
    pairs = {"std_error": "se", "df": "df"}
    wanted = {c: np.array(case["kenward_roger"][k])[theirs] for c, k in pairs.items()}
    return max(largest(ours[c].iloc[own], v, v) for c, v in wanted.items())


def sas_sentence():
    """What the tests hold SAS to; its data set belongs to another package."""
    import test_reference_covariance as reference

    stored = reference.STORED["sas_fev"]
    return (
        f"SAS's `PROC MIXED`, as mmrm stores its results: {len(stored['loglik'])} "
        f"log-likelihoods agree to {reference.SAS_LOGLIK:.0e}, "
        f"{len(stored['kenward_roger'])} standard errors of Kenward and Roger's method "
        f"to {reference.SAS_ERROR:.0e} and their degrees of freedom to "
        f"{reference.SAS_DF:.0e}, relative. The tests compare them where mmrm's data "
        "set `fev_data` is at hand."
    )


def worst(rows, first):
    """Median and largest of each column of differences."""
    gaps = np.array([[float(cell) for cell in cells[first:]] for cells in rows])
    return [
        ("median", *map(Gap, np.nanmedian(gaps, axis=0))),
        ("largest", *map(Gap, np.nanmax(gaps, axis=0))),
    ]


LINEAR = ("logLik", "coef", "std error", "sigma", "df")
GENERALIZED = ("logLik", "coef", "std error")
LONGITUDINAL = ("logLik", "coef", "std error", "df", "Kenward-Roger")


def tables():
    """Texts of all tables, by name."""
    sys.path.insert(0, str(TESTS))
    try:
        linear, other = list(linear_rows()), list(generalized_rows())
        visits, sas = list(longitudinal_rows()), sas_sentence()
    finally:
        sys.path.remove(str(TESTS))
    names = ("numpy", "scipy", "pandas", "scikit-learn", "formulaic")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return {
        "versions": f"Computed when this page was built, with {versions}.",
        "linear_worst": table((f"of {len(linear)} models", *LINEAR), worst(linear, 3)),
        "linear": table(("data", "formula", "", *LINEAR), linear),
        "longitudinal_worst": table(
            (f"of {len(visits)} models", *LONGITUDINAL), worst(visits, 5)
        ),
        "longitudinal": table(
            ("data", "formula", "residual", "", "programs", *LONGITUDINAL), visits
        ),
        "sas": sas,
        "generalized_worst": table(
            (f"of {len(other)} models", *GENERALIZED), worst(other, 5)
        ),
        "generalized": table(
            ("data", "formula", "estimator", "integral", "program", *GENERALIZED), other
        ),
    }


def write(folder):
    """Write each table into a file of its own, which the page includes."""
    folder.mkdir(exist_ok=True)
    for name, text in tables().items():
        (folder / f"{name}.txt").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    for name, text in tables().items():
        print(f"## {name}\n\n{text}\n")
