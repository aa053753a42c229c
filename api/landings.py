"""Landings: every file that was offered, also those that were refused at the door and never became a batch."""

from __future__ import annotations

from typing import Any, Literal

from flask import Response, current_app
from pydantic import Field

from api import links, paging
from api.edge import caller
from api.parameters import PageQuery, Words
from api.representations import picked
from api.resource import Resource
from api.schemas import Answer, columns, part
from api.services import services

landings = Resource("landings", __name__, "/api/v1/landings", "Files that were offered, and what became of them.")

LANDING = (
    "landing_id", "source_name", "file_name", "snapshot_sha256", "byte_count", "outcome", "reason", "remedy", "vintage_date", "row_count",
    "column_jaccard", "drift", "run_id", "landed_at",
)  # fmt: skip

_LandingLinks = part(
    "LandingLinks",
    "Where to look next.",
    batch=links.link("batch that the file made; null for a file that made none"),
    airflow_run=links.link("run that tried, in Airflow"),
)
Landing = part(
    "Landing",
    "One attempt to land a file.",
    columns("ingest.landing", LANDING),
    drift=(dict[str, Any] | None, Field(description="columns missing, added, renamed or changed in type; null where it was not looked at")),
    links=(_LandingLinks, Field(description="where to look next")),
)


class LandingsQuery(PageQuery):
    """Which attempts."""

    source_name: Words | None = Field(None, description="of this declared source only", json_schema_extra={"example": "county_roll"})
    outcome: Literal["landed", "already_landed", "refused", "failed"] | None = Field(
        None, description="that ended so only", json_schema_extra={"example": "refused"}
    )


class LandingsAnswer(Answer):
    """One page of the attempts to land a file for the tenant, the newest first."""

    landings: list[Landing] = Field(description="good and bad")  # type: ignore[valid-type]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last")


@landings.read("", answer=LandingsAnswer, summary="Files that were offered, and what became of them")
def page(query: LandingsQuery) -> Response:
    """Every file that was offered: landed, known already, or refused, with the reason, the remedy and how its columns had changed."""
    asked = paging.asked("landings", query)
    filters = {"source_name": query.source_name, "outcome": query.outcome}
    with services(current_app).database.reading(caller().tenant_id) as reading:
        rows = reading.rows("api_landings", {"page_size": asked.fetched, **asked.key("after_at", "after_id"), **filters})
    return paging.answer(asked, "landings", rows, lambda row: [row["landed_at"].isoformat(), str(row["landing_id"])], _landing)


def _landing(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **picked(row, *LANDING),
        "links": {
            "batch": links.path("batches", row["batch_id"]) if row["batch_id"] else None,
            "airflow_run": links.airflow_run(row["run_id"]),
        },
    }
