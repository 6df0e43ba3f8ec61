"""How often 95 % intervals hold the truth: simulation of every method.

    python benchmarks/coverage.py [--replications 500] [--resamples 199]
                                  [--output docs/coverage.md]

Data come from known models; every interval that the package offers is asked whether it
holds what it is for. The default takes 20 minutes on one core.
"""

import argparse
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd

from skmixed import MixedLinearRegressor, SingularFitWarning

N_NEW = 20  # groups that the fit does not see, and each predicted at one row
N_KNOWN = 2  # rows of every known group that the fit does not see
COEF = (1.0, 2.0)
SIGMA = 1.0

DESIGNS = {
    "random intercept": {"formula": "y ~ x + (1 | g)", "sd": (1.0, 0.0), "items": 0},
    "random slope": {"formula": "y ~ x + (x | g)", "sd": (1.0, 0.5), "items": 0},
    "crossed": {"formula": "y ~ x + (1 | g) + (1 | h)", "sd": (1.0, 0.0), "items": 8},
}
SD_ITEMS = 0.7
READING = (
    "- `predict_interval` holds what it promises for responses, at 8 groups too, and",
    "  for means of known groups to within 2 points. Plain 1.96 standard errors hold",
    "  up to 6 points less: they take the estimated variances for the true ones.",
    "- Means of *new* groups rest on the estimated variance between groups. With few",
    "  groups its t intervals hold a little more than they promise; 1.96 standard",
    "  errors hold 5 points less.",
    "- Fixed effects that vary between groups (the intercept; x where its slope does)",
    "  need Satterthwaite's or Kenward and Roger's degrees of freedom at 8 groups.",
    "  The normal distribution, profiles and the bootstrap know no correction for few",
    "  groups.",
    "- Standard deviations between groups: profiles rest on maximum likelihood, as",
    "  lme4's do, and hold a little less than 95 %. Wald's intervals, on the log",
    "  scale, are wide at 8 groups, and missing where a variance is estimated at zero.",
    "  The bootstrap inherits the bias of the estimate towards zero, most of all with",
    "  percentiles.",
)
SIZES = ((8, 8), (40, 8))  # groups, rows per group in the fit


def draw(design, n_groups, n_rows, random):
    """Draw rows of known and new groups from a design.

    Parameters
    ----------
    design : dict
    n_groups, n_rows : int
    random : Generator

    Returns
    -------
    DataFrame
        ``y``, ``x``, ``g``, ``h``, the mean ``mu`` of the row's groups, and ``role``:
        "fit", "known" or "new".
    """
    per_known = n_rows + N_KNOWN
    g = np.append(
        np.repeat(np.arange(n_groups), per_known), n_groups + np.arange(N_NEW)
    )
    role = np.append(
        np.tile(["fit"] * n_rows + ["known"] * N_KNOWN, n_groups), ["new"] * N_NEW
    )
    x = random.standard_normal(len(g))
    b = random.standard_normal((n_groups + N_NEW, 2)) * design["sd"]
    mu = COEF[0] + COEF[1] * x + b[g, 0] + b[g, 1] * x
    h = np.arange(len(g)) % max(design["items"], 1)
    if design["items"]:
        mu += SD_ITEMS * random.standard_normal(design["items"])[h]
    y = mu + SIGMA * random.standard_normal(len(g))
    return pd.DataFrame({"y": y, "x": x, "g": g, "h": h, "mu": mu, "role": role})


def truths(design):
    """True values by the names that ``conf_int`` gives to the parameters."""
    found = {"Intercept": COEF[0], "x": COEF[1], "sigma": SIGMA}
    found["sd_Intercept|g"] = design["sd"][0]
    if design["sd"][1]:
        found["sd_x|g"] = design["sd"][1]
    if design["items"]:
        found["sd_Intercept|h"] = SD_ITEMS
    return found


def true_icc(design, group):
    """Share of a factor in the variance, averaged over x, which has variance 1."""
    variances = {"g": design["sd"][0] ** 2 + design["sd"][1] ** 2}
    variances["h"] = SD_ITEMS**2 if design["items"] else 0.0
    return variances[group] / (sum(variances.values()) + SIGMA**2)


def parameter_intervals(model, with_bootstrap, resamples, seed):
    """Yield the tables of every method for parameters, by name of the method."""
    for ddf in ("normal", "satterthwaite", "kenward-roger"):
        yield f"Wald, {ddf}", model.conf_int("fixed", ddf=ddf)
    yield "Wald", model.conf_int("variance")
    yield "profile", model.conf_int(method="profile")
    if with_bootstrap:
        draws = model.bootstrap(resamples, random_state=seed)
        yield "bootstrap, percentile", draws.conf_int()
        yield "bootstrap, bias-corrected", draws.conf_int(kind="bias-corrected")


