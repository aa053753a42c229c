"""When a data version is unknown, and that none is claimed that could be old."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
import world
from issuer import HARBORVIEW, LAKESIDE, NOWHERE
from moving import PATIENCE_S, a_publication, put, settled, until, writing
from psycopg import sql

from api import versions as module
from api.versions import Versions
from estate.sql import query
from tests.servers import Database

pytestmark = pytest.mark.servers


@pytest.fixture
def known(database: Database) -> Iterator[Versions]:
    """Versions of the module's database, with both tenants' read."""
    with closing(Versions(database.api_url)) as made:
        for tenant_id in (LAKESIDE, HARBORVIEW):
            made.await_change(tenant_id, None, PATIENCE_S)
        yield made


TERMINATE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND application_name LIKE %s
"""


def test_without_a_database_there_is_no_version_and_no_error() -> None:
    with closing(Versions(NOWHERE)) as nowhere:
        assert nowhere.current(LAKESIDE) is None
        assert nowhere.is_listening is False
        with pytest.raises(TimeoutError):
            nowhere.await_change(LAKESIDE, None, 0.05)


def test_after_close_there_is_no_version_and_no_thread(database: Database) -> None:
    others = listening()
    known = Versions(database.api_url)
    known.await_change(LAKESIDE, None, PATIENCE_S)
    (own,) = listening() - others
    known.close()
    assert known.current(LAKESIDE) is None
    assert not own.is_alive()


def listening() -> set[threading.Thread]:
    """The listeners of this process; the applications of other tests may have some."""
    return {thread for thread in threading.enumerate() if thread.name == "versions"}


def test_a_listener_that_is_thrown_out_comes_back_and_knows_what_it_missed(known: Versions, database: Database) -> None:
    before = settled(known)
    alter = sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}")
    name = sql.Identifier(database.name)
    with (
        psycopg.connect(database.superuser_url.replace(f"/{database.name}", "/postgres"), autocommit=True) as admin,
        writing(database, LAKESIDE) as writer,
    ):
        # The listener cannot be back before the row is there: nobody is let in until then.
        admin.execute(alter.format(name, 0))
        try:
            assert admin.execute(TERMINATE, (database.name, "estate-api-%")).fetchall() == [(True,), (True,)]
            world.put(writer, "provenance.publication", **a_publication(LAKESIDE))
            writer.commit()
            until(lambda: not known.is_listening)
            assert known.current(LAKESIDE) is None, "claimed from memory while nobody listens"
        finally:
            admin.execute(alter.format(name, -1))
    assert known.await_change(LAKESIDE, None, PATIENCE_S) != before
    assert known.connect_count == 2


def test_a_reading_connection_that_was_lost_is_replaced_unseen(known: Versions, database: Database) -> None:
    before = settled(known)
    with psycopg.connect(database.superuser_url, autocommit=True) as admin:
        assert admin.execute(TERMINATE, (database.name, "estate-api-versions")).fetchall() == [(True,)]
    put(database, LAKESIDE)
    assert known.await_change(LAKESIDE, before, PATIENCE_S) != before
    assert known.connect_count == 1


def test_a_listener_that_does_not_hear_itself_is_not_believed(known: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
    assert known.current(LAKESIDE) is not None
    monkeypatch.setattr(module, "ALIVE_S", -1.0)
    assert known.current(LAKESIDE) is None
    assert known.is_listening is False
    monkeypatch.undo()
    # It was never disconnected, so it missed nothing.
    assert known.current(LAKESIDE) is not None


@pytest.mark.parametrize(
    "deaf",
    [
        {"version_listen": "SELECT 'nobody listens'"},
        # As behind a pooler that gives each statement another connection: all succeeds, and nothing is heard.
        {"version_heartbeat": "SELECT pg_notify('elsewhere', %(payload)s)"},
    ],
    ids=["before LISTEN", "unheard"],
)
def test_no_version_is_read_before_the_listener_has_heard_itself(
    database: Database, monkeypatch: pytest.MonkeyPatch, deaf: dict[str, str]
) -> None:
    asked: list[str] = []
    swapped = dict(deaf)

    def replaced(name: str) -> str:
        asked.append(name)
        return swapped.get(name) or query(name)

    monkeypatch.setattr(module, "query", replaced)
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.02)
    with closing(Versions(database.api_url)) as listening:
        assert listening.current(LAKESIDE) is None
        until(lambda: asked.count("version_heartbeat") > 3)
        assert listening.current(LAKESIDE) is None
        assert "version_state" not in asked
        swapped.clear()
        with psycopg.connect(database.superuser_url, autocommit=True) as admin:
            admin.execute(TERMINATE, (database.name, "estate-api-listener"))
        assert listening.await_change(LAKESIDE, None, PATIENCE_S)
    assert asked.index("version_listen") < asked.index("version_heartbeat") < asked.index("version_state")


def test_a_version_that_was_overtaken_while_it_was_read_is_not_kept(known: Versions, database: Database) -> None:
    put(database, LAKESIDE)
    settled(known)
    listener = known._listener
    assert listener is not None
    read, told = listener._state, listener.notice_count

    def slow(tenant_id: uuid.UUID) -> str:
        state = read(tenant_id)
        listener._state = read  # type: ignore[method-assign]
        put(database, LAKESIDE)  # committed after the snapshot of the reading, and heard before it returns
        until(lambda: listener.notice_count >= told + 2)
        return state

    listener._state = slow  # type: ignore[method-assign]
    put(database, LAKESIDE)
    until(lambda: listener.notice_count >= told + 1)
    overtaken = known.current(LAKESIDE)
    assert overtaken is not None
    assert known.current(LAKESIDE) not in {None, overtaken}


def test_one_tenant_s_version_is_read_once_for_all_who_ask(known: Versions, database: Database) -> None:
    settled(known)
    listener = known._listener
    assert listener is not None
    reads: list[uuid.UUID] = []
    read = listener._state

    def counted(tenant_id: uuid.UUID) -> str:
        reads.append(tenant_id)
        return read(tenant_id)

    listener._state = counted  # type: ignore[method-assign]
    asked = uuid.uuid4()
    threads = [threading.Thread(target=known.current, args=(asked,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reads == [asked]
    assert known.current(asked) is not None


def test_a_failed_reading_gives_no_version_and_is_not_repeated_at_once(known: Versions, database: Database) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("REVOKE SELECT ON score.drift FROM estate_api")
        try:
            asked = uuid.uuid4()
            assert known.current(asked) is None
            owner.execute("GRANT SELECT ON score.drift TO estate_api")
            assert known.current(asked) is None
        finally:
            owner.execute("GRANT SELECT ON score.drift TO estate_api")
    assert known.await_change(asked, None, PATIENCE_S)


def test_the_times_are_in_the_order_that_the_promises_need() -> None:
    """Several heartbeats fit into the time for which one is believed."""
    assert timedelta(seconds=module.HEARTBEAT_S) * 3 < timedelta(seconds=module.ALIVE_S)
