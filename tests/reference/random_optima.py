"""Search the optimum of every random design and store it beside this file.

    python tests/reference/random_optima.py

Writes random_optima.json: per design the fingerprint (the ML deviance at Psi = I in
the scaled basis, which tells whether the design is still the same one) and the lowest
deviance of `oracle.reference_optimum` under ML and REML. Takes some minutes.
"""

import json
import sys
from pathlib import Path

from tqdm import tqdm

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from oracle import criterion, reference_optimum  # noqa: E402
from random_designs import SHAPES, random_design  # noqa: E402

N_DESIGNS = 10 * len(SHAPES)


def fingerprint(design):
    """Deviance at a fixed point."""
    parameters, objective = criterion(design, reml=False)
    return objective(parameters.start(1.0))[0]


def main():
    """Write one line per design."""
    lines = []
    for index in tqdm(range(N_DESIGNS)):
        design = random_design(index)
        found = [fingerprint(design)] + [
            reference_optimum(design, reml=reml, n_random=8)[0]
            for reml in (False, True)
        ]
        lines.append(json.dumps([round(value, 9) for value in found]))
    text = "[\n" + ",\n".join(lines) + "\n]\n"
    (HERE / "random_optima.json").write_text(text)


if __name__ == "__main__":
    main()
