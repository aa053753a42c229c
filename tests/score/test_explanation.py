"""Contributions sum to the estimate to the cent; a change is asked only of what an owner can change, and says what it assumes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from estate.contracts import contract
from estate.contracts.score_explanation import CONTRIBUTIONS
from estate.score import parameters as p
from estate.score.attributes import ATTRIBUTES
from estate.score.design import design
from estate.score.explanation import ASSUMPTIONS
from estate.score.model import with_area
from tests.score.market import DAY, county, model, subjects, value

NAMES = [f"{name}_contribution_usd" for name in CONTRIBUTIONS]


@pytest.fixture(scope="module")
def frames():
    return value(subjects())


def cents(values):
    return np.rint(np.asarray(values) * 100).astype(np.int64)


def published(frames):
    return frames["score.valuation"].dropna(subset="estimated_value_usd").set_index("property_id")["estimated_value_usd"]


# Contributions


def test_base_and_contributions_make_the_estimate_to_the_cent_for_every_property(frames):
    told = frames["score.contribution"]
    assert len(told) > 200
    assert (cents(told["base_usd"]) + cents(told[NAMES]).sum(axis=1) == cents(told["estimated_value_usd"])).all()


def test_the_estimate_explained_is_the_one_that_is_published(frames):
    told = frames["score.contribution"].set_index("property_id")["estimated_value_usd"]
    pd.testing.assert_series_equal(told, published(frames))


def test_no_contribution_is_left_out(frames):
    assert [name for name in frames["score.contribution"] if name.endswith("_contribution_usd")] == NAMES
    assert frames["score.contribution"][NAMES].notna().all(axis=None)


def test_every_step_that_moves_a_value_moves_its_contribution(frames):
    """The base is one for all on the model's day, and each part that differs between houses of the market shows."""
    told = frames["score.contribution"]
    assert told["base_usd"].nunique() == 1
    assert (told[NAMES].abs().max() > 0).all()


def test_a_contribution_is_the_share_of_the_log_price_in_dollars(frames):
    """All shares are turned at one rate, so their proportions are those of the log shares (waterfront and view, by SHAP)."""
    told = frames["score.contribution"].set_index("property_id")
    asked = subjects().set_index("property_id", drop=False).loc[told.index]
    shap, _ = model().boosted.contributions(design(with_area(asked), model().neighbourhood).matrix)
    gap = np.log(told["estimated_value_usd"] / told["base_usd"])
    rate = ((told["estimated_value_usd"] - told["base_usd"]) / gap).to_numpy()
    clear = gap.abs().to_numpy() > 0.05
    for name in ("waterfront", "view"):
        assert told[f"{name}_contribution_usd"].to_numpy()[clear] == pytest.approx((shap[name] * rate)[clear], rel=1e-4, abs=1)


def test_shap_values_and_base_add_up_to_the_trees():
    matrix = design(subjects(50), model().neighbourhood).matrix
    shap, base = model().boosted.contributions(matrix)
    assert base + sum(shap.values()) == pytest.approx(model().boosted.trees_alone(matrix), abs=1e-9)


def test_a_house_is_explained_the_same_in_any_company():
    """CatBoost weighs leaves by what is asked along with a house, where an order leaves some of them without sales."""
    matrix = design(subjects(50), model().neighbourhood).matrix
    together, base = model().boosted.contributions(matrix)
    for rows in (slice(0, 1), slice(10, 17)):
        alone, base_alone = model().boosted.contributions(matrix[rows])
        assert base_alone == base
        for name, told in together.items():
            assert alone[name] == pytest.approx(told[rows], abs=1e-12)


def test_what_the_market_moved_is_in_the_base_and_the_sum_stays_exact():
    later = (pd.Timestamp(DAY) + pd.to_timedelta(45, "D")).date()
    told = value(subjects(80), day=later)["score.contribution"]
    assert (cents(told["base_usd"]) + cents(told[NAMES]).sum(axis=1) == cents(told["estimated_value_usd"])).all()


# Counterfactuals


def changes(frames, name):
    return frames["score.counterfactual"].query("change_name == @name").set_index("property_id")


