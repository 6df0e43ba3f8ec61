"""Streams of Arrow batches: Parquet files, Datasets, polars' and DuckDB's queries."""

import glob
import os
from functools import cached_property

from skmixed.errors import TableError
from skmixed.sources.source import Source

__all__ = ["BatchStream", "DatasetSource", "PolarsSource", "duckdb_source", "parquet"]

# Rows of a table, about: their columns and products are held at a time.
ROWS = 1 << 19


class BatchStream(Source):
    """Anything that gives a stream of Arrow batches whenever it is asked.

    Parameters
    ----------
    batches : callable
        Takes a list of columns, or None for all, and the number of rows that will do,
        or None for all; returns an iterable of batches.
    """

    def __init__(self, batches):
        self.batches = batches

    def tables(self, columns=None):
        """Read the batches, joined to tables of a fair size."""
        waiting, n = [], 0
        for batch in self.batches(columns, None):
            waiting.append(batch)
            n += batch.num_rows
            if n >= ROWS // 2:
                yield frame_of(waiting)
                waiting, n = [], 0
        if n:
            yield frame_of(waiting)

    def first(self, n, columns=None):
        """The first rows, texts as texts."""
        import pyarrow as pa

        taken, have = [], 0
        for batch in self.batches(columns, n):
            taken.append(batch.slice(0, n - have))
            have += len(taken[-1])
            if have >= n:
                break
        if not taken:
            raise TableError("The source of rows gave no table.")
        return pa.Table.from_batches(taken).to_pandas(ignore_metadata=True)


def frame_of(batches):
    """One frame of pandas from batches; texts and dictionaries become categories."""
    import pyarrow as pa

    table = pa.Table.from_batches(batches)
    for place, field in enumerate(table.schema):
        if is_text(field.type):
            table = table.set_column(
                place, field.name, table.column(place).dictionary_encode()
            )
    table = table.unify_dictionaries()
    return table.to_pandas(use_threads=False, self_destruct=True, ignore_metadata=True)


def is_text(kind):
    """Whether a type of Arrow is one of texts."""
    import pyarrow as pa

    kinds = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view
    return any(fits(kind) for fits in kinds)


class DatasetSource(BatchStream):
    """A Dataset of pyarrow.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset
    """

    def __init__(self, dataset):
        super().__init__(self.scan)
        self.dataset, self.n_rows = dataset, dataset.count_rows()

    def scan(self, columns, n):
        """Batches of some columns; texts of Parquet files as dictionaries."""
        if n is None:
            yield from scanned(with_dictionaries(self.dataset, columns), columns, ROWS)
            return
        # a scan of the dataset would read on while it is closed
        for part in self.dataset.get_fragments():
            yield from part.to_batches(
                self.dataset.schema, columns=columns, batch_size=ROWS, use_threads=False
            )

    @cached_property
    def blank(self):
        """A table without rows, by the schema."""
        return self.dataset.schema.empty_table().to_pandas(ignore_metadata=True)


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
    import pyarrow.dataset as ds

    texts = [
        field.name
        for field in dataset.schema
        if (columns is None or field.name in columns) and is_text(field.type)
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


class PolarsSource(BatchStream):
    """A LazyFrame of polars.

    Parameters
    ----------
    frame : polars.LazyFrame
    """

    def __init__(self, frame):
        super().__init__(polars_batches(frame))
        self.frame = frame

    def each(self, columns, one, plain=True):
        """LazyFrame of a column ``prediction``, computed when it is collected."""
        if not plain:
            return super().each(columns, one, plain)
        import polars

        schema = {"prediction": polars.Float64}

        def predicted(table):
            values = one(frame_of(table.to_arrow().to_batches()))
            return polars.DataFrame({"prediction": values}, schema=schema)

        chosen = self.frame.select(columns)
        return chosen.map_batches(predicted, schema=schema, streamable=True)


def polars_batches(frame):
    """Batches of a LazyFrame; see :class:`BatchStream`."""

    def batches(columns, n):
        chosen = frame if columns is None else frame.select(columns)
        chosen = chosen if n is None else chosen.head(n)
        for part in chosen.collect_batches(chunk_size=ROWS // 2, maintain_order=True):
            yield from part.to_arrow().to_batches()

    return batches


def duckdb_source(relation):
    """A relation of DuckDB."""

    def batches(columns, n):
        quoted = ['"{}"'.format(c.replace('"', '""')) for c in columns or ()]
        chosen = relation.select(*quoted) if quoted else relation
        chosen = chosen if n is None else chosen.limit(n)
        new = hasattr(chosen, "to_arrow_reader")
        open_reader = chosen.to_arrow_reader if new else chosen.fetch_arrow_reader
        yield from open_reader(ROWS)

    return BatchStream(batches)
