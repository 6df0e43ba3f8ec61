"""Measurements: every rival's calls alternate with calls of skmixed."""

import platform
import subprocess
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from statistics import median

from cases import select_cases
from environments import HERE, REPOSITORY, UnavailableError, find_r, variables
from processes import Process
from rivals import SKMIXED

SLOW_SHARE = 0.3
R_REPEATS = 20

IMPORTS = {
    "skmixed": "import skmixed",
    "its dependencies": "import sklearn, formulaic, pandas",
}
IMPORT_RUNS = 5


@dataclass
class Figures:
    """What one package did on one case.

    Parameters
    ----------
    case, package : str
        Names.
    method : str
        "REML" or "ML"; "other" of a likelihood that is not comparable.
    reason : str
        Why there is no figure, otherwise empty.
    over : bool
        Whether a call was stopped at the limit.
    cold : float
        CPU seconds of the first call.
    cpu, wall : list of float
        Seconds of the further calls, or of the first where it was slow.
    beside : list of float
        CPU seconds of skmixed in the call after each of them.
    memory : float
        Largest growth of the resident memory in a call, in MB.
    loglik : float
        Log-likelihood reached.
    """

    case: str
    package: str
    method: str = "REML"
    reason: str = ""
    over: bool = False
    cold: float | None = None
    cpu: list = field(default_factory=list)
    wall: list = field(default_factory=list)
    beside: list = field(default_factory=list)
    memory: float | None = None
    loglik: float | None = None

    def add(self, answer):
        """Enter the answer of a worker; return whether it was a figure."""
        self.over = self.over or bool(answer.get("over"))
        self.reason = self.reason or answer.get("error", "")
        if "cpu" not in answer:
            return False
        if self.cold is None:
            self.cold = answer["cpu"]
        else:
            self.cpu.append(answer["cpu"])
            self.wall.append(answer["wall"])
        if "memory" in answer:
            self.memory = max(self.memory or 0.0, answer["memory"])
        self.loglik = answer["loglik"]
        return True

    @property
    def seconds(self):
        """Median CPU seconds, None without a figure."""
        return median(self.cpu) if self.cpu else None


@dataclass
class Setting:
    """How a run is made.

    Parameters
    ----------
    environments : Environments
        Of all packages.
    checkout : path-like
        Folder of the skmixed that is measured.
    threads : int
        Threads for BLAS.
    limit : float
        Seconds of wall time of a call.
    repetitions : tuple of int
        Measured calls of small and of large cases.
    """

    environments: object
    checkout: Path = REPOSITORY
    threads: int = 1
    limit: float = 60.0
    repetitions: tuple[int, int] = (3, 2)

    @property
    def tables(self):
        """Folder of the data, another one when the cases change."""
        source = sha256((HERE / "cases.py").read_bytes()).hexdigest()
        return self.environments.folder / f"tables-{source[:8]}"

    def repeats(self, case):
        """Measured calls of this case."""
        return self.repetitions[0] if case.small else self.repetitions[1]

    def open(self, package, case):
        """Start the worker of a package on a case."""
        table = self.tables / f"{case.table}.npz"
        if package.r_call is not None:
            csv, repeats = table.with_suffix(".csv"), R_REPEATS if case.small else 1
            asked = [package.name, package.r_call(case), csv, repeats]
            command = [find_r(package.name), HERE / "fit.R", *asked]
        elif package is SKMIXED:
            command = [self.environments.skmixed(self.checkout)]
        else:
            command = [self.environments.python(package.name, package.requirements)]
        if package.r_call is None:
            command += [HERE / "worker.py", package.name, case.name, table]
        checkout = self.checkout if package is SKMIXED else None
        return Process(command, variables(self.threads, checkout), self.limit)


