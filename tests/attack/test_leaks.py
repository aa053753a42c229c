"""Whatever is asked in whatever way: nothing of the other tenant in the answer, and nothing that changes with the other's rows."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from issuer import HARBORVIEW, LAKESIDE
from psycopg import sql

from estate.contracts import CONTRACTS
from tests.attack.ground import CANARY, FOREIGN_PRICE, TENANT_TABLES, Ground, a_key, basic, table
from tests.attack.report import Attack, Held, attacks, one, seen
from tests.attack.routes import NEEDED, UNGUARDED, Probe, operations, own, probes

pytestmark = pytest.mark.servers


def answer_of(ground: Ground, probe: Probe, headers: dict[str, str], tenant_id: uuid.UUID) -> Any:
    operation = probe.operation
    more: dict[str, Any] = {"json": operation.body()} if operation.has_body else {}
    return ground.ask(operation.path(own(ground, tenant_id)), headers, operation.method, probe.query, **more)


KINDS = {
    "bare": "every route with its own identifiers",
    "filter": "every filter of every route, alone and together with the others",
    "sort": "every sort",
    "fields": "every selection of fields",
    "as_of": "every route as of moments at which the other tenant had other rows",
    "format": "every format, exports included",
    "include": "every include, owners included",
    "has_total": "counts of all that was found",
}


@attacks(
    "P1",
    *(
        Attack(f"p1-leak-{name.replace('_', '-')}", f"{said}: the marks of the other tenant", "none in body or headers", name)
        for name, said in KINDS.items()
    ),
)
def test_no_answer_holds_anything_of_the_other_tenant(ground: Ground, attack: Attack, held: Held) -> None:
    statuses, is_seen = set(), 0
    for tenant_id in (LAKESIDE, HARBORVIEW):
        headers = ground.who(tenant_id)
        for probe in probes(ground.app):
            if probe.kind != attack.payload:
                continue
            answer = answer_of(ground, probe, headers, tenant_id)
            told = answer.text + str(answer.headers)
            assert answer.status_code < 500, probe
            assert ground.foreign_to(tenant_id, told) == set(), probe
            statuses.add(answer.status_code)
            is_seen += CANARY[tenant_id] in told
            if tenant_id == HARBORVIEW:
                assert FOREIGN_PRICE not in told, probe
    assert is_seen, "the own marks are seen, so the other's would be"
    held(f"{seen(statuses)}, nothing of the other")


def foreign_values(ground: Ground) -> dict[str, list[str]]:
    """By name of a text parameter: what only Lakeside's rows hold."""
    mine = own(ground)
    place = {"near": ["42.01,-93.61"], "bbox": ["-93.7,41.9,-93.5,42.1"], "within": ["-93.7,41.9;-93.5,41.9;-93.5,42.1;-93.7,42.1"]}
    return {
        **place, "property_id": [mine["property_id"]], "batch_id": [mine["batch_id"]], "q": [CANARY[LAKESIDE]], "owner": [CANARY[LAKESIDE]],
        "situs_zip": [mine["market_area"]], "table_name": ["normalize.property"], "source_name": ["county_roll"], "address": ["1 PINE ST"],
        "situs_city": [CANARY[LAKESIDE]], "assessed_value_usd_min": [FOREIGN_PRICE], "expectation": ["expect_column_values_to_be_between"],
    }  # fmt: skip


@one("P1", "p1-foreign-value", "every text filter with a value that only the other tenant's rows hold", "as for a value that nobody's hold")
def test_a_filter_does_not_find_the_other_tenant_s_values(ground: Ground, attack: Attack, held: Held) -> None:
    headers, statuses = ground.who(HARBORVIEW), set()
    found = foreign_values(ground)
    for operation in operations(ground.app):
        for parameter in operation.queries:
            for value in found.get(parameter["name"], []):
                beside = {"radius_m": 2000} if parameter["name"] == "near" else {}
                probe = Probe(operation, "foreign", {**NEEDED.get(operation.endpoint, {}), **beside, parameter["name"]: value})
                answer = answer_of(ground, probe, headers, HARBORVIEW)
                told = answer.text.replace(value, "") if answer.status_code == 400 else answer.text
                statuses.add(answer.status_code)
                assert answer.status_code < 500, probe
                assert ground.foreign_to(HARBORVIEW, told) == set(), probe
    held(f"{seen(statuses)}, nothing of the other")


