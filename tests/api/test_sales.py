"""GET /sales: every sale the tenant knows of with what is found of it, newest first, page by page, of now or of any past moment."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import market_world
import psycopg
import pytest
import world
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, bearer

from api.sales import SalesPage
from estate.sql import query
from tests.servers import Database

pytestmark = pytest.mark.servers
FIRST_SALE, SECOND_SALE = (str(world.named(LAKESIDE, f"sale {number}")) for number in (1, 2))


@pytest.fixture
def get(client: FlaskClient, make_token: Callable[..., str]) -> Callable[..., Any]:
    def send(tenant: uuid.UUID = LAKESIDE, roles: list[str] | None = None, **asked: Any) -> Any:
        response = client.get("/api/v1/sales", query_string=asked, headers=bearer(make_token(tenant, roles=roles)))
        if response.status_code == 200:
            SalesPage.model_validate_json(response.data)
        return response

    return send


def ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.data
    return [sale["sale_id"] for sale in response.json["sales"]]


def test_a_sale_carries_its_finding_its_reasons_and_the_way_to_its_property(get: Callable[..., Any]) -> None:
    newest, older = get().json["sales"]
    assert (newest["sale_id"], newest["sale_price_usd"], newest["sale_date"]) == (SECOND_SALE, 250000.5, "2025-12-03")
    assert (newest["is_arms_length"], newest["exclusion_reasons"]) == (False, ["short_term_flip", "high_price"])
    assert newest["decided_by"] == "rules"
    assert (older["is_arms_length"], older["exclusion_reasons"], older["decided_by"]) == (True, [], None)
    home = f"/api/v1/properties/{world.named(LAKESIDE, '0002')}"
    assert newest["links"] == {"property": home, "provenance": f"{home}/provenance"}
    assert (newest["county_fips"], newest["situs_zip"]) == ("19169", "50010")


def test_money_has_two_decimals(get: Callable[..., Any]) -> None:
    assert '"sale_price_usd":250000.50,' in get().text


@pytest.mark.parametrize("role", ["viewer", "analyst", "admin"])
@pytest.mark.parametrize("moment", [{}, {"as_of": "2026-04-01T00:00:00Z"}])
def test_every_role_is_told_the_file_and_row_as_the_property_s_own_sales_and_values_tell_them(
    client: FlaskClient, make_token: Callable[..., str], get: Callable[..., Any], role: str, moment: dict[str, str]
) -> None:
    told = get(roles=[role], **moment).json["sales"][0]["source"]
    assert told == {
        "source_name": "roll", "file_name": "roll.csv", "snapshot_sha256": world.SHA256, "snapshot_id": 1, "row_number": 2,
        "vintage_date": "2026-01-01", "batch_id": "roll-1",
    }  # fmt: skip

    def below(number: str, name: str) -> Any:
        path = f"/api/v1/properties/{world.named(LAKESIDE, number)}/{name}"
        return client.get(path, headers=bearer(make_token(roles=[role])), query_string=moment).json

    assert below("0002", "sales")["sales"][0]["source"] == told
    assert [one["source"] for one in below("0001", "valuation")["comparables"] if one["sale_id"] == SECOND_SALE] == [told]


def test_a_past_moment_shows_the_sales_and_findings_of_then(get: Callable[..., Any]) -> None:
    then = get(as_of="2026-02-01T00:00:00Z").json["sales"]
    assert [(sale["sale_id"], sale["is_arms_length"], sale["exclusion_reasons"]) for sale in then] == [(SECOND_SALE, True, [])]
    assert ids(get(as_of="2026-01-01T00:00:00Z")) == []
    assert ids(get(as_of="2026-04-01T00:00:00Z")) == ids(get())


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"county_fips": "19169"}, [SECOND_SALE, FIRST_SALE]),
        ({"county_fips": "53033"}, []),
        ({"situs_zip": "50010"}, [SECOND_SALE, FIRST_SALE]),
        ({"situs_zip": "50011"}, []),
        ({"sale_date_min": "2025-11-02", "sale_date_max": "2025-11-02"}, [FIRST_SALE]),
        ({"sale_date_min": "2025-11-03"}, [SECOND_SALE]),
        ({"sale_date_max": "2025-12-02"}, [FIRST_SALE]),
        ({"sale_price_usd_min": "250000.5"}, [SECOND_SALE]),
        ({"sale_price_usd_max": "250000.49"}, [FIRST_SALE]),
        ({"is_arms_length": "true"}, [FIRST_SALE]),
        ({"is_arms_length": "false"}, [SECOND_SALE]),
        ({"decided_by": "rules"}, [SECOND_SALE]),
        ({"decided_by": "person"}, []),
        ({"property_id": str(world.named(LAKESIDE, "0001"))}, [FIRST_SALE]),
        ({"property_id": str(world.named(HARBORVIEW, "0001"))}, []),
    ],
)
def test_each_filter_keeps_what_it_says_now_and_then(get: Callable[..., Any], asked: dict[str, str], found: list[str]) -> None:
    assert ids(get(**asked)) == found
    assert ids(get(**asked, as_of="2026-04-01T00:00:00Z")) == found


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [
        ({"is_arms_length": "1"}, "is_arms_length"), ({"decided_by": "ada"}, "decided_by"), ({"sale_date_min": "2025"}, "sale_date_min"),
        ({"sale_date_min": "2025-02-30"}, "sale_date_min"), ({"sale_price_usd_min": "nan"}, "sale_price_usd_min"),
        ({"sale_price_usd_max": "-1"}, "sale_price_usd_max"),
        ({"sale_date_min": "2025-02-01", "sale_date_max": "2025-01-01"}, "sale_date_min"),
        ({"sale_price_usd_min": "2", "sale_price_usd_max": "1"}, "sale_price_usd_min"),
        ({"property_id": "1"}, "property_id"), ({"situs_zip": "5001"}, "situs_zip"), ({"owner": "x"}, "owner"), ({"limit": "501"}, "limit"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_refused_by_name(get: Callable[..., Any], asked: dict[str, str], parameter: str) -> None:
    response = get(**asked)
    assert (response.status_code, response.json["type"], response.json["parameter"]) == (400, "/problems/invalid-parameter", parameter)


def test_a_tenant_sees_no_sale_of_another_s(get: Callable[..., Any]) -> None:
    assert not set(ids(get())) & set(ids(get(tenant=HARBORVIEW)))


def test_a_cursor_serves_its_own_tenant_and_filters_only(get: Callable[..., Any]) -> None:
    cursor = get(limit=1).json["next_cursor"]
    assert ids(get(limit=1, cursor=cursor)) == [FIRST_SALE]
    for wrong in ({"tenant": HARBORVIEW}, {"situs_zip": "50010"}, {"as_of": "2026-04-01T00:00:00Z"}):
        assert get(cursor=cursor, **wrong).json["type"] == "/problems/invalid-cursor"


@pytest.fixture(scope="module")
def many(database: Database, properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> None:
    """Five hundred dated sales and three without a day, of Harborview."""
    market_world.write(database.pipeline_url, HARBORVIEW)
    first = market_world.SALES.iloc[0].to_dict()
    with psycopg.connect(database.pipeline_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(HARBORVIEW),))
        version = market_world.publication(connection, HARBORVIEW, "normalize.sale", number=2)
        for number in range(3):
            row = market_world.sale_row(HARBORVIEW, first | {"sale_id": f"undated {number}"})
            world.put(connection, "normalize.sale", **{**row, "sale_date": None, **version})


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("moment", [{}, {"as_of": "2026-04-01T00:00:00Z"}])
def test_pages_hold_every_sale_once_the_newest_first_and_those_without_a_day_last(get: Callable[..., Any], moment: dict[str, str]) -> None:
    seen: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = get(tenant=HARBORVIEW, limit=101, **cursor, **moment)
        seen += page.json["sales"]
        if page.json["next_cursor"] is None:
            break
        assert f"cursor={page.json['next_cursor']}" in page.headers["Link"]
        cursor = {"cursor": page.json["next_cursor"]}
    assert len(seen) == len({sale["sale_id"] for sale in seen}) == 2 + len(market_world.SALES) + 3
    order = [(-date.fromisoformat(sale["sale_date"]).toordinal() if sale["sale_date"] else 0, sale["sale_id"]) for sale in seen]
    assert order == sorted(order, key=lambda key: (key[0] == 0, key))
    assert [sale["sale_date"] for sale in seen[-3:]] == [None] * 3


@pytest.mark.usefixtures("many")
def test_a_page_may_begin_or_end_among_the_sales_without_a_day(get: Callable[..., Any]) -> None:
    undated = ids(get(tenant=HARBORVIEW, limit=500, cursor=get(tenant=HARBORVIEW, limit=500).json["next_cursor"]))[-3:]
    cursor = get(tenant=HARBORVIEW, limit=500).json["next_cursor"]
    last = get(tenant=HARBORVIEW, limit=3, cursor=cursor)
    rest = get(tenant=HARBORVIEW, limit=3, cursor=last.json["next_cursor"])
    assert ids(last)[-1:] + ids(rest) == undated
    assert rest.json["next_cursor"] is None


@pytest.mark.usefixtures("many")
def test_a_page_in_the_middle_is_found_by_the_index_under_row_level_security(database: Database) -> None:
    names = (
        "property_id",
        "county_fips",
        "situs_zip",
        "sale_date_min",
        "sale_date_max",
        "sale_price_usd_min",
        "sale_price_usd_max",
        "is_arms_length",
        "decided_by",
    )
    middle = market_world.DAY - timedelta(days=300)
    asked = {**dict.fromkeys(names), "page_size": 100, "after_date": middle, "after_id": uuid.UUID(int=0)}
    with psycopg.connect(database.api_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(HARBORVIEW),))
        connection.execute("SET LOCAL enable_seqscan = off")
        connection.execute("SET LOCAL enable_sort = off")
        plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {query('api_sale_page')}", asked).fetchall())
    dated = plan[plan.index("sale_sale_date_sale_id_idx") :]
    condition = dated[dated.index("Index Cond") :].splitlines()[0]
    assert "tenant_id" in condition
    assert f"sale_date <= '{middle}'" in condition