def write_tables(setting, cases, *, csv=False):
    """Let skmixed's environment write the tables of the cases and the warm-up's."""
    names = dict.fromkeys(["sleepstudy", *(case.name for case in cases)])
    interpreter = setting.environments.skmixed(setting.checkout)
    command = [interpreter, HERE / "cases.py", setting.tables, *names]
    subprocess.run(
        [*map(str, command), *(["--csv"] if csv else [])],
        env=variables(setting.threads, setting.checkout),
        check=True,
    )


def measure_case(setting, case, rivals):
    """Measure one case with skmixed and every rival, in alternating calls.

    Returns
    -------
    figures : list of Figures
        skmixed first, then the rivals in order.
    versions : dict of str to str
        Versions of the packages that ran.
    """
    ours, versions = Figures(case.name, SKMIXED.name, SKMIXED.method_on(case)), {}
    everyone = [ours]
    with setting.open(SKMIXED, case) as skmixed:
        versions |= skmixed.versions
        ours.add(skmixed.call())
        for rival in rivals:
            theirs = Figures(case.name, rival.name, rival.method_on(case))
            everyone.append(theirs)
            theirs.reason = rival.reason(case)
            if theirs.reason:
                continue
            try:
                with setting.open(rival, case) as process:
                    versions[rival.name] = process.versions.get(rival.name, "")
                    alternate(setting, case, (process, theirs), (skmixed, ours))
            except UnavailableError as error:
                theirs.reason = str(error)
        while not ours.reason and len(ours.cpu) < setting.repeats(case):
            if not ours.add(skmixed.call()):
                break
    return everyone, versions


def alternate(setting, case, rival, skmixed):
    """Let a rival and skmixed fit in turn; a slow rival's first call is all."""
    (process, theirs), (own_process, ours) = rival, skmixed
    first = process.call()
    if not theirs.add(first):
        return
    slow = first["wall"] > SLOW_SHARE * setting.limit
    for _ in range(1 if slow else setting.repeats(case)):
        if not theirs.add(first if slow else process.call()):
            return
        if ours.add(own_process.call()):
            theirs.beside.append(ours.cpu[-1])


def measure_imports(setting):
    """Return the median CPU seconds of importing skmixed, and its dependencies."""
    interpreter = setting.environments.skmixed(setting.checkout)
    code = "import time; {}; print(time.process_time())"
    seconds = {name: [] for name in IMPORTS}
    for _ in range(IMPORT_RUNS + 1):
        for name, statement in IMPORTS.items():
            done = subprocess.run(
                [str(interpreter), "-c", code.format(statement)],
                env=variables(setting.threads, setting.checkout),
                capture_output=True,
                text=True,
                check=True,
            )
            seconds[name].append(float(done.stdout))
    # the first round may compile
    return {name: median(times[1:]) for name, times in seconds.items()}


def describe_machine():
    """Return the processor, its number of cores, system and Python."""
    model, info = platform.processor(), Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        names = [line.split(":")[1].strip() for line in lines if "model name" in line]
        model = f"{len(names)} x {names[0]}" if names else model
    return f"{model}; {platform.system()}; Python {platform.python_version()}"


def measure(setting, names, rivals):
    """Measure many cases; return what `report.write` needs, as plain data."""
    cases = select_cases(names)
    write_tables(setting, cases, csv=any(rival.r_call for rival in rivals))
    figures, versions = [], {}
    for case in cases:
        print(f"{case.name}: {case.text}", flush=True)
        found, theirs = measure_case(setting, case, rivals)
        versions |= theirs
        figures += found
        for one in found:
            said = one.seconds or one.reason or f"over {setting.limit:g} s"
            print(f"    {one.package:14}", said, flush=True)
    kept = {name: versions.get(name, "") for name in [r.name for r in rivals]}
    base = {k: versions.get(k, "") for k in ("numpy", "scipy", "pandas", "formulaic")}
    return {
        "threads": setting.threads,
        "limit": setting.limit,
        "repetitions": list(setting.repetitions),
        "machine": describe_machine(),
        "versions": kept | base,
        "figures": [asdict(one) for one in figures],
    }
