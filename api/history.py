"""What happened to one property: every version of everything that is published of it, as changes, the newest first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from flask import Response, current_app
from psycopg import sql
from pydantic import Field

from api import paging
from api.edge import caller
from api.links import airflow_run, link
from api.links import path as address
from api.parameters import AsOfQuery, PageQuery, PropertyPath
from api.personal import disclose, personal_in
from api.problems import not_found
from api.representations import picked
from api.resource import Resource
from api.schemas import Answer, columns, part
from api.services import services
from estate.contracts import CONTRACTS, Contract
from estate.contracts.model import Column
from estate.contracts.provenance import SUMMARY
from estate.sql import query as text_of

history = Resource(
    "history", __name__, "/api/v1/properties/<uuid:property_id>/history", "What happened to one property, and through which publication."
)

# Everything that is published of a property. The summary only repeats what the others say.
TABLES: dict[str, Contract] = {
    name: promise
    for name, promise in CONTRACTS.items()
    if promise.kind == "published" and "property_id" in promise.column_names and promise is not SUMMARY
}

HistoryChange = part(
    "HistoryChange",
    "One field that changed.",
    field=(str, Field(description="name of the field")),
    meaning=(str, Field(description="what it says")),
    unit=(str | None, Field(description="its unit")),
    value_from=(Any, Field(description="what it was; null where nothing was known, or is not told")),
    value_to=(Any, Field(description="what it became; null where nothing is known, or is not told")),
    is_withheld=(bool, Field(description="personal data, told to analysts who ask with include=owner")),
)
HistoryPublication = part(
    "HistoryPublication",
    "The publication that changed it.",
    publication_id=(str, Field(description="its number, as text: larger than a double holds exactly")),
    **columns("provenance.publication", ("batch_id", "vintage_date", "run_id", "code_version")),
    links=(
        part("HistoryPublicationLinks", "Further about it.", batch=link("what came in"), airflow_run=link("the run that published it")),
        Field(description="further about it"),
    ),
)
HistoryEvent = part(
    "HistoryEvent",
    "One change of one row.",
    occurred_at=(datetime, Field(description="when it was published")),
    event=(str, Field(description="appeared, changed, or closed where the row holds no longer and none took its place")),
    table=(str, Field(description="table of the row")),
    row=(dict[str, Any], Field(description="which row of that table, by its key beside the property; empty where there is one a property")),
    changes=(list[HistoryChange], Field(description="the fields that changed")),  # type: ignore[valid-type]
    publication=(HistoryPublication | None, Field(description="through which publication")),
    links=(
        part("HistoryEventLinks", "Further about it.", property=link("the property as it was from then on", may_be_absent=False)),
        Field(description="further about it"),
    ),
)


class HistoryAnswer(Answer):
    """What happened to one property, the newest first."""

    history: list[HistoryEvent]  # type: ignore[valid-type]
    next_cursor: str | None = Field(description="cursor of the next page; null on the last")


class HistoryQuery(PageQuery, AsOfQuery):
    """Which part of it."""

    include: Literal["owner"] | None = Field(None, description="`owner` tells whose it was; for analysts, and written into the audit")


@history.read("", answer=HistoryAnswer, cost="search")
def page(path: PropertyPath, query: HistoryQuery) -> Response:
    """What happened to one property, the newest first: what changed from what to what, when, and through which batch and run.

    With `as_of` it ends there. A property that its sources no longer have keeps its history. What the owner's fields said is told only
    with `include=owner`.
    """
    asked = {"property_id": path.property_id, "as_of": query.as_of}
    shown = paging.asked(f"history of {path.property_id}", query)
    with services(current_app).database.reading(caller().tenant_id) as reading:
        key = shown.key("after_at", "after_table", "after_key")
        rows = reading.rows(statement(), {**asked, **key, "page_size": shown.fetched})
    if not rows and shown.after is None:
        raise not_found()
    if query.include == "owner":
        disclose("owner in history")
    return paging.answer(
        shown,
        "history",
        rows,
        lambda row: [row["occurred_at"].isoformat(), row["table_name"], row["row_key"]],
        lambda row: _event(path, row, is_disclosed=query.include == "owner"),
    )


@cache
def statement() -> sql.Composed:
    """The query over the versions of all TABLES."""
    one = sql.SQL(text_of("api_history_version"))
    versions = [
        one.format(
            table_name=sql.Literal(name),
            table=sql.Identifier(promise.schema, promise.table),
            keys=sql.SQL(", ").join([sql.NULL, *(sql.Identifier("version", key) for key in _keys(promise))]),
        )
        for name, promise in TABLES.items()
    ]
    return sql.SQL(text_of("api_history")).format(versions=sql.SQL("\nUNION ALL\n").join(versions))


def changes(promise: Contract, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, withheld: frozenset[str]) -> list[Any]:
    """What differs between two versions of a row of `promise` as PostgreSQL tells them in JSON, in the order of the contract.

    None is no row, of which nothing is known. The values of `withheld` fields are not told.
    """
    found = []
    for column in promise.columns:
        values = [_value(column, (version or {}).get(column.name)) for version in (before, after)]
        if column.role != "value" or column.name == "property_id" or values[0] == values[1]:
            continue
        is_withheld = column.name in withheld
        told = (None, None) if is_withheld else values
        found.append({
            "field": column.name, "meaning": column.meaning, "unit": column.unit or None, "value_from": told[0], "value_to": told[1],
            "is_withheld": is_withheld,
        })  # fmt: skip
    return found


def _event(path: PropertyPath, row: Mapping[str, Any], *, is_disclosed: bool) -> dict[str, Any]:
    promise, before, after = TABLES[row["table_name"]], row["row_before"], row["row_after"]
    some = after if after is not None else before
    withheld = frozenset[str]() if is_disclosed else personal_in(promise.name, some)
    return {
        "occurred_at": row["occurred_at"],
        "event": "closed" if after is None else "appeared" if before is None else "changed",
        "table": promise.name,
        "row": {key: some[key] for key in _keys(promise)},
        "changes": changes(promise, before, after, withheld),
        "publication": _publication(row),
        "links": {"property": address("properties", path.property_id, as_of=_utc(row["occurred_at"]))},
    }


def _publication(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row["publication_id"] is None:
        return None
    return {
        "publication_id": str(row["publication_id"]),
        **picked(dict(row), "batch_id", "vintage_date", "run_id", "code_version"),
        "links": {"batch": address("batches", row["batch_id"]), "airflow_run": airflow_run(row["run_id"])},
    }


def _keys(promise: Contract) -> list[str]:
    """The key of a row beside the tenant and the property."""
    return [name for name in promise.row_key if name != "property_id"]


def _value(column: Column, told: Any) -> Any:
    """A value as PostgreSQL tells it in JSON, as the API writes it: money with two decimals, times in UTC."""
    if told is not None and column.sql_type.startswith("numeric"):
        return Decimal(str(told)).quantize(Decimal("0.01"))
    if told is not None and column.sql_type == "timestamptz":
        return datetime.fromisoformat(told)
    return told


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
