"""Quarantine: rows that were kept back, for analysts, each look written down."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import books
import plans
import pytest
import world
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, NOWHERE, bearer

from api.quarantine import QuarantineAnswer, QuarantinedRowAnswer
from estate.sql import query as sql_of
from tests.servers import Database

pytestmark = pytest.mark.servers
PATH = "/api/v1/quarantine"
OUTLIER = "expect_column_values_to_be_between"


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


@pytest.fixture
def as_analyst(get: Callable[..., Any]) -> Callable[..., Any]:
    return lambda path="", **query: get(path, role="analyst", **query)


def audited(database: Database, tenant_id: uuid.UUID) -> int:
    """Reads of the tenant's quarantine that are in the audit."""
    with books.psycopg.connect(database.superuser_url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM platform.audit WHERE tenant_id = %s AND action = 'personal_read' AND what = 'quarantine'", (tenant_id,)
        ).fetchone()
    assert found is not None
    return int(found[0])


def test_a_row_is_shown_as_its_file_wrote_it_with_the_reason(as_analyst: Callable[..., Any]) -> None:
    quarantine_id = world.named(LAKESIDE, "kept back")
    answer = as_analyst(f"/{quarantine_id}")
    assert QuarantinedRowAnswer.model_validate_json(answer.data)
    row = answer.json["quarantined_row"]
    assert row["raw_row"]["Address"] == "<script>alert(1)</script>"
    assert (row["expectation"], row["field_name"], row["reason"]) == (OUTLIER, "year_built", "Nothing older stands.")
    assert (row["row_number"], row["is_resolved"], row["resolved_at"]) == (3, False, None)
    assert row["links"]["batch"] == "/api/v1/batches/roll-1"
    assert answer.content_type == "application/json"


def test_rows_are_found_by_table_batch_expectation_and_whether_they_wait(as_analyst: Callable[..., Any]) -> None:
    def names(**query: Any) -> set[str]:
        answer = as_analyst(**query)
        assert QuarantineAnswer.model_validate_json(answer.data)
        return {row["row_key"] for row in answer.json["quarantine"]}

    everything = {"roll|0003", "county_roll|1", "county_roll|2"}
    assert names() == names(expectation=OUTLIER) == names(table_name="ingest.record") == everything
    assert names(batch_id=books.REFUSED) == {"county_roll|1", "county_roll|2"}
    assert names(is_resolved="true") == {"county_roll|2"}
    assert names(is_resolved="false") == {"roll|0003", "county_roll|1"}
    assert names(batch_id=books.REFUSED, is_resolved="false") == {"county_roll|1"}
    assert names(expectation="other") == names(table_name="normalize.sale") == set()


def test_pages_of_rows_follow_one_another(as_analyst: Callable[..., Any]) -> None:
    found, cursor = [], None
    for _ in range(3):
        body = as_analyst(limit=1, **({"cursor": cursor} if cursor else {})).json
        found += [row["quarantine_id"] for row in body["quarantine"]]
        cursor = body["next_cursor"]
    assert cursor is None
    assert found == sorted(str(world.named(LAKESIDE, name)) for name in ("kept back", "kept back 1", "kept back 2"))


def test_every_look_is_in_the_audit_and_no_answer_is_kept(as_analyst: Callable[..., Any], database: Database) -> None:
    before = audited(database, LAKESIDE)
    answers = [as_analyst(), as_analyst(f"/{world.named(LAKESIDE, 'kept back')}")]
    assert audited(database, LAKESIDE) == before + 2
    for answer in answers:
        assert "ETag" not in answer.headers
        assert answer.headers["Cache-Control"] == "private, no-store"
    # Where nothing is shown nothing was read.
    assert as_analyst(expectation="other").json["quarantine"] == []
    assert as_analyst(f"/{uuid.uuid4()}").status_code == 404
    assert audited(database, LAKESIDE) == before + 2


def test_what_cannot_be_written_down_is_not_shown(
    client: FlaskClient, make_token: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.application.extensions["real-estate-os"].audit, "_url", NOWHERE)
    for path in ("", f"/{world.named(LAKESIDE, 'kept back')}"):
        answer = client.get(f"{PATH}{path}", headers=bearer(make_token(roles=["analyst"])))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert b"owner of" not in answer.data


def test_a_viewer_is_refused(get: Callable[..., Any], database: Database) -> None:
    before = audited(database, LAKESIDE)
    for path in ("", f"/{world.named(LAKESIDE, 'kept back')}"):
        assert get(path).status_code == 403
    assert audited(database, LAKESIDE) == before


def test_a_row_of_another_tenant_is_absent(as_analyst: Callable[..., Any]) -> None:
    foreign, absent = as_analyst(f"/{world.named(HARBORVIEW, 'kept back')}"), as_analyst(f"/{uuid.UUID(int=5)}")
    assert foreign.status_code == absent.status_code == 404
    assert {**foreign.json, "instance": "", "request_id": ""} == {**absent.json, "instance": "", "request_id": ""}
    assert str(HARBORVIEW) not in as_analyst().text


def test_a_page_walks_the_key_under_row_level_security(database: Database) -> None:
    asked = {"after_id": uuid.UUID(int=1 << 127), "table_name": None, "batch_id": None, "expectation": None, "is_resolved": None}
    with books.psycopg.connect(database.api_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true), set_config('enable_seqscan', 'off', true)", (str(LAKESIDE),))
        plan = connection.execute("EXPLAIN " + sql_of("api_quarantine"), {**asked, "page_size": 101}).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "Index Scan using quarantine_pkey" in text
    assert "Sort" not in text
    assert "quarantine_id >" in text.partition("Index Cond")[2].partition("\n")[0]


def test_the_rows_of_a_batch_are_found_by_the_index_of_batches(database: Database) -> None:
    names = ("after_id", "table_name", "expectation", "is_resolved")
    asked = {**dict.fromkeys(names), "batch_id": "none of the many", "page_size": 101}
    walked = plans.conditions(database, LAKESIDE, sql_of("api_quarantine"), asked, ["provenance.quarantine"])
    assert ["batch_id = " in condition for condition in walked["quarantine"]] == [True]
