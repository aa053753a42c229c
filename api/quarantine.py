"""Quarantine: rows that a gate kept back, each as its file wrote it, with the reason. For analysts; every look is written down."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, current_app
from psycopg import sql
from pydantic import BaseModel, Field

from api import links, paging
from api.edge import caller
from api.parameters import PageQuery, Query, Truth, Words
from api.personal import disclose
from api.problems import not_found
from api.representations import json_response, picked
from api.resource import Resource
from api.schemas import Answer, columns, part
from api.services import services
from estate.sql import query as query_text

quarantine = Resource("quarantine", __name__, "/api/v1/quarantine", "Rows that were kept back, and why.")

ROW = (
    "quarantine_id", "batch_id", "table_name", "row_key", "row_number", "raw_row", "expectation", "field_name", "reason", "run_id",
    "quarantined_at", "resolved_at",
)  # fmt: skip

_QuarantineLinks = part(
    "QuarantinedRowLinks",
    "Where to look next.",
    self=links.link("the row alone", may_be_absent=False),
    batch=links.link("batch that brought it", may_be_absent=False),
    airflow_run=links.link("run that kept it back, in Airflow"),
    lineage=links.link("what the table is made from", may_be_absent=False),
)
QuarantinedRow = part(
    "QuarantinedRow",
    "One row kept back by one expectation.",
    columns("provenance.quarantine", ROW),
    raw_row=(
        dict[str, Any],
        Field(description="the row by column: of a file as the file wrote it, of a later table as it was staged (may hold personal data)"),
    ),
    is_resolved=(bool, Field(description="whether the row was published after all, by a replay or a corrected file")),
    links=(_QuarantineLinks, Field(description="where to look next")),
)


class QuarantineQuery(PageQuery):
    """Which rows."""

    table_name: Words | None = Field(
        None, description="meant for this table only, as schema.table", json_schema_extra={"example": "ingest.record"}
    )
    batch_id: Words | None = Field(None, description="of this batch only", json_schema_extra={"example": "county_roll-0123456789ab"})
    expectation: Words | None = Field(
        None, description="kept back by this expectation only", json_schema_extra={"example": "expect_column_values_to_be_between"}
    )
    is_resolved: Truth | None = Field(
        None,
        description="true: only rows that were published after all; false: only rows that still wait",
        json_schema_extra={"example": "false"},
    )


class QuarantinePath(BaseModel):
    """Which row."""

    quarantine_id: UUID = Field(description="identifier of the quarantined row")


class QuarantineAnswer(Answer):
    """One page of quarantined rows, in the order of their identifiers."""

    quarantine: list[QuarantinedRow] = Field(description="a row that broke two expectations comes twice")  # type: ignore[valid-type]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last")


class QuarantinedRowAnswer(Answer):
    """One quarantined row."""

    quarantined_row: QuarantinedRow = Field(description="the row and why it was kept back")  # type: ignore[valid-type]


# Neither is versioned: what is read again is written down again.
@quarantine.read("", answer=QuarantineAnswer, role="analyst", cost="search", is_versioned=False, summary="Rows kept back, and why")
def page(query: QuarantineQuery) -> Response:
    """Rows that a gate kept back, each as its file wrote it. Raw rows may hold owners: that you read them is written to the audit."""
    asked = paging.asked("quarantine", query)
    filters = query.model_dump(include={"table_name", "batch_id", "expectation", "is_resolved"})
    with services(current_app).database.reading(caller().tenant_id) as reading:
        # Composed, that is planned for the filters that were given: a plan that serves any would walk all rows for one batch.
        statement = sql.SQL(query_text("api_quarantine")).format()
        rows = reading.rows(statement, {"page_size": asked.fetched, **asked.key("after_id"), **filters})
    if rows:
        disclose("quarantine")
    return paging.answer(asked, "quarantine", rows, lambda row: [str(row["quarantine_id"])], _row)


@quarantine.read("/<uuid:quarantine_id>", answer=QuarantinedRowAnswer, role="analyst", is_versioned=False, summary="One quarantined row")
def one(path: QuarantinePath, query: Query) -> Response:  # noqa: ARG001 - none is known here
    """One row that was kept back. It may hold owners: that you read it is written to the audit."""
    with services(current_app).database.reading(caller().tenant_id) as reading:
        found = reading.row("api_quarantined_row", {"quarantine_id": path.quarantine_id})
    if found is None:
        raise not_found()
    disclose("quarantine")
    return json_response({"quarantined_row": _row(found)})


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **picked(row, *ROW),
        "is_resolved": row["resolved_at"] is not None,
        "links": {
            "self": links.path("quarantine", row["quarantine_id"]),
            "batch": links.path("batches", row["batch_id"]),
            "airflow_run": links.airflow_run(row["run_id"]),
            "lineage": links.path("lineage", row["table_name"]),
        },
    }
