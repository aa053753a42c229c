"""Properties: pages, one whole, the past, and other tenants."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import world
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, bearer

from api import properties
from estate.contracts import contract
from estate.contracts.score import ADJUSTMENTS
from estate.contracts.score_explanation import CONTRIBUTIONS

pytestmark = pytest.mark.servers
PATH = "/api/v1/properties"


@pytest.fixture
def get(client: FlaskClient, make_token: Callable[..., str]) -> Callable[..., Any]:
    """GET as a tenant."""
    return lambda path, tenant=LAKESIDE, **query: client.get(path, headers=bearer(make_token(tenant)), query_string=query)


@pytest.fixture
def mine(properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> list[uuid.UUID]:
    return properties_of[LAKESIDE]


def test_a_field_that_came_after_its_trust_was_written_has_none() -> None:
    told = properties.field_trust({"field_trust_pct": [90, None]})
    assert list(told) == list(properties.TRACED_FIELDS)
    assert list(told.values())[:3] == [90, None, None]


def without_identity(answer: Any) -> dict[str, Any]:
    """The body less what names this very request."""
    return {name: value for name, value in answer.json.items() if name not in {"instance", "request_id"}}


def test_a_property_comes_whole(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    body = get(f"{PATH}/{mine[0]}").json
    assert body["identity"] == {"property_key": "19169/0001", "county_fips": "19169", "apn": "0001", "apn_raw": "0001"}
    assert body["attributes"]["bedroom_count"] == 2
    assert body["value"]["estimated_value_usd"] == 1234567.5
    assert body["value"]["comparables"][0]["sale_id"] == str(world.named(LAKESIDE, "sale 2"))
    assert body["hazards"]["flood"]["layer"] == {
        "layer_id": 1, "hazard": "flood", "source_name": "demo_flood", "version": "v1", "vintage_date": "2026-01-01",
        "authority": "the project itself", "is_synthetic": True, "file_name": "flood.geojson", "snapshot_sha256": "f" * 64,
        "feature_row": 5,
    }  # fmt: skip
    assert body["hazards"]["wildfire"] == {
        "burn_probability": None, "wildfire_hazard_class": None, "wildfire_probability_30y": None, "wildfire_score": None, "layer": None,
    }  # fmt: skip
    assert body["risk"]["risk_class"] == "undetermined"
    assert body["trust"]["property_trust"] == 0.71
    assert [sale["sale_price_usd"] for sale in body["sales"]] == [200000]
    assert body["published_at"] == "2026-03-10T00:00:00Z"


def test_money_has_two_decimals(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    body = json.loads(get(f"{PATH}/{mine[0]}").data, parse_float=Decimal)
    assert str(body["value"]["estimated_value_usd"]) == "1234567.50"
    assert str(body["attributes"]["assessed_value_usd"]) == "199999.50"


def test_a_waterfall_sums_to_the_cent(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    body = json.loads(get(f"{PATH}/{mine[0]}").data, parse_float=Decimal)
    (comparable,) = body["value"]["comparables"]
    assert set(comparable["adjustments"]) == {f"{name}_adjustment_usd" for name in ADJUSTMENTS}
    assert comparable["sale_price_usd"] + sum(comparable["adjustments"].values()) == comparable["adjusted_price_usd"]


def test_contributions_are_told_in_one_order_and_sum_with_the_base_to_the_value(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    value = json.loads(get(f"{PATH}/{mine[0]}").data, parse_float=Decimal)["value"]
    told = value["contributions"]
    assert [part["name"] for part in told["parts"]] == list(CONTRIBUTIONS)
    assert told["base_usd"] + sum(part["contribution_usd"] for part in told["parts"]) == value["estimated_value_usd"]
    assert (told["parts"][0]["contribution_usd"], told["parts"][1]["contribution_usd"]) == (Decimal("-50.25"), Decimal("49.75"))


def test_a_value_says_how_sure_it_is_and_which_model_gave_it(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    value = get(f"{PATH}/{mine[0]}").json["value"]
    assert (value["value_low_95_usd"], value["value_high_95_usd"], value["confidence_band"]) == (1100000.25, 1400000, "high")
    assert value["model"] == {
        "model_id": world.MODEL, "as_of_date": "2026-01-01",
        "page": f"http://127.0.0.1:18000/data-docs/lakeside/models/{world.MODEL}.html",
    }  # fmt: skip


def test_a_value_says_what_changes_would_come_to_and_what_that_assumes(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    changes = get(f"{PATH}/{mine[0]}").json["value"]["counterfactuals"]
    assert [change["change_name"] for change in changes] == ["renovated", "condition_up"], "the largest first"
    assert changes[1] == {
        "change_name": "condition_up", "field_name": "condition_code", "field_value_from": 3, "field_value_to": 4,
        "changed_value_usd": 1238567.75, "value_change_usd": 4000.25, "assumption": "all else stays",
    }  # fmt: skip
    assert changes[0]["field_value_from"] is None


def test_a_value_from_before_there_were_models_has_no_model_and_no_explanation(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    value = get(f"{PATH}/{mine[1]}").json["value"]
    assert value["estimated_value_usd"] == 1234567.5
    assert (value["model"], value["contributions"], value["counterfactuals"]) == (None, None, [])


@pytest.mark.parametrize(("query", "usd"), [({"as_of": "2026-02-01T00:00:00Z"}, Decimal("1000000.00")), ({}, Decimal("1234567.50"))])
def test_what_explains_a_value_is_read_as_of_the_same_moment(
    get: Callable[..., Any], mine: list[uuid.UUID], query: dict[str, str], usd: Decimal
) -> None:
    value = json.loads(get(f"{PATH}/{mine[0]}", **query).data, parse_float=Decimal)["value"]
    told = value["contributions"]
    assert told["base_usd"] + sum(part["contribution_usd"] for part in told["parts"]) == value["estimated_value_usd"] == usd
    assert [change["changed_value_usd"] - change["value_change_usd"] for change in value["counterfactuals"]] == [usd, usd]
    assert len(value["comparables"]) == 1


def test_a_sale_says_what_is_found_of_it_and_its_own_records_word_before_anything_is(
    get: Callable[..., Any], mine: list[uuid.UUID]
) -> None:
    names = ("is_arms_length", "exclusion_reasons", "decided_by")
    found, before, unjudged = (
        get(f"{PATH}/{mine[place]}", **query).json["sales"][0]
        for place, query in ((1, {}), (1, {"as_of": "2026-02-01T00:00:00Z"}), (0, {}))
    )
    assert [found[name] for name in names] == [False, ["short_term_flip", "high_price"], "rules"]
    assert [before[name] for name in names] == [True, [], "rules"]
    assert [unjudged[name] for name in names] == [True, [], None]


def test_a_refused_value_says_why(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    value = get(f"{PATH}/{mine[2]}").json["value"]
    assert (value["estimated_value_usd"], value["refusal_reason"]) == (None, "fewer than three comparables")


def test_every_promised_value_is_shown(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    body = get(f"{PATH}/{mine[0]}").json
    shown = {name for part in ("identity", "address", "location", "owner", "attributes") for name in body[part]}
    promised = {column.name for column in contract("normalize.property").columns if column.role == "value"}
    assert promised - shown == {"cell", "parcel_geom"}  # the index, and the outline, which is shown as GeoJSON
    assert "model_id" in body["value"]["model"]
    for table, names in (("score.valuation", (*properties.VALUE, "model_id")), ("score.risk", properties.RISK)):
        assert {column.name for column in contract(table).columns if column.role == "value"} == set(names)
    hazards = {name for hazard in properties.HAZARD_FIELDS for name in body["hazards"][hazard]} | set(body["hazards"])
    exposed = {column.name for column in contract("hazard.exposure").columns if column.role == "value"}
    assert {name for name in exposed if not name.endswith(("_layer_id", "_feature_row"))} <= hazards


@pytest.mark.parametrize(
    ("as_of", "bedrooms"),
    [("2026-01-10T00:00:00Z", 9), ("2026-03-09T23:59:59.999999Z", 9), ("2026-03-10T00:00:00Z", 2), ("2026-03-10T01:00:00+02:00", 9)],
)
def test_the_past_is_read_as_it_was(get: Callable[..., Any], mine: list[uuid.UUID], as_of: str, bedrooms: int) -> None:
    assert get(f"{PATH}/{mine[0]}", as_of=as_of).json["attributes"]["bedroom_count"] == bedrooms
    listed = get(PATH, as_of=as_of).json["properties"]
    assert {row["property_id"]: row["bedroom_count"] for row in listed}[str(mine[0])] == bedrooms


def test_before_its_first_version_a_property_is_absent(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    before = "2026-01-09T23:59:59Z"
    assert get(f"{PATH}/{mine[0]}", as_of=before).status_code == 404
    assert get(PATH, as_of=before).json["properties"] == []


def test_a_sale_that_came_later_is_not_in_the_past(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    assert get(f"{PATH}/{mine[0]}", as_of="2026-02-01T00:00:00Z").json["sales"] == []


@pytest.mark.parametrize(
    "as_of",
    [
        "now", "2026-03-10", "2026-03-10T00:00:00", "2026-02-30T00:00:00Z", "2026-03-10T00:00:60Z", "2026-03-10T24:00:01Z", "1773100800",
        "",
        "2026-03-10T00:00:00Z'--", "٢٠٢٦-03-10T00:00:00Z", "0001-01-01T00:00:00+14:00", "0000-01-01T00:00:00Z", "infinity",
        (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    ],
)  # fmt: skip
def test_a_time_that_is_none_is_refused_by_name(get: Callable[..., Any], mine: list[uuid.UUID], as_of: str) -> None:
    for path in (PATH, f"{PATH}/{mine[0]}", f"{PATH}/{mine[0]}/provenance"):
        answer = get(path, as_of=as_of)
        assert (answer.status_code, answer.json["type"], answer.json["parameter"]) == (400, "/problems/invalid-parameter", "as_of")


@pytest.mark.parametrize("tenant", [LAKESIDE, HARBORVIEW])
def test_a_tenant_lists_its_own_properties_and_no_other(
    get: Callable[..., Any], properties_of: dict[uuid.UUID, list[uuid.UUID]], tenant: uuid.UUID
) -> None:
    listed = [row["property_id"] for row in get(PATH, tenant).json["properties"]]
    assert listed == sorted(map(str, properties_of[tenant]))


def test_a_tenant_nobody_knows_sees_nothing(get: Callable[..., Any]) -> None:
    assert get(PATH, uuid.UUID(int=1)).json["properties"] == []


@pytest.mark.parametrize("suffix", ["", "/provenance", "/provenance/year_built"])
@pytest.mark.parametrize("as_of", [None, "2026-02-01T00:00:00Z"])
def test_what_is_another_tenants_answers_exactly_as_what_is_absent(
    get: Callable[..., Any], properties_of: dict[uuid.UUID, list[uuid.UUID]], suffix: str, as_of: str | None
) -> None:
    query = {"as_of": as_of} if as_of else {}
    foreign = get(f"{PATH}/{properties_of[HARBORVIEW][0]}{suffix}", **query)
    absent = get(f"{PATH}/{uuid.UUID(int=99)}{suffix}", **query)
    malformed = get(f"{PATH}/not-an-identifier{suffix}", **query)
    assert foreign.status_code == absent.status_code == malformed.status_code == 404
    assert without_identity(foreign) == without_identity(absent) == without_identity(malformed)
    own = {"X-Request-ID", "Content-Length"}
    assert {k: v for k, v in foreign.headers if k not in own} == {k: v for k, v in absent.headers if k not in own}


def test_nothing_but_the_token_names_the_tenant(client: FlaskClient, make_token: Callable[..., str], mine: list[uuid.UUID]) -> None:
    client.set_cookie("tenant_id", str(HARBORVIEW))
    headers = {**bearer(make_token()), "X-Tenant-ID": str(HARBORVIEW), "Tenant": "harborview", "X-Forwarded-User": "harborview"}
    answer = client.get(PATH, headers=headers, json={"tenant_id": str(HARBORVIEW)})
    assert answer.json is not None
    assert {row["property_id"] for row in answer.json["properties"]} == set(map(str, mine))
    assert client.get(PATH, headers=headers, query_string={"tenant_id": str(HARBORVIEW)}).status_code == 400


def test_pages_join_without_gap_or_repeat(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    seen, cursor = [], None
    while True:
        answer = get(PATH, limit=1, **({"cursor": cursor} if cursor else {}))
        seen += [row["property_id"] for row in answer.json["properties"]]
        cursor = answer.json["next_cursor"]
        assert bool(cursor) == ("Link" in answer.headers)
        if not cursor:
            break
    assert seen == sorted(map(str, mine))


def test_the_link_header_leads_to_the_next_page(client: FlaskClient, make_token: Callable[..., str], mine: list[uuid.UUID]) -> None:
    headers = bearer(make_token())
    first = client.get(f"{PATH}?limit=2&county_fips=19169", headers=headers)
    link = first.headers["Link"]
    assert link.endswith('>; rel="next"')
    second = client.get(link[1 : link.index(">")], headers=headers)
    assert second.json is not None
    assert [row["property_id"] for row in second.json["properties"]] == sorted(map(str, mine))[2:]


def test_a_cursor_serves_its_tenant_and_its_query_alone(get: Callable[..., Any]) -> None:
    cursor = get(PATH, limit=1).json["next_cursor"]
    forged = [cursor[:-1] + ("A" if cursor[-1] != "A" else "B"), "", "..", "x" * 5000, f"{cursor}.{cursor}", "AAAA.BBBB"]
    refusals = [
        get(PATH, HARBORVIEW, cursor=cursor),
        get(PATH, cursor=cursor, county_fips="19169"),
        get(PATH, cursor=cursor, as_of="2026-03-11T00:00:00Z"),
        *(get(PATH, cursor=text) for text in forged),
    ]
    assert {answer.status_code for answer in refusals} <= {400, 414}
    assert refusals[0].json["type"] == "/problems/invalid-cursor"
    assert without_identity(refusals[0]) == without_identity(refusals[3])  # another tenant's is as wrong as a forged one
    assert get(PATH, cursor=cursor).status_code == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"county_fips": "19169"}, 3),
        ({"county_fips": "53033"}, 0),
        ({"zip": "50010"}, 3),
        ({"zip": "00000"}, 0),
        ({"city": "ames"}, 3),
        ({"city": " AMES "}, 3),
        ({"city": "Ame%"}, 0),
        ({"city": "' OR 1=1 --"}, 0),
        ({"city": "Ames", "zip": "50010", "limit": "500"}, 3),
    ],
)
def test_filters_narrow(get: Callable[..., Any], query: dict[str, str], found: int) -> None:
    assert len(get(PATH, **query).json["properties"]) == found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("limit", text) for text in ("0", "501", "-1", "1.5", "1e2", "", "٣", "1_0", "99999999999999999999", "all")),
        *(("zip", text) for text in ("5001", "50010-1234", "５００１０", "50010 ", "")),
        *(("county_fips", text) for text in ("1916", "abcde", "19169'")),
        *(("city", text) for text in ("", "   ", "a\x00b", "x" * 101, "a\nb")),
        ("tenant_id", str(HARBORVIEW)),
        ("order_by", "owner_name"),
        ("city[]", "Ames"),
    ],
)
def test_a_parameter_out_of_range_is_refused_by_name(get: Callable[..., Any], name: str, text: str) -> None:
    answer = get(PATH, **{name: text})
    assert (answer.status_code, answer.json["parameter"]) == (400, name)


def test_a_parameter_comes_once(get: Callable[..., Any]) -> None:
    assert get(PATH, limit=["1", "2"]).json["parameter"] == "limit"


def test_a_read_cannot_write_and_ends_with_its_tenant(client: FlaskClient, properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> None:
    database = client.application.extensions["real-estate-os"].database
    with database.reading(LAKESIDE) as reading:
        settings = reading._connection.execute(
            "SELECT current_setting('transaction_read_only') AS read_only, current_setting('transaction_isolation') AS isolation, "
            "current_setting('statement_timeout') AS timeout, current_setting('app.tenant_id') AS tenant"
        ).fetchone()
    assert settings == {"read_only": "on", "isolation": "repeatable read", "timeout": "5s", "tenant": str(LAKESIDE)}
    with database._opened().connection() as connection:
        assert connection.execute("SELECT nullif(current_setting('app.tenant_id', true), '') AS tenant").fetchone() == {"tenant": None}
        assert connection.execute("SELECT count(*) AS found FROM normalize.property").fetchone() == {"found": 0}
