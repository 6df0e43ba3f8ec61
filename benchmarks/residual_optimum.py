"""Hold residual covariances of small random sets against restarts.

``python benchmarks/residual_optimum.py --sets 50 --only cs ar1`` prints, for every kind
of model, fits that end above a restart from a perturbed optimum, fits without an
interior maximum, and what was refused. Run it from the repository.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd

from skmixed import MixedLinearRegressor
from skmixed.inference.opened.open_fit import reopen
from skmixed.likelihood.search.optimize import minimise

# Deviances that differ by less are of the same optimum.
MISSED = 1e-5
RESTARTS = 6
# Random part, residual=, dispersion=.
KINDS = {
    **{name: ("", f"{name}(t | id)", None) for name in ("cs", "csh", "ar1", "ar1h")},
    **{name: ("", f"{name}(t | id)", None) for name in ("car1", "gau", "diag")},
    **{name: ("", f"{name}(t | id)", None) for name in ("toep", "toeph", "ad", "adh")},
    "us": ("", "us(t | id)", None),
    "nugget": ("", "car1(day | id, nugget=True)", None),
    "intercept + ar1": ("+ (1 | id)", "ar1(t | id)", None),
    "intercept + car1": ("+ (1 | id)", "car1(day | id)", None),
    "slope + car1": ("+ (t | id)", "car1(day | id)", None),
    "centre + ar1": ("+ (1 | centre)", "ar1(t | id)", None),
    "intercept + dispersion": ("+ (1 | id)", None, "~ x"),
    "intercept + nugget": ("+ (1 | id)", "car1(day | id, nugget=True)", None),
}


def small_set(seed):
    """10 to 50 subjects at 3 to 8 uneven times, up to 40 % missing, in any unit."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(10, 51)), int(rng.integers(3, 9))
    times = np.sort(rng.choice(np.arange(3 * k), k, replace=False))
    rho = rng.uniform(-0.3, 0.95)
    lag = np.abs(np.subtract.outer(times, times))
    R = np.sign(rho) ** lag * np.abs(rho) ** lag
    if rng.uniform() >= 0.5:
        R = (1 - abs(rho)) * np.eye(k) + abs(rho)
    sd, scale = np.exp(rng.normal(0, 0.3, k)), 10.0 ** rng.uniform(-3, 3)
    values, vectors = np.linalg.eigh(R)
    root = vectors * np.sqrt(np.maximum(values, 0.02))
    e = rng.normal(size=(n, k)) @ root.T * sd
    frame = pd.DataFrame({"id": np.repeat(np.arange(n), k), "t": np.tile(times, n)})
    frame["x"] = rng.normal(size=n * k)
    frame["day"] = frame["t"] + rng.uniform(-0.4, 0.4, n * k)
    frame["centre"] = frame["id"] % 6
    shared = rng.normal(size=(n, 1)) * rng.uniform(0, 1.5)
    frame["y"] = scale * (1 + frame["x"] + (e + shared).ravel())
    keep = rng.uniform(size=n * k) > rng.uniform(0, 0.4)
    return frame[keep].reset_index(drop=True)


def gap(kind, seed):
    """How far below the fit's deviance a restart ends, and if the fit is singular."""
    random, residual, dispersion = KINDS[kind]
    model = MixedLinearRegressor(
        f"y ~ x + t {random}",
        residual=residual,
        dispersion=dispersion,
        reml=seed % 2 == 0,
    )
    result = model.fit(small_set(seed)).result_
    deviance, point = reopen(result)
    rng = np.random.default_rng(seed)
    starts = point.theta + rng.normal(size=(RESTARTS, len(point.theta)))
    values = [minimise(deviance, s, tol=1e-8, max_iter=200).value for s in starts]
    return point.value - min(values), result.residual.singular


def main():
    """Run all kinds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=50)
    parser.add_argument("--only", nargs="*", default=list(KINDS))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for kind in options.only:
        begin, found, refused = time.process_time(), {}, 0
        for seed in range(options.sets):
            try:
                found[seed] = gap(kind, seed)
            except ValueError:
                refused += 1
        missed = {s: g for s, (g, singular) in found.items() if g > MISSED}
        alone = {s: f"{g:.1e}" for s, g in missed.items() if not found[s][1]}
        singular = sum(one for _, one in found.values())
        print(
            f"{kind:24s} {len(found)} fits, {singular} singular, {refused} refused; "
            f"beaten {len(missed)}, interior {alone or 0}; "
            f"{time.process_time() - begin:.0f} CPU s",
            flush=True,
        )


if __name__ == "__main__":
    main()
