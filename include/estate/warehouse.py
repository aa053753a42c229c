"""PostgreSQL as the pipeline sees it: one tenant per transaction, named queries, frames in and out by COPY."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.csv as pacsv
from psycopg import sql

from estate.arrow import copy_body, frame_to_arrow
from estate.batch import Batch
from estate.contracts import Contract, contract
from estate.landing import get_rows, staged_key
from estate.settings import Tenant, settings
from estate.sql import query
from estate.staged import SLICE_ROWS, StagedRows

# PostgreSQL type identifiers (pg_type.oid) of what queries return, and what a frame makes of them.
_ARROW_OF_OID = {
    16: pa.string(), 20: pa.int64(), 21: pa.int64(), 23: pa.int64(), 700: pa.float64(), 701: pa.float64(), 1700: pa.float64(),
    1082: pa.date32(),
}  # fmt: skip
_BOOL, _INT_ARRAY, _SMALLINT_ARRAY, _TEXT_ARRAY, _JSONB, _DATE = 16, 1007, 1005, 1009, 3802, 1082


class Warehouse:
    """The database, for one tenant. Holds one connection; every use is its own transaction with the tenant set in it."""

    def __init__(self, tenant: Tenant, url: str | None = None) -> None:
        """Connect lazily; `url` defaults to the configured pipeline role."""
        self.tenant = tenant
        self._url = url or settings().database_url
        self._connection: psycopg.Connection[Any] | None = None

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """One transaction in which row-level security lets through this tenant and no other."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._url, autocommit=True, application_name="estate-pipeline")
        with self._connection.transaction():
            self._connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(self.tenant.tenant_id),))
            yield self._connection

    @contextmanager
    def one_at_a_time(self, what: str) -> Iterator[None]:
        """Wait until nobody else of this tenant does `what`, and keep others waiting meanwhile.

        The lock belongs to the connection and not to a transaction, so that work of minutes holds none open; a process that
        is killed gives it back with its connection.
        """
        with self.transaction() as connection:
            name = f"{self.tenant.tenant_id}/{what}"
        connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
        try:
            yield
        finally:
            if not connection.closed:
                connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (name,))

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()

    def __enter__(self) -> Warehouse:
        """Use as a context manager, so that the connection is closed whatever happens."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def frame(self, name: str, keys: pd.DataFrame | None = None, **parameters: Any) -> pd.DataFrame:
        """Run the named query and return its rows.

        `keys` is first copied into a temporary table ``batch_key`` (text columns named as in the frame; cast in the query)
        that the query can join. Arrays come as lists, jsonb as Python objects, uuid as text, dates as ``datetime64``.
        """
        with self.transaction() as connection:
            if keys is not None:
                _copy_keys(connection, keys)
            cursor = psycopg.ClientCursor(connection)
            statement = sql.SQL(cursor.mogrify(query(name), parameters).strip().rstrip(";"))
            types = _described(connection, statement)
            body = io.BytesIO()
            # The closing bracket stands on a line of its own, since a query may end in a comment.
            wanted = sql.SQL("COPY ({}\n) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)").format(statement)
            with connection.cursor().copy(wanted) as copy:
                for block in copy:
                    body.write(block)
        return _decoded(body.getvalue(), types)

    def rows(self, name: str, **parameters: Any) -> list[dict[str, Any]]:
        """Run a named query for a few rows; each row a dict."""
        with self.transaction() as connection:
            cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
            return cursor.execute(query(name), parameters).fetchall()

    def execute(self, name: str, **parameters: Any) -> int:
        """Run a named statement; returns how many rows it touched."""
        with self.transaction() as connection:
            return connection.execute(query(name), parameters).rowcount

    def staged(self, batch: Batch, table: str, columns: list[str]) -> pd.DataFrame:
        """Some columns of the rows of `table` that the gate let through for this batch."""
        return get_rows(staged_key(batch, table, "judged")).columns(columns).to_pandas()

    def batch_properties(self, batch: Batch) -> pd.DataFrame:
        """The properties this batch speaks of: one text column ``property_id``."""
        return self.staged(batch, "normalize.property", ["property_id"])

    def property_pieces(self, batch: Batch) -> Iterator[pd.DataFrame]:
        """As `batch_properties`, at most SLICE_ROWS at a time; an empty batch gives one empty piece."""
        keys = self.batch_properties(batch)
        for start in range(0, max(len(keys), 1), SLICE_ROWS):
            yield keys.iloc[start : start + SLICE_ROWS]

    def derivation_ids(self, derivations: dict[str, dict[str, Any]]) -> dict[str, int]:
        """Number each derivation (digest -> source names and fields) within the tenant, adding those not known yet."""
        with self.transaction() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"{self.tenant.tenant_id}/derivation",))
            known = dict(connection.execute("SELECT derivation_sha256, derivation_id FROM provenance.derivation").fetchall())
            missing = sorted(set(derivations) - set(known))
            start = max(known.values(), default=0) + 1
            known |= {digest: start + offset for offset, digest in enumerate(missing)}
            with connection.cursor() as cursor:
                cursor.executemany(
                    query("derivation_insert"),
                    [
                        {
                            "tenant_id": self.tenant.tenant_id,
                            "derivation_id": known[digest],
                            "derivation_sha256": digest,
                            "source_names": derivations[digest]["source_names"],
                            "fields": json.dumps(derivations[digest]["fields"]),
                        }
                        for digest in missing
                    ],
                )
        return known

    def insert(self, table: str, frame: pd.DataFrame, connection: psycopg.Connection[Any]) -> None:
        """Append `frame` to a record table, inside the caller's transaction."""
        promise = contract(table)
        staging = copy_to_temporary(connection, promise, frame_to_arrow(frame, promise))
        target = sql.SQL(".").join(map(sql.Identifier, table.split(".")))
        connection.execute(sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(target, _names(promise), _names(promise), staging))


