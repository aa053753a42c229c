"""Batches: what came in, how far it got, what was refused, and where to look."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import books
import plans
import pytest
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, bearer

from api.batches import BatchAnswer, BatchesAnswer, state_of
from estate.contracts import STAGES
from estate.sql import query
from tests.servers import Database

pytestmark = pytest.mark.servers
PATH = "/api/v1/batches"
RUN = "http://airflow.test/dags/normalize/runs/manual__2026-04-01T12%3A00%3A00%2B00%3A00"


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


PASSED = {"is_passed": True, "is_published": False}
DONE = {"is_passed": True, "is_published": True}
NOT = {"is_passed": False, "is_published": False}


@pytest.mark.parametrize(
    ("tables", "state"),
    [
        ({}, ("landed", None)),
        ({"ingest.record": PASSED}, ("in progress", "ingest")),
        ({"ingest.record": NOT}, ("refused", "ingest")),
        ({"ingest.record": DONE, "normalize.property": DONE, "normalize.sale": NOT}, ("refused", "normalize")),
        ({"ingest.record": DONE, "score.risk": DONE}, ("in progress", "score")),
        ({"ingest.record": DONE, "provenance.trust": PASSED}, ("in progress", "provenance")),
        ({"ingest.record": DONE, "provenance.trust": DONE}, ("published", "provenance")),
        # Judged anew, and refused this time: what it published before still stands, and the latest word is a refusal.
        ({"hazard.exposure": {"is_passed": False, "is_published": True}, "provenance.trust": DONE}, ("refused", "hazard")),
        # Features are computed from what the last stage published: on their way, or never computed, they hold no batch up.
        ({"provenance.trust": DONE, "features.market": PASSED}, ("published", "features")),
        ({"provenance.trust": DONE, "features.market": DONE}, ("published", "features")),
        ({"provenance.trust": DONE, "features.market": NOT}, ("refused", "features")),
        # Published before there were verdicts in the books.
        ({"provenance.trust": {"is_passed": None, "is_published": True}}, ("published", "provenance")),
    ],
)
def test_how_far_a_batch_got_is_what_the_gates_and_the_ledger_say(tables: dict[str, Any], state: tuple[str, str | None]) -> None:
    assert state_of(tables) == state


def test_batches_come_the_newest_first_each_with_how_far_it_got(get: Callable[..., Any]) -> None:
    answer = get()
    assert BatchesAnswer.model_validate_json(answer.data)
    told = [(batch["batch_id"], batch["state"], batch["stage"]) for batch in answer.json["batches"]]
    assert told == [
        (books.WAITING, "landed", None),
        (books.REFUSED, "refused", "normalize"),
        (books.PUBLISHED, "published", "features"),
    ]
    refused = answer.json["batches"][1]
    assert refused["refused_tables"] == ["normalize.property"]
    assert (refused["quarantined_count"], refused["waiting_count"]) == (2, 1)
    assert refused["links"] == {
        "self": f"{PATH}/{books.REFUSED}",
        "quality": f"/api/v1/quality?batch_id={books.REFUSED}",
        "quarantine": f"/api/v1/quarantine?batch_id={books.REFUSED}",
    }


def test_pages_of_batches_follow_one_another(get: Callable[..., Any]) -> None:
    first = get(limit=2)
    assert [batch["batch_id"] for batch in first.json["batches"]] == [books.WAITING, books.REFUSED]
    second = get(limit=2, cursor=first.json["next_cursor"]).json
    assert ([batch["batch_id"] for batch in second["batches"]], second["next_cursor"]) == ([books.PUBLISHED], None)
    assert get(limit=2, cursor=first.json["next_cursor"], tenant=HARBORVIEW).status_code == 400
    assert [batch["batch_id"] for batch in get(source_name="roll").json["batches"]] == [books.PUBLISHED]


def test_a_batch_says_what_was_published_what_was_refused_and_why(
    make_app: Callable[..., Any], settings_env: Any, make_token: Callable[..., str]
) -> None:
    app = make_app(api_database_url=settings_env.api_database_url, airflow_base_url="http://airflow.test/")
    answer = app.test_client().get(f"{PATH}/{books.REFUSED}", headers=bearer(make_token()))
    assert BatchAnswer.model_validate_json(answer.data)
    body = answer.json
    assert (body["batch"]["file_name"], body["batch"]["snapshot_sha256"], body["batch"]["row_count"]) == ("roll2.csv", "b" * 64, 5)
    assert [stage["stage"] for stage in body["stages"]] == ["ingest", "normalize"]
    ingest, normalize = body["stages"]
    (published,) = ingest["publications"]
    assert (published["publication_id"], published["rows_published"], published["rows_quarantined"]) == (str((1 << 60) + 1000), 3, 2)
    assert published["code_version"] == "0.2.0"
    assert normalize["publications"] == []
    (verdict,) = normalize["verdicts"]
    assert verdict["is_passed"] is False
    assert verdict["failures"] == [books.FAILURE]
    assert verdict["links"]["airflow_run"] == RUN
    assert verdict["links"]["data_docs"] == f"http://127.0.0.1:18000/data-docs/lakeside/validations/{books.REFUSED}/run.html"
    assert body["quarantine"] == [
        {
            "table_name": "ingest.record", "expectation": "expect_column_values_to_be_between", "field_name": "living_area_sqft",
            "reason": "A house of no size is none.", "quarantined_count": 2, "waiting_count": 1,
        }
    ]  # fmt: skip
    assert [(landing["outcome"], landing["airflow_run"].rpartition("/")[0]) for landing in body["landings"]] == [
        ("landed", "http://airflow.test/dags/ingest/runs")
    ]


def test_the_features_of_a_batch_stand_after_its_stages(get: Callable[..., Any]) -> None:
    body = get(f"/{books.PUBLISHED}").json
    assert [stage["stage"] for stage in body["stages"]] == [*STAGES, "features"]
    assert [verdict["table_name"] for verdict in body["stages"][-1]["verdicts"]] == ["features.market"]
    assert {published["table_name"] for published in body["stages"][-1]["publications"]} == {"features.market"}


@pytest.mark.parametrize("batch_id", [books.WAITING, books.PUBLISHED])
def test_a_batch_in_any_state_is_what_the_document_says(get: Callable[..., Any], batch_id: str) -> None:
    assert BatchAnswer.model_validate_json(get(f"/{batch_id}").data)


HOSTILE = [
    "absent-0123456789ab", "'", "roll-1'--", "..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%00", "roll-1%00", "roll-1%0a", "%ff", "%ed%a0%80",
    "%F0%9F%8F%A0", "*", "%25", "roll_1", "ROLL-1", "roll-1 ", " roll-1", "{{7*7}}", "<script>", "x" * 101, "x" * 3000,
    "-1", "${x}", "null",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_is_no_batch_of_the_tenant_is_one_and_the_same_404(client: FlaskClient, make_token: Callable[..., str], name: str) -> None:
    answer = client.get(f"{PATH}/{name}", headers=bearer(make_token()))
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    said = json.loads(answer.data)
    assert said["detail"] == "There is no such resource."


def test_a_batch_of_another_tenant_is_absent(database: Database, get: Callable[..., Any]) -> None:
    other = "county_roll-0123456789ff"
    with books.psycopg.connect(database.pipeline_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(HARBORVIEW),))
        books._land(connection, HARBORVIEW, 9, other)
    assert get(f"/{other}", tenant=HARBORVIEW).status_code == 200
    foreign, absent = get(f"/{other}"), get("/county_roll-0123456789fe")
    assert foreign.status_code == absent.status_code == 404
    assert {**foreign.json, "instance": "", "request_id": ""} == {**absent.json, "instance": "", "request_id": ""}
    assert other not in get().text


def test_a_parameter_that_is_not_known_is_refused_by_name(get: Callable[..., Any]) -> None:
    for path in ("", f"/{books.PUBLISHED}"):
        answer = get(path, state="refused")
        assert (answer.status_code, json.loads(answer.data)["parameter"]) == (400, "state")


def test_the_attempts_to_land_a_file_are_found_by_source_and_digest(database: Database) -> None:
    asked = {"source_name": "county_roll", "snapshot_sha256": "f" * 64}
    (walked,) = plans.conditions(database, LAKESIDE, query("api_batch_landings"), asked, ["ingest.landing"])["landing"]
    assert "source_name = " in walked
    assert "snapshot_sha256 = " in walked