def replicate(design, size, random, options):
    """Draw once, fit, and tell what every interval holds.

    Parameters
    ----------
    design : dict
    size : tuple of int
    random : Generator
    options : dict
        ``bootstrap``, ``resamples`` and ``seed``.

    Yields
    ------
    tuple (quantity, method), float
        Share of the intervals that hold the truth; NaN where there is no interval.
    """
    frame = draw(design, *size, random)
    model = MixedLinearRegressor(design["formula"])
    model.fit(frame[frame["role"] == "fit"])
    values = truths(design)
    for method, table in parameter_intervals(
        model, options["bootstrap"], options["resamples"], options["seed"]
    ):
        for name in table.index.intersection(list(values)):
            low, high = table.loc[name, ["lower", "upper"]]
            held = np.nan if np.isnan(low) else float(low <= values[name] <= high)
            yield (name, method), held
    table = model.icc()
    for group in model.n_groups_:
        low, high = table.loc[group, ["lower", "upper"]]
        held = (
            np.nan if np.isnan(high) else float(low <= true_icc(design, group) <= high)
        )
        yield (f"ICC {group}", "icc"), held
    yield from predictions(model, frame)


def predictions(model, frame):
    """Tell which prediction intervals hold, for known and for new groups."""
    for role in ("known", "new"):
        rows = frame[frame["role"] == role]
        value, std = model.predict(rows, return_std=True)
        for kind, truth, residual in (
            ("mean", rows["mu"], 0.0),
            ("prediction", rows["y"], model.sigma_**2),
        ):
            low, high = model.predict_interval(rows, kind=kind).T
            where = f"{'mean' if kind == 'mean' else 'response'}, {role} groups"
            yield (where, "predict_interval"), ((low <= truth) & (truth <= high)).mean()
            half = 1.959964 * np.sqrt(std**2 + residual)
            gap = np.abs(truth - value)
            yield (where, "1.96 standard errors"), (gap <= half).mean()


def study(replications, resamples, seed=1):
    """Run all designs and sizes.

    Parameters
    ----------
    replications : int
    resamples : int
        Of the bootstrap, which every other replication has.
    seed : int, default=1

    Returns
    -------
    DataFrame
        ``design``, ``groups``, ``quantity``, ``method``, ``coverage``, ``error`` (its
        Monte-Carlo standard error), ``n`` (replications with an interval).
    """
    rows = []
    for (name, design), size in (
        (item, size) for item in DESIGNS.items() for size in SIZES
    ):
        random = np.random.default_rng([seed, *size, *map(ord, name)])
        held = defaultdict(list)
        for place in range(replications):
            options = {
                "bootstrap": place % 2 == 0,
                "resamples": resamples,
                "seed": place,
            }
            for key, share in replicate(design, size, random, options):
                held[key].append(share)
        for (quantity, method), shares in held.items():
            shares = np.array(shares)[~np.isnan(shares)]
            error = monte_carlo_error(shares)
            rows.append(
                (name, size[0], quantity, method, shares.mean(), error, len(shares))
            )
    columns = ["design", "groups", "quantity", "method", "coverage", "error", "n"]
    return pd.DataFrame(rows, columns=columns)


def monte_carlo_error(shares):
    """Standard error of a mean of shares; of a proportion where they are 0 or 1."""
    n = len(shares)
    if np.isin(shares, (0.0, 1.0)).all():
        p = (shares.sum() + 2) / (n + 4)
        return np.sqrt(p * (1 - p) / n)
    return shares.std(ddof=1) / np.sqrt(n)


def write_report(table, seconds, replications, resamples):
    """Write the study as a page of the documentation.

    Parameters
    ----------
    table : DataFrame
        As `study` returns it.
    seconds : float
    replications, resamples : int

    Returns
    -------
    str
    """
    groups = list(dict.fromkeys(table["groups"]))
    lines = [
        "# Coverage of 95 % intervals",
        "",
        "Share of the intervals, in percent, that hold the true value, with the",
        "Monte-Carlo standard error. `python benchmarks/coverage.py` draws the data,",
        f"{replications} times for each design and number of groups (half of them",
        f"for the bootstrap, with {resamples} resamples), 8 rows per group; it took",
        f"{seconds:.0f} s of CPU. Responses are `y = 1 + 2 x + b_g + e` with standard",
        "deviations 1 between groups and 1 within; the random slope has 0.5, and the",
        "crossed design a second factor of 8 items with 0.7.",
        "",
        "How to read it:",
        "",
        *READING,
    ]
    for design, block in table.groupby("design", sort=False):
        lines += ["", f"## {design.capitalize()}", ""]
        lines.append(f"`{DESIGNS[design]['formula']}`")
        heads = " | ".join(f"{g} groups" for g in groups)
        lines += ["", f"| quantity | method | {heads} |"]
        lines.append("| --- | --- |" + " ---: |" * len(groups))
        for (quantity, method), cells in block.groupby(
            ["quantity", "method"], sort=False
        ):
            shown = [
                f"{100 * c.coverage:.1f} ± {100 * c.error:.1f}"
                for c in cells.itertuples()
            ]
            name = quantity.replace("|", "\\|")
            lines.append(f"| {name} | {method} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def main():
    """Run the study, print it, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=500)
    parser.add_argument("--resamples", type=int, default=199)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", SingularFitWarning)
    start = time.process_time()
    table = study(arguments.replications, arguments.resamples)
    seconds = time.process_time() - start
    report = write_report(table, seconds, arguments.replications, arguments.resamples)
    print(report)
    if arguments.output:
        arguments.output.write_text(report)


if __name__ == "__main__":
    main()
