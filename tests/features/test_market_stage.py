"""The features stage against real servers: what it reads of a tenant, and what publishing does with what it says anew."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime

import pandas as pd
import psycopg
import pytest
from psycopg import sql

from estate import landing
from estate.errors import BatchRefused
from estate.features import stage
from estate.features.market import FEATURES
from estate.features.series_landing import load
from estate.sql import query
from estate.stages import build_stage, gate_stage, publish_stage
from estate.warehouse import Warehouse
from tests.frames import batch, frame, insert, publish_frame, some_tenant, thing_id

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]

COUNTY, SOURCE = "19169", "harborview_portfolio"
VINTAGE = date(2026, 6, 30)


@pytest.fixture
def tenant():
    return some_tenant()


@pytest.fixture(autouse=True)
def no_series(settings_env, database):
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("TRUNCATE reference.market_series, reference.market_area, reference.market_value, reference.series_landing")
    (settings_env.landing_dir / landing.REFERENCE).mkdir()


@pytest.fixture
def bring(tenant):
    """Publish the homes and sales of one file: homes by number with what is said of them, sales as (number, day)."""
    snapshots = []

    def make(homes, sold=(), vintage=VINTAGE):
        work = batch(tenant, source=SOURCE, vintage=vintage)
        snapshots.append(len(snapshots) + 1)
        row = {
            "tenant_id": tenant.tenant_id, "snapshot_id": snapshots[-1], "source_name": SOURCE, "batch_id": work.batch_id, "file_name": "x",
            "snapshot_sha256": uuid.uuid4().hex, "object_key": "x", "vintage_date": vintage, "header": [], "row_count": 1,
            "landed_at": datetime.now(UTC),
        }  # fmt: skip
        with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
            insert(connection, "ingest.snapshot", row)
        properties = [
            {"property_id": thing_id(n), "county_fips": COUNTY, "snapshot_ids": snapshots[-1:]} | said for n, said in homes.items()
        ]
        ids = [home["property_id"] for home in properties]
        publish_frame(work, frame("normalize.property", tenant, properties), table="normalize.property", scope=ids)
        sales = [
            {"sale_id": thing_id(f"{n} {day}"), "property_id": thing_id(n), "snapshot_id": snapshots[-1], "source_name": SOURCE,
             "sale_date": pd.Timestamp(day), "sale_price_usd": 400_000.0, "is_arms_length": True}
            for n, day in sold
        ]  # fmt: skip
        publish_frame(work, frame("normalize.sale", tenant, sales), table="normalize.sale", scope=ids)
        return work

    return make


def build(work):
    with Warehouse(work.tenant) as warehouse:
        (built,) = stage.build(work, warehouse)
    return built


def run(work):
    build_stage("features", work)
    gate_stage("features", work)
    (done,) = publish_stage("features", work)
    return done


def told(tenant, feature, at=None):
    statement = sql.SQL(
        "SELECT month_date, {} FROM features.market WHERE published_at <= %(at)s AND superseded_at > %(at)s ORDER BY 1"
    ).format(sql.Identifier(feature))
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        rows = connection.execute(statement, {"at": at or datetime.now(UTC)}).fetchall()
    return {f"{month:%Y-%m}": value for month, value in rows}


def months_of(tenant, county):
    statement = "SELECT month_date FROM features.market WHERE superseded_at = 'infinity' AND county_fips = %s ORDER BY 1"
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        return [month for (month,) in connection.execute(statement, [county]).fetchall()]


def rents(settings_env, name, **by_month):
    home = settings_env.landing_dir / landing.REFERENCE
    days = [str((pd.Period(month.replace("m", ""), "M")).end_time.date()) for month in by_month]
    header = "RegionID,SizeRank,RegionName,RegionType,StateName," + ",".join(days)
    (home / name).write_text(f'{header}\n1,1,"Ames, IA",msa,IA,{",".join(map(str, by_month.values()))}\n')
    return load("zillow_zori_metro", name, None, "market_series/manual__1")


def county_file(settings_env):
    home = settings_env.landing_dir / landing.REFERENCE
    header = "RegionID,SizeRank,RegionName,RegionType,StateName,State,Metro,StateCodeFIPS,MunicipalCodeFIPS,1/31/2026"
    (home / "zillow_zhvi_county.csv").write_text(f"{header}\n735,630,Story County,County,IA,IA,Ames,19,169,250000\n")
    load("zillow_zhvi_county", None, None, "market_series/manual__1")


TWO_MONTHS = [(1, "2026-01-01"), (1, "2026-02-05"), (1, "2026-02-28")]


def test_the_market_of_a_tenant_is_built_from_its_sales_its_listings_and_the_series(tenant, bring, settings_env):
    county_file(settings_env)
    rents(settings_env, "zillow_zori_metro.csv", m202601=1000, m202602=1010)
    listing = {"list_date": pd.Timestamp("2026-02-10"), "list_price_usd": 300_000.0, "living_area_sqft": 1_500.0}
    work = bring({1: {}, 2: listing}, TWO_MONTHS)
    run(work)
    assert told(tenant, "sold_30d_count")["2026-02"] == 2
    assert told(tenant, "median_rent_usd")["2026-02"] == 1010
    assert told(tenant, "median_price_per_sqft_usd")["2026-02"] == 200
    assert told(tenant, "active_inventory_count")["2026-06"] == 1
    assert dict(zip(FEATURES, told(tenant, "origins")["2026-02"], strict=True))["median_rent_usd"] == "zillow_zori_metro"


def test_a_batch_without_market_publishes_no_month_and_is_no_fault(tenant, bring):
    done = run(bring({1: {}}))
    assert (done.rows_in, done.rows_published) == (0, 0)
    assert told(tenant, "observed_at") == {}


def test_the_same_data_give_the_same_frame_whichever_batch_asks(bring, tenant):
    work = bring({1: {}}, TWO_MONTHS)
    first = build(work)["features.market"]
    other = batch(tenant, source="ames_sales", vintage=date(2001, 1, 1))
    pd.testing.assert_frame_equal(build(other)["features.market"], first)


def test_running_a_batch_again_publishes_nothing(bring):
    work = bring({1: {}}, TWO_MONTHS)
    assert run(work).rows_published == 2
    again = run(work)
    assert (again.rows_published, again.rows_closed) == (0, 0)


def test_a_revision_makes_a_new_version_and_what_was_known_before_stays_known(tenant, bring, settings_env):
    county_file(settings_env)
    rents(settings_env, "a_zori.csv", m202601=1000, m202602=1010)
    work = bring({1: {}}, TWO_MONTHS)
    run(work)
    before = datetime.now(UTC)
    rents(settings_env, "b_zori.csv", m202601=1000, m202602=1015, m202603=1020)
    done = run(work)
    assert (done.rows_published, done.rows_closed) == (2, 1)
    assert told(tenant, "median_rent_usd") == {"2026-01": 1000, "2026-02": 1015, "2026-03": 1020}
    assert told(tenant, "median_rent_usd", before) == {"2026-01": 1000, "2026-02": 1010}


def test_a_month_that_nobody_tells_of_any_more_is_closed(tenant, bring):
    run(bring({1: {}}, [*TWO_MONTHS, (1, "2026-03-31")], vintage=date(2026, 4, 1)))
    assert list(told(tenant, "sold_30d_count")) == ["2026-01", "2026-02", "2026-03"]
    done = run(bring({1: {}}, TWO_MONTHS))
    assert done.rows_closed == 1
    assert list(told(tenant, "sold_30d_count")) == ["2026-01", "2026-02"]


def test_months_before_the_window_stay_as_they_were_last_published(tenant, bring):
    run(bring({1: {}}, [(1, "2010-01-01"), (1, "2010-01-31")], vintage=date(2010, 2, 1)))
    sold = [(1, day) for day in ("2010-01-01", "2010-01-31", "2026-01-01", "2026-01-31")]
    work = bring({1: {}}, sold)
    assert run(work).rows_closed == 0
    assert told(tenant, "sold_30d_count")["2010-01"] == 1


def test_a_county_s_window_that_moves_on_withdraws_nothing_while_another_county_s_is_older(tenant, bring):
    homes = {1: {}, 2: {"county_fips": "53033"}}
    ends = [(1, "2005-01-01"), (1, "2014-12-31"), (2, "2010-01-01"), (2, "2010-01-31")]
    run(bring(homes, [*ends, (2, "2019-12-31")], vintage=date(2020, 1, 1)))
    done = run(bring(homes, [*ends, (2, "2019-12-31"), (2, "2020-01-31")], vintage=date(2020, 2, 1)))
    assert (done.rows_published, done.rows_closed) == (1, 0)
    assert months_of(tenant, "53033") == [day.date() for day in pd.date_range("2010-01-01", "2020-01-01", freq="MS")]


def test_a_county_of_which_nothing_is_known_any_more_has_no_month(tenant, bring):
    run(bring({1: {}, 2: {"county_fips": "53033"}}, [(1, "2005-01-01"), (1, "2005-01-31"), (2, "2020-01-01"), (2, "2020-01-31")]))
    run(bring({1: {"county_fips": "53033"}, 2: {"county_fips": "53033"}}, [(2, "2020-01-01"), (2, "2020-01-31")]))
    assert months_of(tenant, COUNTY) == []
    assert months_of(tenant, "53033") == [date(2020, 1, 1)]


def test_a_sale_of_a_later_day_than_its_file_stands_for_is_left_out(tenant, bring):
    run(bring({1: {}}, [*TWO_MONTHS, (1, "2029-06-30")]))
    assert list(told(tenant, "sold_30d_count")) == ["2026-01", "2026-02"]


def test_a_price_cut_and_the_end_of_a_listing_are_seen_over_the_files_of_a_source(tenant, bring):
    listing = {"list_date": pd.Timestamp("2026-01-10"), "list_price_usd": 300_000.0}
    bring({1: listing, 2: listing}, vintage=date(2026, 1, 31))
    bring({1: listing | {"list_price_usd": 290_000.0}, 2: {}}, vintage=date(2026, 2, 15))
    run(bring({1: listing | {"list_price_usd": 290_000.0}, 2: {}}, vintage=date(2026, 3, 31)))
    assert told(tenant, "price_cut_rate") == {"2026-01": 0, "2026-02": 0.5, "2026-03": 1}
    assert told(tenant, "active_inventory_count") == {"2026-01": 2, "2026-02": 1, "2026-03": 1}


def test_a_listing_of_a_day_that_no_calendar_of_ours_reaches_is_left_out(tenant, bring):
    slips = {n: {"list_date": day, "list_price_usd": 300_000.0} for n, day in ((2, date(2999, 1, 1)), (3, date(1025, 1, 1)))}
    run(bring({1: {}, **slips}, TWO_MONTHS))
    assert told(tenant, "active_inventory_count") == {"2026-01": None, "2026-02": None}


def test_an_impossible_month_is_kept_back_and_the_others_are_published(tenant, bring, monkeypatch):
    work = bring({1: {}}, [(1, f"2026-0{month}-{day}") for month in range(1, 7) for day in ("01", "28")], vintage=VINTAGE)
    run(work)
    built = stage.features
    wrong = {"price_cut_rate": 40.0, "sold_30d_count": 7.0}
    monkeypatch.setattr(stage, "features", lambda *known: _with(built(*known), 3, wrong))
    done = run(work)
    assert (done.rows_quarantined, done.rows_published, done.rows_closed) == (1, 0, 0)
    assert told(tenant, "sold_30d_count")["2026-04"] != 7


def _with(frame, row, said):
    frame.loc[row, list(said)] = list(said.values())
    return frame


def test_the_files_behind_the_listings_are_not_asked_for_again_with_every_version(tenant):
    with Warehouse(tenant) as warehouse, warehouse.transaction() as connection:
        asked = "EXPLAIN (FORMAT json) " + query("features_market_listings")
        ((found,),) = connection.execute(asked, {"source_names": [SOURCE]}).fetchone()
    assert "SubPlan" not in {node.get("Parent Relationship") for node in _nodes(found["Plan"])}


def _nodes(plan):
    return [plan, *(node for part in plan.get("Plans", []) for node in _nodes(part))]


def test_a_tenant_s_market_holds_nothing_of_another_tenant_s(tenant, bring):
    run(bring({1: {}}, TWO_MONTHS))
    stranger = some_tenant("stranger")
    assert told(stranger, "sold_30d_count") == {}
    assert build(batch(stranger))["features.market"].empty


def test_an_impossible_market_is_refused_and_the_last_good_one_stays(tenant, bring, monkeypatch):
    work = bring({1: {}}, TWO_MONTHS)
    run(work)
    good = told(tenant, "sold_30d_count")
    built = stage.features
    monkeypatch.setattr(stage, "features", lambda *known: built(*known).assign(price_cut_rate=40.0))
    build_stage("features", work)
    with pytest.raises(BatchRefused, match=r"features\.market refused by expect_column_values_to_be_between\(price_cut_rate\)"):
        gate_stage("features", work)
    assert told(tenant, "sold_30d_count") == good
