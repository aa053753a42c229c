"""Batches: what came in, how far it got, what was published, what was refused and why, and where to look."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Literal

from flask import Response, current_app
from pydantic import BaseModel, Field

from api import links, paging
from api.database import Reading
from api.edge import caller
from api.parameters import BOOK_NAME, PageQuery, Query, Words
from api.problems import not_found
from api.quality import GateVerdict, latest_verdicts, verdict
from api.representations import json_response, picked
from api.resource import Resource
from api.schemas import Answer, columns, part
from api.services import services
from estate.contracts import FLOWS, STAGES

batches = Resource("batches", __name__, "/api/v1/batches", "Landed files on their way through the stages.")

State = Literal["landed", "in progress", "refused", "published"]
SNAPSHOT = ("batch_id", "snapshot_id", "source_name", "file_name", "snapshot_sha256", "vintage_date", "row_count", "landed_at")
PUBLISHED = (
    "publication_id", "table_name", "partition_name", "vintage_date", "rows_in", "rows_published", "rows_closed", "rows_unchanged",
    "rows_quarantined", "code_version", "run_id", "read_at", "published_at",
)  # fmt: skip
LANDING = ("landing_id", "outcome", "reason", "remedy", "run_id", "landed_at")

_BatchLinks = part(
    "BatchLinks",
    "Where to look next.",
    self=links.link("the batch whole", may_be_absent=False),
    quality=links.link("what the gates said of it", may_be_absent=False),
    quarantine=links.link("rows of it that were kept back; null where none was"),
)
_STATE: dict[str, Any] = {
    "state": (
        State,
        Field(
            description="landed: no gate has judged it yet; in progress: one has, and the last stage has not published; refused: the "
            "latest verdict on one of its tables is a refusal, and no later stage ran; published: the last stage, provenance, has "
            "published it, whether its features are computed yet or not"
        ),
    ),
    "stage": (str | None, Field(description="stage that it reached, or by which it was refused; null before any")),
    "refused_tables": (list[str], Field(description="tables whose latest verdict on this batch is a refusal")),
    "quarantined_count": (int, Field(description="findings that kept a row of it back")),
    "waiting_count": (int, Field(description="of those, the ones that still wait to be resolved")),
}
Batch = part(
    "Batch", "One landed file.", columns("ingest.snapshot", SNAPSHOT), _STATE, links=(_BatchLinks, Field(description="where to look next"))
)
_PublicationLinks = part(
    "BatchPublicationLinks",
    "Where to look next.",
    airflow_run=links.link("run that published it, in Airflow"),
    lineage=links.link("what the table is made from", may_be_absent=False),
)
_Published = part(
    "BatchPublication",
    "What one stage published of the batch in one table.",
    columns("provenance.publication", [name for name in PUBLISHED if name != "publication_id"]),
    publication_id=(str, Field(description="number of the publication; text, because it is larger than a double holds exactly")),
    links=(_PublicationLinks, Field(description="where to look next")),
)
_KeptBack = part(
    "BatchQuarantine",
    "Rows kept back for one reason.",
    columns("provenance.quarantine", ["table_name", "expectation", "field_name", "reason"]),
    quarantined_count=(int, Field(description="rows kept back")),
    waiting_count=(int, Field(description="of those, the ones that still wait to be resolved")),
)
_Landing = part(
    "BatchLanding",
    "One attempt to land the file.",
    columns("ingest.landing", LANDING),
    airflow_run=links.link("run that tried, in Airflow"),
)
_Stage = part(
    "BatchStage",
    "What one stage did with the batch.",
    stage=(str, Field(description="ingest, normalize, hazard, score or provenance; or features, which are computed after these")),
    verdicts=(list[GateVerdict], Field(description="the latest verdict on each of its tables")),  # type: ignore[valid-type]
    publications=(list[_Published], Field(description="what it published, the newest first")),  # type: ignore[valid-type]
)


class BatchesQuery(PageQuery):
    """Which batches."""

    source_name: Words | None = Field(None, description="of this declared source only", json_schema_extra={"example": "county_roll"})


class BatchPath(BaseModel):
    """Which batch."""

    batch_id: str = Field(description="batch, as the list names it")


class BatchesAnswer(Answer):
    """One page of the tenant's batches, the newest first."""

    batches: list[Batch] = Field(description="each with how far it got")  # type: ignore[valid-type]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last")


class BatchAnswer(Answer):
    """One batch whole."""

    batch: Batch = Field(description="the landed file, and how far it got")  # type: ignore[valid-type]
    landings: list[_Landing] = Field(description="every attempt to land these bytes as this source, the newest first")  # type: ignore[valid-type]
    stages: list[_Stage] = Field(description="what each stage did that saw it, in their order")  # type: ignore[valid-type]
    quarantine: list[_KeptBack] = Field(description="what was kept back, and for what reason")  # type: ignore[valid-type]


