"""Landings: files that were offered, those refused at the door included."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import books
import pytest
import world
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, NEWCOMER, bearer
from psycopg.types.json import Jsonb

from api.landings import LandingsAnswer
from estate.sql import query as sql_of
from tests.servers import Database

pytestmark = pytest.mark.servers
PATH = "/api/v1/landings"
DRIFT = {"missing": ["PIN"], "added": [], "renamed": {}, "changed": {}}


@pytest.fixture(scope="module", autouse=True)
def written(database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> None:
    """The books of both tenants, and of Lakeside a file that was refused."""
    for tenant_id in properties_of:
        books.write_books(database.pipeline_url, tenant_id)
    with books.psycopg.connect(database.pipeline_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(LAKESIDE),))
        world.put(
            connection, "ingest.landing", tenant_id=LAKESIDE, landing_id=uuid.UUID(int=1), source_name="county_roll", file_name="<b>.csv",
            snapshot_sha256="9" * 64, byte_count=10, outcome="refused", reason="<b>.csv: no column PIN", remedy="Ask for the whole file.",
            column_jaccard=0.5, drift=Jsonb(DRIFT), run_id="ingest/manual__9", landed_at=books.AT + timedelta(hours=1),
        )  # fmt: skip


@pytest.fixture
def get(client: FlaskClient, make_token: Callable[..., str]) -> Callable[..., Any]:
    """GET as a tenant."""
    return lambda tenant=LAKESIDE, **query: client.get(PATH, headers=bearer(make_token(tenant)), query_string=query)


def test_a_file_that_was_refused_says_why_and_what_to_do(get: Callable[..., Any], settings_env: Any) -> None:
    answer = get(outcome="refused")
    assert LandingsAnswer.model_validate_json(answer.data)
    (refused,) = answer.json["landings"]
    assert (refused["file_name"], refused["reason"], refused["remedy"]) == (
        "<b>.csv", "<b>.csv: no column PIN", "Ask for the whole file.",
    )  # fmt: skip
    assert refused["drift"] == DRIFT
    assert refused["links"] == {"batch": None, "airflow_run": f"{settings_env.airflow_base_url}/dags/ingest/runs/manual__9"}


def test_files_come_the_newest_first_page_by_page_each_with_the_batch_that_it_made(get: Callable[..., Any]) -> None:
    found, cursor = [], None
    for _ in range(3):
        body = get(limit=1, source_name="county_roll", **({"cursor": cursor} if cursor else {})).json
        found += [(row["outcome"], (row["links"]["batch"] or "").rpartition("/")[2]) for row in body["landings"]]
        cursor = body["next_cursor"]
    assert cursor is None
    assert found[0] == ("refused", "")
    assert sorted(found[1:]) == [("landed", books.WAITING), ("landed", books.REFUSED)]


def test_another_tenant_s_files_are_not_there(get: Callable[..., Any]) -> None:
    assert [row["outcome"] for row in get(tenant=HARBORVIEW).json["landings"]] == ["landed", "landed"]
    assert str(HARBORVIEW) not in get().text
    assert get(tenant=NEWCOMER).json["landings"] == []


@pytest.mark.parametrize("query", [{"outcome": "lost"}, {"source_name": ""}, {"file_name": "x"}])
def test_what_cannot_be_asked_is_refused_by_name(get: Callable[..., Any], query: dict[str, str]) -> None:
    answer = get(**query)
    assert (answer.status_code, json.loads(answer.data)["parameter"]) == (400, next(iter(query)))


def test_a_page_walks_the_time_under_row_level_security(database: Database) -> None:
    asked = {"after_at": books.AT, "after_id": uuid.UUID(int=5), "source_name": None, "outcome": None, "page_size": 101}
    with books.psycopg.connect(database.api_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true), set_config('enable_seqscan', 'off', true)", (str(LAKESIDE),))
        plan = "\n".join(line for (line,) in connection.execute("EXPLAIN " + sql_of("api_landings"), asked).fetchall())
    assert "landing_landed_at_idx" in plan
    assert "Seq Scan" not in plan
