"""Rows on their way between steps: in memory when they are few, in a Parquet file when they are many, always read a slice at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SLICE_ROWS = 100_000  # what a step holds in memory at once, whatever the size of the batch


class StagedRows:
    """A table staged as Parquet, held in a temporary file that is gone with the object."""

    def __init__(self, spool: tempfile._TemporaryFileWrapper[bytes]) -> None:
        self._spool = spool
        self._file = pq.ParquetFile(spool.name)

    @property
    def num_rows(self) -> int:
        """Rows in the whole table."""
        return int(self._file.metadata.num_rows)

    def slices(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """The rows in order, or some of their columns, at most SLICE_ROWS at a time; an empty table gives one empty slice."""
        given = False
        for batch in self._file.iter_batches(SLICE_ROWS, columns=columns):
            given = True
            yield pa.Table.from_batches([batch])
        if not given:
            yield self._file.schema_arrow.empty_table()

    def columns(self, names: list[str]) -> pa.Table:
        """Some columns of all rows."""
        return self._file.read(columns=names)

    def table(self) -> pa.Table:
        """All of it, for those who know that it is small."""
        return self._file.read()


def slices_of(rows: pa.Table | StagedRows, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The slices of a table, wherever it lies; with some of its columns or all."""
    if isinstance(rows, StagedRows):
        yield from rows.slices(columns)
        return
    rows = rows.select(columns) if columns else rows
    for start in range(0, max(rows.num_rows, 1), SLICE_ROWS):
        yield rows.slice(start, SLICE_ROWS)


def columns_of(rows: pa.Table | StagedRows, names: list[str]) -> pa.Table:
    """Some columns of all rows, wherever they lie."""
    return rows.columns(names) if isinstance(rows, StagedRows) else rows.select(names)


class Spool:
    """Collects slices of one table into a Parquet file; the same slices always give the same bytes."""

    def __init__(self) -> None:
        self._spool = tempfile.NamedTemporaryFile(prefix="estate-staged-", suffix=".parquet")  # noqa: SIM115 - closed by __exit__
        self._writer: pq.ParquetWriter | None = None
        self.num_rows = 0

    def write(self, rows: pa.Table) -> None:
        """Append `rows`; the first slice gives the schema."""
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._spool.name, rows.schema, compression="zstd", compression_level=1)
        self._writer.write_table(rows)
        self.num_rows += rows.num_rows

    def finish(self) -> tempfile._TemporaryFileWrapper[bytes]:
        """The finished file. Raises ValueError when nothing, not even an empty slice, was written."""
        if self._writer is None:
            raise ValueError("a table needs at least an empty slice, for its schema")
        self._writer.close()
        return self._spool

    def __enter__(self) -> Spool:
        """Use as a context manager, so that the file goes whatever happens."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Remove the file."""
        if self._writer is not None:
            self._writer.close()
        self._spool.close()
