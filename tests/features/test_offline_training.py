"""The valuation model is trained from its feature service: the same frame as before, without what came later, and it says so."""

from datetime import UTC, date, datetime, timedelta

import features_world as world
import orjson
import pandas as pd
import pytest

from estate import landing
from estate.features.definitions import SERVICES
from estate.score import backtest, market, parameters, registry, training
from estate.warehouse import Warehouse
from tests import frames
from tests.score import backtests
from tests.score.recipes import KING, Recipe, county_sales

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]
DAY = date(2026, 6, 1)
FEATURES = SERVICES["valuation_v1"]


@pytest.fixture
def sold():
    """A world in which every property but one was sold; of the vanished one, only its sale is known."""
    written = world.write(world.some_tenant())
    sales = [
        {
            "sale_id": frames.thing_id(f"sale of {number}"), "property_id": property_id, "snapshot_id": 1, "row_number": number,
            "source_name": "roll", "sale_price_usd": 300_000 + 1_000 * number, "sale_date": date(2025, 6, 1) + timedelta(days=number),
            "is_arms_length": True, "exclusion_reasons": [],
        }
        for number, property_id in written.properties.items() if number != world.SHARED
    ]  # fmt: skip
    world.publish(written.tenant, "normalize.sale", sales, world.FIRST + timedelta(minutes=1))
    return written


def columns_of(warehouse, query, **asked):
    return list(warehouse.frame(query, **asked).columns)


def test_the_trained_frame_is_what_the_query_of_sales_reads(sold):
    with Warehouse(sold.tenant) as warehouse:
        read, trained = market.sales_before(warehouse, DAY), training.sales_before(warehouse, DAY)
    assert len(trained) == 11
    pd.testing.assert_frame_equal(trained, read, check_exact=True)
    assert trained.set_index("property_id")["living_area_sqft"][sold.properties[1]] == 1_100
    assert pd.isna(trained.set_index("property_id")["living_area_sqft"][sold.properties[world.VANISHED]])
    assert training.sales_sha256(trained) == training.sales_sha256(read)


def test_types_are_those_of_all_sales_when_the_valid_ones_know_more(sold, monkeypatch):
    read = market.sales_before
    monkeypatch.setattr(
        market, "sales_before", lambda *asked: (f := read(*asked))[f["garage_space_count"].notna() & f["year_built"].notna()]
    )
    with Warehouse(sold.tenant) as warehouse:
        trained = training.sales_before(warehouse, DAY)
        pd.testing.assert_frame_equal(trained, market.sales_before(warehouse, DAY), check_exact=True)
    assert trained["year_built"].dtype == "float64"


def test_no_sales_are_no_sales():
    with Warehouse(world.some_tenant()) as warehouse:
        assert training.sales_before(warehouse, DAY).empty


def test_what_the_query_of_sales_would_say_of_a_property_does_not_enter(sold, monkeypatch):
    """Features come through the service: the columns of the query are replaced."""
    read = market.sales_before
    monkeypatch.setattr(market, "sales_before", lambda *asked: read(*asked).assign(living_area_sqft=-1.0))
    with Warehouse(sold.tenant) as warehouse:
        assert (training.sales_before(warehouse, DAY)["living_area_sqft"].dropna() > 0).all()


LATER = datetime(2026, 9, 1, tzinfo=UTC)


def known(sold, number, day):
    """What training as of `day` knows of one property."""
    with Warehouse(sold.tenant) as warehouse:
        return training.sales_before(warehouse, day).set_index("property_id").loc[sold.properties[number]]


def test_what_was_published_after_the_day_of_training_is_not_seen(sold):
    home = world.home(sold.tenant, 5, snapshot=2, living_area_sqft=1_777.0, county_fips=world.OTHER_COUNTY)
    world.publish(sold.tenant, world.PROPERTY, [home], LATER)
    for day in (date(2026, 2, 1), DAY, date(2026, 8, 31)):
        assert tuple(known(sold, 5, day)[["living_area_sqft", "county_fips"]]) == (1_500, world.COUNTY), day
    for day in (LATER.date(), date(2027, 1, 1)):
        assert tuple(known(sold, 5, day)[["living_area_sqft", "county_fips"]]) == (1_777, world.OTHER_COUNTY), day


@pytest.mark.parametrize(("published_at", "area"), [("2026-06-01T23:59:59.999999Z", 1_777), ("2026-06-02T00:00:00Z", 1_500)])
def test_a_day_ends_at_midnight_utc(sold, published_at, area):
    at = datetime.fromisoformat(published_at)
    world.publish(sold.tenant, world.PROPERTY, [world.home(sold.tenant, 5, snapshot=2, living_area_sqft=1_777.0)], at)
    assert known(sold, 5, DAY)["living_area_sqft"] == area


