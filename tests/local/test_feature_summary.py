"""The demonstration counts what is online and says how offline and online compare."""

from __future__ import annotations

import psycopg
import pytest

from bench.features import fill
from estate.settings import Settings, tenants
from estate.warehouse import Warehouse
from local.feature_summary import _least_compared, problems, told
from tests.servers import Database

LEAST = {"property_id": 1000, "county_fips": 1}
AGREED = {"feature_count": 61, "compared_count": 1000, "mismatch_count": 0, "example": None, "least_compared": LEAST}
DIFFERENT = AGREED | {"mismatch_count": 3, "example": "year_built of 7: 1990, 1991"}
NEVER: dict[str, object] = {"feature_count": 0, "compared_count": 0, "mismatch_count": 0, "example": None, "least_compared": {}}
ALL = {"property_id": (2930, 2930), "county_fips": (1, 1)}


def test_the_summary_says_how_many_are_online_and_that_offline_and_online_agree() -> None:
    assert told({"property_id": (2930, 2930), "county_fips": (1, 1)}, AGREED) == [
        "features   online: 2,930 of 2,930 properties, 1 of 1 markets",
        "           offline and online agree: 61 of 61 features compared over up to 1,000 entities",
    ]
    assert "differ in 3 values" in told({"property_id": (1, 1)}, DIFFERENT)[1]
    assert told({"property_id": (1, 1)}, NEVER)[1] == "           offline and online were not compared"


def test_all_online_and_equal_is_as_expected() -> None:
    assert problems("lakeside", ALL, AGREED) == []


def test_a_tenant_without_a_market_needs_none_compared() -> None:
    no_market = AGREED | {"least_compared": {"property_id": 1000, "county_fips": 0}}
    assert problems("lakeside", ALL | {"county_fips": (0, 0)}, no_market) == []


@pytest.mark.parametrize(
    ("online", "parity", "said"),
    [
        ((7, 7), DIFFERENT, "lakeside: offline and online differ, first in year_built of 7: 1990, 1991"),
        ((5, 7), AGREED, "lakeside: 2 properties are not online"),
        ((7, 7), NEVER, "lakeside: no feature was compared offline and online"),
        ((7, 7), AGREED | {"feature_count": 20}, "lakeside: 20 of 61 features were compared offline and online"),
        (
            (7, 7),
            AGREED | {"least_compared": LEAST | {"property_id": 0}},
            "lakeside: features of properties were compared over no entity, and 7 are known",
        ),
        (
            (7, 7),
            AGREED | {"least_compared": {"property_id": 1000}},
            "lakeside: features of markets were compared over no entity, and 1 are known",
        ),
    ],
)
def test_what_is_absent_differs_or_was_not_compared_is_a_problem(online: tuple[int, int], parity: dict[str, object], said: str) -> None:
    assert problems("lakeside", ALL | {"property_id": online}, parity) == [said]


def test_a_kind_of_entity_was_compared_as_widely_as_its_least_compared_view() -> None:
    assert _least_compared({"property_physical": 40, "property_hazard": 0, "market_current": 1}) == {"property_id": 0, "county_fips": 1}


def test_what_is_to_be_online_is_each_tenant_s_own(database: Database, settings_env: Settings) -> None:
    lakeside, harborview = tenants()["lakeside"], tenants()["harborview"]
    fill(database.superuser_url, lakeside, harborview, 30)
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "INSERT INTO features.market (tenant_id, county_fips, month_date, origins, observed_at, publication_id, published_at)"
            " SELECT %s, '19169', month, '{}', month, 9, now() FROM unnest(ARRAY[date '2010-06-01', date '2010-07-01']) AS month",
            (lakeside.tenant_id,),
        )
    asked = {}
    for tenant in (lakeside, harborview):
        with Warehouse(tenant) as warehouse:
            asked[tenant.slug] = [(row["entity_name"], row["entity_id"]) for row in warehouse.rows("summary_entities")]
    assert len({one for one in asked["lakeside"] if one[0] == "property_id"}) == 30
    assert [one for one in asked["lakeside"] if one[0] == "county_fips"] == [("county_fips", "19169")]
    assert len(asked["harborview"]) == 3
    assert set(asked["harborview"]).isdisjoint(asked["lakeside"])


def test_parity_is_summed_over_the_features_of_the_runs_asked_for(database: Database, settings_env: Settings) -> None:
    lakeside = tenants()["lakeside"]
    rows = [("a", "year_built", 40, 0, None), ("a", "has_pool", 12, 2, "has_pool of 7"), ("b", "year_built", 5, 5, "another run's")]
    with psycopg.connect(database.superuser_url) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO features.parity VALUES (%s, %s, 'property_physical', %s, %s, %s, %s, now(), now())",
            [(lakeside.tenant_id, f"features_audit/{run}", *rest) for run, *rest in rows],
        )
    with Warehouse(lakeside) as warehouse:
        summed = [warehouse.rows("summary_parity", run_ids=[run])[0] for run in ("features_audit/a", "features_audit/none")]
    by_view = {"property_physical": 12}
    assert summed[0] == {
        "feature_count": 2, "compared_count": 40, "mismatch_count": 2, "example": "has_pool of 7", "compared_by_view": by_view,
    }  # fmt: skip
    nothing: dict[str, object] = {"feature_count": 0, "compared_count": 0, "mismatch_count": 0, "example": None, "compared_by_view": {}}
    assert summed[1] == nothing
