"""Exports: a tenant's rows as a stream, in constant memory, that gives everything back however it ends."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from issuer import HARBORVIEW, LAKESIDE, NOWHERE
from psycopg import sql

from api.database import MAX_EXPORTS, MAX_TENANT_EXPORTS, Database, TooManyExports
from tests import servers

pytestmark = pytest.mark.servers

MANY = sql.Composed([sql.SQL("SELECT n, repeat('x', 100) AS filling FROM generate_series(1, %(n)s::int) AS n")])
IDS = sql.Composed([sql.SQL("SELECT property_id FROM normalize.property WHERE superseded_at = 'infinity' ORDER BY property_id")])


@pytest.fixture
def api(database: servers.Database) -> Iterator[Database]:
    """The API's database, with what `properties_of` wrote."""
    made = Database(database.api_url)
    yield made
    made.close()


@pytest.fixture
def own(properties_of: dict[UUID, list[UUID]]) -> dict[UUID, list[str]]:
    """The identifiers that each tenant must see, and no others."""
    return {tenant: sorted(map(str, ids)) for tenant, ids in properties_of.items()}


def is_idle(api: Database) -> bool:
    """Whether every connection is back and every export's place free."""
    stats = api._opened().get_stats()
    return stats["pool_available"] == stats["pool_size"] and api._exports.total() == 0


def test_an_export_is_its_tenant_s_rows_as_csv_with_a_header(api: Database, own: dict[UUID, list[str]]) -> None:
    for tenant in (LAKESIDE, HARBORVIEW):
        lines = b"".join(api.stream(tenant, IDS, {})).decode().splitlines()
        assert lines == ["property_id", *own[tenant]]


def test_an_export_of_json_is_one_object_a_line_whatever_it_holds(api: Database) -> None:
    hard = 'quote " backslash \\ newline \n tab \t comma , é \x01 \x02'
    asked = sql.Composed([sql.SQL("SELECT json_build_object('text', %(t)s::text, 'n', n) FROM generate_series(1, 3) AS n")])
    lines = b"".join(api.stream(LAKESIDE, asked, {"t": hard}, "ndjson")).splitlines()
    assert [json.loads(line) for line in lines] == [{"text": hard, "n": n} for n in (1, 2, 3)]


def test_an_export_comes_in_blocks_and_gives_its_connection_back(api: Database) -> None:
    blocks = list(api.stream(LAKESIDE, MANY, {"n": 20_000}))
    assert max(map(len, blocks)) < 70_000
    assert sum(block.count(b"\n") for block in blocks) == 20_001
    assert is_idle(api)


@pytest.mark.parametrize("how", ["close", "forgotten", "unread"])
def test_an_export_whose_reader_has_gone_gives_its_connection_back(api: Database, own: dict[UUID, list[str]], how: str) -> None:
    export = api.stream(LAKESIDE, MANY, {"n": 50_000_000})
    if how != "unread":
        next(export)
    if how == "forgotten":
        del export
        gc.collect()
    else:
        export.close()
        export.close()
    assert is_idle(api)
    assert b"".join(api.stream(HARBORVIEW, IDS, {})).count(b"\n") == 1 + len(own[HARBORVIEW])


def test_more_exports_than_are_allowed_at_once_are_refused_until_one_ends(api: Database, own: dict[UUID, list[str]]) -> None:
    api._timeout_s = 20
    running = [api.stream(UUID(int=number), MANY, {"n": 50_000_000}) for number in range(1, MAX_EXPORTS + 1)]
    with pytest.raises(TooManyExports):
        api.stream(LAKESIDE, IDS, {})
    api.ping()  # reads go on beside exports
    running.pop().close()
    assert b"".join(api.stream(LAKESIDE, IDS, {})).count(b"\n") == 1 + len(own[LAKESIDE])
    for export in running:
        export.close()


def test_one_tenant_s_exports_leave_places_to_the_others(api: Database, own: dict[UUID, list[str]]) -> None:
    api._timeout_s = 20
    running = [api.stream(LAKESIDE, MANY, {"n": 50_000_000}) for _ in range(MAX_TENANT_EXPORTS)]
    with pytest.raises(TooManyExports):
        api.stream(LAKESIDE, IDS, {})
    assert b"".join(api.stream(HARBORVIEW, IDS, {})).count(b"\n") == 1 + len(own[HARBORVIEW])
    for export in running:
        export.close()
    assert is_idle(api)


def test_an_export_that_is_read_too_slowly_ends_and_gives_its_connection_back(api: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.database.EXPORT_TIMEOUT_S", -1)
    export = api.stream(LAKESIDE, MANY, {"n": 50_000_000})
    with pytest.raises(psycopg.OperationalError, match="too long"):
        next(export)
    assert is_idle(api)


def test_an_export_that_fails_says_so_at_once_or_where_it_breaks_and_frees_its_place(api: Database) -> None:
    with pytest.raises(psycopg.errors.SyntaxError):
        api.stream(LAKESIDE, sql.Composed([sql.SQL("SELECT FROM WHERE")]), {})
    asked = sql.Composed([sql.SQL("SELECT 1 / (200000 - n) FROM generate_series(1, 300000) AS n")])
    with pytest.raises(psycopg.errors.DivisionByZero):
        list(api.stream(LAKESIDE, asked, {}))
    assert api._exports.total() == 0
    api.ping()


def test_no_place_is_lost_when_the_database_is_away() -> None:
    away = Database(NOWHERE, timeout_s=0.1)
    for _ in range(MAX_EXPORTS + 1):
        with pytest.raises(psycopg.OperationalError):
            away.stream(LAKESIDE, IDS, {})
    away.close()
