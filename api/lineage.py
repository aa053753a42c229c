"""Lineage: what a table and each of its columns is made from, and what is made from them, read from the contracts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal

from flask import Response, current_app
from pydantic import BaseModel, ConfigDict, Field

from api import links
from api.edge import caller
from api.parameters import Query, Whole
from api.problems import not_found
from api.representations import json_response, picked
from api.resource import Resource
from api.schemas import ANSWER_HEADERS, Answer, columns, part
from api.services import services
from estate.contracts import CONTRACTS, JUDGED, Contract
from estate.contracts.model import Kind, Made

lineage = Resource("lineage", __name__, "/api/v1/lineage", "What is made from what.")

MAX_DEPTH = 5
PUBLISHED = (
    "publication_id", "partition_name", "batch_id", "vintage_date", "rows_in", "rows_published", "code_version", "run_id", "published_at",
)  # fmt: skip
Edges = Mapping[str, frozenset[str]]

_PublicationLinks = part(
    "LineagePublicationLinks",
    "Where to look next.",
    batch=links.link("batch that was published", may_be_absent=False),
    airflow_run=links.link("run that published it, in Airflow"),
)
_Published = part(
    "LineagePublication",
    "The latest publication of a table.",
    columns("provenance.publication", [name for name in PUBLISHED if name != "publication_id"]),
    publication_id=(str, Field(description="number of the publication; text, because it is larger than a double holds exactly")),
    links=(_PublicationLinks, Field(description="where to look next")),
)
_TableLinks = part(
    "LineageTableLinks",
    "Where to look next.",
    lineage=links.link("the lineage of this table", may_be_absent=False),
    quality=links.link("what its gate said of your tenant's; null for a table of which none says anything"),
    marquez=links.link("its graph in Marquez, with the runs; null without Marquez"),
)
Table = part(
    "LineageTable",
    "One table of the graph.",
    table=(str, Field(description="as schema.table; the schema is the stage")),
    grain=(str, Field(description="what one row is")),
    kind=(
        Kind,
        Field(
            description="published: judged and versioned; record: the platform's own books; reference: public, without a tenant; view: "
            "computed from published tables whenever it is read"
        ),
    ),
    upstream_distance=(int | None, Field(description="steps above the table asked for; 0 for itself, null where it is not above")),
    downstream_distance=(int | None, Field(description="steps below the table asked for; 0 for itself, null where it is not below")),
    published=(_Published | None, Field(description="its latest publication for your tenant; null before any, and for other kinds")),
    links=(_TableLinks, Field(description="where to look next")),
)
_Copied = part(
    "LineageEdgeColumn",
    "One column that goes into another.",
    from_column=(str, Field(description="column of the table above")),
    to_column=(str, Field(description="column of the table below")),
    made=(Made, Field(description="how the column below is made")),
)
Edge = part(
    "LineageEdge",
    "One table that goes into another.",
    from_table=(str, Field(description="the table above")),
    to_table=(str, Field(description="the table below")),
    columns=(list[_Copied], Field(description="by way of which columns")),  # type: ignore[valid-type]
)
_Reached = part(
    "LineageReachedColumn",
    "One column above or below.",
    column=(str, Field(description="as schema.table.column")),
    distance=(int, Field(description="steps from column to column")),
)
TableColumn = part(
    "LineageColumn",
    "One column of the table asked for.",
    name=(str, Field(description="the column")),
    meaning=(str, Field(description="what it says")),
    unit=(str | None, Field(description="its unit; null where it has none")),
    made=(Made, Field(description="how it is made: assigned by us, copied, parsed, inferred or modelled")),
    upstream=(list[_Reached], Field(description="columns that it is made from, the nearest first")),  # type: ignore[valid-type]
    downstream=(list[_Reached], Field(description="columns that are made from it, the nearest first")),  # type: ignore[valid-type]
)


class LineageQuery(Query):
    """How far to look, and in which form to answer."""

    depth: Whole = Field(1, ge=1, le=MAX_DEPTH, description="steps up and down, of tables and of columns", json_schema_extra={"example": 2})
    format: Literal["json", "mermaid"] = Field(
        "json", description="`mermaid`: the tables as a Mermaid flowchart, in plain text", json_schema_extra={"example": "json"}
    )


class LineagePath(BaseModel):
    """Which table."""

    table: str = Field(description="as schema.table, such as normalize.property")


class LineageAnswer(Answer):
    """The tables around one table, and the columns around each of its columns."""

    model_config = ConfigDict(openapi_extra={"headers": ANSWER_HEADERS, "content": {"text/plain": {"schema": {"type": "string"}}}})  # type: ignore[typeddict-unknown-key]

    table: str = Field(description="the table asked for")
    depth: int = Field(description="steps looked at")
    tables: list[Table] = Field(description="the tables, in the order in which they are made")  # type: ignore[valid-type]
    edges: list[Edge] = Field(description="which of them go into which")  # type: ignore[valid-type]
    columns: list[TableColumn] = Field(description="columns of the table asked for")  # type: ignore[valid-type]


@lineage.read("/<table>", answer=LineageAnswer, summary="What a table is made from, and what from it")
def one(path: LineagePath, query: LineageQuery) -> Response:
    """Up and down from a table: tables, edges and columns as the contracts say, with what was published last for your tenant."""
    if path.table not in CONTRACTS:
        raise not_found()
    above, below = reached({path.table}, above_tables(), query.depth), reached({path.table}, below_tables(), query.depth)
    tables = [promise for name, promise in CONTRACTS.items() if name in above or name in below]
    with services(current_app).database.reading(caller().tenant_id) as reading:
        wanted = [promise.name for promise in tables if promise.kind == "published"]
        published = {row["table_name"]: row for row in reading.rows("api_latest_publications", {"table_names": wanted})}
    edges = _edges(tables)
    if query.format == "mermaid":
        return Response(mermaid(path.table, tables, edges), content_type="text/plain; charset=utf-8")
    body = {
        "table": path.table,
        "depth": query.depth,
        "tables": [_table(promise, above, below, published.get(promise.name)) for promise in tables],
        "edges": edges,
        "columns": _columns(CONTRACTS[path.table], query.depth),
    }
    return json_response(body)


@cache
def above_columns() -> Edges:
    """Of each column, as schema.table.column, the columns that it is made from."""
    return {
        f"{promise.name}.{column.name}": frozenset(column.made_from)
        for promise in CONTRACTS.values()
        for column in promise.columns
        if column.made_from
    }


@cache
def below_columns() -> Edges:
    """Of each column, as schema.table.column, the columns that are made from it."""
    return _turned(above_columns())


@cache
def above_tables() -> Edges:
    """Of each table the tables that it is made from; a table is not above itself, though columns of it may be."""
    return {name: frozenset(promise.sources) for name, promise in CONTRACTS.items() if promise.sources}


@cache
def below_tables() -> Edges:
    """Of each table the tables that are made from it."""
    return _turned(above_tables())


def reached(start: Iterable[str], edges: Edges, depth: int) -> dict[str, int]:
    """What can be reached from `start` in at most `depth` steps, with the least number of steps; `start` itself is 0 away."""
    found = dict.fromkeys(start, 0)
    last = set(found)
    for distance in range(1, depth + 1):
        last = {to for name in last for to in edges.get(name, ())} - found.keys()
        found |= dict.fromkeys(sorted(last), distance)
    return found


def mermaid(asked: str, tables: list[Contract], edges: list[dict[str, Any]]) -> str:
    """The tables as a Mermaid flowchart: a box is published, one with double sides a view, a round one a record, a drum public data.

    The one asked for is marked.
    """
    shapes = {"published": '["{}"]', "record": '("{}")', "reference": '[("{}")]', "view": '[["{}"]]'}
    numbers = {promise.name: f"t{number}" for number, promise in enumerate(tables)}
    lines = ["flowchart LR"]
    lines += [f"  {numbers[promise.name]}{shapes[promise.kind].format(promise.name)}" for promise in tables]
    for edge in edges:
        count = len({pair["to_column"] for pair in edge["columns"]})
        said = f"{count} column{'s' if count > 1 else ''}"
        lines.append(f'  {numbers[edge["from_table"]]} -->|"{said}"| {numbers[edge["to_table"]]}')
    lines += ["  classDef asked stroke-width:3px,font-weight:bold", f"  class {numbers[asked]} asked"]
    return "\n".join(lines) + "\n"


def _turned(edges: Edges) -> Edges:
    found: dict[str, set[str]] = defaultdict(set)
    for name, others in edges.items():
        for other in others:
            found[other].add(name)
    return {name: frozenset(others) for name, others in found.items()}


def _edges(tables: list[Contract]) -> list[dict[str, Any]]:
    names = {promise.name for promise in tables}
    found: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for promise in tables:
        for column in promise.columns:
            for made_from in column.made_from:
                table, _, name = made_from.rpartition(".")
                if table in names and table != promise.name:
                    found[table, promise.name].append({"from_column": name, "to_column": column.name, "made": column.made})
    return [{"from_table": above, "to_table": below, "columns": pairs} for (above, below), pairs in found.items()]


def _table(promise: Contract, above: dict[str, int], below: dict[str, int], published: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "table": promise.name,
        "grain": promise.grain,
        "kind": promise.kind,
        "upstream_distance": above.get(promise.name),
        "downstream_distance": below.get(promise.name),
        "published": published and _published(published),
        "links": {
            "lineage": links.path("lineage", promise.name),
            "quality": links.path("quality", table_name=promise.name) if promise.name in JUDGED else None,
            "marquez": links.marquez_dataset(promise.name),
        },
    }


def _published(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **picked(row, *PUBLISHED),
        "publication_id": str(row["publication_id"]),
        "links": {"batch": links.path("batches", row["batch_id"]), "airflow_run": links.airflow_run(row["run_id"])},
    }


def _columns(promise: Contract, depth: int) -> list[dict[str, Any]]:
    return [
        {
            "name": column.name,
            "meaning": column.meaning,
            "unit": column.unit or None,
            "made": column.made,
            "upstream": _reached_from(f"{promise.name}.{column.name}", above_columns(), depth),
            "downstream": _reached_from(f"{promise.name}.{column.name}", below_columns(), depth),
        }
        for column in promise.columns
    ]


def _reached_from(column: str, edges: Edges, depth: int) -> list[dict[str, Any]]:
    return [{"column": name, "distance": distance} for name, distance in reached({column}, edges, depth).items() if distance]
