"""Data versions: every process names the same one, it moves with what is committed and nothing else, and is unknown when in doubt."""

from __future__ import annotations

import multiprocessing
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
import world
from issuer import HARBORVIEW, LAKESIDE
from moving import PATIENCE_S, ROWS, a_publication, filled, put, settled, writing

from api.versions import Versions
from estate.contracts import TABLES
from estate.settings import ROOT
from tests.servers import Database

pytestmark = pytest.mark.servers
# Public series are told by features.market, whose publication moves the version; no answer reads them themselves.
UNREAD = {"reference.market_series", "reference.series_landing", "reference.market_area", "reference.market_value"}


@pytest.fixture
def known(database: Database) -> Iterator[Versions]:
    """Versions of the module's database, with both tenants' read."""
    with closing(Versions(database.api_url)) as made:
        for tenant_id in (LAKESIDE, HARBORVIEW):
            made.await_change(tenant_id, None, PATIENCE_S)
        yield made


# What moves it


@pytest.mark.parametrize("table", ROWS)
def test_a_row_moves_its_tenant_s_version_and_no_other_and_one_of_nobody_s_moves_all(
    known: Versions, database: Database, table: str
) -> None:
    before, other = settled(known), settled(known, HARBORVIEW)
    put(database, LAKESIDE, table)
    assert settled(known) != before
    assert (settled(known, HARBORVIEW) != other) == table.startswith("reference.")


def test_resolving_a_quarantined_row_moves_the_version(known: Versions, database: Database) -> None:
    put(database, LAKESIDE, "provenance.quarantine")
    before = settled(known)
    with writing(database, LAKESIDE) as connection:
        connection.execute("UPDATE provenance.quarantine SET resolved_at = now() WHERE resolved_at IS NULL")
    known.await_change(LAKESIDE, before, PATIENCE_S)


def test_a_layer_moves_all_versions_and_one_that_comes_back_gives_a_version_of_its_own(known: Versions, database: Database) -> None:
    world.write_layer(database.pipeline_url)
    seen = {tenant_id: {settled(known, tenant_id)} for tenant_id in (LAKESIDE, HARBORVIEW)}
    for is_current in (False, True):
        with psycopg.connect(database.pipeline_url) as connection:
            connection.execute("UPDATE reference.hazard_layer SET is_current = %s", (is_current,))
        for tenant_id, versions in seen.items():
            now = settled(known, tenant_id)
            assert now not in versions
            versions.add(now)


def test_what_is_rolled_back_moves_nothing(known: Versions, database: Database) -> None:
    before, heard = settled(known), known.notice_count
    with writing(database, LAKESIDE) as connection:
        world.put(connection, "provenance.publication", **a_publication(LAKESIDE))
        connection.rollback()
    assert settled(known) == before
    assert known.notice_count == heard + 1, "only the one that `settled` sent"


def test_a_statement_that_changes_nothing_tells_nothing(known: Versions, database: Database) -> None:
    before, heard = settled(known), known.notice_count
    with writing(database, LAKESIDE) as connection:
        connection.execute("UPDATE provenance.quarantine SET resolved_at = now() WHERE row_key = 'absent'")
        connection.execute("UPDATE reference.hazard_layer SET is_current = false WHERE layer_id < 0")
    assert settled(known) == before
    assert known.notice_count == heard + 1


def test_many_rows_of_one_transaction_are_told_once(known: Versions, database: Database) -> None:
    settled(known)
    heard = known.notice_count
    with writing(database, LAKESIDE) as connection:
        for table, row in ROWS.items():
            world.put(connection, table, **row(LAKESIDE))
            world.put(connection, table, **row(LAKESIDE))
    settled(known)
    assert known.notice_count == heard + 3, "the tenant's, that of what is nobody's, and the one that `settled` sent"