def _names(promise: Contract) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, promise.column_names))


def copy_to_temporary(
    connection: psycopg.Connection[Any], promise: Contract, rows: pa.Table | StagedRows, digest: hashlib._Hash | None = None
) -> sql.Composable:
    """COPY `rows` into a temporary table with the contract's columns; gone with the transaction, whatever ends it.

    COPY into a table under row-level security is refused by PostgreSQL, and a temporary table leaves no dead space when
    the process is killed. `digest` is fed with what is copied, and then says what `frame_sha256` says of `rows`.
    """
    name = sql.Identifier(f"staging_{promise.table}")
    definition = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(c.name), sql.SQL(c.sql_type)) for c in promise.columns)
    connection.execute(sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(name, definition))
    with connection.cursor().copy(sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(name, _names(promise))) as copy:
        for block in copy_body(rows):
            copy.write(block)
            if digest is not None:
                digest.update(block)
    # The joins ask for the number of rows and for the key; looking at every column would take a tenth of the whole load.
    key_columns = sql.SQL(", ").join(map(sql.Identifier, promise.key))
    connection.execute(sql.SQL("ANALYZE {} ({})").format(name, key_columns))
    return name


def frame_sha256(rows: pa.Table | StagedRows) -> str:
    """Digest of the rows themselves, the same for the same rows in the same order."""
    digest = hashlib.sha256()
    for block in copy_body(rows):
        digest.update(block)
    return digest.hexdigest()


def _copy_keys(connection: psycopg.Connection[Any], keys: pd.DataFrame) -> None:
    columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in keys.columns)
    connection.execute(sql.SQL("CREATE TEMPORARY TABLE batch_key ({}) ON COMMIT DROP").format(columns))
    with connection.cursor().copy("COPY batch_key FROM STDIN (FORMAT csv)") as copy:
        for block in copy_body(pa.Table.from_pandas(keys.astype("string"), preserve_index=False)):
            copy.write(block)
    connection.execute("ANALYZE batch_key")


def _described(connection: psycopg.Connection[Any], statement: sql.Composable) -> list[tuple[str, int]]:
    cursor = connection.execute(sql.SQL("SELECT * FROM ({}\n) AS described LIMIT 0").format(statement))
    return [(column.name, column.type_code) for column in cursor.description or ()]


def _decoded(body: bytes, types: list[tuple[str, int]]) -> pd.DataFrame:
    options = pacsv.ConvertOptions(
        column_types={name: _ARROW_OF_OID.get(oid, pa.string()) for name, oid in types},
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
    )
    # A null in the only column is an empty line.
    parsing = pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
    frame = pacsv.read_csv(io.BytesIO(body), convert_options=options, parse_options=parsing).to_pandas(date_as_object=False)
    for name, oid in types:
        column = frame[name]
        if oid == _BOOL:
            frame[name] = column.map({"t": True, "f": False}).astype("boolean")
        elif oid == _JSONB:
            frame[name] = [None if text is None else json.loads(text) for text in column]
        elif oid in {_INT_ARRAY, _SMALLINT_ARRAY}:
            # A PostgreSQL array of numbers becomes JSON by changing its brackets.
            frame[name] = [None if text is None else json.loads(f"[{text[1:-1].replace('NULL', 'null')}]") for text in column]
        elif oid == _TEXT_ARRAY:
            frame[name] = [None if text is None else _text_array(text) for text in column]
    return frame


def _text_array(text: str) -> list[str]:
    r"""Read PostgreSQL's text form of a text array, ``{plain,"quoted, with \" and \\"}``."""
    return [] if text == "{}" else next(csv.reader([text[1:-1]], escapechar="\\", doublequote=False))