def test_old_sales_that_were_landed_later_are_taken_as_what_was_sold_is_known_now(sold):
    """Nothing was known on the day, so that nothing could be trained otherwise."""
    world.publish(sold.tenant, world.PROPERTY, [world.home(sold.tenant, 5, snapshot=2, living_area_sqft=1_777.0)], LATER)
    assert known(sold, 5, date(2025, 12, 31))["living_area_sqft"] == 1_777


def test_what_had_vanished_by_the_day_is_not_known_though_it_came_back(sold):
    world.publish(sold.tenant, world.PROPERTY, [world.home(sold.tenant, world.VANISHED, snapshot=2)], LATER)
    areas = [known(sold, world.VANISHED, day)["living_area_sqft"] for day in (date(2026, 3, 9), DAY, LATER.date())]
    assert (areas[0], pd.isna(areas[1]), areas[2]) == (2_100, True, 2_100)


def test_a_number_that_was_unknown_then_and_is_known_of_every_sale_now_is_unknown(sold):
    changed = [world.home(sold.tenant, n, snapshot=2, year_renovated=2010) for n in range(1, world.COUNT)]
    world.publish(sold.tenant, world.PROPERTY, changed, LATER)
    with Warehouse(sold.tenant) as warehouse:
        assert market.sales_before(warehouse, DAY)["year_renovated"].dtype == "int64", "so that no null fits into it"
    assert (pd.isna(known(sold, 2, DAY)["year_renovated"]), known(sold, 3, DAY)["year_renovated"]) == (True, 2010)


def test_each_cut_off_of_a_backtest_knows_what_was_known_then(sold, monkeypatch):
    """The tenant lives on the platform: it sells through the year in which its books are kept."""
    tenant, days = sold.tenant, pd.date_range("2026-01-15", "2026-08-30", periods=11)
    sales = [
        {
            "sale_id": frames.thing_id(f"later sale of {number}"), "property_id": sold.properties[number], "snapshot_id": 1,
            "row_number": 100 + number, "source_name": "roll", "sale_price_usd": 400_000 + 1_000 * number, "sale_date": day.date(),
            "is_arms_length": True, "exclusion_reasons": [],
        }
        for number, day in enumerate(days, start=1)
    ]  # fmt: skip
    world.publish(tenant, "normalize.sale", sales, LATER)
    world.publish(tenant, world.PROPERTY, [world.home(tenant, 5, snapshot=2, living_area_sqft=1_777.0)], datetime(2026, 7, 1, tzinfo=UTC))
    seen = {}

    class Watched(Recipe):
        def backtest(self, sales, as_of_date):
            seen[as_of_date] = set(sales.loc[sales["property_id"] == sold.properties[5], "living_area_sqft"])
            return backtests.backtest(50).assign(sale_date=pd.Timestamp(as_of_date - timedelta(days=45)))

    for name in ("MODEL_SALES_MINIMUM", "MODEL_DAYS_MINIMUM"):
        monkeypatch.setattr(parameters, name, 1)
    backtest.backtest_model(tenant, world.COUNTY, "test/run", Watched())
    assert len(seen) == parameters.BACKTEST_ORIGINS
    assert {day: areas for day, areas in seen.items() if areas} == {day: {1_777.0 if day >= date(2026, 7, 1) else 1_500.0} for day in seen}


def test_training_and_scoring_ask_for_the_same_features(sold):
    keys = pd.DataFrame({"property_id": list(sold.properties.values())})
    deal = {"sale_id", "property_id", "sale_price_usd", "sale_date", "recorded_reasons", "seller_name", "buyer", "document_number",
            "sale_qualification"}  # fmt: skip
    with Warehouse(sold.tenant) as warehouse:
        trained = training.sales_before(warehouse, DAY)
        scored = warehouse.frame("score_subjects", keys=keys)
    assert set(trained.columns) - deal == set(FEATURES.names)
    assert set(scored.columns) - {"property_id", "valued_on"} == set(FEATURES.names)
    one = sold.properties[1]
    by_training = trained.loc[trained["property_id"] == one, list(FEATURES.names)].iloc[0]
    by_scoring = scored.loc[scored["property_id"] == one, list(FEATURES.names)].iloc[0]
    assert by_training.to_dict() == by_scoring.to_dict()


def test_a_model_says_which_service_in_which_version_it_was_trained_from(monkeypatch):
    sales = county_sales()
    monkeypatch.setattr(training, "sales_before", lambda _, day: sales[sales["sale_date"] < pd.Timestamp(day)])
    tenant = world.some_tenant()
    done = training.train_model(tenant, KING, date(2015, 1, 1), "test/run", Recipe())
    with Warehouse(tenant) as warehouse:
        kept = registry.known(warehouse, done.row.model_id)
        served = registry.serving(warehouse, KING, date(2015, 1, 1))
    assert kept.feature_service == served.feature_service == f"valuation_v1@{FEATURES.version}"
    assert orjson.loads(landing.get(kept.card_key))["feature_service"] == kept.feature_service