@batches.read("", answer=BatchesAnswer, summary="What came in, the newest first")
def page(query: BatchesQuery) -> Response:
    """What came in: each file with its source, vintage and digest, how far it got, and how many rows were kept back."""
    asked = paging.asked("batches", query)
    with services(current_app).database.reading(caller().tenant_id) as reading:
        rows = reading.rows("api_batches", {"page_size": asked.fetched, "source_name": query.source_name, **asked.key("after_id")})
        tables = _tables(reading, [row["batch_id"] for row in rows])
    return paging.answer(asked, "batches", rows, lambda row: [row["snapshot_id"]], lambda row: _batch(row, tables[row["batch_id"]]))


@batches.read("/<batch_id>", answer=BatchAnswer, summary="One batch whole")
def one(path: BatchPath, query: Query) -> Response:  # noqa: ARG001 - none is known here
    """What came in, what each stage published of it, what was refused and why, with links to Data Docs and to the runs of Airflow."""
    asked = {"batch_id": path.batch_id}
    if not BOOK_NAME.fullmatch(path.batch_id):
        raise not_found()
    with services(current_app).database.reading(caller().tenant_id) as reading:
        found = reading.row("api_batch", asked)
        if found is None:
            raise not_found()
        tables = _tables(reading, [path.batch_id])[path.batch_id]
        verdicts = latest_verdicts(reading, path.batch_id)
        publications = reading.rows("api_batch_publications", asked)
        landings = reading.rows("api_batch_landings", {name: found[name] for name in ("source_name", "snapshot_sha256")})
        kept_back = reading.rows("api_batch_quarantine", asked)
    body = {
        "batch": _batch(found, tables),
        "landings": [{**landing, "airflow_run": links.airflow_run(landing["run_id"])} for landing in landings],
        "stages": _stages(verdicts, publications),
        "quarantine": kept_back,
    }
    return json_response(body)


def state_of(tables: Mapping[str, Mapping[str, bool | None]]) -> tuple[State, str | None]:
    """How far a batch got, and the stage that it reached or that refused it.

    `tables` holds of each table of the batch `is_passed` (its latest verdict; None without one) and `is_published`.
    """
    by_stage = {stage: [said for name, said in tables.items() if name.startswith(f"{stage}.")] for stage in FLOWS}
    reached = [stage for stage in FLOWS if by_stage[stage]]
    if not reached:
        return "landed", None
    for stage in reached:
        if any(said["is_passed"] is False for said in by_stage[stage]):
            return "refused", stage
    # A table that came after the batch has no publication of it: the stage publishes all of its tables at once, so any will do.
    is_published = any(said["is_published"] for said in by_stage[STAGES[-1]])
    return ("published" if is_published else "in progress"), reached[-1]


def _tables(reading: Reading, batch_ids: list[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Of each batch, by table, what was said last and whether it was published."""
    found: dict[str, dict[str, dict[str, Any]]] = {batch_id: {} for batch_id in batch_ids}
    for row in reading.rows("api_batch_tables", {"batch_ids": batch_ids}) if batch_ids else ():
        found[row["batch_id"]][row["table_name"]] = row
    return found


def _batch(row: dict[str, Any], tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
    state, stage = state_of(tables)
    batch_id = row["batch_id"]
    return {
        **picked(row, *SNAPSHOT),
        "state": state,
        "stage": stage,
        "refused_tables": sorted(name for name, said in tables.items() if said["is_passed"] is False),
        **picked(row, "quarantined_count", "waiting_count"),
        "links": {
            "self": links.path("batches", batch_id),
            "quality": links.path("quality", batch_id=batch_id),
            "quarantine": links.path("quarantine", batch_id=batch_id) if row["quarantined_count"] else None,
        },
    }


def _stages(verdicts: list[dict[str, Any]], publications: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def of(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
        ordered = sorted(rows, key=lambda row: row["table_name"])
        return {stage: list(group) for stage, group in groupby(ordered, key=lambda row: row["table_name"].split(".")[0])}

    judged, published = of(verdicts), of(publications)
    return [
        {
            "stage": stage,
            "verdicts": [verdict(row) for row in judged.get(stage, ())],
            "publications": [_publication(row) for row in published.get(stage, ())],
        }
        for stage in FLOWS
        if stage in judged or stage in published
    ]


def _publication(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **picked(row, *PUBLISHED),
        "publication_id": str(row["publication_id"]),
        "links": {"airflow_run": links.airflow_run(row["run_id"]), "lineage": links.path("lineage", row["table_name"])},
    }
