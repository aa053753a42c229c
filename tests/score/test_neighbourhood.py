"""What past sales say of a place: by distance, without the house's own sales, and whatever stands there."""

import numpy as np
import pytest

from estate.score import parameters as p
from estate.score.attributes import ATTRIBUTES
from estate.score.neighbourhood import AROUND, LEVELS, Neighbourhood
from tests.score.market import NORTH_M, county, subjects


def around(sales, log_price=None):
    return Neighbourhood.of(sales, np.log(sales["sale_price_usd"].to_numpy()) if log_price is None else log_price)


def test_a_house_does_not_see_its_own_sales():
    sales = county()
    spoiled = sales["property_id"] == sales["property_id"][0]
    before, after = (
        around(sales, price).read(sales[:1])[0][0, LEVELS.index("price_per_sqft_near")]
        for price in (np.full(500, 13.0), np.where(spoiled, 20.0, 13.0))
    )
    assert before == pytest.approx(after, abs=1e-12)


def test_a_dear_street_is_read_as_dear():
    sales = county()
    north = (sales["latitude"] > 47.6).to_numpy()
    read = around(sales, 13 + north).read(subjects())[0]
    there = (subjects()["latitude"] > 47.6 + 1000 * NORTH_M).to_numpy()
    below = (subjects()["latitude"] < 47.6 - 1000 * NORTH_M).to_numpy()
    for metres in p.LEVEL_METRES[:2]:
        level = read[:, LEVELS.index(f"level_{metres}_m")]
        assert level[there].min() > level[below].max()


def test_turned_coordinates_keep_distances():
    read = around(county()).read(subjects())[0]
    plain = np.hypot(read[:, 0], read[:, 1])
    for angle in p.ROTATIONS:
        along, across = (read[:, LEVELS.index(f"{side}_{angle}_km")] for side in ("along", "across"))
        assert np.hypot(along, across) == pytest.approx(plain)


def test_distances_are_kilometres():
    sales = county().assign(latitude=47.6, longitude=-122.3)
    north, east = (around(sales).nearest_km(subjects(1).assign(latitude=lat, longitude=lon), 1)[0]
                   for lat, lon in ((47.6 + 1000 * NORTH_M, -122.3), (47.6, -122.3 + 1000 * NORTH_M * 1.4826)))  # fmt: skip
    assert (north, east) == (pytest.approx(1.0, rel=0.003), pytest.approx(1.0, rel=0.003))


def test_an_unknown_attribute_is_read_as_that_of_the_houses_around_and_a_known_one_as_it_is():
    sales = county().assign(quality_code=7.0)
    asked = subjects(4).assign(quality_code=[9.0, np.nan, np.nan, 5.0])
    completed = around(sales).read(asked)[2]
    assert completed[:, ATTRIBUTES.index("quality_code")] == pytest.approx([9.0, 7.0, 7.0, 5.0])
    assert np.isfinite(completed).all()


def test_an_attribute_that_nobody_knows_is_a_constant():
    completed = around(county().assign(view_code=np.nan)).read(subjects(5).assign(view_code=np.nan))[2]
    assert (completed[:, ATTRIBUTES.index("view_code")] == 0).all()


def test_far_from_every_sale_the_level_is_that_of_the_market_and_nothing_is_undefined():
    levels, near, completed = around(county()).read(subjects(3).assign(latitude=49.5))
    for part in (levels, near, completed):
        assert np.isfinite(part).all()
    assert levels[:, [LEVELS.index(f"level_{metres}_m") for metres in p.LEVEL_METRES]] == pytest.approx(0.0)


def test_fewer_sales_than_neighbours_are_asked_all_of_them():
    levels, near, completed = around(county()[:7]).read(subjects(3))
    assert (levels.shape, near.shape, completed.shape) == ((3, len(LEVELS)), (3, len(AROUND)), (3, len(ATTRIBUTES)))
    assert np.isfinite(levels).all()


def test_the_order_of_rows_and_the_size_of_chunks_change_nothing(monkeypatch):
    whole = around(county()).read(subjects(50))
    monkeypatch.setattr(p, "CHUNK_ROWS", 7)
    order = np.random.default_rng(3).permutation(50)
    for before, after in zip(whole, around(county()).read(subjects(50).iloc[order]), strict=True):
        assert (before[order] == after).all()


def test_no_houses_are_answered_with_no_rows():
    assert [len(part) for part in around(county()).read(subjects(3)[:0])] == [0, 0, 0]


def test_nothing_of_the_place_depends_on_the_size_of_the_house():
    known = around(county())
    small, large = (known.read(subjects(50).assign(living_area_sqft=area)) for area in (800.0, 4000.0))
    assert (small[0] == large[0]).all()
    assert (small[1] == large[1]).all()


def test_places_are_told_from_prices_beyond_what_attributes_say():
    """Where prices follow the attributes alone, no place is dearer than another."""
    sales = county()
    price = 10 + 0.5 * np.log(sales["living_area_sqft"].to_numpy())
    level = around(sales, price).read(subjects())[0][:, LEVELS.index("level_1500.0_m")]
    assert np.abs(level).max() < 0.02
