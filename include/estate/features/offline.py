"""Features as they stand in the published tables: now, and as of any moment in the past.

The versions of the published tables are the offline store; a view's query gives one row for each, with the time from which and until which
it held. Nothing is copied, so nothing can differ from what was published.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import IO, Any

import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.csv as pacsv
from psycopg import sql

from estate.arrow import arrow_type, copy_body
from estate.contracts.model import Column
from estate.features.definitions import VIEWS, FeatureService, FeatureView
from estate.features.rows import rows_at
from estate.sql import query
from estate.staged import SLICE_ROWS
from estate.warehouse import Warehouse

_NOT_GIVEN = frozenset({"tenant_id", "until_at"})
_MOMENT = arrow_type("timestamptz")


def as_of(warehouse: Warehouse, service: FeatureService, entities: pd.DataFrame, *, has_ttl: bool = True) -> pd.DataFrame:
    """What the platform knew of each entity at the moment given with it: the same rows in the same order and with the same index.

    `entities` has the text column `property_id` (`county_fips` for a service of markets) and the column `event_at` of times with a zone;
    other columns are kept. Added are one column for each feature of the service and, for each view, ``<view>__event_at`` and
    ``<view>__observed_at``. A feature is null where the entity was not known, and where its row was published longer before the moment
    than the view's time to live, as Feast has it; `has_ttl` False leaves that rule out. Nothing published later is seen.

    Integers with nulls come as float64, booleans as ``boolean``, text as objects.

    Raises ValueError for entities without these columns, with a moment that is missing or has no zone, with a property_id that is no UUID,
    or with a column called as one that is added; and where a view's query does not fit its tables.
    """
    entity = entity_of(service)
    added = [*service.names, *(f"{view}__{name}" for view in service.features for name in ("event_at", "observed_at"))]
    keys = _keys(entities, entity, added)
    read: dict[str, pd.Series] = {}
    with warehouse.transaction() as connection:
        _copy_keys(connection, {"place": "bigint", entity: VIEWS[next(iter(service.features))].contract.column(entity).sql_type,
                                "event_at": "timestamptz"}, keys)  # fmt: skip
        for name, features in service.features.items():
            view = VIEWS[name]
            columns = [view.contract.column(each) for each in ("event_at", "observed_at", *features)]
            with tempfile.TemporaryFile(prefix="estate-features-") as body:
                _read(connection, view, "features_as_of", columns, body, sql.Identifier("k", "event_at"), view.ttl if has_ttl else None)
                found = pa.concat_tables(_tables(body, columns))
            for column in columns:
                label = column.name if column.name in features else f"{name}__{column.name}"
                read[label] = _series(found[column.name], entities.index)
    return pd.concat([entities, pd.DataFrame({name: read[name] for name in added}, index=entities.index)], axis="columns")


def current(warehouse: Warehouse, view: FeatureView, keys: pd.DataFrame | None = None) -> Iterator[pa.Table]:
    """The rows of `view` that hold now, at most SLICE_ROWS at a time, in the order of the entity; where there are none, one empty table.

    Each has the columns of the view's contract without tenant_id and until_at, exactly in the contract's types. `keys` names the entities
    in one text column called as the view's entity; without it all entities of the tenant are meant. Everything is read from the database
    before the first slice is given, so that no transaction stays open while the caller works.

    Raises ValueError where the view's query does not fit its tables.
    """
    columns = [column for column in view.contract.columns if column.name not in _NOT_GIVEN]
    with tempfile.TemporaryFile(prefix="estate-features-") as body:
        with warehouse.transaction() as connection:
            if keys is not None:
                named = pa.Table.from_pandas(keys[[view.entity]].astype("string"), preserve_index=False)
                _copy_keys(connection, {view.entity: view.contract.column(view.entity).sql_type}, named)
            _read(connection, view, "features_current" if keys is None else "features_current_of", columns, body)
        yield from _tables(body, columns)


def entity_of(service: FeatureService) -> str:
    """The column that names the service's entity: property_id or county_fips. Raises ValueError for a service that mixes them."""
    found = {VIEWS[view].entity for view in service.features}
    if len(found) != 1:
        raise ValueError(f"{service.name} asks for features of {' and '.join(sorted(found))}; a service has one kind of entity")
    return found.pop()


