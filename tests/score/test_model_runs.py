"""The flows over models, from what is published to the answer a run gives."""

from datetime import date, timedelta

import pytest
from recipes import KING, Recipe, county_sales

from estate.errors import ModelRefused
from estate.score import runs, training
from estate.settings import tenants
from estate.warehouse import Warehouse
from tests.frames import batch, frame, publish_frame, thing_id

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]
NEWEST = date(2014, 12, 1)


@pytest.fixture(scope="module")
def known(database):
    """Whether this module's database holds the sales of Lakeside already."""
    return []


@pytest.fixture
def lakeside(known, monkeypatch):
    """Lakeside with 600 sales of King County on record, and our recipe stood in for."""
    tenant = tenants()["lakeside"]
    if not known:
        sales = county_sales()
        homes = [
            {"property_id": home, "property_key": home, "snapshot_ids": [7], "county_fips": KING, "situs_zip": "98101",
             "property_type": "single_family", "living_area_sqft": 2000.0, "year_built": 1980, "latitude": 47.6, "longitude": -122.3}
            for home in sales["property_id"]
        ]  # fmt: skip
        sold = [
            {"sale_id": sale.sale_id, "property_id": sale.property_id, "sale_price_usd": 300_000.0 + 12_000 * (n % 50),
             "sale_date": sale.sale_date, "is_arms_length": True, "snapshot_id": 8}
            for n, sale in enumerate(sales.itertuples())
        ]  # fmt: skip
        # A slip of the pen: a model as of the day after it would never serve.
        sold.append(sold[0] | {"sale_id": thing_id("slip"), "sale_date": date(2099, 1, 1)})
        work = batch(tenant)
        publish_frame(work, frame("normalize.property", tenant, homes), table="normalize.property")
        publish_frame(work, frame("normalize.sale", tenant, sold), table="normalize.sale")
        known.append(True)
    monkeypatch.setattr(training, "recipe_or_ours", lambda _: Recipe())
    monkeypatch.setattr("estate.score.backtest.recipe_or_ours", lambda _: Recipe())
    return tenant


def form(**said):
    return {"tenant": "lakeside", "county_fips": None, "as_of_date": None, "model_id": None, "reason": None} | said


def test_a_training_reads_the_published_sales_names_their_snapshots_and_serves_from_the_day_after_the_newest(lakeside):
    (done,) = runs.train(form(), "ada", "run/1")
    assert (done["county_fips"], done["as_of_date"], done["is_serving"], done["refusal"]) == (KING, "2014-12-02", True, None)
    assert done["page_url"].endswith(f"/lakeside/models/{done['model_id']}.html")
    with Warehouse(lakeside) as warehouse:
        (row,) = warehouse.rows("model_known", model_id=done["model_id"])
    assert (row["snapshot_ids"], row["sale_count"], row["window_to_date"]) == ([7, 8], 600, NEWEST)


def test_a_named_day_and_county_are_taken(lakeside):
    day = NEWEST - timedelta(days=30)
    (done,) = runs.train(form(county_fips=KING, as_of_date=day.isoformat()), "ada", "run/1")
    assert done["as_of_date"] == day.isoformat()


def test_a_county_without_sales_is_refused_with_those_that_have_some(lakeside):
    with pytest.raises(ModelRefused, match=r"lakeside has sales in these counties: 53033\. Name one of them"):
        runs.train(form(county_fips="99999"), "ada", "run/1")


def test_a_tenant_without_sales_is_refused():
    with pytest.raises(ModelRefused, match="harborview has sales in these counties: none"):
        runs.backtest(form(tenant="harborview"), "ada", "run/1")


def test_a_backtest_returns_its_origins_and_its_page(lakeside):
    (done,) = runs.backtest(form(county_fips=KING), "ada", "run/1")
    assert list(done["origins"]) == ["2014-12-02", "2014-09-23", "2014-07-22", "2014-05-27"]
    assert done["origins"]["2014-12-02"]["sale_count"] == 60
    assert "refusal" not in done, "a bad result is a finding, not a failed run"


def test_a_promotion_says_who_and_why(lakeside):
    (trained,) = runs.train(form(), "ada", "run/1")
    (done,) = runs.promote(form(model_id=trained["model_id"], reason="the other drifts"), "ada", "run/2")
    assert done["serves_from"] == "2014-12-02"
    with Warehouse(lakeside) as warehouse, warehouse.transaction() as connection:
        said = connection.execute("SELECT promoted_by, reason, run_id FROM score.promotion WHERE is_rollback").fetchall()
    assert said == [("ada", "the other drifts", "run/2")]


@pytest.mark.parametrize("said", [{"model_id": "x"}, {"reason": "x"}])
def test_a_promotion_without_a_model_or_a_reason_is_refused(said):
    with pytest.raises(ModelRefused, match="a promotion names a model and a reason"):
        runs.promote(form(**said), "ada", "run/1")


def test_an_alarm_names_the_tenant(lakeside):
    rows = [
        {"sale_id": thing_id(f"o{n}"), "property_id": thing_id(n), "sale_date": NEWEST, "sale_price_usd": 1e5, "estimated_value_usd": 1.3e5,
         "sale_ratio": 1.3, "is_arms_length": True, "model_id": "m"}
        for n in range(40)
    ]  # fmt: skip
    assert runs.drift({"tenant": "lakeside"}, "scheduler", "run/1") == []
    publish_frame(batch(lakeside), frame("score.outcome", lakeside, rows), table="score.outcome")
    with pytest.raises(ModelRefused, match=r"^lakeside: m: median_ratio 1\.300 is outside 0\.90 to 1\.10 in 2014-12, 40 sales"):
        runs.drift({"tenant": "lakeside"}, "scheduler", "run/2")
    with Warehouse(lakeside) as warehouse, warehouse.transaction() as connection:
        kept = connection.execute("SELECT run_id, month, sale_count FROM score.drift ORDER BY month").fetchall()
    assert kept == [("run/2", "2014-12", 40), ("run/2", "all", 40)], "what rang is on record too"
