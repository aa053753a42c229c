"""A value with its intervals and comparables, or a refusal with its reason, in the columns that are promised."""

import numpy as np
import pandas as pd
import pytest

from estate.contracts import contract
from estate.contracts.score import ADJUSTMENTS
from estate.score import parameters as p
from estate.score import support
from estate.score import valuation as v
from tests.score.market import DAY, county, model, subjects, value


@pytest.fixture(scope="module")
def frames():
    return value(subjects())


@pytest.fixture(scope="module")
def given(frames):
    return frames["score.valuation"].query("refusal_reason.isna()")


def cents(series):
    return np.rint(series.to_numpy() * 100).astype(np.int64)


def promised(table):
    return [name for name in contract(table).column_names if name != "tenant_id"]


def test_the_frames_have_the_contracts_columns(frames):
    assert {table: list(frame.columns) for table, frame in frames.items()} == {table: promised(table) for table in v.TABLES}


def test_every_subject_has_one_row_with_a_value_or_a_reason(frames):
    valuation = frames["score.valuation"]
    assert valuation["property_id"].tolist() == subjects()["property_id"].tolist()
    assert (valuation["estimated_value_usd"].isna() == valuation["refusal_reason"].notna()).all()
    assert 200 < valuation["estimated_value_usd"].notna().sum() < 300
    assert (valuation["valuation_date"] == pd.Timestamp(DAY)).all()
    assert (valuation["model_id"] == "model-1").all()


def test_intervals_hold_the_estimate_and_the_wider_holds_the_narrower(given):
    ends = given[["value_low_95_usd", "value_low_usd", "estimated_value_usd", "value_high_usd", "value_high_95_usd"]].to_numpy()
    assert np.isfinite(ends).all()
    assert (np.diff(ends, axis=1) >= 0).all()
    assert (ends[:, 0] < ends[:, 1]).all()
    assert (ends[:, 3] < ends[:, 4]).all()
    assert (ends[:, 0] > 0).all()


def test_money_is_in_whole_cents(given):
    money = given[[name for name in given if name.endswith("_usd")]]
    assert (money == (money * 100).round() / 100).all(axis=None)


def test_confidence_is_what_the_fsd_leaves_and_its_band_follows_the_bounds(given):
    assert given["confidence"].to_numpy() == pytest.approx(1 - given["fsd"].to_numpy())
    expected = np.where(given["fsd"] <= 0.13, "high", np.where(given["fsd"] <= 0.20, "moderate", "low"))
    assert given["confidence_band"].tolist() == expected.tolist()
    assert set(expected) == {"high", "moderate", "low"}


@pytest.mark.parametrize(("wide", "band"), [(0.13, "high"), (0.1301, "moderate"), (0.20, "moderate"), (0.2001, "low")])
def test_a_bound_belongs_to_the_surer_band(monkeypatch, wide, band):
    """FSD bands of Freddie Mac's HVE: high up to 13 %, moderate up to 20 %."""
    from dataclasses import replace

    # Errors of one size on either side, so that the FSD of a house is known beforehand: (e^s - e^-s) / 2.
    even = replace(model().interval, residuals=np.repeat([-1.0, 1.0], 50))
    monkeypatch.setattr(type(even), "scale", lambda _, seen, __: np.full(len(seen), np.arcsinh(wide) - 1e-12))
    told = value(subjects(30), of=replace(model(), interval=even))["score.valuation"].query("refusal_reason.isna()")
    assert set(told["confidence_band"]) == {band}


def test_what_is_refused_has_no_number_but_its_error(frames):
    refused = frames["score.valuation"].query("refusal_reason.notna()")
    assert (
        refused[["estimated_value_usd", "value_low_usd", "value_high_usd", "value_low_95_usd", "value_high_95_usd"]].isna().all(axis=None)
    )
    assert (refused["comparable_count"] == 0).all()
    assert refused["confidence_band"].isna().all()


