"""Lineage: what is made from what, as the contracts say and as nobody else does."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any, get_args

import books
import pytest
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, NEWCOMER, bearer

from api import lineage
from api.lineage import LineageAnswer
from estate.contracts import CONTRACTS, JUDGED
from estate.contracts.model import Kind
from estate.gate import SUITES
from tests.servers import Database

pytestmark = pytest.mark.servers
PATH = "/api/v1/lineage"


@pytest.fixture(scope="module", autouse=True)
def written(database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> None:
    """The books of both tenants."""
    for tenant_id in properties_of:
        books.write_books(database.pipeline_url, tenant_id)


@pytest.fixture
def get(client: FlaskClient, make_token: Callable[..., str]) -> Callable[..., Any]:
    """GET as a tenant, in a role."""
    return lambda path="", tenant=LAKESIDE, role="viewer", **query: client.get(
        f"{PATH}{path}", headers=bearer(make_token(tenant, roles=[role])), query_string=query
    )


CHAIN = {"c": frozenset({"b"}), "b": frozenset({"a"}), "a": frozenset({"c"})}


@pytest.mark.parametrize(("depth", "found"), [(1, {"c": 0, "b": 1}), (2, {"c": 0, "b": 1, "a": 2}), (5, {"c": 0, "b": 1, "a": 2})])
def test_what_is_reached_is_as_far_away_as_the_shortest_way(depth: int, found: dict[str, int]) -> None:
    assert lineage.reached({"c"}, CHAIN, depth) == found


def test_every_column_that_the_contracts_name_is_an_edge_up_and_down() -> None:
    said = {
        (made_from, f"{promise.name}.{column.name}")
        for promise in CONTRACTS.values()
        for column in promise.columns
        for made_from in column.made_from
    }
    assert said
    assert {(above, below) for below, columns in lineage.above_columns().items() for above in columns} == said
    assert {(above, below) for above, columns in lineage.below_columns().items() for below in columns} == said


def tables(answer: Any) -> dict[str, Any]:
    return {table["table"]: table for table in answer.json["tables"]}


def test_one_step_up_and_down_from_a_table(get: Callable[..., Any]) -> None:
    answer = get("/hazard.exposure")
    assert LineageAnswer.model_validate_json(answer.data)
    found = {name: (table["upstream_distance"], table["downstream_distance"]) for name, table in tables(answer).items()}
    assert found["hazard.exposure"] == (0, 0)
    above = {name for name, (up, _) in found.items() if up == 1}
    below = {name for name, (_, down) in found.items() if down == 1}
    assert above == {"normalize.property", "reference.hazard_layer", "reference.hazard_feature"}
    assert {"score.risk", "provenance.summary"} <= below
    assert set(found) == above | below | {"hazard.exposure"}
    assert "ingest.record" in tables(get("/hazard.exposure", depth=2))


def test_an_edge_names_the_columns_that_go_from_table_to_table(get: Callable[..., Any]) -> None:
    edges = {(edge["from_table"], edge["to_table"]): edge["columns"] for edge in get("/hazard.exposure").json["edges"]}
    assert {"from_column": "flood_zone", "to_column": "flood_zone", "made": "copied"} in edges[
        "reference.hazard_feature", "hazard.exposure"
    ]
    assert ("hazard.exposure", "hazard.exposure") not in edges


def test_a_column_says_what_it_is_made_from_and_what_from_it(get: Callable[..., Any]) -> None:
    columns = {column["name"]: column for column in get("/hazard.exposure", depth=2).json["columns"]}
    assert list(columns) == list(CONTRACTS["hazard.exposure"].column_names)
    zone = columns["flood_zone"]
    assert {"column": "reference.hazard_feature.flood_zone", "distance": 1} in zone["upstream"]
    assert {"column": "provenance.summary.flood_zone", "distance": 1} in zone["downstream"]
    # Within a table, too: the composite is made from the scores beside it.
    assert {"column": "hazard.exposure.flood_score", "distance": 1} in columns["composite_low"]["upstream"]
    assert {"column": "reference.hazard_feature.flood_zone", "distance": 2} in columns["composite_low"]["upstream"]
    assert (zone["made"], columns["base_flood_elevation_ft"]["unit"], zone["unit"]) == ("copied", "ft", None)


def test_beside_each_table_stands_what_was_published_last_for_the_tenant(get: Callable[..., Any]) -> None:
    found = tables(get("/normalize.property"))
    published = found["ingest.record"]["published"]
    assert (published["batch_id"], published["publication_id"]) == (books.REFUSED, str((1 << 60) + 1000))
    assert published["links"]["batch"] == f"/api/v1/batches/{books.REFUSED}"
    assert found["normalize.property"]["published"]["published_at"] == "2026-03-10T00:00:00Z"
    assert {table["published"] for table in tables(get("/normalize.property", tenant=NEWCOMER)).values()} == {None}


def test_a_table_that_is_judged_for_a_tenant_links_its_verdicts(get: Callable[..., Any]) -> None:
    judged = {f"{path.parent.name}.{path.stem}" for path in SUITES.rglob("*.json")}
    mine = {name for name in judged if CONTRACTS[name].kind != "reference"}
    assert mine == JUDGED
    for table in CONTRACTS:
        link = tables(get(f"/{table}"))[table]["links"]["quality"]
        assert link == (f"/api/v1/quality?table_name={table}" if table in mine else None)


def test_every_kind_of_table_is_described() -> None:
    said = lineage.Table.model_fields["kind"].description or ""
    assert [kind for kind in get_args(Kind) if f"{kind}: " not in said] == []


@pytest.mark.parametrize("table", CONTRACTS)
def test_every_table_has_its_lineage_in_both_forms(get: Callable[..., Any], table: str) -> None:
    answer = get(f"/{table}", depth=5)
    assert LineageAnswer.model_validate_json(answer.data)
    drawn = get(f"/{table}", depth=5, format="mermaid")
    assert (drawn.status_code, drawn.content_type) == (200, "text/plain; charset=utf-8")
    lines = drawn.text.splitlines()
    assert lines[0] == "flowchart LR"
    assert len([line for line in lines if "-->" in line]) == len(answer.json["edges"])
    assert all(f"{table['table']}" in drawn.text for table in answer.json["tables"])


def test_the_drawing_marks_the_table_asked_for_and_counts_columns(get: Callable[..., Any]) -> None:
    lines = get("/score.risk", format="mermaid").text.splitlines()
    (asked,) = [line.strip().partition("[")[0] for line in lines if '["score.risk"]' in line]
    (above,) = [line.strip().partition("[")[0] for line in lines if '["hazard.exposure"]' in line]
    assert f"  class {asked} asked" in lines
    assert any(line.startswith(f'  {above} -->|"') and line.endswith(f"| {asked}") for line in lines)


def test_with_marquez_each_table_links_its_graph_under_its_own_namespace(
    make_app: Callable[..., Any], settings_env: Any, make_token: Callable[..., str]
) -> None:
    app = make_app(api_database_url=settings_env.api_database_url, marquez_url="https://marquez.test/")
    answer = app.test_client().get(f"{PATH}/hazard.exposure", headers=bearer(make_token(HARBORVIEW)))
    found = {name: table["links"]["marquez"] for name, table in tables(answer).items()}
    assert found["hazard.exposure"] == "https://marquez.test/lineage/dataset/estate%3A%2F%2Fharborview/hazard.exposure"
    assert found["reference.hazard_layer"] == "https://marquez.test/lineage/dataset/estate%3A%2F%2Freference/reference.hazard_layer"


def test_without_marquez_no_table_links_it(get: Callable[..., Any]) -> None:
    assert {table["links"]["marquez"] for table in tables(get("/score.risk")).values()} == {None}


@pytest.mark.parametrize(
    "table", ["normalize", "normalize.absent", "NORMALIZE.PROPERTY", "pg_catalog.pg_class", "..", "%00", "a'b", "x" * 3000]
)
def test_what_is_no_table_is_a_404(client: FlaskClient, make_token: Callable[..., str], table: str) -> None:
    answer = client.get(f"{PATH}/{table}", headers=bearer(make_token()))
    assert (answer.status_code, json.loads(answer.data)["type"]) == (404, "/problems/not-found")


@pytest.mark.parametrize("query", [{"depth": 0}, {"depth": 6}, {"depth": "1_0"}, {"format": "svg"}])
def test_what_cannot_be_asked_is_refused_by_name(get: Callable[..., Any], query: dict[str, Any]) -> None:
    answer = get("/score.risk", **query)
    assert (answer.status_code, json.loads(answer.data)["parameter"]) == (400, next(iter(query)))
