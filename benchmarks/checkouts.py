"""Checkouts of a revision in a temporary folder, and base against head."""

import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from cases import select_cases
from environments import HERE, REPOSITORY, UnavailableError, variables
from measure import write_tables
from processes import Process

RELATIVE = 1.1
ABSOLUTE_SECONDS = 0.001


@contextmanager
def checkout(revision):
    """Give the folder of a revision: the working tree where it is None."""
    if revision is None:
        yield REPOSITORY
        return
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "skmixed"
        git = ["git", "-C", str(REPOSITORY), "worktree"]
        subprocess.run(
            [*git, "add", "--quiet", "--detach", str(tree), revision], check=True
        )
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def open_both(setting, trees, case):
    """Start a worker of skmixed from each of two checkouts."""
    table = setting.tables / f"{case.table}.npz"
    interpreter = setting.environments.skmixed()
    command = [interpreter, HERE / "worker.py", "skmixed", case.name, table]
    return [
        Process(command, variables(setting.threads, tree), setting.limit)
        for tree in trees
    ]


def compare_case(setting, trees, case):
    """Return the CPU seconds of base and head in alternating calls.

    Raises
    ------
    RuntimeError
        Where one of them fails.
    """
    seconds = [], []
    workers = open_both(setting, trees, case)
    try:
        for k in range(1 + setting.repeats(case)):
            for name, worker, taken in zip(
                ("base", "head"), workers, seconds, strict=True
            ):
                answer = worker.call()
                if "cpu" not in answer:
                    raise RuntimeError(f"{name} fails on {case.name}: {answer}")
                # the first call is not measured
                taken.extend([answer["cpu"]] if k else [])
    finally:
        for worker in workers:
            worker.close()
    return seconds


def verdict(base, head):
    """Say whether head is slower or faster, by both thresholds.

    Parameters
    ----------
    base, head : list of float
        CPU seconds, pair by pair.

    Returns
    -------
    ratio : float
        Median of head over base.
    word : str
        "slower", "faster" or "same".
    """
    ratio = median(h / b for b, h in zip(base, head, strict=True))
    difference = median(h - b for b, h in zip(base, head, strict=True))
    if ratio > RELATIVE and difference > ABSOLUTE_SECONDS:
        return ratio, "slower"
    if ratio < 1 / RELATIVE and difference < -ABSOLUTE_SECONDS:
        return ratio, "faster"
    return ratio, "same"


def compare_revisions(setting, names, base):
    """Print head (the setting's checkout) against `base`; return slower cases."""
    cases, slower = select_cases(names), []
    write_tables(setting, cases)
    print(f"{'case':16}{'base CPU s':>12}{'head CPU s':>12}{'ratio':>8}")
    with checkout(base) as tree:
        for case in cases:
            try:
                seconds = compare_case(setting, (tree, setting.checkout), case)
            except UnavailableError as error:  # of models that base has not
                print(f"{case.name:16}  not compared: {error}", flush=True)
                continue
            ratio, word = verdict(*seconds)
            medians = "".join(f"{median(taken):12.4f}" for taken in seconds)
            print(f"{case.name:16}{medians}{ratio:8.2f}  {word}", flush=True)
            slower += [case.name] if word == "slower" else []
    return slower
