"""The virtual environment of every package, made once and kept in a cache folder."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parent
EVERYONE_NEEDS = ("pandas>=3", "pyarrow")
THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "NUMEXPR_NUM_THREADS",
)


class UnavailableError(Exception):
    """A package that cannot be installed or started here, with the reason."""


def default_folder():
    """Return the cache folder of this benchmark."""
    cache = os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")
    return Path(cache) / "skmixed-benchmarks"


def skmixed_requirements(repository=REPOSITORY):
    """Return the dependencies that skmixed declares."""
    text = (Path(repository) / "pyproject.toml").read_text()
    return tuple(tomllib.loads(text)["project"]["dependencies"])


def last_line(text):
    """Return the last line that says something, as the reason of a failure."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


class Environments:
    """Virtual environments by name.

    Parameters
    ----------
    folder : Path
        Where they are kept; outside of the repository.
    """

    def __init__(self, folder):
        self.folder = Path(folder).expanduser().resolve()
        if REPOSITORY.resolve() in [self.folder, *self.folder.parents]:
            raise ValueError(
                f"the environments must not be inside the repository; --envs was "
                f"{self.folder}."
            )

    def python(self, name, requirements):
        """Return the interpreter of an environment that holds `requirements`.

        Raises
        ------
        UnavailableError
            Where pip cannot install them.
        """
        home = self.folder / name
        interpreter = home / "bin" / "python"
        wanted = "\n".join([*EVERYONE_NEEDS, *requirements])
        stamp = home / "requirements.txt"
        if stamp.exists() and stamp.read_text() == wanted:
            return interpreter
        print(f"installing {name} into {home}", flush=True)
        shutil.rmtree(home, ignore_errors=True)
        self._run([sys.executable, "-m", "venv", home])
        self._run(
            [interpreter, "-m", "pip", "install", "-q", *EVERYONE_NEEDS, *requirements]
        )
        stamp.write_text(wanted)
        return interpreter

    def _run(self, command):
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise UnavailableError(last_line(done.stderr))

    def skmixed(self, repository=REPOSITORY):
        """Return the interpreter that holds skmixed's dependencies, not itself."""
        return self.python("skmixed", skmixed_requirements(repository))


def variables(threads, checkout=None):
    """Return the environment variables of a worker.

    Parameters
    ----------
    threads : int
        Threads that BLAS and the compiled packages may use.
    checkout : path-like, optional
        Folder from which ``import skmixed`` is served.
    """
    settings = dict.fromkeys(THREAD_VARIABLES, str(threads))
    settings["PYTHONDONTWRITEBYTECODE"] = ""
    if checkout is not None:
        settings["PYTHONPATH"] = str(checkout)
    return {**os.environ, **settings}


def find_r(package):
    """Return Rscript where R with a package is present.

    Raises
    ------
    UnavailableError
        Where it is not.
    """
    rscript = shutil.which("Rscript")
    if rscript is None:
        raise UnavailableError("R is not installed here")
    asked = subprocess.run(
        [rscript, "-e", f"library({package})"],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise UnavailableError(f"R has no {package}: {last_line(asked.stderr)}")
    return rscript
