"""One process that fits one case with one package, a call for every line it reads.

``python worker.py RIVAL CASE TABLE`` answers on standard output, one JSON object a
line: first that it is ready, then the figures of each call. Whatever the package
itself prints goes to standard error.
"""

import gc
import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path
from statistics import median

import cases
import rivals

REPEATED_SECONDS = 0.25
MOST_REPEATS = 25
RESET_PEAK = "5"


def cpu_seconds():
    """Return user and system seconds of this process and of its children."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def memory(field):
    """Return a field of this process's status in MB, None where there is no /proc."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    lines = status.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def reset_peak_memory():
    """Make the peak of the resident memory start from now."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text(RESET_PEAK)


class Worker:
    """The calls of one package on one case.

    Parameters
    ----------
    rival : Rival
        The package.
    case : Case
        The model.
    path : path-like
        The stored table.
    """

    def __init__(self, rival, case, path):
        self.case = case
        self.frame = cases.read_table(path)
        self.fit, self.loglik = rival.open(case, self.frame)

    def time_once(self, collect=True):
        """Fit a fresh copy of the table, and return the figures of the call.

        To collect garbage before every short call would empty the processor's caches
        before it, which is no warm call.
        """
        frame = self.frame.copy()
        if collect:
            gc.collect()
        reset_peak_memory()
        before, cpu, wall = memory("VmRSS"), cpu_seconds(), time.perf_counter()
        model = self.fit(frame)
        wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
        growth = None if before is None else memory("VmHWM") - before
        return {
            "cpu": cpu,
            "wall": wall,
            "memory": growth,
            "loglik": float(self.loglik(model)),
        }

    def time_call(self):
        """Return the figures of one call, the median of many where it is short."""
        calls, until = [self.time_once()], time.perf_counter() + REPEATED_SECONDS
        while (
            self.case.small
            and len(calls) < MOST_REPEATS
            and time.perf_counter() < until
        ):
            calls.append(self.time_once(collect=False))
        return {
            key: median(call[key] for call in calls)
            for key in calls[0]
            if calls[0][key] is not None
        }


def warm_up(rival, table):
    """Fit a tiny data set, so that lazy imports are not part of a large case."""
    (sleepstudy,) = cases.select_cases(["sleepstudy"])
    if not rival.reason(sleepstudy) and table.with_name("sleepstudy.npz").exists():
        Worker(rival, sleepstudy, table.with_name("sleepstudy.npz")).time_once()


def versions():
    """Return the versions of what this environment holds."""
    from importlib.metadata import distributions

    return {
        found.metadata["Name"].lower().replace("_", "-"): found.version
        for found in distributions()
    }


def main(rival_name, case_name, table):
    """Answer calls until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    everyone = {rival.name: rival for rival in [*rivals.RIVALS, rivals.SKMIXED]}
    rival, (case,) = everyone[rival_name], cases.select_cases([case_name])
    if not case.small:
        warm_up(rival, Path(table))
    worker = Worker(rival, case, table)
    print(json.dumps({"ready": versions()}), file=answers)
    for _ in sys.stdin:
        try:
            answer = worker.time_call()
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
