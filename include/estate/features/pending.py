"""What of the published tables has not gone online yet: publications by their numbers, and the entities that these touched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from estate.features.definitions import VIEWS
from estate.features.rows import rows_at
from estate.sql import query
from estate.warehouse import Warehouse

# The published tables that the views are made from, with the column that names the entity in them.
TABLES: dict[str, str] = {table: view.entity for view in VIEWS.values() for table in view.tables}
ENTITIES: tuple[str, ...] = tuple(dict.fromkeys(view.entity for view in VIEWS.values()))
_NOTHING = pa.array([], pa.string())


@dataclass(frozen=True, slots=True)
class Pending:
    """What a batch of features found: publications not online yet (number -> table), and the newest number of each table, 0 for none."""

    publications: Mapping[int, str]
    newest: Mapping[str, int]
    newest_date: date | None

    @property
    def newest_id(self) -> int:
        """The greatest number of all; 0 when nothing was ever published."""
        return max(self.newest.values(), default=0)


def pending(warehouse: Warehouse) -> Pending:
    """What is pending now. Rows read afterwards stand for these publications, or for later ones, which will be pending in their turn."""
    newest = warehouse.rows("materialization_newest", table_names=list(TABLES))
    found = warehouse.rows("materialization_pending", table_names=list(TABLES))
    return Pending(
        {row["publication_id"]: row["table_name"] for row in found},
        dict.fromkeys(TABLES, 0) | {row["table_name"]: row["publication_id"] for row in newest},
        max(newest, key=lambda row: row["publication_id"])["published_date"] if newest else None,
    )


def online_since(warehouse: Warehouse, then: Pending) -> dict[int, str]:
    """The publications (number -> table) that went online since `then`: pending at that time, or not yet published."""
    found = warehouse.rows(
        "materialization_since",
        publication_ids=list(then.publications),
        table_names=list(then.newest),
        newest_ids=list(then.newest.values()),
    )
    return {row["publication_id"]: row["table_name"] for row in found}


def definitions_sha256() -> str:
    """Digest of all that decides what a published row looks like online: the views, their features with types, and their statements."""
    said = [[view.name, view.entity, [[c.name, c.sql_type] for c in view.features], rows_at(view).as_string()] for view in VIEWS.values()]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def standing(warehouse: Warehouse, definitions: str) -> str:
    """What the tenant's mark in Redis says while all that the database calls online is there, by these definitions (a digest of them)."""
    (known,) = warehouse.rows("materialization_standing")
    return f"{definitions} {known['newest_id']} {known['publication_count']}"


def touched(warehouse: Warehouse, publications: Mapping[int, str]) -> dict[str, pa.Array]:
    """By entity column, which entities these publications (number -> table) brought a version of, or closed one of; sorted text."""
    found: dict[str, list[pa.Array]] = {entity: [] for entity in ENTITIES}
    for table, entity in TABLES.items():
        numbers = [number for number, published in publications.items() if published == table]
        if numbers:
            parts = {"table_name": sql.Literal(table), "publication_ids": sql.Literal(numbers)}
            found[entity].append(_keys(warehouse, "materialization_touched", table, parts))
    return {entity: union(parts) for entity, parts in found.items()}


def ever_known(warehouse: Warehouse) -> dict[str, pa.Array]:
    """By entity column, every entity of which anything was ever published, whether it still stands or not; sorted text."""
    found: dict[str, list[pa.Array]] = {entity: [] for entity in ENTITIES}
    for table, entity in TABLES.items():
        found[entity].append(_keys(warehouse, "materialization_ever", table, {}))
    return {entity: union(parts) for entity, parts in found.items()}


def known_now(warehouse: Warehouse) -> dict[str, pa.Array]:
    """By table, every entity that has a current version in it; text."""
    return {table: _keys(warehouse, "parity_standing", table, {}) for table in TABLES}


def union(parts: Iterable[pa.Array]) -> pa.Array:
    """What any of them names, once each, sorted."""
    named = pc.unique(pa.concat_arrays([_NOTHING, *parts]))
    return named.take(pc.sort_indices(named))


def without(keys: pa.Array, others: pa.Array) -> pa.Array:
    """Those of `keys` that are not among `others`."""
    return keys.filter(pc.invert(pc.is_in(keys, others)))


def _keys(warehouse: Warehouse, name: str, table: str, parts: Mapping[str, sql.Composable]) -> pa.Array:
    statement = sql.SQL(query(name)).format(table=sql.Identifier(*table.split(".")), entity=sql.Identifier(TABLES[table]), **parts)
    with warehouse.transaction() as connection, connection.cursor().copy(sql.SQL("COPY ({}\n) TO STDOUT").format(statement)) as copy:
        body = b"".join(copy)
    return pa.array(body.decode().splitlines(), pa.string())