def test_a_row_that_commits_later_than_a_newer_one_still_moves_the_version(known: Versions, database: Database) -> None:
    older, newer = sorted((a_publication(LAKESIDE), a_publication(LAKESIDE)), key=lambda row: row["publication_id"])
    with writing(database, LAKESIDE) as slow:
        world.put(slow, "provenance.publication", **older)
        with writing(database, LAKESIDE) as fast:
            world.put(fast, "provenance.publication", **newer | {"published_at": world.SECOND})
        before = settled(known)
    assert known.await_change(LAKESIDE, before, PATIENCE_S) != before


def test_every_record_that_the_api_reads_tells_or_is_reached_through_one_that_does(database: Database) -> None:
    with psycopg.connect(database.superuser_url) as connection:
        found = connection.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE 'tell_version%%'").fetchall()
    # Written in the transaction of a row that tells, and reached only through that.
    reached = {"ingest.raw_chunk", "provenance.derivation", "reference.hazard_feature"}
    # What the API and its operators write about itself is no tenant's data.
    records = {name for name, promise in TABLES.items() if promise.kind != "published" and not name.startswith("platform.")}
    assert {name for (name,) in found} == records - reached - UNREAD == {*ROWS, "reference.hazard_layer"}


def test_what_no_answer_is_made_from_moves_no_version(known: Versions, database: Database) -> None:
    asked = [path for path in (ROOT / "sql" / "queries").glob("*.sql") if path.stem.startswith("api_") or path.stem == "version_state"]
    assert len(asked) > 50
    assert {name for name in UNREAD for path in asked if name in path.read_text(encoding="utf-8")} == set()
    before, heard = settled(known), known.notice_count
    with psycopg.connect(database.pipeline_url) as connection:
        world.put(connection, "reference.market_series", **filled("reference.market_series", series_id=uuid.uuid4().int >> 98))
        world.put(connection, "reference.series_landing", **filled("reference.series_landing", landing_id=uuid.uuid4()))
    assert settled(known) == before
    assert known.notice_count == heard + 1, "only the one that `settled` sent"


def test_of_a_table_that_changes_rows_the_update_tells_too(database: Database) -> None:
    with psycopg.connect(database.superuser_url) as connection:
        found = connection.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'tell_version_of_update'").fetchall()
    assert sorted(found) == [("provenance.quarantine",), ("reference.hazard_layer",)]


# Who gives it


def test_two_listeners_give_the_same_version_and_other_code_another(known: Versions, database: Database) -> None:
    with closing(Versions(database.api_url)) as second, closing(Versions(database.api_url, code_version="2")) as other:
        assert second.await_change(LAKESIDE, None, PATIENCE_S) == settled(known)
        assert other.await_change(LAKESIDE, None, PATIENCE_S) != settled(known)


def test_the_data_of_two_tenants_have_different_versions(known: Versions, database: Database) -> None:
    put(database, LAKESIDE)
    assert settled(known, LAKESIDE) != settled(known, HARBORVIEW)


def _in_a_child(inherited: Versions, answers: Any) -> None:
    answers.put((inherited.current(LAKESIDE), inherited.await_change(LAKESIDE, None, PATIENCE_S)))
    inherited.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_listens_for_itself_and_leaves_its_parent_s_listener_alone(known: Versions, database: Database) -> None:
    before = settled(known)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_in_a_child, args=(known, answers))
    child.start()
    at_once, then = answers.get(timeout=PATIENCE_S)
    child.join(PATIENCE_S)
    assert (at_once, then, child.exitcode) == (None, before, 0)
    assert known.connect_count == 1
    put(database, LAKESIDE)
    known.await_change(LAKESIDE, before, PATIENCE_S)


def test_identifiers_are_all_that_a_notice_carries(database: Database) -> None:
    with psycopg.connect(database.api_url, autocommit=True) as listening:
        listening.execute("LISTEN estate_version")
        put(database, LAKESIDE, "provenance.quarantine")
        # Whoever else listens in this database hears itself as well.
        heard = [notice.payload for notice in listening.notifies(timeout=PATIENCE_S, stop_after=1)]
        assert heard == [str(LAKESIDE)]
