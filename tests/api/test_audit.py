"""The audit: no personal data without its row, no refusal that waits for one, and rows that nobody can change."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask, g
from issuer import HARBORVIEW, LAKESIDE, NOWHERE
from psycopg import sql
from psycopg.rows import dict_row

from api.audit import BATCH_ROWS, Audit
from api.auth import Caller
from estate.contracts.platform import NO_TENANT
from estate.sql import query
from tests.servers import Database

pytestmark = pytest.mark.servers

ADA = Caller("ada", LAKESIDE, frozenset({"analyst"}), "token")
SERVICE = Caller(f"key/{HARBORVIEW.hex}0123456789abcdef/night run", HARBORVIEW, frozenset({"viewer"}), "key")
FIRST_PAGE = {"page_size": 100, "after_at": None, "after_id": None, "since": None, "action": None}


@pytest.fixture
def audit(database: Database) -> Iterator[Audit]:
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("DELETE FROM platform.audit")
    made = Audit(database.api_url)
    yield made
    made.close()


@pytest.fixture
def away() -> Iterator[Audit]:
    made = Audit(NOWHERE, queue_rows=5)
    yield made
    made.close()


@pytest.fixture
def asking() -> Callable[..., Any]:
    """The context of one request, for the property of the route below unless another address is named."""
    app = Flask(__name__, static_folder=None)
    app.add_url_rule("/api/v1/properties/<property_id>", "one")

    @contextlib.contextmanager
    def ask(address: str = "/api/v1/properties/7?include=owner", **more: Any) -> Iterator[None]:
        with app.test_request_context(address, **more):
            g.request_id = "request-1"
            yield

    return ask


def rows_of(database: Database, tenant_id: uuid.UUID, **asked: Any) -> list[dict[str, Any]]:
    """The tenant's audit, as the API reads it."""
    with psycopg.connect(database.api_url, row_factory=dict_row) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(tenant_id),))
        return connection.execute(query("audit_page"), FIRST_PAGE | asked).fetchall()


def test_a_read_of_personal_data_is_written_down_before_it_goes_on(audit: Audit, database: Database, asking: Callable[..., Any]) -> None:
    before = datetime.now(UTC)
    with asking():
        audit.personal_read(ADA, "owner")
        (row,) = rows_of(database, LAKESIDE)
    assert before <= row.pop("occurred_at") <= datetime.now(UTC)
    assert isinstance(row.pop("audit_id"), uuid.UUID)
    assert row == {
        "action": "personal_read", "what": "owner", "subject": "ada", "credential": "token", "route": "/api/v1/properties/<property_id>",
        "method": "GET", "status": None, "request_id": "request-1",
    }  # fmt: skip
    assert rows_of(database, HARBORVIEW) == []


def test_a_read_that_cannot_be_written_down_is_an_error_of_the_database(away: Audit, asking: Callable[..., Any]) -> None:
    with asking(), pytest.raises(psycopg.OperationalError):
        away.personal_read(ADA, "owner")


def test_a_read_waits_for_no_lock(audit: Audit, database: Database, asking: Callable[..., Any]) -> None:
    with psycopg.connect(database.superuser_url) as other:
        other.execute("LOCK TABLE platform.audit")
        with asking(), pytest.raises(psycopg.OperationalError):
            audit.personal_read(ADA, "owner")
    with asking():
        audit.personal_read(ADA, "mailing_address")
    assert "mailing_address" in {row["what"] for row in rows_of(database, LAKESIDE)}


def test_a_read_does_not_wait_for_a_server_that_is_frozen(audit: Audit, database: Database, asking: Callable[..., Any]) -> None:
    with asking():
        audit.personal_read(ADA, "owner")
        with psycopg.connect(database.superuser_url) as other:
            asked = "SELECT pid FROM pg_stat_activity WHERE application_name = 'estate-api-audit' AND datname = current_database()"
            pids = [pid for (pid,) in other.execute(asked).fetchall()]
        assert pids
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            with pytest.raises(psycopg.OperationalError, match="in time"):
                audit.personal_read(ADA, "owner")
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        audit.personal_read(ADA, "mailing_address")
    assert "mailing_address" in {row["what"] for row in rows_of(database, LAKESIDE)}