# Comparables


def test_the_published_waterfall_sums_to_the_cent(frames):
    comparable = frames["score.comparable"]
    steps = sum(cents(comparable[f"{name}_adjustment_usd"]) for name in ADJUSTMENTS)
    assert (cents(comparable["sale_price_usd"]) + steps == cents(comparable["adjusted_price_usd"])).all()


def test_ranks_run_from_the_heaviest_without_a_gap(frames, given):
    for count, (_, rows) in zip(given["comparable_count"], frames["score.comparable"].groupby("property_id"), strict=True):
        assert rows["comparable_rank"].tolist() == list(range(1, count + 1))
        assert rows["weight"].is_monotonic_decreasing
        assert rows["weight"].sum() == pytest.approx(1.0)


def test_a_house_is_never_compared_with_itself():
    """A house that was sold is valued as if it had not been."""
    sales = county()
    told = value(sales.drop_duplicates("property_id")[:200])["score.comparable"]
    seller = told["sale_id"].map(sales.set_index("sale_id")["property_id"])
    assert len(told)
    assert (seller != told["property_id"]).all()


# The same whatever the company


def test_chunks_and_company_change_no_value(frames, monkeypatch):
    monkeypatch.setattr(p, "CHUNK_ROWS", 7)
    order = subjects()[:40].sample(frac=1, random_state=1)
    again = value(order)
    for table in v.TABLES:
        keys = [name for name in ("property_id", "comparable_rank", "change_name") if name in frames[table]]
        before = frames[table][frames[table]["property_id"].isin(order["property_id"])]
        pd.testing.assert_frame_equal(
            *(frame.sort_values(keys, ignore_index=True) for frame in (before, again[table])), check_dtype=False, rtol=1e-9
        )


def test_the_order_of_columns_changes_nothing(frames):
    again = value(subjects()[subjects().columns[::-1]])
    for table in v.TABLES:
        pd.testing.assert_frame_equal(frames[table], again[table])


def test_a_bad_neighbour_in_the_batch_spoils_no_other(frames):
    spoiled = subjects()
    spoiled.loc[spoiled.index[::2], ["latitude", "living_area_sqft", "property_type"]] = [np.nan, 0.0, None]
    again = value(spoiled)["score.valuation"]
    assert (again["refusal_reason"][::2] == support.UNKNOWN_TYPE).all()
    pd.testing.assert_frame_equal(again[1::2], frames["score.valuation"][1::2])


# Nothing to say


def test_no_subjects_give_empty_frames_with_the_contracts_columns():
    for table, frame in value(subjects(3)[:0]).items():
        assert frame.empty
        assert list(frame.columns) == promised(table)


def test_subjects_that_are_all_refused_give_only_refusals():
    for facts in ({"latitude": np.nan}, {"latitude": 60.0}):
        frames = value(subjects(3).assign(**facts))
        assert frames["score.valuation"]["refusal_reason"].notna().all()
        for table in v.TABLES[1:]:
            assert frames[table].empty
            assert list(frames[table].columns) == promised(table)


def test_a_county_without_sales_to_compare_with_is_refused_and_not_broken():
    told = value(subjects(3), sales=county()[:0])["score.valuation"]
    assert told["refusal_reason"].tolist() == [support.TOO_FEW] * 3


def test_without_a_model_every_subject_is_refused_with_the_reason_or_its_own():
    asked = subjects(3)
    asked.loc[1, "latitude"] = np.nan
    told = v.refused(asked, 19_904, "no model of this county passed its ratio study")
    assert list(told.columns) == promised("score.valuation")
    assert told["refusal_reason"].tolist() == [
        "no model of this county passed its ratio study", support.NO_COORDINATES, "no model of this county passed its ratio study",
    ]  # fmt: skip
    assert told["model_id"].isna().all()
    assert (told["valuation_date"] == pd.Timestamp("2024-06-30")).all()
