"""Exports: whole results as a stream, as text that nothing runs, given back when the reader goes."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import summaries
from flask.testing import FlaskClient
from issuer import LAKESIDE, bearer
from werkzeug.test import EnvironBuilder, run_wsgi_app

from api import exports
from api.database import MAX_TENANT_EXPORTS
from api.services import services
from tests.servers import Database

pytestmark = pytest.mark.servers
PATH = "/api/v1/properties/export"
MANY, ODD = uuid.UUID(int=81), uuid.UUID(int=82)
ROWS = 20_000
ODDITIES = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "'", 'say "hi", he said', "two\nlines", "two\r\nlines", "back\\slash \\N \\.", "",
    "Łódź 🏠", "1=1", "\\.",
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(database: Database) -> None:
    summaries.write(database.superuser_url, MANY, (summaries.row_at(number, 42.0, -93.6, apn=str(number)) for number in range(1, ROWS + 1)))
    odd = [
        summaries.row_at(number, -42.5, -93.6, situs_address=text, owner_name=text, estimated_value_usd=-1.5, is_in_sfha=True)
        for number, text in enumerate(ODDITIES, start=1)
    ]
    summaries.write(database.superuser_url, ODD, odd)


@pytest.fixture
def more_tenants() -> tuple[uuid.UUID, ...]:
    return MANY, ODD


@pytest.fixture
def get(client: FlaskClient, filled: None, make_token: Callable[..., str]) -> Callable[..., Any]:
    """GET the export as a tenant's analyst, or in another role."""

    def ask(tenant: uuid.UUID = LAKESIDE, *, role: str = "analyst", headers: dict[str, str] | None = None, **query: Any) -> Any:
        token = make_token(tenant, realm_access={"roles": [role]})
        return client.get(PATH, headers={**bearer(token), **(headers or {})}, query_string=query)

    return ask


def test_an_export_holds_what_the_pages_hold(get: Callable[..., Any], client: FlaskClient, make_token: Callable[..., str]) -> None:
    listed = client.get("/api/v1/properties?bedroom_count_max=2", headers=bearer(make_token())).json["properties"]  # type: ignore[index]
    lines = get(format="ndjson", bedroom_count_max="2")
    assert [json.loads(line) for line in lines.text.splitlines()] == [
        {name: value for name, value in row.items() if name != "links"} for row in listed
    ]
    table = get(bedroom_count_max="2")
    cells = list(csv.DictReader(io.StringIO(table.text, newline="")))
    assert [{name: text or None for name, text in row.items()} for row in cells] == [
        {name: None if value is None else written(value) for name, value in row.items() if name != "links"} for row in listed
    ]
    assert len(cells) == 1


