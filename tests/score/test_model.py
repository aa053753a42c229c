"""A model of one county: what it says of a larger house, of an incomplete one, of a later day, and of itself."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from estate.contracts.score_explanation import CONTRIBUTIONS
from estate.score.attributes import ATTRIBUTES, table
from estate.score.design import COLUMNS, GROUPS
from estate.score.model import day_number, prepared, with_area
from tests.score.market import DAY, county, houses, model, subjects, train, value, worth

# Without the first nothing is said; the second reads as never, wherever the year of construction is known.
NEVER_MISSED = ("living_area_sqft", "year_renovated")


def valued(asked, **how):
    return value(asked, **how)["score.valuation"]


def test_values_are_near_what_the_market_s_formula_says():
    error = np.log(valued(subjects())["estimated_value_usd"].to_numpy()) - worth(subjects())
    assert abs(np.nanmedian(error)) < 0.03
    assert np.nanstd(error) < 0.10


# Living area


def test_a_much_larger_house_is_worth_more_with_all_steps_together():
    """The comparables of a larger house are other sales, so that a step of a few square feet may fall; one of a half never did."""
    small = subjects(150).assign(living_area_sqft=1500.0)
    first, second = (valued(small.assign(living_area_sqft=area))["estimated_value_usd"].to_numpy() for area in (1500.0, 2250.0))
    both = np.isfinite(first) & np.isfinite(second)
    assert both.sum() > 100
    assert (second > first)[both].mean() == 1.0


# What is not known


@pytest.mark.parametrize("name", [name for name in ATTRIBUTES if name not in NEVER_MISSED])
def test_a_missing_attribute_costs_certainty(name):
    """Exactly so for what is seen alike (test_conformal). The house is also read as its neighbours are, and may be seen as a surer one."""
    assert model().interval.unknown_cost[ATTRIBUTES.index(name)] > 0
    ratio = (valued(subjects().assign(**{name: np.nan}))["fsd"] / valued(subjects())["fsd"]).dropna()
    assert ratio.mean() > 1
    assert ratio.median() > 1


def test_a_house_of_which_nothing_is_known_but_its_size_and_place_is_always_less_certain():
    blind = subjects().assign(**{name: np.nan for name in ATTRIBUTES if name != "living_area_sqft"})
    assert (valued(blind)["fsd"] > valued(subjects())["fsd"]).all()


def test_what_the_market_does_not_know_costs_nothing():
    sales = county(300).assign(view_code=np.nan, story_count=np.nan)
    cost = train(sales).interval.unknown_cost
    assert [cost[ATTRIBUTES.index(name)] for name in ("view_code", "story_count")] == [0, 0]
    assert cost[ATTRIBUTES.index("quality_code")] > 0


# Days


def test_a_model_refuses_to_value_a_day_before_its_own():
    with pytest.raises(ValueError, match="trained with sales up to 2024-06-30; it cannot value 2024-06-29"):
        valued(subjects(3), day=pd.Timestamp("2024-06-29").date())


def test_a_model_asked_later_in_a_market_that_rose_by_a_tenth_says_a_tenth_more():
    later = county(400, seed=3).assign(property_id=[f"n{i}" for i in range(400)], sale_id=[f"n{i}" for i in range(400)])
    after = pd.Timestamp(DAY) + pd.to_timedelta(np.arange(400) % 120, "D")
    day = (pd.Timestamp(DAY) + pd.to_timedelta(120, "D")).date()
    asked = subjects()
    said = []
    for rise in (0.0, 0.10):
        # Prices of the county as they were on the model's day, and from there a steady rise.
        moved = np.exp(rise * (np.arange(400) % 120) / 120 + 0.06 * (pd.Timestamp(DAY) - later["sale_date"]).dt.days / 365)
        new = later.assign(sale_date=after, sale_price_usd=later["sale_price_usd"] * moved)
        said.append(valued(asked, day=day, sales=pd.concat([county(), new], ignore_index=True))["estimated_value_usd"].to_numpy())
    change = np.log(said[1] / said[0])
    assert np.nanmedian(change) == pytest.approx(0.10, abs=0.015)
    assert np.nanquantile(change, [0.05, 0.95]) == pytest.approx(0.10, abs=0.06)


def test_the_spread_for_equity_does_not_multiply_what_the_market_moved():
    """A market that moved by a tenth moves every boosted estimate by a tenth, however far the model spreads its estimates."""
    asked, none = with_area(subjects(50)), model().market(county()[:0], model().as_of_day)[0]
    spread = replace(model(), spread=replace(model().spread, share=0.1))
    index = model().comparator.index
    later = model().as_of_day + 60
    risen = replace(index, as_of_day=later, knot_day=np.array([model().as_of_day, later]), areas=(), level=np.array([[0.0, 0.1]]))
    now, then = (spread.parts(asked, none, *at).estimate for at in ((model().as_of_day,), (later, risen)))
    assert then - now == pytest.approx(0.1, abs=1e-12)


# What it is made of


def test_every_column_counts_towards_a_contribution():
    assert len(GROUPS) == len(COLUMNS) == len(set(COLUMNS))
    assert set(GROUPS) | {"second_opinion", "comparables", "equity"} == set(CONTRIBUTIONS)


def test_a_model_tells_what_moves_values_the_most_first():
    told = model().importances()
    assert told["importance_usd"].is_monotonic_decreasing
    assert set(told["feature"][:4]) & {"living_area", "quality"}
    assert [part["name"] for part in model().components()][-2:] == ["vertical equity", "intervals"]


def test_only_usable_sales_before_the_day_are_looked_at_in_the_order_of_date():
    sales = county(40).assign(living_area_sqft=[0.0, np.nan, *[2000.0] * 38])
    day = day_number(DAY) - 300
    known = prepared(sales, day)
    assert known["sale_date"].is_monotonic_increasing
    assert set(known["sale_id"]) == set(sales["sale_id"][2:][sales["sale_date"][2:] < pd.Timestamp(day, unit="D")])
    assert known["market_area"].notna().all()


def test_a_house_is_read_as_numbers_whatever_types_its_columns_have():
    plain = houses(20)
    plain.loc[3, ["quality_code", "has_waterfront", "year_built"]] = np.nan
    typed = plain.astype({"quality_code": "Int64", "bedroom_count": "Int16", "has_waterfront": "boolean", "living_area_sqft": object})
    assert np.array_equal(table(plain), table(typed), equal_nan=True)
    boxed = plain.assign(has_waterfront=[None if np.isnan(flag) else bool(flag) for flag in plain["has_waterfront"]])
    assert np.array_equal(table(plain), table(boxed.astype({"has_waterfront": object})), equal_nan=True)


def test_never_renovated_and_unknown_stay_apart():
    facts = pd.DataFrame({"year_built": [1990.0, np.nan, 1990.0], "year_renovated": [np.nan, np.nan, 2010.0]})
    assert table(facts)[:, ATTRIBUTES.index("year_renovated")] == pytest.approx([0.0, np.nan, 2010.0], nan_ok=True)


def test_sizes_of_zero_are_unknown_but_a_house_may_have_no_basement():
    read = table(pd.DataFrame({"living_area_sqft": [0.0], "lot_area_sqft": [-1.0], "basement_area_sqft": [0.0]}))[0]
    assert [np.isnan(read[0]), read[1], np.isnan(read[2])] == [True, 0.0, True]
