"""One property whole: what PostgreSQL writes is what its tables say, now and in the past, to its tenant alone."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any

import plans
import psycopg
import pytest
import world
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, bearer

from api import hazards, value_parts
from api import property as document
from api.database import Reading
from api.evidence import field_trust
from api.property_sales import SALE, sales
from api.representations import geometry, picked, to_json
from estate.contracts import contract
from estate.provenance.trust import TRACED_FIELDS
from estate.sql import QUERIES
from estate.sql import query as text_of
from tests.servers import Database

pytestmark = pytest.mark.servers
PATH = "/api/v1/properties"
DOCS = "http://127.0.0.1:18000/data-docs/lakeside"
CURRENT = re.compile(r"(\w+)\.superseded_at = 'infinity'")
ODD_AT = datetime(2026, 2, 3, 4, 5, 6, 70_800, tzinfo=UTC)


@pytest.fixture
def get(client: FlaskClient, make_token: Callable[..., str]) -> Callable[..., Any]:
    """GET as a tenant, in a role."""

    def ask(path: str, tenant: uuid.UUID = LAKESIDE, *, role: str = "viewer", headers: dict[str, str] | None = None, **query: Any) -> Any:
        return client.get(path, headers={**bearer(make_token(tenant, roles=[role])), **(headers or {})}, query_string=query)

    return ask


@pytest.fixture
def mine(properties_of: dict[uuid.UUID, list[uuid.UUID]]) -> list[uuid.UUID]:
    return properties_of[LAKESIDE]


@pytest.fixture
def odd(database: Database, mine: list[uuid.UUID]) -> uuid.UUID:
    """A property with everything that is hard to write as JSON, and nothing but itself, published at a fraction of a second."""
    property_id = world.named(LAKESIDE, "odd")
    with psycopg.connect(database.superuser_url) as connection:
        # Past the gate, which lets through no more than the world's publications brought.
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("DELETE FROM normalize.property WHERE property_id = %s", (property_id,))
        world.put(
            connection, "normalize.property", tenant_id=LAKESIDE, property_id=property_id, snapshot_ids=[1], row_numbers=[3],
            derivation_id=1, property_key="19169/odd", situs_raw='1 "Ünter\\den/Linden"\t\x7f\u2028 <b> 漢字 🏠',
            situs_flags=["a,b", 'c"d', ""], situs_confidence=1 / 3, latitude=-0.0, longitude=1e-7, living_area_sqft=1234567890.125,
            bathroom_count=2.5, year_built=1066, assessed_value_usd=10**11, list_price_usd=Decimal("0.10"), list_date="1999-12-31",
            has_waterfront=False, parcel_geom="SRID=4326;MULTIPOLYGON(((0 0,0 1.123456789,1 1,0 0)))", publication_id=1,
            published_at=ODD_AT,
        )  # fmt: skip
    return property_id


def assembled(reading: Reading, property_id: uuid.UUID, as_of: datetime | None, *, with_owner: bool) -> bytes:
    """The document put together in Python from one query a table, as the API once did: what the one statement must say too."""
    asked = {"property_id": property_id, "as_of": as_of}
    found = reading.row("api_property", asked)
    assert found is not None
    valuation, exposure, risk, trust = (reading.row(f"api_{name}", asked) for name in ("valuation", "exposure", "risk", "trust"))
    trained = valuation and valuation["model_id"] and reading.row("api_model", valuation)
    home = f"{PATH}/{property_id}"
    return to_json({
        "property_id": property_id,
        "as_of": as_of,
        "published_at": found["published_at"],
        "identity": picked(found, *document.IDENTITY),
        "address": picked(found, *document.ADDRESS),
        "location": picked(found, "latitude", "longitude") | {"parcel": geometry(found["parcel_geom"])},
        "owner": picked(found, "owner_name", "mailing_address") if with_owner else None,
        "attributes": picked(found, *document.ATTRIBUTES),
        "value": valuation
        and {
            **picked(valuation, *value_parts.VALUE, "published_at"),
            "model": trained and {**picked(trained, "model_id", "as_of_date"), "data_docs": f"{DOCS}/{trained['page_key']}"},
            "links": {
                "valuation": f"{home}/valuation",
                "provenance": f"{home}/provenance/estimated_value_usd",
                "model": trained and f"/api/v1/models/{trained['model_id']}",
            },
        },
        "hazards": exposure and hazards.shown(exposure, hazards.layers(reading, exposure)),
        "risk": risk and picked(risk, *hazards.RISK, "published_at"),
        "trust": trust
        and picked(trust, *document.JUDGED) | {"field_trust_pct": dict(zip_longest(TRACED_FIELDS, trust["field_trust_pct"]))},
        "sales": [picked(sale, *SALE) for sale in sales(reading, asked)],
        "links": {"self": home, **{name: f"{home}/{name}" for name in document.BELOW}},
    })  # fmt: skip


def exact(body: bytes) -> Any:
    """JSON with every number as it is written."""
    return json.loads(body, parse_float=Decimal)


@pytest.mark.parametrize("as_of", [None, datetime(2026, 2, 4, 1, 2, 3, 40, tzinfo=UTC), world.SECOND])
@pytest.mark.parametrize("with_owner", [False, True])
def test_the_one_statement_says_what_the_tables_say(
    client: FlaskClient, get: Callable[..., Any], mine: list[uuid.UUID], odd: uuid.UUID, as_of: datetime | None, with_owner: bool
) -> None:
    asked = {"as_of": as_of.isoformat()} if as_of else {}
    for property_id in [*mine, odd]:
        answer = get(f"{PATH}/{property_id}", role="analyst", **asked, **({"include": "owner"} if with_owner else {}))
        with client.application.extensions["real-estate-os"].database.reading(LAKESIDE) as reading:
            expected = assembled(reading, property_id, as_of, with_owner=with_owner)
        assert exact(answer.data) == exact(expected)
        assert list(answer.json) == list(json.loads(expected))
        document.PropertyAnswer.model_validate_json(answer.data)


def test_now_is_the_past_that_is_just_over(get: Callable[..., Any], mine: list[uuid.UUID], odd: uuid.UUID) -> None:
    for property_id in [*mine, odd]:
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        now, then = (exact(get(f"{PATH}/{property_id}", **query).data) for query in ({}, {"as_of": moment}))
        assert (now.pop("as_of"), then.pop("as_of")) == (None, moment.replace(".000000", ""))
        assert now == then


def words_of(statement: str) -> str:
    """The statement without its comments and without its line ends."""
    return " ".join(word for line in text_of(statement).splitlines() if not line.startswith("--") for word in line.split())


PAST = [path.stem for path in sorted(QUERIES.glob("api_*_as_of.sql"))]


def test_a_statement_of_the_past_differs_from_that_of_now_in_nothing_but_the_moment() -> None:
    assert PAST == ["api_property_document_as_of", "api_sale_page_as_of", "api_sales_as_of"]
    told = "'as_of', replace(to_char(%(as_of)s::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), '.000000', '') || 'Z',"
    for past in PAST:
        now = words_of(past.removesuffix("_as_of")).replace("'as_of', NULL,", told)
        moved, count = CURRENT.subn(r"\1.published_at <= %(as_of)s AND \1.superseded_at > %(as_of)s", now)
        assert count > 1, past
        assert moved == words_of(past)


def test_the_traced_fields_stand_in_the_order_in_which_their_trust_is_kept() -> None:
    listed = text_of("api_property_document").partition("unnest('{")[2].partition("}'")[0]
    assert tuple(name.strip() for name in listed.split(",")) == TRACED_FIELDS


@pytest.mark.parametrize("name", ["api_property_document", "api_property_document_as_of"])
def test_every_table_of_it_is_read_by_its_index_under_row_level_security(database: Database, mine: list[uuid.UUID], name: str) -> None:
    asked = {"property_id": mine[0], "with_owner": False, "docs_url": DOCS, "as_of": world.SECOND}
    tables = ["normalize.property", "score.valuation", "score.risk", "provenance.trust", "hazard.exposure"]
    # Past versions of a sale are found by the sale; there is no index over those of a property.
    tables += [] if name.endswith("as_of") else ["normalize.sale"]
    read = plans.conditions(database, LAKESIDE, text_of(name), asked, tables)
    for table in tables:
        (asked_of_index,) = read[table.partition(".")[2]]
        assert "tenant_id = " in asked_of_index, table
        assert "property_id = " in asked_of_index, table
    assert ["layer_id = " in asked_of_index for asked_of_index in read["hazard_layer"]] == [True] * 4


def test_a_property_comes_whole(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    body = get(f"{PATH}/{mine[0]}").json
    assert body["identity"] == {"property_key": "19169/0001", "county_fips": "19169", "apn": "0001", "apn_raw": "0001"}
    assert body["attributes"]["bedroom_count"] == 2
    assert body["value"]["estimated_value_usd"] == 1234567.5
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
    assert body["trust"]["field_trust_pct"]["apn"] == world.trust_pct("apn")
    assert [sale["sale_price_usd"] for sale in body["sales"]] == [200000]
    assert body["published_at"] == "2026-03-10T00:00:00Z"


def test_a_field_that_came_after_its_trust_was_written_has_none() -> None:
    told = field_trust({"field_trust_pct": [90, None]})
    assert list(told) == list(TRACED_FIELDS)
    assert list(told.values())[:3] == [90, None, None]


def test_money_has_two_decimals_and_a_time_its_fraction(get: Callable[..., Any], mine: list[uuid.UUID], odd: uuid.UUID) -> None:
    body = exact(get(f"{PATH}/{mine[0]}").data)
    assert str(body["value"]["estimated_value_usd"]) == "1234567.50"
    assert str(body["attributes"]["assessed_value_usd"]) == "199999.50"
    hard = exact(get(f"{PATH}/{odd}").data)
    assert [str(hard["attributes"][name]) for name in ("assessed_value_usd", "list_price_usd")] == ["100000000000.00", "0.10"]
    assert hard["published_at"] == "2026-02-03T04:05:06.070800Z"
    assert hard["location"]["parcel"]["coordinates"][0][0][1] == [0, Decimal("1.1234568")]


def test_a_value_says_how_sure_it_is_and_which_model_gave_it(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    value = get(f"{PATH}/{mine[0]}").json["value"]
    assert (value["value_low_95_usd"], value["value_high_95_usd"], value["confidence_band"]) == (1100000.25, 1400000, "high")
    assert value["model"] == {"model_id": world.MODEL, "as_of_date": "2026-01-01", "data_docs": f"{DOCS}/models/{world.MODEL}.html"}


def test_what_explains_the_value_is_found_by_its_links(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    body = get(f"{PATH}/{mine[0]}").json
    for address in [*body["links"].values(), body["value"]["links"]["valuation"], body["value"]["links"]["provenance"]]:
        assert get(address, role="analyst").status_code == 200, address


def test_a_value_from_before_there_were_models_has_no_model(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    value = get(f"{PATH}/{mine[1]}").json["value"]
    assert (value["estimated_value_usd"], value["model"], value["links"]["model"]) == (1234567.5, None, None)


def test_a_refused_value_says_why(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    value = get(f"{PATH}/{mine[2]}").json["value"]
    assert (value["estimated_value_usd"], value["refusal_reason"]) == (None, "fewer than three comparables")


def test_every_promised_value_is_shown(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    body = get(f"{PATH}/{mine[0]}", role="analyst", include="owner").json
    shown = {name for part in ("identity", "address", "location", "owner", "attributes") for name in body[part]}
    promised = {column.name for column in contract("normalize.property").columns if column.role == "value"}
    assert promised - shown == {"cell", "parcel_geom"}  # the index, and the outline, which is shown as GeoJSON
    assert "model_id" in body["value"]["model"]
    for table, names in (("score.valuation", (*value_parts.VALUE, "model_id")), ("score.risk", hazards.RISK)):
        assert {column.name for column in contract(table).columns if column.role == "value"} == set(names)
    read = {name for hazard in hazards.HAZARD_FIELDS for name in body["hazards"][hazard]} | set(body["hazards"])
    exposed = {column.name for column in contract("hazard.exposure").columns if column.role == "value"}
    assert {name for name in exposed if not name.endswith(("_layer_id", "_feature_row"))} <= read


# The owner


def test_the_owner_is_told_to_an_analyst_who_asks_and_written_down(
    get: Callable[..., Any], mine: list[uuid.UUID], database: Database
) -> None:
    answer = get(f"{PATH}/{mine[0]}", role="analyst", include="owner", headers={"X-Request-ID": "whose"})
    assert answer.json["owner"] == {"owner_name": f"owner of {LAKESIDE}", "mailing_address": None}
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "ETag" not in answer.headers
    with psycopg.connect(database.superuser_url) as connection:
        written = connection.execute("SELECT action, what, subject FROM platform.audit WHERE request_id = 'whose'").fetchall()
    assert written == [("personal_read", "owner", "ada")]


@pytest.mark.parametrize("role", ["viewer", "analyst", "admin"])
def test_nobody_is_told_the_owner_without_asking(get: Callable[..., Any], mine: list[uuid.UUID], database: Database, role: str) -> None:
    answer = get(f"{PATH}/{mine[0]}", role=role, headers={"X-Request-ID": "unasked"})
    assert answer.json["owner"] is None
    assert "owner of" not in answer.text
    with psycopg.connect(database.superuser_url) as connection:
        assert connection.execute("SELECT what FROM platform.audit WHERE request_id = 'unasked'").fetchall() == []


def test_a_viewer_who_asks_for_the_owner_is_refused(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    answer = get(f"{PATH}/{mine[0]}", include="owner")
    assert (answer.status_code, answer.json["type"]) == (403, "/problems/forbidden")
    assert "owner of" not in answer.text


def test_an_owner_whose_reading_cannot_be_written_down_is_not_told(
    get: Callable[..., Any], mine: list[uuid.UUID], database: Database
) -> None:
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        connection.execute("REVOKE INSERT ON platform.audit FROM estate_api")
        try:
            answer = get(f"{PATH}/{mine[0]}", role="analyst", include="owner")
        finally:
            connection.execute("GRANT INSERT ON platform.audit TO estate_api")
    assert answer.status_code >= 500
    assert "owner of" not in answer.text


@pytest.mark.parametrize("include", ["", "OWNER", "owner,sales", "mailing_address"])
def test_what_cannot_be_included_is_refused_by_name(get: Callable[..., Any], mine: list[uuid.UUID], include: str) -> None:
    answer = get(f"{PATH}/{mine[0]}", role="admin", include=include)
    assert (answer.status_code, answer.json["parameter"]) == (400, "include")


# The past, and other tenants


@pytest.mark.parametrize(
    ("as_of", "bedrooms"),
    [("2026-01-10T00:00:00Z", 9), ("2026-03-09T23:59:59.999999Z", 9), ("2026-03-10T00:00:00Z", 2), ("2026-03-10T01:00:00+02:00", 9)],
)
def test_the_past_is_read_as_it_was(get: Callable[..., Any], mine: list[uuid.UUID], as_of: str, bedrooms: int) -> None:
    assert get(f"{PATH}/{mine[0]}", as_of=as_of).json["attributes"]["bedroom_count"] == bedrooms


def test_before_its_first_version_a_property_is_absent(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    for suffix in ("", "/hazards", "/valuation", "/history", "/sales", "/features", "/provenance", "/provenance/year_built"):
        assert get(f"{PATH}/{mine[0]}{suffix}", role="analyst", as_of="2026-01-09T23:59:59Z").status_code == 404, suffix


def test_a_sale_that_came_later_is_not_in_the_past(get: Callable[..., Any], mine: list[uuid.UUID]) -> None:
    assert get(f"{PATH}/{mine[0]}", as_of="2026-02-01T00:00:00Z").json["sales"] == []


@pytest.mark.parametrize(
    "as_of",
    [
        "now", "2026-03-10", "2026-03-10T00:00:00", "2026-02-30T00:00:00Z", "2026-03-10T00:00:60Z", "2026-03-10T24:00:01Z", "1773100800",
        "",
        "2026-03-10T00:00:00Z'--", "٢٠٢٦-03-10T00:00:00Z", "0001-01-01T00:00:00+14:00", "0000-01-01T00:00:00Z", "infinity",
        "2999-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_a_time_that_is_none_is_refused_by_name(get: Callable[..., Any], mine: list[uuid.UUID], as_of: str) -> None:
    for suffix in ("", "/provenance", "/valuation", "/history"):
        answer = get(f"{PATH}/{mine[0]}{suffix}", role="analyst", as_of=as_of)
        assert (answer.status_code, answer.json["type"], answer.json["parameter"]) == (400, "/problems/invalid-parameter", "as_of")


BELOW = ("", *(f"/{name}" for name in document.BELOW), "/provenance/year_built", "/provenance/owner_name")


def without_identity(answer: Any) -> dict[str, Any]:
    """The body less what names this very request."""
    return {name: value for name, value in answer.json.items() if name not in {"instance", "request_id"}}


@pytest.mark.parametrize("suffix", BELOW)
@pytest.mark.parametrize("as_of", [None, "2026-02-01T00:00:00Z"])
def test_what_is_another_tenants_answers_exactly_as_what_is_absent(
    get: Callable[..., Any], properties_of: dict[uuid.UUID, list[uuid.UUID]], suffix: str, as_of: str | None
) -> None:
    query = {"as_of": as_of} if as_of and suffix != "/twins" else {}
    foreign = get(f"{PATH}/{properties_of[HARBORVIEW][0]}{suffix}", role="analyst", **query)
    absent = get(f"{PATH}/{uuid.UUID(int=99)}{suffix}", role="analyst", **query)
    malformed = get(f"{PATH}/not-an-identifier{suffix}", role="analyst", **query)
    assert foreign.status_code == absent.status_code == malformed.status_code == 404
    assert without_identity(foreign) == without_identity(absent) == without_identity(malformed)
    changing = {"X-Request-ID", "Content-Length", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
    assert {k: v for k, v in foreign.headers if k not in changing} == {k: v for k, v in absent.headers if k not in changing}