@one("P1", "p1-leak-pages", "every list read page by page, one row a page, to its end", "own rows only, each once")
def test_paging_to_the_end_meets_no_row_of_the_other(ground: Ground, attack: Attack, held: Held) -> None:
    headers, met = ground.who(HARBORVIEW), 0
    for operation in operations(ground.app):
        names = {parameter["name"] for parameter in operation.queries}
        if not {"cursor", "limit"} <= names:
            continue
        cursor: dict[str, str] = {}
        pages: list[str] = []
        # The county's five hundred are met in steps that end; every other list is read one row at a time.
        size = 90 if operation.endpoint in {"properties.page", "sales.page", "property_sales.page"} else 1
        while len(pages) < 40:
            answer = answer_of(ground, Probe(operation, "page", {"limit": size, **cursor}), headers, HARBORVIEW)
            assert answer.status_code == 200, operation.endpoint
            assert ground.foreign_to(HARBORVIEW, answer.text + str(answer.headers)) == set()
            pages.append(answer.text)
            following = answer.json.get("next_cursor")
            if not following:
                break
            cursor = {"cursor": following}
        assert len(set(pages)) == len(pages), operation.endpoint
        met += len(pages)
    assert met > 20
    held("200, own rows only")


@one("P1", "p1-total-count", "`has_total=true` in every search: the number of all tenants' rows", "the own rows are counted, and no others")
def test_a_count_counts_own_rows_only(ground: Ground, attack: Attack, held: Held) -> None:
    for tenant_id in (LAKESIDE, HARBORVIEW):
        ((mine,),) = ground.rows("SELECT count(*) FROM provenance.summary WHERE tenant_id = %s AND superseded_at = 'infinity'", tenant_id)
        answer = ground.ask("/api/v1/properties", ground.who(tenant_id), query={"has_total": "true", "limit": 1})
        assert answer.json["total_count"] == mine
    held("own rows only")


# Data Docs


@attacks(
    "P1",
    Attack("p1-docs-foreign", "the other tenant's Data Docs with the own user and password", "401 as for a tenant that is not", "foreign"),
    Attack("p1-docs-foreign-key", "the other tenant's page by its object key below the own folder", "404", "key"),
    Attack("p1-docs-bearer", "a sound token or API key on Data Docs", "401", "bearer"),
    Attack("p1-docs-outside", "a file of the own tenant that lies outside the folder of Data Docs", "404", "outside"),
    Attack("p1-docs-user-case", "the user's name in capitals, with blanks, with NUL, with a slash", "401", "case"),
)
def test_data_docs_are_the_tenant_s_own(ground: Ground, attack: Attack, held: Held) -> None:
    me = basic("harborview")
    asked: dict[str, list[tuple[str, dict[str, str]]]] = {
        "foreign": [(f"/data-docs/{slug}{path}", me) for slug in ("lakeside", "nobody") for path in ("/", "/validations/run.html")],
        "key": [(f"/data-docs/harborview/{up}{LAKESIDE}/data-docs/validations/run.html", me) for up in ("", "../../", "..%2f..%2f")],
        "bearer": [("/data-docs/lakeside/", ground.who()), ("/data-docs/lakeside/", {"Authorization": f"Bearer {a_key(ground)}"})],
        "outside": [(f"/data-docs/harborview/{path}", me) for path in ("../secret.html", "%2e%2e/secret.html", "..%252fsecret.html")],
        "case": [
            ("/data-docs/harborview/", basic(user, "harbor secret"))
            for user in ("Harborview", " harborview", "harborview\0", "harborview/")
        ],
    }
    statuses, told = set(), set()
    for path, headers in asked[attack.payload]:
        answer = ground.ask(path, headers)
        statuses.add(answer.status_code)
        assert answer.status_code in {401, 404}, path
        assert CANARY[LAKESIDE] not in answer.text
        assert "zq" not in answer.text
        told.add((answer.status_code, answer.json["detail"]))
    assert len(told) == 1
    assert CANARY[HARBORVIEW] in ground.ask("/data-docs/harborview/validations/run.html", me).text
    held(seen(statuses))