def test_refusals_are_written_each_under_its_own_tenant(audit: Audit, database: Database, asking: Callable[..., Any]) -> None:
    with asking("/api/v1/absent", method="POST"):
        audit.refused(None, 401, "no credentials")
    with asking():
        audit.refused(SERVICE, 403, "forbidden")
        audit.refused(ADA, 429, "too many requests")
    audit.close()
    (of_nobody,) = rows_of(database, NO_TENANT)
    (of_service,), (of_ada,) = rows_of(database, HARBORVIEW), rows_of(database, LAKESIDE)
    assert (of_nobody["status"], of_nobody["what"], of_nobody["method"]) == (401, "no credentials", "POST")
    assert (of_nobody["subject"], of_nobody["credential"], of_nobody["route"]) == (None, None, None)
    assert (of_service["subject"], of_service["credential"], of_service["status"]) == (SERVICE.subject, "key", 403)
    assert (of_ada["subject"], of_ada["action"], of_ada["status"]) == ("ada", "refused", 429)
    assert audit.lost == 0


@pytest.fixture
def unhurried(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> Audit:
    """An audit that writes nothing before it is closed."""
    monkeypatch.setattr("api.audit.FLUSH_S", 600.0)
    return audit


def test_refusals_of_callers_who_proved_nothing_are_one_row_of_each_kind(
    unhurried: Audit, database: Database, asking: Callable[..., Any]
) -> None:
    for method in ("GET", "POST", "MADE-UP-1", "MADE-UP-2"):
        with asking(method=method):
            for _ in range(37 if method == "GET" else 1):
                unhurried.refused(None, 401, "unauthenticated")
    with asking("/data-docs/absent"):
        unhurried.refused(None, 401, "unauthenticated")
    unhurried.close()
    found = {(row["route"], row["method"]): row["what"] for row in rows_of(database, NO_TENANT)}
    assert found == {
        ("/api/v1/properties/<property_id>", "GET"): "unauthenticated (37 times)", (None, "other"): "unauthenticated (2 times)",
        (None, "POST"): "unauthenticated", (None, "GET"): "unauthenticated",
    }  # fmt: skip
    assert unhurried.lost == 0


def test_a_flood_of_strangers_hides_no_tenant_s_refusal(unhurried: Audit, database: Database, asking: Callable[..., Any]) -> None:
    written: list[Sequence[Any]] = []
    write, unhurried.write = unhurried.write, lambda rows: (written.append(rows), write(rows))[1]  # type: ignore[method-assign, assignment]
    with asking():
        for number in range(BATCH_ROWS * 3):
            unhurried.refused(None, 401, str(number))
        unhurried.refused(ADA, 403, "forbidden")
    unhurried.close()
    assert [row["what"] for row in rows_of(database, LAKESIDE)] == ["forbidden"]
    assert [any(row["tenant_id"] == LAKESIDE for row in batch) for batch in written] == [True, False, False, False]


def test_kinds_of_refusals_beyond_the_bound_are_counted_as_lost(away: Audit, asking: Callable[..., Any]) -> None:
    with asking():
        for number in range(10):
            away.refused(None, 401, str(number // 2))
        assert away.lost == 0
        for number in range(10):
            away.refused(None, 401, f"more {number}")
    away.close()
    assert away.lost == 20


READ_ONLY = "ALTER ROLE estate_api IN DATABASE {database} %s default_transaction_read_only"
GRANTED = "%s INSERT ON platform.audit %s estate_api"


@pytest.mark.parametrize(
    ("broken", "mended"),
    [(READ_ONLY % "SET" + " = on", READ_ONLY % "RESET"), (GRANTED % ("REVOKE", "FROM"), GRANTED % ("GRANT", "TO"))],
)
def test_a_read_that_the_database_refuses_to_write_down_may_be_tried_again(
    audit: Audit, database: Database, asking: Callable[..., Any], broken: str, mended: str
) -> None:
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL(broken).format(database=name))  # type: ignore[arg-type]
        try:
            with asking(), pytest.raises(psycopg.OperationalError, match="cannot be written"):
                audit.personal_read(ADA, "owner")
        finally:
            connection.execute(sql.SQL(mended).format(database=name))  # type: ignore[arg-type]


def test_closing_writes_whatever_waits_also_more_than_one_batch(audit: Audit, database: Database, asking: Callable[..., Any]) -> None:
    with asking():
        for number in range(BATCH_ROWS * 2 + 1):
            audit.refused((ADA, SERVICE, None)[number % 3], 401, str(number))
    audit.close()
    counts = [len(rows_of(database, tenant_id, page_size=1000)) for tenant_id in (LAKESIDE, HARBORVIEW, NO_TENANT)]
    assert sum(counts) == BATCH_ROWS * 2 + 1
    assert audit.lost == 0


def test_after_closing_it_begins_again(audit: Audit, database: Database, asking: Callable[..., Any]) -> None:
    for _ in range(2):
        with asking():
            audit.refused(ADA, 403, "forbidden")
            audit.personal_read(ADA, "owner")
        audit.close()
    assert len(rows_of(database, LAKESIDE)) == 4


def test_refusals_wait_while_the_database_is_away_and_what_overflows_is_counted(
    away: Audit, asking: Callable[..., Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("api"), "propagate", True)
    with asking():
        for _ in range(100):
            away.refused(ADA, 429, "too many requests")
    # Five may wait; up to as many again may already be in the writer's hand.
    assert 90 <= away.lost <= 95
    away.close()
    assert away.lost == 100
    told = [vars(record)["fields"] for record in caplog.records if record.getMessage() == "audit rows lost"]
    assert told[-1] == {"lost": 100}


def test_text_that_the_database_cannot_keep_costs_no_other_row(audit: Audit, database: Database, asking: Callable[..., Any]) -> None:
    odd = Caller("nul \x00 and half a character \ud800", LAKESIDE)
    with asking():
        audit.refused(ADA, 403, "before")
        audit.refused(odd, 403, "\x00" * 5000)
        audit.refused(ADA, 403, "after")
    audit.close()
    rows = rows_of(database, LAKESIDE)
    assert len(rows) == 3
    assert "nul \N{REPLACEMENT CHARACTER} and half a character ?" in {row["subject"] for row in rows}
    assert audit.lost == 0


def test_a_row_that_is_sent_twice_is_one_row(audit: Audit, database: Database, asking: Callable[..., Any]) -> None:
    """As when the connection breaks between the commit and its answer."""
    with asking():
        audit.refused(ADA, 403, "forbidden")
    audit.close()
    (row,) = rows_of(database, LAKESIDE)
    with psycopg.connect(database.api_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(LAKESIDE),))
        connection.execute(query("audit_insert"), row | {"tenant_id": LAKESIDE})
    assert rows_of(database, LAKESIDE) == [row]


def test_threads_that_write_at_once_lose_nothing(audit: Audit, database: Database, asking: Callable[..., Any]) -> None:
    def work(number: int) -> None:
        with asking():
            audit.personal_read((ADA, SERVICE)[number % 2], "owner")
            audit.refused((ADA, SERVICE)[number % 2], 429, "too many requests")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    audit.close()
    assert [len(rows_of(database, tenant_id)) for tenant_id in (LAKESIDE, HARBORVIEW)] == [20, 20]


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_process_that_forked_writes_by_connections_of_its_own(audit: Audit, database: Database, asking: Callable[..., Any]) -> None:
    def both() -> None:
        with asking():
            audit.personal_read(ADA, "owner")
            audit.refused(ADA, 403, "forbidden")

    both()
    if (child := os.fork()) == 0:
        try:
            both()
            audit.close()
            os._exit(audit.lost)
        finally:
            os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    both()
    audit.close()
    assert len(rows_of(database, LAKESIDE)) == 6


# What may be done with the rows


@pytest.fixture
def aged(audit: Audit, database: Database, asking: Callable[..., Any]) -> None:
    """A row each of three callers, and for Lakeside one a day for ten days before."""
    with asking():
        for caller in (ADA, SERVICE, None):
            audit.refused(caller, 403, "forbidden")
    audit.close()
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute(
            "INSERT INTO platform.audit SELECT tenant_id, gen_random_uuid(), occurred_at - n * interval '1 day', 'personal_read', what,"
            " subject, credential, route, method, NULL, request_id FROM platform.audit, generate_series(1, 10) AS n WHERE tenant_id = %s",
            (LAKESIDE,),
        )


@pytest.mark.parametrize("role", ["api", "pipeline"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE platform.audit SET what = 'nothing'",
        "UPDATE platform.audit SET tenant_id = tenant_id",
        "DELETE FROM platform.audit",
        "TRUNCATE platform.audit",
        "DROP TABLE platform.audit",
        "ALTER TABLE platform.audit DISABLE ROW LEVEL SECURITY",
        "MERGE INTO platform.audit AS a USING (SELECT 1) AS s ON true WHEN MATCHED THEN DELETE",
        "INSERT INTO platform.audit SELECT * FROM platform.audit ON CONFLICT (tenant_id, audit_id) DO UPDATE SET what = 'nothing'",
        "CREATE RULE quiet AS ON INSERT TO platform.audit DO INSTEAD NOTHING",
    ],
)
def test_a_row_that_is_written_stays_as_it_is(database: Database, aged: None, role: str, statement: str) -> None:
    before = rows_of(database, LAKESIDE)
    with psycopg.connect(getattr(database, f"{role}_url")) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(LAKESIDE),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
    assert rows_of(database, LAKESIDE) == before


@pytest.mark.parametrize("set_to", [HARBORVIEW, NO_TENANT, ""])
def test_the_api_writes_no_row_for_a_tenant_that_is_not_set(database: Database, aged: None, set_to: Any) -> None:
    (row,) = rows_of(database, HARBORVIEW)
    with psycopg.connect(database.api_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(set_to),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            connection.execute(query("audit_insert"), row | {"tenant_id": LAKESIDE, "audit_id": uuid.uuid4()})


def test_the_pipeline_reads_nothing_of_it(database: Database, aged: None) -> None:
    with psycopg.connect(database.pipeline_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM platform.audit")


def test_pages_follow_each_other_without_gap_or_repetition_also_among_equal_times(database: Database, aged: None) -> None:
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("UPDATE platform.audit SET occurred_at = '2026-01-01T00:00:00Z' WHERE action = 'personal_read'")
    whole, seen, after = rows_of(database, LAKESIDE), [], {}
    while page := rows_of(database, LAKESIDE, page_size=3, **after):
        seen += page
        after = {"after_at": page[-1]["occurred_at"], "after_id": page[-1]["audit_id"]}
    assert seen == whole
    assert len(whole) == 11
    assert whole == sorted(whole, key=lambda row: (row["occurred_at"], row["audit_id"]), reverse=True)


def test_a_page_can_be_of_one_action_and_from_a_time_on(database: Database, aged: None) -> None:
    (refused,) = rows_of(database, LAKESIDE, action="refused")
    assert len(rows_of(database, LAKESIDE, action="personal_read")) == 10
    since = refused["occurred_at"] - timedelta(days=3)
    assert [row["occurred_at"] >= since for row in rows_of(database, LAKESIDE, since=since)] == [True] * 4
    assert rows_of(database, LAKESIDE, action="' OR true --") == []


def test_a_page_walks_the_index_of_its_tenant_whatever_its_parameters(database: Database, aged: None) -> None:
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO platform.audit SELECT gen_random_uuid(), gen_random_uuid(), now(), 'refused', 'x', NULL, NULL, NULL,"
            " 'GET', 401, 'x' FROM generate_series(1, 20000)"
        )
        connection.execute(
            "INSERT INTO platform.audit SELECT %s, gen_random_uuid(), now() - n * interval '1 min', 'refused', 'x', NULL, NULL, NULL,"
            " 'GET', 401, 'x' FROM generate_series(1, 20000) AS n",
            (LAKESIDE,),
        )
        connection.execute("ANALYZE platform.audit")
    middle = rows_of(database, LAKESIDE, page_size=10000)[-1]
    with psycopg.connect(database.api_url, autocommit=False) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true), set_config('plan_cache_mode', 'force_generic_plan', true)",
                           (str(LAKESIDE),))  # fmt: skip
        for after in ({}, {"after_at": middle["occurred_at"], "after_id": middle["audit_id"]}):
            plan = connection.execute(
                "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query("audit_page"), FIRST_PAGE | after, prepare=True
            ).fetchone()[0][0]  # type: ignore[index]
            assert "audit_occurred_at_audit_id_idx" in str(plan)
            assert "'Sort'" not in str(plan)
            # A page of 100 rows and the way down the index, wherever the page begins.
            assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 250