def written(value: Any) -> str:
    """A JSON value as CSV writes it; whole floats without their point, money with its decimals."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.2f}" if isinstance(value, float) and value > 1000 else str(value)


def test_a_download_says_what_it_is(get: Callable[..., Any]) -> None:
    table, lines = get(), get(headers={"Accept": "application/x-ndjson"})
    assert table.content_type == "text/csv; charset=utf-8; header=present"
    assert lines.content_type == "application/x-ndjson"
    assert table.headers["Content-Disposition"] == 'attachment; filename="properties.csv"'
    assert lines.headers["Content-Disposition"] == 'attachment; filename="properties.ndjson"'
    assert {answer.headers["X-Accel-Buffering"] for answer in (table, lines)} == {"no"}
    assert get(headers={"Accept": "application/json"}).status_code == 406


def test_what_finds_nothing_is_a_header_and_an_empty_file(get: Callable[..., Any]) -> None:
    assert get(county_fips="53033", fields="apn").text == "property_id,apn\r\n"
    assert get(county_fips="53033", fields="apn", format="ndjson").text == ""


def test_rows_end_as_rfc_4180_says_and_line_feeds_in_cells_stay(get: Callable[..., Any]) -> None:
    text = get(ODD, fields="situs_address").data.decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == ["property_id", "situs_address"]
    assert [cell.removeprefix("'") for _, cell in rows[1:]] == [text.removeprefix("'") for text in ODDITIES]
    assert text.count("\r\n") == 1 + len(ODDITIES) + 1  # header, rows, and the one that a cell holds
    assert '"two\nlines"' in text


def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe_and_numbers_none(get: Callable[..., Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(get(ODD, include="owner").text, newline="")))
    for name in ("situs_address", "owner_name"):
        assert [row[name] for row in rows[:8]] == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\tx", "'\rx", "'", 'say "hi", he said']
        assert rows[13][name] == "1=1"
    assert {(row["estimated_value_usd"], row["latitude"], row["is_in_sfha"]) for row in rows} == {("-1.50", "-42.5", "true")}


def test_json_lines_hold_the_text_as_it_is(get: Callable[..., Any]) -> None:
    lines = [json.loads(line) for line in get(ODD, format="ndjson", fields="situs_address").data.decode().split("\n")[:-1]]
    assert [line["situs_address"] for line in lines] == ODDITIES


@pytest.mark.parametrize(
    ("block", "made"),
    [(b"a,b\n1,2\n", b"a,b\r\n1,2\r\n"), (b'"a\n""b"\n', b'"a\n""b"\r\n'), (b'x,"\n"\n"","y"\n', b'x,"\n"\r\n"","y"\r\n'), (b"", b"")],
)
def test_a_row_s_end_is_told_from_a_line_feed_in_quotes(block: bytes, made: bytes) -> None:
    assert exports.ended(block) == made


def test_an_export_is_for_analysts_and_its_owners_are_written_down(get: Callable[..., Any], database: Database) -> None:
    assert get(role="viewer").status_code == 403
    answer = get(include="owner", headers={"X-Request-ID": "exported"})
    assert f"owner of {LAKESIDE}" in answer.text
    assert (answer.headers["Cache-Control"], "ETag" in answer.headers) == ("private, no-store", False)
    assert "owner_name" not in get().text
    with psycopg.connect(database.superuser_url) as connection:
        written_down = connection.execute("SELECT what, route FROM platform.audit WHERE request_id = 'exported'").fetchall()
    assert written_down == [("owner", PATH)]


@pytest.mark.parametrize(
    "query", [{"limit": "5"}, {"sort": "year_built"}, {"cursor": "x"}, {"format": "geojson"}, {"fields": "links"}, {"near": "1,1"}]
)
def test_what_an_export_does_not_know_is_refused(get: Callable[..., Any], query: dict[str, str]) -> None:
    answer = get(**query)
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")


def test_a_distance_is_exported_when_there_is_a_point(get: Callable[..., Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(get(near="42.01,-93.61", radius_m="10").text)))
    assert [row["distance_m"] for row in rows] == ["0.0"]


def test_many_rows_come_whole_and_in_blocks(get: Callable[..., Any]) -> None:
    answer = get(MANY, fields="apn")
    assert answer.is_streamed
    blocks = list(answer.response)
    assert len(blocks) > 10
    assert max(map(len, blocks)) < 80_000
    rows = list(csv.reader(io.StringIO(b"".join(blocks).decode(), newline="")))[1:]
    assert [row[1] for row in rows] == [str(number) for number in range(1, ROWS + 1)]


def test_a_query_that_fails_is_a_problem_and_no_half_file(get: Callable[..., Any], database: Database) -> None:
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("REVOKE SELECT ON provenance.summary FROM estate_api")
        connection.commit()
        try:
            answer = get()
        finally:
            connection.execute("GRANT SELECT ON provenance.summary TO estate_api")
    assert answer.content_type == "application/problem+json"
    assert answer.status_code >= 500


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_reader_who_goes_away_frees_the_connection(
    client: FlaskClient, filled: None, make_token: Callable[..., str], encoding: str
) -> None:
    token = make_token(MANY, realm_access={"roles": ["analyst"]})
    pool = services(client.application).database
    for _ in range(3):
        environ = EnvironBuilder(PATH, headers={**bearer(token), "Accept-Encoding": encoding}).get_environ()
        blocks, status, _ = run_wsgi_app(client.application, environ)
        assert status == "200 OK"
        assert next(iter(blocks))
        assert pool._exports == {MANY: 1}
        blocks.close()  # type: ignore[attr-defined]
        assert pool._exports.total() == 0
    stats = pool._opened().get_stats()
    assert stats["pool_available"] == stats["pool_size"]


def test_too_many_exports_at_once_are_asked_to_wait(client: FlaskClient, filled: None, get: Callable[..., Any]) -> None:
    pool = services(client.application).database
    pool._exports[LAKESIDE] = MAX_TENANT_EXPORTS
    answer = get()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    pool._exports.clear()