def test_only_what_an_owner_can_change_is_asked(frames):
    told = frames["score.counterfactual"]
    assert set(zip(told["change_name"], told["field_name"], strict=True)) == {
        ("condition_up", "condition_code"), ("renovated", "year_renovated"), ("bathroom_added", "bathroom_count"),
    }  # fmt: skip
    assert not told.duplicated(["property_id", "change_name"]).any()


def test_each_change_says_what_it_takes_for_granted(frames):
    told = frames["score.counterfactual"]
    assert (told["assumption"] == told["change_name"].map(ASSUMPTIONS)).all()
    assert told["assumption"].str.contains("the cost of the change is not taken off").all()


def test_a_better_condition_never_lowers_a_value(frames):
    change = changes(frames, "condition_up")["value_change_usd"]
    assert (change >= 0).all()
    assert (change > 0).mean() > 0.9


def test_the_change_is_the_difference_to_the_published_value_to_the_cent(frames):
    told = frames["score.counterfactual"]
    today = told["property_id"].map(published(frames))
    assert (cents(told["value_change_usd"]) == cents(told["changed_value_usd"]) - cents(today)).all()


def test_the_changes_are_open_to_whom_they_are_open(frames):
    known = subjects().set_index("property_id").loc[published(frames).index]
    old = DAY.year - np.fmax(known["year_built"], known["year_renovated"]) >= p.RENOVATION_YEARS
    for name, is_open in (
        ("condition_up", known["condition_code"] < p.CONDITION_BEST),
        ("renovated", old),
        ("bathroom_added", known["bathroom_count"] < known["bedroom_count"]),
    ):  # fmt: skip
        assert 0 < is_open.sum() < len(known)
        assert set(changes(frames, name).index) == set(known.index[is_open])
    assert (changes(frames, "renovated")["field_value_to"] == DAY.year).all()
    assert (changes(frames, "condition_up").eval("field_value_to - field_value_from") == 1).all()


def test_what_is_not_known_today_is_not_changed():
    unknown = subjects(60).assign(condition_code=np.nan, year_built=np.nan, year_renovated=np.nan, bathroom_count=np.nan)
    frames = value(unknown)
    assert frames["score.valuation"]["estimated_value_usd"].notna().any()
    assert frames["score.counterfactual"].empty
    assert list(frames["score.counterfactual"]) == [name for name in contract("score.counterfactual").column_names if name != "tenant_id"]


def test_a_house_that_was_never_renovated_has_no_year_to_change_from(frames):
    told = changes(frames, "renovated")["field_value_from"]
    before = subjects().set_index("property_id")["year_renovated"].loc[told.index]
    pd.testing.assert_series_equal(told, before, check_names=False)
    assert told.isna().any()


def test_a_change_is_worth_what_the_same_house_so_changed_is_worth_but_for_its_comparables():
    """Bathrooms move the estimate by less than comparables and all; with no comparables heard, the two questions are one."""
    deaf = replace(model(), comparables_weight=0.0)
    today = subjects(60).assign(condition_code=3.0)
    told = changes(value(today, of=deaf), "condition_up")["changed_value_usd"]
    then = published(value(today.assign(condition_code=4.0), of=deaf))
    both = told.index.intersection(then.index)
    assert len(both) > 30
    # The level of like houses does not depend on the condition.
    assert told[both].to_numpy() == pytest.approx(then[both].to_numpy(), abs=0.011)


def test_nothing_is_explained_of_a_refused_property(frames):
    refused = frames["score.valuation"].query("refusal_reason.notna()")["property_id"]
    assert len(refused)
    for name in ("score.contribution", "score.counterfactual", "score.comparable"):
        assert not frames[name]["property_id"].isin(refused).any()


def test_a_change_of_what_no_sale_ever_told_is_not_asked():
    known = model().neighbourhood.attributes.copy()
    known[:, ATTRIBUTES.index("condition_code")] = np.nan
    blind = replace(model(), neighbourhood=replace(model().neighbourhood, attributes=known))
    assert set(value(subjects(60), of=blind, sales=county())["score.counterfactual"]["change_name"]) == {"renovated", "bathroom_added"}
