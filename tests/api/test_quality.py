"""Quality: the latest verdict per table, and per table of a batch."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import books
import plans
import pytest
import world
from flask.testing import FlaskClient
from issuer import LAKESIDE, NEWCOMER, bearer

from api.quality import QualityAnswer
from estate.contracts import CONTRACTS
from estate.settings import Settings
from estate.sql import query
from tests.servers import Database

pytestmark = pytest.mark.servers
PATH = "/api/v1/quality"


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


def by_table(answer: Any) -> dict[str, Any]:
    return {verdict["table_name"]: verdict for verdict in answer.json["quality"]}


def test_of_every_table_that_was_judged_there_is_the_latest_verdict(get: Callable[..., Any]) -> None:
    answer = get()
    assert QualityAnswer.model_validate_json(answer.data)
    found = by_table(answer)
    assert list(found) == [name for name in CONTRACTS if name in {*world.TABLES, "score.ratio_study"}]
    assert len(answer.json["quality"]) == len(found)
    assert (found["normalize.property"]["is_passed"], found["normalize.property"]["batch_id"]) == (False, books.REFUSED)
    assert (found["hazard.exposure"]["is_passed"], found["hazard.exposure"]["batch_id"]) == (True, books.PUBLISHED)
    assert answer.json["refused_count"] == 2


def test_a_failure_says_which_column_how_many_rows_how_grave_and_why(get: Callable[..., Any]) -> None:
    (verdict,) = get(table_name="normalize.property").json["quality"]
    assert verdict["failures"] == [
        {
            "expectation": "expect_column_values_to_not_be_null", "field_name": "apn", "rows": 14, "severity": "critical",
            "outcome": "refused", "reason": "A parcel without its number is nobody's.", "detail": "more than 0.1% of the rows",
        }
    ]  # fmt: skip


def test_the_verdicts_of_one_batch_are_its_own(get: Callable[..., Any]) -> None:
    assert list(by_table(get(batch_id=books.REFUSED))) == ["ingest.record", "normalize.property"]
    assert {verdict["batch_id"] for verdict in get(batch_id=books.PUBLISHED).json["quality"]} == {books.PUBLISHED}
    assert get(batch_id="absent").json == {"quality": [], "refused_count": 0}


def test_a_verdict_links_its_page_its_run_its_batch_and_what_was_kept_back(get: Callable[..., Any], settings_env: Settings) -> None:
    found = by_table(get())
    links = found["ingest.record"]["links"]
    assert links == {
        "data_docs": f"http://127.0.0.1:18000/data-docs/lakeside/validations/{books.REFUSED}/run.html",
        "airflow_run": f"{settings_env.airflow_base_url}/dags/normalize/runs/manual__2026-04-01T12%3A00%3A00%2B00%3A00",
        "batch": f"/api/v1/batches/{books.REFUSED}",
        "quarantine": f"/api/v1/quarantine?batch_id={books.REFUSED}&table_name=ingest.record",
        "lineage": "/api/v1/lineage/ingest.record",
    }
    assert found["normalize.property"]["links"]["quarantine"] is None
    # The study of a model is no landed file.
    assert found["score.ratio_study"]["links"]["batch"] is None
    assert found["hazard.exposure"]["links"]["data_docs"].endswith("/lakeside/validations/hazard/exposure/run.html")


def test_a_tenant_without_a_verdict_has_none(get: Callable[..., Any]) -> None:
    assert get(tenant=NEWCOMER).json == {"quality": [], "refused_count": 0}


@pytest.mark.parametrize("query", [{"batch": "x"}, {"batch_id": ""}, {"batch_id": "a\x00"}, {"table_name": "x" * 101}])
def test_what_cannot_be_asked_is_refused_by_name(get: Callable[..., Any], query: dict[str, str]) -> None:
    answer = get(**query)
    assert (answer.status_code, json.loads(answer.data)["parameter"]) == (400, next(iter(query)))


def test_the_verdicts_of_a_batch_are_found_by_the_index_of_batches(database: Database) -> None:
    asked = {"batch_id": "none of the many", "table_name": None}
    walked = plans.conditions(database, LAKESIDE, query("api_verdicts_latest"), asked, ["provenance.verdict"])
    assert [condition for condition in walked["verdict"] if "batch_id = " in condition]
    assert all("batch_id = " in condition or "verdict_id = " in condition for condition in walked["verdict"])
