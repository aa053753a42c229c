"""The ledger of outcomes: only what stood before the sale was known is tested, and the alarm rings where it should and only there."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from estate.arrow import frame_to_arrow
from estate.contracts import contract
from estate.gate import judge
from estate.score import ledger
from estate.score.outcome import alarms, drift, outcome_frame, outcomes
from estate.warehouse import Warehouse
from tests.frames import batch, frame, publish_frame, some_tenant, thing_id

HOUSE, SALE = thing_id("house"), thing_id("sale")


def valued(**facts):
    """One sale with the value before it, as query score_outcomes gives it."""
    return pd.DataFrame([{
        "sale_id": SALE, "property_id": HOUSE, "sale_date": pd.Timestamp("2015-03-01"), "sale_price_usd": 500_000.0, "is_arms_length": True,
        "valuation_date": pd.Timestamp("2015-01-01"), "valued_published_at": "2015-01-02 10:00:00.123456+00", "model_id": "m",
        "estimated_value_usd": 450_000.0, "value_low_usd": 400_000.0, "value_high_usd": 480_000.0, "value_low_95_usd": 350_000.0,
        "value_high_95_usd": 600_000.0,
    } | facts])  # fmt: skip


# One outcome


def test_an_outcome_is_value_over_price_and_whether_each_interval_held_the_price():
    row = outcomes(valued()).iloc[0]
    assert (row["sale_ratio"], row["is_in_80"], row["is_in_95"], row["is_arms_length"]) == (0.9, False, True, True)


@pytest.mark.parametrize(("price", "held"), [(399_999.99, False), (400_000.0, True), (480_000.0, True), (480_000.01, False)])
def test_the_ends_belong_to_the_interval(price, held):
    assert outcomes(valued(sale_price_usd=price))["is_in_80"].item() == held


def test_an_interval_with_an_unknown_end_gives_an_unknown_answer():
    made = outcomes(valued(value_low_95_usd=None))
    assert made["is_in_95"].isna().item()
    assert made["is_in_80"].notna().item()


def test_a_finding_overrules_the_record_and_says_nothing_of_other_sales():
    both = pd.concat([valued(), valued(sale_id=thing_id("other"))])
    made = outcomes(both, pd.DataFrame({"sale_id": [SALE, thing_id("unseen")], "is_arms_length": [False, True]}))
    assert made["is_arms_length"].tolist() == [False, True]


def test_no_sales_make_no_outcomes():
    assert outcomes(valued().iloc[:0]).empty


# Drift


def sold(count=400, ratio=1.0, spread=0.10, model="m", month="2015-01", held_80=0.80, held_95=0.95):
    """`count` tested values of one model and month, with log-normal errors and the stated share of intervals that held."""
    chance = np.random.default_rng(2)
    price = np.exp(chance.normal(13, 0.4, count))
    estimate = price * ratio * np.exp(chance.normal(0, spread, count))
    place = np.arange(count)
    return pd.DataFrame({
        "model_id": model, "sale_date": pd.Timestamp(f"{month}-15"), "sale_price_usd": price, "estimated_value_usd": estimate,
        "sale_ratio": estimate / price, "is_in_80": pd.array(place < held_80 * count, dtype="boolean"),
        "is_in_95": pd.array(place < held_95 * count, dtype="boolean"),
    })  # fmt: skip


def test_drift_is_told_per_model_and_month_and_over_all_months():
    made = drift(pd.concat([sold(40), sold(60, month="2015-02"), sold(30, model=None)]))
    assert made[["model_id", "sale_month", "sale_count"]].to_numpy().tolist() == [
        ["m", "2015-01", 40], ["m", "2015-02", 60], ["m", "all", 100], ["without a model", "2015-01", 30], ["without a model", "all", 30],
    ]  # fmt: skip


def test_the_figures_of_drift_are_those_of_their_definitions():
    two = sold(2).assign(
        sale_price_usd=[100.0, 300.0], estimated_value_usd=[110.0, 270.0], sale_ratio=[1.1, 0.9], is_in_95=pd.array([True, pd.NA])
    )
    row = drift(two).iloc[0]
    assert (row["median_ratio"], row["mape"], row["bias"]) == pytest.approx((1.0, 0.1, -0.05))
    assert (row["coverage_95"], row["known_95_count"], row["known_80_count"]) == (1.0, 1, 2)


def test_a_sound_model_rings_no_alarm():
    assert alarms(drift(sold())) == []
    assert alarms(drift(sold().iloc[:0])) == []


@pytest.mark.parametrize(
    ("facts", "statistic"),
    [
        ({"ratio": 1.2}, "median_ratio"), ({"ratio": 0.85}, "median_ratio"), ({"spread": 0.35}, "mape"),
        ({"held_80": 0.65}, "coverage_80"), ({"held_80": 0.95}, "coverage_80"), ({"held_95": 0.85}, "coverage_95"),
    ],
)  # fmt: skip
def test_a_model_that_drifts_rings_naming_model_statistic_value_and_bound(facts, statistic):
    rung = [said for said in alarms(drift(sold(**facts))) if statistic in said]
    assert len(rung) == 2
    assert rung[0].startswith(f"m: {statistic} ")
    assert " in 2015-01, 400 sales" in rung[0]
    assert " over all months, 400 sales" in rung[1]


def test_an_alarm_reads_like_this():
    assert alarms(drift(sold(held_80=0.65)))[0] == "m: coverage_80 0.650 is outside 0.76 to 0.84 in 2015-01, 400 sales"


def test_a_coverage_that_chance_explains_rings_no_alarm():
    few = sold(40, held_80=0.70)  # 28 of 40, where 76 % would be 30
    assert drift(few)["coverage_80"].iloc[0] == 0.70
    assert alarms(drift(few)) == []


def test_few_sales_are_judged_together_and_not_month_by_month():
    months = [sold(20, ratio=1.3, month=f"2015-0{month}") for month in (1, 2)]
    assert alarms(drift(months[0])) == []
    rung = alarms(drift(pd.concat(months)))
    assert rung
    assert all("over all months" in said for said in rung)


# In the database


@pytest.fixture
def tenant(settings_env):
    return some_tenant()


def publish_value(tenant, day, amount, house=HOUSE, **said):
    row = {"property_id": house, "valuation_date": day, "estimated_value_usd": amount, "refusal_reason": None if amount else "too unsure"}
    publish_frame(batch(tenant, vintage=day), frame("score.valuation", tenant, [row | said]), table="score.valuation")


def publish_sale(tenant, day, price=500_000.0, name="sale", house=HOUSE, **said):
    row = {"sale_id": thing_id(name), "property_id": house, "sale_date": day, "sale_price_usd": price, "is_arms_length": True}
    publish_frame(
        batch(tenant, vintage=date(2030, 1, 1)), frame("normalize.sale", tenant, [row | said]), table="normalize.sale", scope=[house]
    )


def found(tenant):
    with Warehouse(tenant) as warehouse:
        return outcome_frame(warehouse, pd.DataFrame({"property_id": [HOUSE]}))


def amounts(tenant):
    return found(tenant)["estimated_value_usd"].tolist()


@pytest.mark.servers
def test_a_sale_is_tested_against_the_last_value_for_a_day_before_it(tenant):
    for day, amount in ((date(2015, 1, 1), 400_000), (date(2015, 2, 1), 420_000), (date(2015, 3, 1), 440_000), (date(2015, 4, 1), 460_000)):
        publish_value(tenant, day, amount)
    publish_sale(tenant, date(2015, 3, 1))
    assert amounts(tenant) == [420_000]


@pytest.mark.servers
def test_an_outcome_names_the_model_and_holds_both_intervals_as_published(tenant):
    ends = {"value_low_usd": 380_000, "value_high_usd": 480_000, "value_low_95_usd": 300_000, "value_high_95_usd": 600_000}
    publish_value(tenant, date(2015, 1, 1), 400_000, model_id="53033-2015-01-01-abc", **ends)
    publish_sale(tenant, date(2015, 3, 1))
    (row,) = found(tenant).to_dict("records")
    assert {name: row[name] for name in ends} == ends
    assert (row["model_id"], row["is_in_80"], row["is_in_95"]) == ("53033-2015-01-01-abc", False, True)


@pytest.mark.servers
def test_a_value_published_after_the_sale_was_known_is_not_used_though_its_day_lies_before(tenant):
    publish_value(tenant, date(2015, 1, 1), 400_000)
    publish_sale(tenant, date(2015, 3, 1))
    publish_value(tenant, date(2015, 2, 1), 500_000)
    assert amounts(tenant) == [400_000]


@pytest.mark.servers
def test_a_corrected_price_is_no_news_of_the_sale(tenant):
    publish_value(tenant, date(2015, 1, 1), 400_000)
    publish_sale(tenant, date(2015, 3, 1), name="as first reported")
    publish_value(tenant, date(2015, 2, 1), 500_000)
    publish_sale(tenant, date(2015, 3, 1), 501_000.0, name="as corrected")
    assert found(tenant)[["sale_id", "estimated_value_usd"]].to_numpy().tolist() == [[thing_id("as corrected"), 400_000]]


@pytest.mark.servers
def test_a_sale_without_a_value_before_it_has_no_outcome(tenant):
    publish_sale(tenant, date(2015, 3, 1))
    publish_value(tenant, date(2015, 1, 1), 400_000)
    assert amounts(tenant) == []


@pytest.mark.servers
def test_a_refusal_gives_no_value_so_the_value_before_it_is_tested(tenant):
    publish_value(tenant, date(2015, 1, 1), 400_000)
    publish_value(tenant, date(2015, 2, 1), None)
    publish_sale(tenant, date(2015, 3, 1))
    assert amounts(tenant) == [400_000]


@pytest.mark.servers
def test_every_sale_of_a_house_is_tested_and_those_of_other_houses_or_without_a_price_are_not(tenant):
    publish_value(tenant, date(2015, 1, 1), 400_000)
    publish_value(tenant, date(2015, 1, 1), 700_000, house=thing_id("elsewhere"))
    rows = [
        {"sale_id": thing_id(name), "property_id": house, "sale_date": day, "sale_price_usd": price, "is_arms_length": True}
        for name, house, day, price in (("one", HOUSE, date(2015, 3, 1), 1e5), ("two", HOUSE, date(2015, 9, 1), 2e5),
                                        ("gift", HOUSE, date(2015, 10, 1), 0.0), ("else", thing_id("elsewhere"), date(2015, 3, 1), 3e5))
    ]  # fmt: skip
    publish_frame(batch(tenant), frame("normalize.sale", tenant, rows), table="normalize.sale")
    assert set(found(tenant)["sale_id"]) == {thing_id("one"), thing_id("two")}


@pytest.mark.servers
def test_what_the_ledger_finds_passes_its_gate_and_a_value_of_after_the_sale_does_not(tenant):
    publish_value(tenant, date(2015, 1, 1), 400_000)
    publish_sale(tenant, date(2015, 3, 1))
    promise = contract("score.outcome")
    sound = found(tenant).assign(tenant_id=str(tenant.tenant_id))
    assert judge(promise, frame_to_arrow(sound, promise), "sound").is_passed
    peeked = sound.assign(valuation_date=pd.Timestamp("2015-03-01"))
    (failure,) = judge(promise, frame_to_arrow(peeked, promise), "peeked").failures
    assert (failure.outcome, failure.field_name) == ("refused", "sale_date, valuation_date")


@pytest.mark.servers
def test_the_alarm_reads_the_valid_outcomes_of_the_last_year_of_its_own_tenant(tenant):
    def rows(prefix, count, day, ratio, *, valid=True):
        return [
            {"sale_id": thing_id(f"{prefix}{n}"), "property_id": thing_id(n), "sale_date": day, "sale_price_usd": 1e5, "sale_ratio": ratio,
             "estimated_value_usd": 1e5 * ratio, "is_in_80": n % 5 > 0, "is_in_95": n % 20 > 0, "is_arms_length": valid, "model_id": "m"}
            for n in range(count)
        ]  # fmt: skip

    sound = rows("new", 100, date(2015, 6, 1), 1.0)
    old, gifts = rows("old", 100, date(2014, 5, 31), 2.0), rows("gift", 100, date(2015, 6, 2), 2.0, valid=False)
    slip = rows("slip", 1, date(2099, 1, 1), 1.0)  # a sale of tomorrow is a slip of the pen, and silences nobody
    publish_frame(batch(tenant), frame("score.outcome", tenant, sound + old + gifts + slip), table="score.outcome")
    drifted, rung = ledger.drift_of(tenant, "run/1")
    assert [(row["sale_month"], row["sale_count"]) for row in drifted] == [("2015-06", 100), ("all", 100)]
    assert rung == []
    publish_frame(batch(tenant), frame("score.outcome", tenant, rows("bad", 100, date(2015, 6, 3), 1.3)), table="score.outcome")
    assert any(
        "m: median_ratio 1.150 is outside 0.90 to 1.10 in 2015-06, 200 sales" in said for said in ledger.drift_of(tenant, "run/2")[1]
    )
    assert ledger.drift_of(some_tenant("other"), "run/1") == ([], [])


@pytest.mark.servers
def test_a_run_keeps_what_it_found_once_in_the_units_of_the_table_and_for_its_own_tenant_only(tenant):
    def publish(count, ratio):
        rows = [
            {"sale_id": thing_id(f"{ratio}/{n}"), "property_id": thing_id(n), "sale_date": date(2015, 6, 1), "sale_price_usd": 1e5,
             "sale_ratio": ratio, "estimated_value_usd": 1e5 * ratio, "is_in_80": n % 4 > 0, "is_arms_length": True, "model_id": "m"}
            for n in range(count)
        ]  # fmt: skip
        publish_frame(batch(tenant), frame("score.outcome", tenant, rows), table="score.outcome")

    def kept(whose=tenant):
        with Warehouse(whose) as warehouse, warehouse.transaction() as connection:
            return connection.execute(
                "SELECT run_id, model_id, month, sale_count, median_ratio, mape_rate, bias_rate, coverage_80_rate, coverage_95_rate,"
                " now() - measured_at < interval '1 minute' FROM score.drift ORDER BY run_id, month"
            ).fetchall()

    publish(20, 1.25)
    ledger.drift_of(tenant, "run/1")
    found = [("run/1", "m", month, 20, 1.25, 0.25, 0.25, 0.75, None, True) for month in ("2015-06", "all")]
    assert kept() == found
    publish(10, 1.5)
    assert ledger.drift_of(tenant, "run/1")[0][0]["sale_count"] == 30, "a run that is tried again sees what there is now"
    assert kept() == found
    ledger.drift_of(tenant, "run/2")
    assert [(row[0], row[3]) for row in kept()[2:]] == [("run/2", 30), ("run/2", 30)]
    assert kept(some_tenant("other")) == []
