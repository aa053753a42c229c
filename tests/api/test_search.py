"""The list of properties: pages, sorts, fields, formats, the past, other tenants, and who may read owners."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import world
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, NEWCOMER, bearer

from api import filters
from api.search import SearchAnswer
from api.search_statements import FIELDS
from tests.servers import Database

pytestmark = pytest.mark.servers
PATH = "/api/v1/properties"


@pytest.fixture
def get(client: FlaskClient, make_token: Callable[..., str]) -> Callable[..., Any]:
    """GET the list as a tenant, in a role."""

    def ask(tenant: uuid.UUID = LAKESIDE, *, role: str = "viewer", headers: dict[str, str] | None = None, **query: Any) -> Any:
        token = make_token(tenant, realm_access={"roles": [role]})
        return client.get(PATH, headers={**bearer(token), **(headers or {})}, query_string=query)

    return ask


@pytest.fixture
def mine(properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> list[uuid.UUID]:
    return properties_of[LAKESIDE]


def without_identity(answer: Any) -> dict[str, Any]:
    """The body less what names this very request."""
    return {name: value for name, value in answer.json.items() if name not in {"instance", "request_id"}}


# Rows


def test_a_row_shows_every_column_but_the_index_and_the_owner(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    answer = get()
    rows = {row["property_id"]: row for row in SearchAnswer.model_validate_json(answer.data).model_dump(mode="json")["properties"]}
    assert {"Accept", "Authorization"} <= set(answer.headers["Vary"].split(", "))
    listed = answer.json["properties"]
    assert [set(row) for row in listed] == [set(FIELDS) - {"distance_m"}] * 3
    one = rows[str(mine[0])]
    assert (one["situs_city"], one["bedroom_count"], one["risk_class"], one["flood_zone"]) == ("Ames", 2, "undetermined", "AE")
    assert (one["last_sale_date"], one["published_at"]) == ("2025-11-02", "2026-03-10T00:00:00Z")
    assert one["links"] == {"self": f"{PATH}/{mine[0]}"}
    assert "owner" not in answer.text


def test_money_has_two_decimals_and_a_version_its_moment(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    rows = {row["property_id"]: row for row in json.loads(get().data, parse_float=Decimal)["properties"]}
    one = rows[str(mine[0])]
    assert (str(one["estimated_value_usd"]), str(one["assessed_value_usd"])) == ("1234567.50", "199999.50")
    assert {row["published_at"] for row in rows.values()} == {"2026-01-10T00:00:00Z", "2026-03-10T00:00:00Z"}


def test_only_the_fields_asked_for_are_shown_and_the_key_always(get: Callable[..., Any]) -> None:
    answer = get(fields="year_built,links,situs_city")
    assert [list(row) for row in answer.json["properties"]] == [["property_id", "situs_city", "year_built", "links"]] * 3
    assert SearchAnswer.model_validate_json(answer.data)
    assert [list(row) for row in get(fields="property_id").json["properties"]] == [["property_id"]] * 3


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("year", "'year' is none of property_id, county_fips,"), ("year_built,", "'' is none of"), ("cell", "is none of"),
        ("tenant_id", "is none of"), ("owner_name", "include=owner"), ("distance_m", "measured from near"), ("year_built, apn", "' apn'"),
        ('x";--', "is none of"),
    ],
)  # fmt: skip
def test_a_field_that_is_none_is_refused_with_those_there_are(get: Callable[..., Any], fields: str, said: str) -> None:
    answer = get(fields=fields)
    assert (answer.status_code, answer.json["parameter"]) == (400, "fields")
    assert said in answer.json["detail"]


def test_all_are_counted_only_when_asked(get: Callable[..., Any]) -> None:
    assert "total_count" not in get().json
    assert "total_count" not in get(has_total="false").json
    answer = get(has_total="true", limit=1, has_value="true")
    assert (answer.json["total_count"], len(answer.json["properties"])) == (2, 1)
    assert get(has_total="true", limit=1, has_value="true", cursor=answer.json["next_cursor"]).json["total_count"] == 2
    assert SearchAnswer.model_validate_json(answer.data).total_count == 2
    assert get(has_total="true", county_fips="53033").json == {"properties": [], "as_of": None, "total_count": 0, "next_cursor": None}


# The document


def test_what_the_document_gives_as_examples_finds_something_together(get: Callable[..., Any], client: FlaskClient) -> None:
    operation = client.get("/openapi.json").json["paths"][PATH]["get"]  # type: ignore[index]
    examples = {parameter["name"]: parameter["example"] for parameter in operation["parameters"] if "example" in parameter}
    assert {"near", "radius_m", "bbox", "within", "q", "sort", "fields", "has_total"} <= set(examples)
    answer = get(**examples)
    assert answer.status_code == 200, answer.json
    assert SearchAnswer.model_validate_json(answer.data)
    assert all(parameter["description"] for parameter in operation["parameters"])
    assert set(operation["responses"]["200"]["content"]) == {"application/json", "application/geo+json"}


# Formats


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/json"), ("*/*", "application/json"), ("application/json", "application/json"),
        ("application/geo+json", "application/geo+json"), ("application/*", "application/json"),
        ("application/json;q=0.1, application/geo+json", "application/geo+json"), ("text/html, */*;q=0.1", "application/json"),
    ],
)  # fmt: skip
def test_the_form_is_what_the_caller_accepts(get: Callable[..., Any], accept: str | None, content_type: str) -> None:
    answer = get(headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.content_type) == (200, content_type)
    assert get(headers={"Accept": accept} if accept else {}, format="geojson").content_type == "application/geo+json"


@pytest.mark.parametrize("accept", ["text/html", "application/xml;q=0.9", "image/*"])
def test_a_form_that_there_is_not_is_refused_with_those_there_are(get: Callable[..., Any], accept: str) -> None:
    answer = get(headers={"Accept": accept})
    assert (answer.status_code, answer.content_type) == (406, "application/problem+json")
    assert "application/json or application/geo+json" in answer.json["detail"]


def test_geojson_is_a_collection_of_points(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    answer = get(format="geojson", fields="year_built", limit=2)
    assert answer.json["type"] == "FeatureCollection"
    assert answer.json["next_cursor"]
    assert [feature["id"] for feature in answer.json["features"]] == sorted(map(str, mine))[:2]
    rest = get(format="geojson", fields="year_built", limit=2, cursor=answer.json["next_cursor"]).json["features"]
    (one,) = (feature for feature in [*answer.json["features"], *rest] if feature["id"] == str(mine[0]))
    assert one == {
        "type": "Feature", "id": str(mine[0]), "geometry": {"type": "Point", "coordinates": [-93.61, 42.01]},
        "properties": {"property_id": str(mine[0]), "year_built": 1950},
    }  # fmt: skip


# Sorts


def test_the_greatest_come_first_and_the_unknown_last(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    rows = get(sort="-last_sale_date").json["properties"]
    assert [row["last_sale_date"] for row in rows] == ["2025-11-02", None, None]
    rows = get(sort="year_built").json["properties"]
    assert [row["year_built"] for row in rows] == [1950, 1961, None]


def test_by_distance_needs_a_point(get: Callable[..., Any]) -> None:
    assert "near" in get(sort="distance_m").json["detail"]
    near = {"near": "42.03,-93.63", "radius_m": "100000"}
    assert [row["distance_m"] for row in get(sort="distance_m", **near).json["properties"]] == pytest.approx([0, 1385.2, 2770.4], abs=0.1)


@pytest.mark.parametrize("sort", ["owner_name", "", "--year_built", "year_built desc", "apn"])
def test_another_order_is_refused(get: Callable[..., Any], sort: str) -> None:
    answer = get(sort=sort)
    assert (answer.status_code, answer.json["parameter"]) == (400, "sort")


def test_a_range_that_holds_nothing_is_refused_by_both_its_names(get: Callable[..., Any]) -> None:
    answer = get(living_area_sqft_min="2000", living_area_sqft_max="1000")
    assert (answer.status_code, answer.json["parameter"]) == (400, "living_area_sqft_min")
    assert "living_area_sqft_max" in answer.json["detail"]


# Owners


def test_owners_are_for_analysts(get: Callable[..., Any]) -> None:
    for asked in ({"include": "owner"}, {"owner": "owner"}):
        refused = get(**asked)
        assert (refused.status_code, refused.json["type"]) == (403, "/problems/forbidden")
        assert get(role="analyst", **asked).status_code == 200


def test_an_owner_is_shown_found_written_down_and_kept_by_nobody(get: Callable[..., Any], database: Database) -> None:
    name = f"owner of {LAKESIDE}"
    shown = get(role="analyst", include="owner", fields="apn", headers={"X-Request-ID": "shown"})
    assert [row["owner_name"] for row in shown.json["properties"]] == [name] * 3
    assert [list(row) for row in shown.json["properties"]] == [["property_id", "apn", "owner_name"]] * 3
    assert SearchAnswer.model_validate_json(shown.data)
    found = get(role="analyst", owner="OWNER", headers={"X-Request-ID": "found"})
    assert len(found.json["properties"]) == 3
    assert name not in found.text
    assert get(role="analyst", owner="owne").json["properties"] == []
    for answer in (shown, found):
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert "ETag" not in answer.headers
    with psycopg.connect(database.superuser_url) as connection:
        written = connection.execute("SELECT what, subject, route FROM platform.audit WHERE request_id IN ('shown', 'found')").fetchall()
    assert written == [("owner", "ada", PATH)] * 2


def test_what_is_refused_reads_no_owner(get: Callable[..., Any], database: Database) -> None:
    assert get(role="analyst", include="owner", fields="nothing", headers={"X-Request-ID": "wrong"}).status_code == 400
    with psycopg.connect(database.superuser_url) as connection:
        assert connection.execute("SELECT what FROM platform.audit WHERE request_id = 'wrong'").fetchall() == []


# The past


@pytest.mark.parametrize(
    ("as_of", "bedrooms"),
    [("2026-01-10T00:00:00Z", 9), ("2026-03-09T23:59:59.999999Z", 9), ("2026-03-10T00:00:00Z", 2), ("2026-03-10T01:00:00+02:00", 9)],
)
def test_the_past_is_read_as_it_was(get: Callable[..., Any], mine: list[uuid.UUID], as_of: str, bedrooms: int) -> None:
    answer = get(as_of=as_of)
    assert {row["property_id"]: row["bedroom_count"] for row in answer.json["properties"]}[str(mine[0])] == bedrooms
    assert SearchAnswer.model_validate_json(answer.data).as_of is not None
    # Filters and sorts are those of the past too.
    assert get(as_of=as_of, sort="-year_built").json["properties"][-2]["property_id"] == str(mine[0])
    assert len(get(as_of=as_of, bedroom_count_min=9).json["properties"]) == (bedrooms == 9)


def test_before_its_first_version_nothing_is_found(get: Callable[..., Any]) -> None:
    assert get(as_of="2026-01-09T23:59:59Z", has_total="true").json["total_count"] == 0


@pytest.mark.parametrize(
    "as_of",
    [
        "now", "2026-03-10", "2026-03-10T00:00:00", "2026-02-30T00:00:00Z", "2026-03-10T00:00:60Z", "2026-03-10T24:00:01Z", "1773100800",
        "",
        "2026-03-10T00:00:00Z'--", "٢٠٢٦-03-10T00:00:00Z", "0001-01-01T00:00:00+14:00", "0000-01-01T00:00:00Z", "infinity",
        "2999-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_a_time_that_is_none_is_refused_by_name(get: Callable[..., Any], as_of: str) -> None:
    answer = get(as_of=as_of)
    assert (answer.status_code, answer.json["type"], answer.json["parameter"]) == (400, "/problems/invalid-parameter", "as_of")


# Tenants


@pytest.mark.parametrize("tenant", [LAKESIDE, HARBORVIEW])
def test_a_tenant_finds_its_own_properties_and_no_other(
    get: Callable[..., Any], properties_of: dict[uuid.UUID, list[uuid.UUID]], tenant: uuid.UUID
) -> None:
    for query in ({}, {"near": "42.02,-93.62", "radius_m": "50000"}, {"q": "ames"}, {"as_of": "2026-02-01T00:00:00Z"}):
        listed = {row["property_id"] for row in get(tenant, **query).json["properties"]}
        assert listed <= set(map(str, properties_of[tenant]))
        assert listed


def test_a_tenant_nobody_knows_sees_nothing(get: Callable[..., Any]) -> None:
    assert get(NEWCOMER, has_total="true").json["total_count"] == 0


def test_nothing_but_the_token_names_the_tenant(client: FlaskClient, make_token: Callable[..., str], mine: list[uuid.UUID]) -> None:
    client.set_cookie("tenant_id", str(HARBORVIEW))
    headers = {**bearer(make_token()), "X-Tenant-ID": str(HARBORVIEW), "Tenant": "harborview", "X-Forwarded-User": "harborview"}
    answer = client.get(PATH, headers=headers, json={"tenant_id": str(HARBORVIEW)})
    assert answer.json is not None
    assert {row["property_id"] for row in answer.json["properties"]} == set(map(str, mine))
    assert client.get(PATH, headers=headers, query_string={"tenant_id": str(HARBORVIEW)}).status_code == 400


# Pages


@pytest.mark.parametrize("sort", ["property_id", "-estimated_value_usd", "last_sale_date"])
def test_pages_join_without_gap_or_repeat(get: Callable[..., Any], mine: list[uuid.UUID], sort: str) -> None:
    seen, cursor = [], None
    while True:
        answer = get(limit=1, sort=sort, **({"cursor": cursor} if cursor else {}))
        seen += [row["property_id"] for row in answer.json["properties"]]
        cursor = answer.json["next_cursor"]
        assert bool(cursor) == ("Link" in answer.headers)
        if not cursor:
            break
    assert seen == [row["property_id"] for row in get(sort=sort).json["properties"]]
    assert sorted(seen) == sorted(map(str, mine))


def test_the_link_header_leads_to_the_next_page(client: FlaskClient, make_token: Callable[..., str], mine: list[uuid.UUID]) -> None:
    headers = bearer(make_token())
    first = client.get(f"{PATH}?limit=2&county_fips=19169&bbox=-94,41,-93,43", headers=headers)
    link = first.headers["Link"]
    assert link.endswith('>; rel="next"')
    second = client.get(link[1 : link.index(">")], headers=headers)
    assert second.json is not None
    assert [row["property_id"] for row in second.json["properties"]] == sorted(map(str, mine))[2:]


def test_a_cursor_serves_its_tenant_and_its_query_alone(get: Callable[..., Any]) -> None:
    cursor = get(limit=1).json["next_cursor"]
    forged = [cursor[:-1] + ("A" if cursor[-1] != "A" else "B"), "", "..", "x" * 5000, f"{cursor}.{cursor}", "AAAA.BBBB"]
    refusals = [
        get(HARBORVIEW, cursor=cursor),
        get(cursor=cursor, county_fips="19169"),
        get(cursor=cursor, as_of="2026-03-11T00:00:00Z"),
        get(cursor=cursor, sort="-property_id"),
        get(cursor=cursor, bbox="-94,41,-93,43"),
        *(get(cursor=text) for text in forged),
    ]
    assert {answer.status_code for answer in refusals} <= {400, 414}
    assert refusals[0].json["type"] == "/problems/invalid-cursor"
    assert without_identity(refusals[0]) == without_identity(refusals[5])  # another tenant's is as wrong as a forged one
    assert get(cursor=cursor, limit=2).status_code == 200


# Filters


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"county_fips": "19169"}, 3), ({"county_fips": "53033"}, 0), ({"situs_zip": "50010"}, 3), ({"situs_zip": "00000"}, 0),
        ({"situs_city": "ames"}, 3), ({"situs_city": " AMES "}, 3), ({"situs_city": "Ame%"}, 0), ({"situs_city": "' OR 1=1 --"}, 0),
        ({"situs_city": "Ames", "situs_zip": "50010", "limit": "500"}, 3),
        ({"near": "42.02,-93.62", "radius_m": "1000"}, 1), ({"bbox": "-93.62,42,-93.6,43"}, 2),
        ({"within": "-93.625,42;-93.6,42;-93.6,42.1;-93.625,42.1"}, 2),
    ],
)  # fmt: skip
def test_filters_narrow(get: Callable[..., Any], query: dict[str, str], found: int) -> None:
    assert len(get(**query).json["properties"]) == found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("limit", text) for text in ("0", "501", "-1", "1.5", "1e2", "", "٣", "1_0", "99999999999999999999", "all")),
        *(("situs_zip", text) for text in ("5001", "50010-1234", "５００１０", "50010 ", "")),
        *(("county_fips", text) for text in ("1916", "abcde", "19169'")),
        *(("situs_city", text) for text in ("", "   ", "a\x00b", "x" * 101, "a\nb")),
        *(("q", text) for text in ("", "%%", "a\x00b", "x" * 101)),
        *(("format", text) for text in ("xml", "csv", "")),
        *(("include", text) for text in ("all", "owner,mailing_address")),
        ("has_total", "1"),
        ("near", "42.02"),
        ("radius_m", "5"),
        ("tenant_id", str(HARBORVIEW)),
        ("order_by", "owner_name"),
        ("situs_city[]", "Ames"),
        ("limit", ["1", "2"]),
    ],
)
def test_a_parameter_out_of_range_is_refused_by_name(get: Callable[..., Any], name: str, text: Any) -> None:
    answer = get(**{name: text})
    assert (answer.status_code, answer.json["parameter"]) == (400, name)


def test_a_database_that_is_away_is_a_503(detached: FlaskClient, make_token: Callable[..., str]) -> None:
    assert detached.get(PATH, headers=bearer(make_token())).status_code == 503


def test_every_sort_and_field_is_of_the_summary() -> None:
    assert set(filters.SORTED_BY) <= {*FIELDS, "distance_m"}
    assert {"property_id", "published_at", "links"} <= set(FIELDS)
    assert world.named(LAKESIDE, "0001") != world.named(HARBORVIEW, "0001")
