"""Fit a model to a file from the command line: ``python -m skmixed --help``."""

import argparse
import sys
import warnings
from pathlib import Path

import pandas as pd

import skmixed
from skmixed.errors import ArgumentError, ColumnError, TableError

ESTIMATORS = {
    "gaussian": "MixedLinearRegressor",
    "logistic": "MixedLogisticClassifier",
    "binomial": "MixedBinomialRegressor",
    "ordinal": "MixedOrdinalClassifier",
    "poisson": "MixedPoissonRegressor",
    "negative_binomial": "MixedNegativeBinomialRegressor",
    "gamma": "MixedGammaRegressor",
    "inverse_gaussian": "MixedInverseGaussianRegressor",
    "beta": "MixedBetaRegressor",
}
# Per ending: how pandas reads it, its options, and the package that it needs.
READERS = {
    ".csv": (pd.read_csv, {}, None),
    ".tsv": (pd.read_csv, {"sep": "\t"}, None),
    ".parquet": (pd.read_parquet, {}, "pyarrow"),
    ".xlsx": (pd.read_excel, {}, "openpyxl"),
    ".sav": (pd.read_spss, {}, "pyreadstat"),
    ".dta": (pd.read_stata, {}, None),
}
LINEAR_ONLY = ("ml", "residual")


def main(arguments=None):
    """Fit, print the summary, and write the report where one is asked for.

    Parameters
    ----------
    arguments : list of str, default=None
        Of the command line; those of the process by default.

    Returns
    -------
    int
        0, or 2 where the file, the formula or the data do not serve; stderr says why.
    """
    options = parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = show_warning
        try:
            run(options)
        except (ValueError, TypeError, ImportError, OSError) as error:
            told = "\n".join([str(error), *getattr(error, "__notes__", [])])
            print(f"skmixed: {told}", file=sys.stderr)
            return 2
    return 0


def parser():
    """Say what the command understands."""
    made = argparse.ArgumentParser(
        prog="python -m skmixed",
        description="Fit a mixed model to a file, print its summary.",
        epilog='Example: python -m skmixed "exam ~ lrt + (1 + lrt | school)" '
        "london.csv --report report.html",
    )
    add = made.add_argument
    add("formula", help="lme4's formula, in quotes")
    add("file", type=Path, help=f"the table: {', '.join(READERS)}")
    add("--family", choices=ESTIMATORS, default="gaussian", help="of the response")
    add("--ml", action="store_true", help="maximum likelihood in place of REML")
    add("--residual", help='covariance over time, for example "ar1(week | id)"')
    add("--weights", metavar="COLUMN", help="column of weights")
    add("--report", metavar="FILE", help="write all about the fit to an HTML file")
    return made


def run(options):
    """Do what the options say."""
    table = read_table(options.file)
    weights = None
    if options.weights is not None:
        weights = column_of(table, options.weights)
    model = estimator_of(options).fit(table, sample_weight=weights)
    print(model.summary())
    if options.report:
        path = model.report(options.report, table, sample_weight=weights)
        print(f"\nThe report is in {path}.")


def estimator_of(options):
    """Choose the estimator of the family, with its options."""
    cls = getattr(skmixed, ESTIMATORS[options.family])
    if options.family == "gaussian":
        return cls(options.formula, reml=not options.ml, residual=options.residual)
    for name in LINEAR_ONLY:
        if getattr(options, name):
            raise ArgumentError(
                f"--{name} belongs to --family gaussian; --family {options.family} "
                "is fitted by maximum likelihood, without correlated residuals. Leave "
                f"--{name} out."
            )
    return cls(options.formula)


def read_table(path):
    """Read a file by its ending."""
    ending = path.suffix.lower()
    if ending not in READERS:
        raise TableError(
            f"Files that end in {ending or 'nothing'!r} are not read: {path}. Save the "
            f"table as one of {', '.join(READERS)}."
        )
    if not path.exists():
        raise TableError(f"There is no file {path}.")
    read, keywords, needed = READERS[ending]
    try:
        return read(path, **keywords)
    except ImportError as error:
        raise ImportError(
            f"Reading {ending} needs {needed}: pip install {needed}."
        ) from error
    except Exception as error:  # of readers, which raise anything
        raise TableError(
            f"{path} cannot be read as {ending}: {str(error).strip() or 'it is broken'}"
        ) from error


def column_of(table, name):
    """Take a column of a table by its name."""
    if name not in table:
        raise ColumnError(
            f"There is no column {name!r}; the table has {', '.join(map(str, table))}."
        )
    return table[name]


def show_warning(message, category, *_, **__):
    """Show a warning without the line of code that gave it."""
    print(f"{category.__name__}: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