@one(
    "P1",
    "p1-open-routes",
    "every route that needs no token, before and after both tenants were served",
    "200 without a mark of either tenant",
)
def test_what_is_open_tells_of_no_tenant(ground: Ground, attack: Attack, held: Held) -> None:
    for probe in probes(ground.app):
        if probe.kind == "bare":
            answer_of(ground, probe, ground.who(), LAKESIDE)
    for endpoint, path in UNGUARDED.items():
        answer = ground.ask(path, {})
        if endpoint.startswith("data_docs"):
            assert answer.status_code == 401
            continue
        told = answer.text + str(answer.headers)
        assert answer.status_code == 200 or endpoint == "health.ready"
        for tenant_id in (LAKESIDE, HARBORVIEW):
            assert ground.foreign_to(tenant_id, told) == set(), endpoint
        held("200, no mark")


# Non-interference


def everything(ground: Ground) -> Iterator[tuple[str, int, str]]:
    """All that Harborview can see, as it is answered."""
    headers = {**ground.who(HARBORVIEW), "X-Request-ID": "attack"}
    for probe in probes(ground.app):
        if probe.operation.endpoint not in {"audit.page", "me.whoami"}:  # they tell of this very asking
            answer = answer_of(ground, probe, headers, HARBORVIEW)
            # A sum of doubles depends in its last digits on the order of its rows, which the planner chooses.
            yield f"{probe.operation.endpoint} {probe.query}", answer.status_code, _DECIMAL.sub(_rounded, answer.text)


_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]+")


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.9f}"


def changed(connection: psycopg.Connection[Any], how: str, name: str) -> None:
    """Lakeside's rows of a table gone, or its numbers and texts others."""
    if how == "gone":
        connection.execute(sql.SQL("DELETE FROM {} WHERE tenant_id = %s").format(table(name)), (LAKESIDE,))
        return
    numbers = [
        column.name for column in CONTRACTS[name].columns
        if (column.sql_type.startswith("numeric") or column.sql_type == "double precision")
        and column.name not in {"latitude", "longitude"} and column.name not in CONTRACTS[name].key
    ]  # fmt: skip
    if numbers:
        tens = sql.SQL(", ").join(sql.SQL("{0} = {0} * 0.5").format(sql.Identifier(column)) for column in numbers)
        connection.execute(sql.SQL("UPDATE {} SET {} WHERE tenant_id = %s").format(table(name), tens), (LAKESIDE,))


@attacks(
    "P1",
    Attack(
        "p1-interference-gone",
        "all rows of the other tenant are taken away, and every answer compared with the one before",
        "not a value differs",
        "gone",
    ),
    Attack(
        "p1-interference-changed",
        "every number of the other tenant is halved, and every answer compared with the one before",
        "not a value differs",
        "changed",
    ),
)
def test_no_answer_depends_on_the_other_tenant_s_rows(ground: Ground, attack: Attack, held: Held) -> None:
    before = list(everything(ground))
    kept = {name: f"kept_{place}" for place, name in enumerate(TENANT_TABLES) if name not in {"platform.audit", "platform.api_key"}}
    with psycopg.connect(ground.database.superuser_url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        for name, place in kept.items():
            copy = "CREATE TABLE public.{} AS SELECT * FROM {} WHERE tenant_id = %s"
            connection.execute(sql.SQL(copy).format(sql.Identifier(place), table(name)), (LAKESIDE,))
            changed(connection, attack.payload, name)
    ground.store.flushdb()
    try:
        after = list(everything(ground))
    finally:
        with psycopg.connect(ground.database.superuser_url) as connection:
            connection.execute("SET LOCAL session_replication_role = replica")
            for name, place in kept.items():
                connection.execute(sql.SQL("DELETE FROM {} WHERE tenant_id = %s").format(table(name)), (LAKESIDE,))
                connection.execute(sql.SQL("INSERT INTO {} SELECT * FROM public.{}").format(table(name), sql.Identifier(place)))
                connection.execute(sql.SQL("DROP TABLE public.{}").format(sql.Identifier(place)))
    assert [one for one, two in zip(before, after, strict=True) if one != two] == []
    held("not a value differs")
