"""The Reisby depression trial: downloaded once, checked, kept."""

import hashlib
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.error import URLError
from urllib.request import urlopen

import pandas as pd
from sklearn.datasets import get_data_home

from skmixed.datasets.tables import bunch_table

URL = (
    "https://raw.githubusercontent.com/CEHS-research/eBook_multilevel/"
    "d7e1c64f68e095d1c2d0b8facd5d50c552607d39/data/riesby.dat.txt"
)
SHA256 = "f8ca3ff5570799ae8057d687e1a5ba5d5bacf73797fea805563b3788871cce32"
TIMEOUT_SECONDS = 30

CACHE_NAME = "reisby.csv"
RAW_NAME = "riesby.dat.txt"
RAW_COLUMNS = ["id", "hamd", "const", "week", "endog", "endweek"]
DTYPES = {"id": "int64", "hamd": "float64", "week": "int64", "endog": "int64"}
END_OF_FILE = b"\x1a"


def fetch_reisby(
    *, data_home=None, download_if_missing=True, return_X_y=False, as_frame=True
):
    """Load the Reisby depression trial: 66 patients on six weekly occasions.

    The standard example of longitudinal data. It is not part of the package: the first
    call downloads it, checks its SHA-256 sum and keeps it in `data_home`.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder to look in first and to keep the data in; None is scikit-learn's,
        ``sklearn.datasets.get_data_home()``. It may hold ``reisby.csv`` (columns id,
        hamd, week, endog) or the original file ``riesby.dat.txt``.
    download_if_missing : bool, default=True
        Otherwise raise OSError if the data are not in `data_home`.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=True
        Return pandas objects; otherwise `data` and `target` are arrays.

    Returns
    -------
    data : Bunch
        Dictionary-like object with the attributes `frame` (396 rows; the response
        ``hamd`` is missing in 21), `data`, `target`, `feature_names`, `target_names`,
        `DESCR` and `filename`.
    (data, target) : tuple
        If ``return_X_y=True``.

    Raises
    ------
    OSError
        If the data are absent and may not be downloaded, if the download fails, or if
        the file is not the expected one.

    See Also
    --------
    load_sleepstudy : A table over time that the package carries.

    Examples
    --------
    >>> from skmixed.datasets import fetch_reisby
    >>> reisby = fetch_reisby()  # doctest: +SKIP
    >>> reisby.frame.shape  # doctest: +SKIP
    (396, 4)
    """
    folder = Path(get_data_home(data_home))
    cache = folder / CACHE_NAME
    if not cache.exists():
        _write_cache(cache, _raw_bytes(folder, download_if_missing))
    frame = pd.read_csv(cache, dtype=DTYPES)[list(DTYPES)]
    return bunch_table(
        frame,
        "hamd",
        name="reisby",
        filename=str(cache),
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def _raw_bytes(folder, download_if_missing):
    """Return the content of the original file, from the folder or from its source."""
    raw_file = folder / RAW_NAME
    if raw_file.exists():
        content, origin = raw_file.read_bytes(), str(raw_file)
    elif download_if_missing:
        content, origin = _download(folder), URL
    else:
        raise OSError(
            f"Data not found: {folder} holds neither {CACHE_NAME} nor {RAW_NAME}, and "
            "`download_if_missing` is False. Call fetch_reisby() once with a network."
        )
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise OSError(
            f"{origin} is not the expected file: its SHA-256 sum is {found}, not "
            f"{SHA256}. Remove it and fetch the data again."
        )
    return content


def _download(folder):
    try:
        with urlopen(URL, timeout=TIMEOUT_SECONDS) as response:
            return response.read()
    except (URLError, TimeoutError) as error:
        raise OSError(
            f"The Reisby data could not be downloaded from {URL} ({error}). Fetch that "
            f"file by other means and save it as {folder / RAW_NAME}."
        ) from error


def _parse(content):
    """Read the original file: columns split by blanks, ``.`` is missing.

    The file comes from DOS and ends with the character Ctrl-Z.
    """
    frame = pd.read_csv(
        BytesIO(content.replace(END_OF_FILE, b"")),
        sep=r"\s+",
        header=None,
        names=RAW_COLUMNS,
        na_values=["."],
    )
    return frame[list(DTYPES)].astype(DTYPES)


def _write_cache(cache, content):
    # Written aside and renamed: a second process never reads half a file.
    with NamedTemporaryFile(
        "w", dir=cache.parent, prefix=cache.name, delete=False, encoding="utf-8"
    ) as stream:
        _parse(content).to_csv(stream, index=False)
    Path(stream.name).replace(cache)
