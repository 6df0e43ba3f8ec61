"""Streams of Arrow batches: Parquet files, Datasets, polars' and DuckDB's queries."""

import glob
import os

from skmixed.errors import TableError
from skmixed.sources.source import Source

__all__ = ["BatchStream", "DatasetSource", "duckdb_source", "parquet", "polars_source"]

# Rows of a table, about: their columns and products are held at a time.
ROWS = 1 << 19


class BatchStream(Source):
    """Anything that gives a stream of Arrow batches whenever it is asked.

    Parameters
    ----------
    batches : callable
        Takes a list of columns, or None for all; returns an iterable of batches.
    """

    def __init__(self, batches):
        self.batches = batches

    def tables(self, columns=None):
        """Read the batches, joined to tables of a fair size."""
        waiting, n = [], 0
        for batch in self.batches(columns):
            waiting.append(batch)
            n += batch.num_rows
            if n >= ROWS // 2:
                yield frame_of(waiting)
                waiting, n = [], 0
        if n:
            yield frame_of(waiting)


def frame_of(batches):
    """One frame of pandas from batches; dictionaries become categories."""
    import pyarrow as pa

    table = pa.Table.from_batches(batches).unify_dictionaries()
    return table.to_pandas(use_threads=False, self_destruct=True, ignore_metadata=True)


class DatasetSource(BatchStream):
    """A Dataset of pyarrow.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset
    """

    def __init__(self, dataset):
        super().__init__(self.scan)
        self.dataset, self.n_rows = dataset, dataset.count_rows()

    def scan(self, columns):
        """Batches of some columns; texts of Parquet files as dictionaries."""
        return scanned(with_dictionaries(self.dataset, columns), columns, ROWS)

    @property
    def names(self):
        """Names of the columns."""
        return self.dataset.schema.names

    def first(self, n, columns=None):
        """The first rows, texts as texts."""
        import pyarrow as pa

        # a scan of the dataset would read on while it is closed
        taken, have, schema = [], 0, self.dataset.schema
        for part in self.dataset.get_fragments():
            if have >= n:
                break
            for batch in part.to_batches(
                schema, columns=columns, batch_size=ROWS, use_threads=False
            ):
                taken.append(batch.slice(0, n - have))
                have += len(taken[-1])
                if have >= n:
                    break
        schema = schema if columns is None else pa.schema(map(schema.field, columns))
        return pa.Table.from_batches(taken, schema).to_pandas(ignore_metadata=True)


def scanned(dataset, columns, rows):
    """Batches of a Dataset, of so many rows, few at a time."""
    return dataset.to_batches(
        columns=columns,
        batch_size=rows,
        batch_readahead=1,
        fragment_readahead=1,
        use_threads=False,
    )


def with_dictionaries(dataset, columns):
    """Read texts of Parquet files as they are stored: each distinct one once."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    texts = [
        field.name
        for field in dataset.schema
        if (columns is None or field.name in columns)
        and (pa.types.is_string(field.type) or pa.types.is_large_string(field.type))
    ]
    files = isinstance(dataset, ds.FileSystemDataset)
    plain = files and not len(getattr(dataset.partitioning, "schema", ()))
    if not (texts and plain and dataset.format.default_extname == "parquet"):
        return dataset
    options = ds.ParquetReadOptions(dictionary_columns=texts)
    return ds.dataset(
        dataset.files,
        format=ds.ParquetFileFormat(read_options=options),
        filesystem=dataset.filesystem,
    )


def parquet(path):
    """Files of Parquet.

    Parameters
    ----------
    path : str or PathLike
        Of a file, of a folder, or a pattern such as ``"rows/*.parquet"``.

    Returns
    -------
    DatasetSource

    Raises
    ------
    FileNotFoundError
    ImportError
        Without pyarrow.
    """
    try:
        import pyarrow.dataset as ds
    except ImportError as error:
        raise ImportError(
            f"To read {os.fspath(path)!r}, install pyarrow: pip install "
            "'scikit-mixed[arrow]'."
        ) from error
    text = os.fspath(path)
    files = sorted(glob.glob(text)) if glob.has_magic(text) else text
    if not files:
        raise FileNotFoundError(f"No file matches {text!r}.")
    if text.lower().endswith((".csv", ".tsv", ".txt", ".xlsx", ".sav", ".dta")):
        raise TableError(
            f"{text!r} is no file of Parquet; read it first, as by pd.read_csv, and "
            "pass the data frame."
        )
    return DatasetSource(ds.dataset(files, format="parquet"))


def polars_source(frame):
    """A LazyFrame of polars."""

    def batches(columns):
        chosen = frame if columns is None else frame.select(columns)
        for part in chosen.collect_batches(chunk_size=ROWS, maintain_order=True):
            yield from part.to_arrow().to_batches()

    return BatchStream(batches)


def duckdb_source(relation):
    """A relation of DuckDB."""

    def batches(columns):
        quoted = ['"{}"'.format(c.replace('"', '""')) for c in columns or ()]
        chosen = relation.select(*quoted) if quoted else relation
        new = hasattr(chosen, "to_arrow_reader")
        open_reader = chosen.to_arrow_reader if new else chosen.fetch_arrow_reader
        yield from open_reader(ROWS)

    return BatchStream(batches)
