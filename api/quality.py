"""Quality: what the gates said last of every table, and of every table of one batch."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app
from psycopg import sql
from pydantic import Field

from api import links
from api.database import Reading
from api.edge import caller
from api.parameters import Query, Words
from api.representations import json_response, picked
from api.resource import Resource
from api.schemas import Answer, columns, part
from api.services import services
from estate.contracts import CONTRACTS
from estate.sql import query as query_text

quality = Resource("quality", __name__, "/api/v1/quality", "What the gates said: every table is judged before it is published.")

VERDICT = (
    "verdict_id", "batch_id", "table_name", "is_passed", "rows_in", "rows_quarantined", "expectation_count", "suite_sha256", "run_id",
    "judged_at",
)  # fmt: skip

GateFailure = part(
    "GateFailure",
    "An expectation that did not hold.",
    expectation=(str, Field(description="what was expected, as Great Expectations calls it")),
    field_name=(str | None, Field(description="column, or columns, concerned; null where it is about the whole table")),
    rows=(int | None, Field(description="rows that broke it")),
    severity=(str | None, Field(description="critical or warning")),
    outcome=(str | None, Field(description="refused (nothing was published), quarantined (those rows were kept back) or warned")),
    reason=(str | None, Field(description="why the expectation stands")),
    detail=(str | None, Field(description="by how much it was missed, or the share that may be kept back")),
)
_VerdictLinks = part(
    "GateVerdictLinks",
    "Where to look next.",
    data_docs=links.link("page that shows the verdict; null where none was written"),
    airflow_run=links.link("run that judged, in Airflow"),
    batch=links.link("batch that was judged; null where it was no landed file, as with a model's ratio study"),
    quarantine=links.link("rows that were kept back; null where none was"),
    lineage=links.link("what the table is made from", may_be_absent=False),
)
GateVerdict = part(
    "GateVerdict",
    "One judgement of one table of one batch.",
    columns("provenance.verdict", VERDICT),
    failures=(list[GateFailure], Field(description="every expectation that did not hold, in the order of the suite")),  # type: ignore[valid-type]
    links=(_VerdictLinks, Field(description="where to look next")),
)


class QualityQuery(Query):
    """Which verdicts."""

    batch_id: Words | None = Field(
        None, description="the latest verdict per table of this batch only", json_schema_extra={"example": "county_roll-0123456789ab"}
    )
    table_name: Words | None = Field(
        None, description="of this table only, as schema.table", json_schema_extra={"example": "normalize.property"}
    )


class QualityAnswer(Answer):
    """The latest verdict of every table that was ever judged, in the order in which tables are made."""

    quality: list[GateVerdict] = Field(description="one per table")  # type: ignore[valid-type]
    refused_count: int = Field(description="tables whose latest verdict is a refusal")


@quality.read("", answer=QualityAnswer, summary="The latest verdict per table")
def latest(query: QualityQuery) -> Response:
    """What the gates said last: whether it passed, how many rows were kept back, and every expectation that did not hold."""
    with services(current_app).database.reading(caller().tenant_id) as reading:
        rows = latest_verdicts(reading, query.batch_id, query.table_name)
    order = {name: place for place, name in enumerate(CONTRACTS)}
    rows.sort(key=lambda row: order.get(row["table_name"], len(order)))
    return json_response({"quality": [verdict(row) for row in rows], "refused_count": sum(not row["is_passed"] for row in rows)})


def latest_verdicts(reading: Reading, batch_id: str | None = None, table_name: str | None = None) -> list[dict[str, Any]]:
    """The latest verdict on each table, of all batches or of one, of all tables or of one: rows for `verdict`.

    Raises psycopg.OperationalError when the database is away.
    """
    # Composed, that is planned for the filters that were given: a plan that serves any would read every verdict for one batch.
    return reading.rows(sql.SQL(query_text("api_verdicts_latest")).format(), {"batch_id": batch_id, "table_name": table_name})


def verdict(row: dict[str, Any]) -> dict[str, Any]:
    """A row of provenance.verdict as a GateVerdict; `row["is_landed"]` says whether its batch is a landed file."""
    return {
        **picked(row, *VERDICT),
        "failures": failures(row["failures"]),
        "links": {
            "data_docs": links.data_docs(row["docs_key"]),
            "airflow_run": links.airflow_run(row["run_id"]),
            "batch": links.path("batches", row["batch_id"]) if row["is_landed"] else None,
            "quarantine": _quarantine(row) if row["rows_quarantined"] else None,
            "lineage": links.path("lineage", row["table_name"]),
        },
    }


def failures(stored: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The failures of a row of provenance.verdict as GateFailures; what an older gate did not write is null."""
    return [{name: failure.get(name) for name in GateFailure.model_fields} for failure in stored]


def _quarantine(row: dict[str, Any]) -> str:
    return links.path("quarantine", batch_id=row["batch_id"], table_name=row["table_name"])