def _keys(entities: pd.DataFrame, entity: str, added: Sequence[str]) -> pa.Table:
    absent = [name for name in (entity, "event_at") if name not in entities.columns]
    if absent:
        raise ValueError(f"the entities have no column {' and '.join(absent)}")
    taken = [name for name in added if name in entities.columns and name != entity]
    if taken:
        raise ValueError(f"the entities have columns called as features that are added: {', '.join(taken)}; rename or drop them")
    moments = entities["event_at"]
    if not isinstance(moments.dtype, pd.DatetimeTZDtype) or moments.isna().any():
        raise ValueError("event_at of the entities must be times with a zone, and none missing")
    if entity == "property_id":
        for said in entities[entity].unique():
            _uuid(said)
    # Rounded down, since what the database knows has microseconds: half of one later is still the same moment.
    at = pa.Array.from_pandas(moments.dt.tz_convert("UTC").dt.floor("us")).cast(_MOMENT)
    return pa.table({"place": pa.array(range(len(entities)), pa.int64()), entity: pa.array(entities[entity], pa.string()), "event_at": at})


def _uuid(said: object) -> None:
    try:
        uuid.UUID(str(said))
    except ValueError:
        raise ValueError(f"{said!r} is no property_id: it must be a UUID") from None


def _copy_keys(connection: psycopg.Connection[Any], columns: dict[str, str], rows: pa.Table) -> None:
    """Copy `rows` into the temporary table batch_key with `columns` (name -> type); gone with the transaction."""
    definition = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in columns.items())
    connection.execute(sql.SQL("CREATE TEMPORARY TABLE batch_key ({}) ON COMMIT DROP").format(definition))
    with connection.cursor().copy("COPY batch_key FROM STDIN (FORMAT csv)") as copy:
        for block in copy_body(rows):
            copy.write(block)
    # Without statistics the planner expects a thousand keys, and takes nested loops that grow with the square of them.
    connection.execute("ANALYZE batch_key")


def _read(
    connection: psycopg.Connection[Any], view: FeatureView, name: str, columns: Sequence[Column], body: IO[bytes],
    at: sql.Composable | None = None, ttl: timedelta | None = None,
) -> None:  # fmt: skip
    """Copy what `name` gives of `view`, `at` a moment or now, into `body`. Raises ValueError where a column of its tables is not there."""
    statement = sql.SQL(query(name)).format(
        view=rows_at(view, at),
        columns=sql.SQL(", ").join(sql.Identifier("v", column.name) for column in columns),
        entity=sql.Identifier(view.entity),
        ttl=sql.Literal(ttl),
    )
    wanted = sql.SQL("COPY ({}\n) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE *)").format(statement)
    try:
        with connection.cursor().copy(wanted) as copy:
            for block in copy:
                body.write(block)
    except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable) as error:
        raise ValueError(
            f"{view.contract.name}: {error.diag.message_primary}. sql/queries/{view.query}.sql and the table it reads do not fit: was a "
            "column renamed, or is a migration missing?"
        ) from error
    body.seek(0)


def _tables(body: IO[bytes], columns: Sequence[Column]) -> Iterator[pa.Table]:
    """What was copied out, typed by the contract, in slices of SLICE_ROWS."""
    kinds = {column.name: arrow_type(column.sql_type) for column in columns}
    options = pacsv.ConvertOptions(
        column_types=kinds, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""], true_values=["t"],
        false_values=["f"],
    )  # fmt: skip
    parsing = pacsv.ParseOptions(newlines_in_values=True)
    held: list[pa.RecordBatch] = []
    count, is_given = 0, False
    for batch in pacsv.open_csv(body, parse_options=parsing, convert_options=options):
        held, count = [*held, batch], count + batch.num_rows
        while count >= SLICE_ROWS:
            table = pa.Table.from_batches(held)
            yield table.slice(0, SLICE_ROWS)
            held, count, is_given = table.slice(SLICE_ROWS).to_batches(), count - SLICE_ROWS, True
    if count or not is_given:
        yield pa.Table.from_batches(held, pa.schema(list(kinds.items())))


def _series(values: pa.ChunkedArray, index: pd.Index[Any]) -> pd.Series[Any]:
    series = values.to_pandas()
    if pa.types.is_boolean(values.type):
        series = series.astype("boolean")
    return series.set_axis(index)
