"""The database as the API sees it: who sees what, on which connection, and what happens when the server goes away."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
import pytest
from issuer import HARBORVIEW, LAKESIDE, NOWHERE
from psycopg import sql

from api import database as module
from api.database import Database, Reading
from api.wire import Statement, Wire, ask, statement
from tests import servers

pytestmark = pytest.mark.servers

OWN = sql.SQL("SELECT json_agg(property_id ORDER BY property_id)::text FROM normalize.property WHERE superseded_at = 'infinity'")
OWN_OF = sql.Composed([OWN, sql.SQL(" AND county_fips = %(county_fips)s")])
TENANT = sql.Composed([sql.SQL("SELECT current_setting('app.tenant_id', true)")])
PIDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'estate-api' AND datname = current_database()"


@pytest.fixture
def api(database: servers.Database) -> Iterator[Database]:
    """The API's database, with what `properties_of` wrote."""
    made = Database(database.api_url)
    yield made
    made.close()


@pytest.fixture
def single(api: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The same with one connection, so that the next reader gets the very one that was used."""
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 1)
    return api


@pytest.fixture
def own(properties_of: dict[UUID, list[UUID]]) -> dict[UUID, list[str]]:
    """The identifiers that each tenant must see, and no others."""
    return {tenant: sorted(map(str, ids)) for tenant, ids in properties_of.items()}


@pytest.fixture
def kill(database: servers.Database) -> Callable[[], int]:
    """End every connection of the API, as a restart does; says how many there were."""

    def end() -> int:
        with psycopg.connect(database.superuser_url, autocommit=True) as connection:
            return connection.execute(f"SELECT count(pg_terminate_backend(pid)) FROM ({PIDS}) AS of_api").fetchone()[0]  # type: ignore[index]

    return end


def seen(api: Database, tenant: UUID) -> list[str]:
    found = api.read_one(tenant, sql.Composed([OWN]), {})
    return json.loads(found or b"[]")


def in_threads(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# Who sees what


def test_one_query_sees_its_tenant_s_rows_and_no_others(api: Database, own: dict[UUID, list[str]]) -> None:
    assert seen(api, LAKESIDE) == own[LAKESIDE]
    assert seen(api, HARBORVIEW) == own[HARBORVIEW]
    assert seen(api, UUID(int=9)) == []


def test_the_tenant_ends_with_the_query_on_its_connection(single: Database, own: dict[UUID, list[str]]) -> None:
    for _ in range(3):  # the second and third time by prepared statements
        assert seen(single, LAKESIDE) == own[LAKESIDE]
        connection = single._opened().getconn()
        try:
            # Whoever uses the connection next without saying for whom sees nothing.
            assert connection.execute("SELECT current_setting('app.tenant_id', true)").fetchone() == {"current_setting": ""}
            assert connection.execute("SELECT count(*) FROM normalize.property").fetchone() == {"count": 0}
        finally:
            single._opened().putconn(connection)


def test_after_a_query_that_failed_the_tenant_is_gone_and_the_connection_serves_on(single: Database, own: dict[UUID, list[str]]) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        single.read_one(LAKESIDE, sql.Composed([sql.SQL("SELECT 1 / count(*) FROM pg_class WHERE false")]), {})
    with pytest.raises(psycopg.errors.SyntaxError):
        single.read_one(LAKESIDE, sql.Composed([sql.SQL("SELECT FROM WHERE")]), {})
    connection = single._opened().getconn()
    single._opened().putconn(connection)
    assert connection.execute("SELECT count(*) FROM normalize.property").fetchone() == {"count": 0}
    assert seen(single, HARBORVIEW) == own[HARBORVIEW]
    assert "connections_lost" not in single._opened().get_stats()


@pytest.mark.parametrize("how", ["value", "database", "commit", "rollback", "session"])
def test_nothing_that_happens_in_a_reading_carries_its_tenant_out(single: Database, own: dict[UUID, list[str]], how: str) -> None:
    def disturb(connection: Wire) -> None:
        if how == "value":
            raise ValueError
        if how == "session":
            connection.execute("SELECT set_config('app.tenant_id', %s, false)", (str(LAKESIDE),))
            raise ValueError
        connection.execute({"database": "SELECT 1 / 0", "commit": "COMMIT", "rollback": "ROLLBACK"}[how])

    def failing() -> None:
        with single.reading(LAKESIDE) as reading:
            assert reading.rows(sql.Composed([OWN]), {})
            disturb(reading._connection)

    if how in {"value", "database", "session"}:
        with pytest.raises((ValueError, psycopg.Error)):
            failing()
    else:
        with single.reading(LAKESIDE) as reading:
            disturb(reading._connection)
            assert reading.text(sql.Composed([OWN]), {}) is None, "a transaction that was ended early has no tenant"
    connection = single._opened().getconn()
    single._opened().putconn(connection)
    assert connection.execute("SELECT count(*) FROM normalize.property").fetchone() == {"count": 0}
    assert seen(single, HARBORVIEW) == own[HARBORVIEW]


def test_two_hundred_interleaved_readers_of_two_tenants_never_see_each_other(api: Database, own: dict[UUID, list[str]]) -> None:
    wrong: list[Any] = []
    patient = Database(api._url, timeout_s=30)

    def interrupted(tenant: UUID) -> list[str]:
        """What a reading that ends by an error had seen."""
        found: list[str] = []
        with suppress(ZeroDivisionError), patient.reading(tenant) as reading:
            found = json.loads(reading.text(sql.Composed([OWN]), {}) or b"[]")
            raise ZeroDivisionError
        return found

    def read(number: int) -> None:
        tenant = (LAKESIDE, HARBORVIEW)[number % 2]
        try:
            for turn in range(4):
                if (number + turn) % 3 == 0:
                    with patient.reading(tenant) as reading:
                        found = json.loads(reading.text(sql.Composed([OWN]), {}) or b"[]")
                elif (number + turn) % 3 == 1:
                    found = seen(patient, tenant)
                else:
                    found = interrupted(tenant)
                if found != own[tenant]:
                    wrong.append((tenant, found))
        except Exception as error:
            wrong.append(error)

    in_threads(200, read)
    patient.close()
    assert wrong == []


def test_every_query_of_a_reading_sees_the_same_moment(api: Database, database: servers.Database) -> None:
    count = sql.Composed([sql.SQL("SELECT count(*)::text FROM public.growing")])
    with psycopg.connect(database.superuser_url, autocommit=True) as writer:
        writer.execute("CREATE TABLE public.growing AS SELECT 1 AS one")
        writer.execute("GRANT SELECT ON public.growing TO estate_api")
        with api.reading(LAKESIDE) as reading:
            assert reading.text(count, {}) == b"1"
            writer.execute("INSERT INTO public.growing VALUES (2)")
            assert reading.text(count, {}) == b"1"
            assert reading.row(count, {}) == {"count": "1"}
        assert api.read_one(LAKESIDE, count, {}) == b"2"
        writer.execute("DROP TABLE public.growing")


def test_nothing_can_be_written(api: Database, own: dict[UUID, list[str]]) -> None:
    write = sql.Composed([sql.SQL("CREATE TEMP TABLE mine (one int)")])
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        api.read_one(LAKESIDE, write, {})
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), api.reading(LAKESIDE) as reading:
        reading.rows(write, {})


# What travels


def test_values_travel_as_parameters_of_any_type(api: Database) -> None:
    typed = "%(t)s::text, %(n)s::int, %(l)s::text[], %(z)s::text, %(t)s::text, %(u)s::uuid, %(b)s::bool, '%%'"
    asked = sql.SQL("SELECT json_build_array({})::text").format(sql.SQL(typed))
    given = {"t": "it's; DROP TABLE--\\ é", "n": 7, "l": ["a,b", '"', None], "z": None, "u": LAKESIDE, "b": True}
    found = api.read_one(LAKESIDE, asked, given)
    assert json.loads(found or b"") == [given["t"], 7, given["l"], None, given["t"], str(LAKESIDE), True, "%"]


def test_parameters_larger_than_the_socket_s_buffer_arrive_whole(api: Database) -> None:
    big = "x" * 20_000_000
    assert api.read_one(LAKESIDE, sql.Composed([sql.SQL("SELECT length(%(t)s::text)::text")]), {"t": big}) == b"20000000"


def test_a_placeholder_has_one_number_and_a_lone_percent_is_refused() -> None:
    assert statement("q", "a %(x)s %(y)s %(x)s 5 %%") == Statement(b"q", b"a $1 $2 $1 5 %", ("x", "y"))
    with pytest.raises(ValueError, match="%%"):
        statement("q", "LIKE '5%'")


def test_a_missing_parameter_is_told_and_costs_no_other_request(api: Database, own: dict[UUID, list[str]]) -> None:
    with pytest.raises(KeyError):
        api.read_one(LAKESIDE, OWN_OF, {})
    assert json.loads(api.read_one(LAKESIDE, OWN_OF, {"county_fips": "19169"}) or b"") == own[LAKESIDE]


def test_a_named_query_is_prepared_once_a_connection_and_a_composed_one_is_not_kept(single: Database, own: dict[UUID, list[str]]) -> None:
    asked = {"property_id": own[LAKESIDE][0], "as_of": None}
    for _ in range(3):
        assert single.read_one(LAKESIDE, "api_property", asked) == own[LAKESIDE][0].encode()
        seen(single, LAKESIDE)
    connection = single._opened().getconn()
    single._opened().putconn(connection)
    names = connection.execute("SELECT name FROM pg_prepared_statements ORDER BY name").fetchall()
    assert [row["name"] for row in names] == ["api_property", "tenant"]


def test_a_prepared_query_survives_a_migration_that_changes_what_it_reads(
    api: Database, database: servers.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = module.query
    monkeypatch.setattr(module, "query", lambda name: "SELECT * FROM public.changing" if name == "changing" else real(name))
    with psycopg.connect(database.superuser_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE public.changing AS SELECT 1 AS one")
        owner.execute("GRANT SELECT ON public.changing TO estate_api")
        assert api.read_one(LAKESIDE, "changing", {}) == b"1"
        owner.execute("ALTER TABLE public.changing ADD COLUMN two int")
        assert api.read_one(LAKESIDE, "changing", {}) == b"1"
        owner.execute("DROP TABLE public.changing")


# The server goes away


def test_connections_that_were_ended_while_idle_cost_no_request(api: Database, own: dict[UUID, list[str]], kill: Callable[[], int]) -> None:
    ready = threading.Barrier(6)

    def hold(_: int) -> None:
        with api.reading(LAKESIDE):
            ready.wait(20)

    in_threads(6, hold)
    assert kill() >= 6
    failed: list[Any] = []

    def read(_: int) -> None:
        try:
            assert seen(api, LAKESIDE) == own[LAKESIDE]
            with api.reading(HARBORVIEW) as reading:
                assert json.loads(reading.text(sql.Composed([OWN]), {}) or b"") == own[HARBORVIEW]
        except Exception as error:
            failed.append(error)

    patient = api._timeout_s
    api._timeout_s = 20  # a busy machine connects slowly
    in_threads(8, read)
    api._timeout_s = patient
    assert failed == []


def test_a_connection_that_breaks_before_it_has_answered_is_replaced_once(api: Database, own: dict[UUID, list[str]]) -> None:
    api._timeout_s = 20
    turns: list[int] = []

    def first(connection: Wire) -> int:
        turns.append(connection.info.backend_pid)
        if len(turns) == 1:
            with pytest.raises(psycopg.OperationalError):
                ask(connection, (statement("", "SELECT pg_terminate_backend(pg_backend_pid())"), {}), timeout_s=20)
            raise psycopg.OperationalError
        return 5

    connection, found = api._begun(first)
    api._given_back(connection)
    assert found == 5
    assert len(set(turns)) == 2
    with pytest.raises(psycopg.OperationalError):  # a second time it is the caller who decides
        api._begun(lambda taken: ask(taken, (statement("", "SELECT pg_terminate_backend(pg_backend_pid())"), {}), timeout_s=20))
    assert seen(api, LAKESIDE) == own[LAKESIDE]


def test_in_the_middle_of_a_reading_a_lost_connection_is_an_error_and_the_next_reading_works(
    api: Database, own: dict[UUID, list[str]], kill: Callable[[], int]
) -> None:
    api._timeout_s = 20

    def interrupted(ask_again: Callable[[Reading], object]) -> None:
        with api.reading(LAKESIDE) as reading:
            assert reading.rows(sql.Composed([OWN]), {})
            kill()
            ask_again(reading)

    for ask_again in (lambda reading: reading.rows(sql.Composed([OWN]), {}), lambda reading: reading.text(sql.Composed([OWN]), {})):
        with pytest.raises(psycopg.OperationalError):
            interrupted(ask_again)
    assert seen(api, LAKESIDE) == own[LAKESIDE]


def test_rows_that_were_read_count_though_the_connection_is_lost_at_the_end(api: Database, kill: Callable[[], int]) -> None:
    with api.reading(LAKESIDE) as reading:
        found = reading.rows(sql.Composed([OWN]), {})
        kill()
    assert found


def test_a_server_that_is_away_is_a_pool_timeout_after_the_time_that_was_given() -> None:
    away = Database(NOWHERE, timeout_s=0.2)
    for read in (
        lambda: away.read_one(LAKESIDE, sql.Composed([OWN]), {}),
        away.ping,
        lambda: away.stream(LAKESIDE, sql.Composed([OWN]), {}),
    ):
        with pytest.raises(psycopg.OperationalError):
            read()
    assert away._exports.total() == 0
    away.close()


def test_an_answer_that_does_not_come_is_not_waited_for(api: Database, own: dict[UUID, list[str]]) -> None:
    connection = api._opened().getconn()
    with pytest.raises(psycopg.OperationalError, match="in time"):
        ask(connection, (statement("", "SELECT pg_sleep(60)"), {}), timeout_s=0.2)
    assert connection.closed
    api._opened().putconn(connection)
    api._timeout_s = 20
    assert seen(api, LAKESIDE) == own[LAKESIDE]


def test_a_query_that_runs_too_long_is_ended_by_the_server_and_not_tried_again(api: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_OPTIONS", module._OPTIONS.replace("statement_timeout=5s", "statement_timeout=100ms"))
    hasty = Database(api._url)
    with pytest.raises(psycopg.errors.QueryCanceled):
        hasty.read_one(LAKESIDE, sql.Composed([sql.SQL("SELECT pg_sleep(20)::text")]), {})
    hasty.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_pool_belongs_to_the_process_that_opened_it(api: Database, own: dict[UUID, list[str]]) -> None:
    assert seen(api, LAKESIDE) == own[LAKESIDE]
    pool, told = api._opened(), os.pipe()
    child = os.fork()
    if child == 0:  # what happens here must not reach pytest
        try:
            api._timeout_s = 20
            is_own = api._opened() is not pool and seen(api, HARBORVIEW) == own[HARBORVIEW]
            os.write(told[1], b"own" if is_own else b"shared")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(told[0], 10) == b"own"
    assert seen(api, LAKESIDE) == own[LAKESIDE]
