"""The profile of the features: what is counted, how windows are compared, and which profiles the gate refuses."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from estate.arrow import arrow_type, frame_to_arrow
from estate.contracts import contract
from estate.features.definitions import VIEWS
from estate.features.profile import COLUMNS, profile
from estate.gate import judge

PROMISE = contract("features.profile")
AT = datetime(2026, 6, 1, tzinfo=UTC)
NONE = pd.DataFrame()
PHYSICAL, HAZARD, LOCATION = (VIEWS[name] for name in ("property_physical", "property_hazard", "property_location"))


def table(view, count, observed_at=AT - timedelta(days=1), **values):
    """A slice of `view` with `count` rows; `values` fills features, the others are null."""
    arrays = {
        "observed_at": pa.array([observed_at] * count if isinstance(observed_at, datetime) else observed_at, pa.timestamp("us", "UTC"))
    }
    for column in view.features:
        said = values.get(column.name, [None] * count)
        arrays[column.name] = pa.array(said, arrow_type(column.sql_type), from_pandas=True)
    return pa.table(arrays)


def areas(count, factor=1.0):
    return [(500 + 10.0 * number) * factor for number in range(count)]


def profiled(*slices, previous=NONE, run_id="run-2", at=AT):
    return profile(slices, previous, run_id, at)


def physical(count, previous=NONE, run_id="run-2", **values):
    return profiled((PHYSICAL, table(PHYSICAL, count, **values)), previous=previous, run_id=run_id)


def row(frame, feature):
    found = frame[frame["feature_name"] == feature]
    assert len(found) == 1
    return found.iloc[0]


def refusals(frame):
    """The rows that the gate refuses, as it names them, and what it warns of."""
    verdict = judge(PROMISE, frame_to_arrow(frame.assign(tenant_id="0" * 8), PROMISE), "test")
    assert not [failure for failure in verdict.failures if failure.detail.startswith("raised")]
    outcomes = {"refused": {}, "warned": {}}
    for failure in verdict.failures:
        outcomes[failure.outcome].setdefault(failure.field_name, []).append(failure.detail)
    assert verdict.is_passed == (not outcomes["refused"])
    return outcomes["refused"], outcomes["warned"]


# What is counted


def test_every_feature_of_every_view_given_has_a_row_in_the_contract_s_columns():
    found = profiled((PHYSICAL, table(PHYSICAL, 3)), (HAZARD, table(HAZARD, 2)))
    expected = [(view.name, column.name) for view in (PHYSICAL, HAZARD) for column in view.features]
    assert list(zip(found["view_name"], found["feature_name"], strict=True)) == expected
    assert tuple(found.columns) == COLUMNS
    assert set(found["run_id"]) == {"run-2"}
    assert set(found["profiled_at"]) == {AT}
    rows = frame_to_arrow(found.assign(tenant_id="0" * 8), PROMISE)
    assert all(rows.column(c.name).null_count == 0 for c in PROMISE.columns if not c.nullable)


def test_nulls_and_numbers_that_are_not_finite_are_missing():
    said = row(physical(5, living_area_sqft=[1000.0, None, float("nan"), float("inf"), 3000.0]), "living_area_sqft")
    assert (said["entity_count"], said["null_count"], said["null_rate"]) == (5, 3, pytest.approx(0.6))
    assert (said["low"], said["median"], said["high"]) == (1000, 2000, 3000)


def test_words_and_truths_are_counted_and_have_no_middle():
    count = 40
    found = profiled((HAZARD, table(HAZARD, count, flood_zone=["X"] * 27 + ["AE"] * 10 + ["VE", None, None],
                                    is_in_100_year_floodplain=[True] * 12 + [False] * 28)))  # fmt: skip
    zone, plain = row(found, "flood_zone"), row(found, "is_in_100_year_floodplain")
    assert json.loads(zone["bins"]) == {"words": ["X", "AE"], "counts": [27, 10, 1]}
    assert json.loads(plain["bins"]) == {"words": ["false", "true"], "counts": [28, 12, 0]}
    assert [zone["low"], zone["median"], zone["high"], plain["median"]] == [None] * 4
    assert zone["null_count"] == 2


def test_a_feature_without_values_has_no_bins_and_no_age():
    said = row(physical(5), "living_area_sqft")
    assert said["bins"] == "{}"
    assert (said["null_rate"], said["stale_rate"], said["oldest_observed_at"], said["median"]) == (1, None, None, None)


def test_a_view_without_entities_lacks_every_feature():
    found = profiled((PHYSICAL, table(PHYSICAL, 0)))
    assert set(found["entity_count"]) == {0}
    assert set(found["null_rate"]) == {1}


def test_age_counts_for_values_only_and_stale_is_what_the_view_calls_so():
    ttl = PHYSICAL.ttl
    observed = [AT - ttl, AT - ttl - timedelta(seconds=1), None, AT - timedelta(days=900), AT]
    said = row(profiled((PHYSICAL, table(PHYSICAL, 5, observed, living_area_sqft=[1.0, 1.0, 1.0, None, 1.0]))), "living_area_sqft")
    assert said["stale_rate"] == pytest.approx(2 / 4), "one is too old, and one of unknown age"
    assert said["oldest_observed_at"] == AT - ttl - timedelta(seconds=1)
    assert said["newest_observed_at"] == AT


def test_slices_in_any_order_say_what_the_whole_says():
    whole = table(PHYSICAL, 1_000, living_area_sqft=areas(1_000), year_built=[1900 + n % 100 for n in range(1_000)])
    other = table(HAZARD, 3, flood_zone=["X", "X", None])
    expected = profiled((PHYSICAL, whole), (HAZARD, other))
    cut = profiled((PHYSICAL, whole.slice(700)), (HAZARD, other), (PHYSICAL, whole.slice(0, 0)), (PHYSICAL, whole.slice(0, 700)))
    pd.testing.assert_frame_equal(cut, expected)


def test_a_feature_without_column_is_an_error_that_names_it():
    with pytest.raises(KeyError, match="living_area_sqft"):
        profiled((PHYSICAL, table(PHYSICAL, 3).drop_columns("living_area_sqft")))


# How windows are compared


def test_the_first_window_is_compared_with_nothing():
    said = row(physical(300, living_area_sqft=areas(300)), "living_area_sqft")
    assert [said["previous_null_rate"], said["psi"], said["js_divergence"], said["previous_run_id"]] == [None] * 4


@pytest.mark.parametrize(
    "as_kept", [lambda frame: frame, lambda frame: frame.assign(bins=frame["bins"].map(json.loads))], ids=["text", "json"]
)
def test_the_same_values_again_did_not_move(as_kept):
    first = physical(300, run_id="run-1", living_area_sqft=areas(300))
    said = row(physical(300, as_kept(first), living_area_sqft=areas(300)), "living_area_sqft")
    assert (said["previous_null_rate"], said["psi"], said["js_divergence"], said["previous_run_id"]) == (0, 0, 0, "run-1")


def test_both_windows_are_counted_on_the_deciles_of_the_one_before():
    first = physical(1_000, run_id="run-1", living_area_sqft=areas(1_000))
    moved = areas(1_000)[:900] + [1.0] * 100
    said = row(physical(1_000, first, living_area_sqft=moved), "living_area_sqft")
    against = json.loads(said["bins"])["against"]
    assert against["before"] == [100] * 10
    assert against["now"] == [200, *[100] * 8, 0]
    assert said["psi"] == pytest.approx(0.1 * np.log(2) + (0.1 - 0.0001) * np.log(0.1 / 0.0001))


@pytest.mark.parametrize(("before", "now", "is_measured"), [(199, 200, False), (200, 199, False), (200, 200, True)])
def test_fewer_than_two_hundred_values_in_either_window_say_nothing_of_drift(before, now, is_measured):
    first = physical(300, run_id="run-1", living_area_sqft=[*areas(before), *[None] * (300 - before)])
    said = row(physical(300, first, living_area_sqft=[*areas(now), *[None] * (300 - now)]), "living_area_sqft")
    assert pd.notna(said["psi"]) == pd.notna(said["js_divergence"]) == is_measured


@pytest.mark.parametrize(
    ("now", "is_share_compared", "is_psi_measured"), [(800, True, True), (801, False, False), (200, True, True), (199, True, False)]
)
def test_a_population_that_more_than_doubled_is_another(now, is_share_compared, is_psi_measured):
    first = physical(400, run_id="run-1", living_area_sqft=areas(400))
    said = row(physical(now, first, living_area_sqft=areas(now)), "living_area_sqft")
    assert pd.notna(said["previous_null_rate"]) == is_share_compared
    assert pd.notna(said["psi"]) == is_psi_measured
    assert said["previous_run_id"] == "run-1"
    assert pd.notna(said["js_divergence"]) == (now >= 200)


def test_shares_of_fewer_than_ten_entities_are_not_compared():
    assert pd.isna(row(physical(9, physical(9, run_id="run-1")), "living_area_sqft")["previous_null_rate"])
    assert row(physical(9, physical(10, run_id="run-1")), "living_area_sqft")["previous_null_rate"] == 1


def test_a_feature_whose_kind_changed_is_not_compared():
    first = physical(300, run_id="run-1", living_area_sqft=areas(300))
    first.loc[first["feature_name"] == "living_area_sqft", "bins"] = json.dumps({"words": ["a"], "counts": [300, 0]})
    assert row(physical(300, first, living_area_sqft=areas(300)), "living_area_sqft")["js_divergence"] is None


# What the gate says


def test_a_first_window_and_the_same_again_pass_without_a_word():
    first = physical(300, run_id="run-1", living_area_sqft=areas(300))
    assert refusals(first) == ({}, {})
    assert refusals(physical(300, first, living_area_sqft=areas(300))) == ({}, {})


def some(had, count):
    """Areas of the first entities, none of the others."""
    return [*areas(had), *[None] * (count - had)]


def test_a_feature_that_most_had_and_none_has_now_is_refused_by_name():
    first = physical(300, run_id="run-1", living_area_sqft=areas(300), lot_area_sqft=areas(300))
    refused, _ = refusals(physical(300, first, lot_area_sqft=areas(300)))
    assert refused == {"value_ratio": ["living_area_sqft 0, should be at least 0.01"]}


@pytest.mark.parametrize(("left", "is_refused"), [(0, True), (1, True), (2, False)])
def test_two_hundred_values_of_which_one_in_a_hundred_is_left_are_refused_however_few_entities_had_them(left, is_refused):
    first = physical(10_000, run_id="run-1", living_area_sqft=some(200, 10_000))
    assert row(first, "living_area_sqft")["null_rate"] == pytest.approx(0.98)
    refused, _ = refusals(physical(10_000, first, living_area_sqft=some(left, 10_000)))
    assert set(refused) == ({"value_ratio"} if is_refused else set())


def test_a_small_tenant_that_loses_a_feature_is_warned_of():
    first = physical(199, run_id="run-1", living_area_sqft=areas(199))
    refused, warned = refusals(physical(199, first))
    assert refused == {}
    assert {"null_rate", "value_ratio"} <= set(warned)


@pytest.mark.parametrize("left", [0, 3])
def test_a_portfolio_that_is_sold_is_not_refused(left):
    first = physical(1_000, run_id="run-1", living_area_sqft=some(700, 1_000))
    refused, _ = refusals(physical(left, first))
    assert refused == {}


def test_a_population_that_shrinks_takes_values_with_it_and_one_that_grows_takes_none():
    first = physical(1_000, run_id="run-1", living_area_sqft=some(400, 1_000))
    shrunk = row(physical(500, first, living_area_sqft=some(100, 500)), "living_area_sqft")
    assert (shrunk["expected_value_count"], shrunk["value_ratio"]) == (200, 0.5)
    grown = row(physical(90_000, first, living_area_sqft=some(400, 90_000)), "living_area_sqft")
    assert (grown["expected_value_count"], grown["value_ratio"]) == (400, 1)


def test_markets_whose_newest_month_has_no_rent_yet_are_warned_of():
    view = VIEWS["market_current"]
    first = profiled((view, table(view, 300, median_rent_usd=areas(300), sold_30d_count=areas(300))), run_id="run-1")
    refused, warned = refusals(profiled((view, table(view, 300, sold_30d_count=areas(300, 0.01))), previous=first))
    assert refused == {}
    assert {"value_ratio", "psi"} <= set(warned)


def test_absent_features_stay_absent_and_pass():
    first = physical(300, run_id="run-1")
    found = physical(300, first)
    assert row(found, "has_pool")["previous_null_rate"] == 1
    assert refusals(found) == ({}, {})


def test_a_feature_that_is_declared_absent_may_lose_its_values():
    first = physical(300, run_id="run-1", living_area_sqft=areas(300))
    view = dataclasses.replace(PHYSICAL, absent={"living_area_sqft": "the only source that told it ended"})
    found = profiled((view, table(view, 300)), previous=first)
    assert pd.isna(row(found, "living_area_sqft")["previous_null_rate"])
    assert refusals(found)[0] == {}


def test_another_unit_is_refused_by_name():
    first = physical(300, run_id="run-1", living_area_sqft=areas(300))
    refused, warned = refusals(physical(300, first, living_area_sqft=areas(300, 0.0929)))
    assert set(refused) == {"psi"}
    assert refused["psi"][0].startswith("living_area_sqft 8.2")
    assert {"psi", "js_divergence"} <= set(warned)
    assert warned["psi"][0].startswith("living_area_sqft 8.2")


def changed(view, feature, before, now):
    first = profiled((view, table(view, len(before), **{feature: before})), run_id="run-1")
    found = profiled((view, table(view, len(now), **{feature: now})), previous=first)
    assert row(found, feature)["psi"] > 5
    return refusals(found)


@pytest.mark.parametrize(
    ("view", "feature", "before", "now"),
    [
        ("property_hazard", "heat_intensity", [0.3] * 300, [0.9] * 300),
        ("property_hazard", "seismic_zone", ["D"] * 300, ["D1"] * 300),
        ("property_physical", "years_since_renovation", [6, 7, 8, 9, 10, 11] * 50, [n + 6 for n in (6, 7, 8, 9, 10, 11)] * 50),
    ],
)
def test_what_moves_all_of_a_few_values_is_warned_of_and_passes(view, feature, before, now):
    refused, warned = changed(VIEWS[view], feature, before, now)
    assert refused == {}
    assert "psi" in warned


@pytest.mark.parametrize(("times", "is_refused"), [(3.2808, True), (1 / 3.2808, True), (2.9, False)])
def test_many_values_that_move_by_a_factor_of_three_are_refused(times, is_refused):
    before = [1000 + number / 10 for number in range(300)]
    refused, warned = changed(PHYSICAL, "living_area_sqft", before, [value * times for value in before])
    assert set(refused) == ({"psi"} if is_refused else set())
    assert "psi" in warned


def test_a_median_of_zero_or_of_another_sign_has_no_factor():
    for before, now in (([0.0] * 300, areas(300)), ([-1.0] * 300, areas(300))):
        first = physical(300, run_id="run-1", living_area_sqft=before)
        assert row(physical(300, first, living_area_sqft=now), "living_area_sqft")["median_factor"] is None


def test_a_tenant_that_doubles_into_another_county_is_warned_of_and_passes():
    first = profiled((LOCATION, table(LOCATION, 300, latitude=[42 + n / 1e4 for n in range(300)])), run_id="run-1")
    grown = [42 + n / 1e4 for n in range(300)] + [47 + n / 1e4 for n in range(300)]
    refused, warned = refusals(profiled((LOCATION, table(LOCATION, 600, latitude=grown)), previous=first))
    assert refused == {}
    assert set(warned) == {"psi", "js_divergence"}


def test_listings_that_all_grew_older_alike_are_warned_of_and_pass():
    view = VIEWS["property_financial"]
    said = {"observed_at": AT, "list_price_usd": areas(300)}
    first = profiled((view, table(view, 300, days_on_market=list(range(300)), **said)), run_id="run-1")
    found = profiled((view, table(view, 300, days_on_market=list(range(400, 700)), **said)), previous=first)
    refused, warned = refusals(found)
    assert row(found, "days_on_market")["psi"] > 5
    assert refused == {}
    assert "psi" in warned


def test_stale_values_and_a_share_that_falls_away_are_warned_of():
    first = physical(300, run_id="run-1", living_area_sqft=areas(300))
    late = table(PHYSICAL, 300, AT - timedelta(days=31), living_area_sqft=[None if n % 4 == 0 else v for n, v in enumerate(areas(300))])
    refused, warned = refusals(profiled((PHYSICAL, late), previous=first))
    assert refused == {}
    assert set(warned) == {"stale_rate", "null_rate"}
    assert warned["null_rate"][0].startswith("living_area_sqft 0.25")


@pytest.mark.parametrize(
    ("column", "value"),
    [("null_rate", 1.5), ("null_rate", None), ("previous_null_rate", -0.1), ("stale_rate", 2.0), ("js_divergence", 1.1), ("psi", -0.1),
     ("null_count", 400), ("feature_name", "lot_area_sqft")],
)  # fmt: skip
def test_a_profile_that_cannot_be_is_refused(column, value):
    found = physical(300, living_area_sqft=areas(300))
    found.loc[found["feature_name"] == "living_area_sqft", column] = value
    refused, _ = refusals(found)
    assert any(column in str(name) for name in refused)
