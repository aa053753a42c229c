"""Which past sales may speak for a property, and how loudly."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from estate.score import parameters as p
from estate.score.comparables import Market, days, metres
from tests.score.market import NORTH_M, house, market, sale

DAY = pd.Timestamp("2024-06-30")


def retrieved(subjects, sales, day=DAY):
    on = days(pd.Series([day] * len(subjects)))
    return Market(sales).retrieve(subjects, on)


@pytest.mark.parametrize(
    ("facts", "speaks"),
    [
        ({}, True),
        ({"latitude": 47.6 + 3_200 * NORTH_M}, True),
        ({"latitude": 47.6 + 3_240 * NORTH_M}, False),
        ({"living_area_sqft": 1400.0}, True),
        ({"living_area_sqft": 1399.0}, False),
        ({"living_area_sqft": 2600.0}, True),
        ({"living_area_sqft": 2601.0}, False),
        ({"sale_date": DAY - pd.Timedelta(180, "D")}, True),
        ({"sale_date": DAY - pd.Timedelta(181, "D")}, False),
        ({"sale_date": DAY - pd.Timedelta(1, "D")}, True),
        ({"sale_date": DAY}, False),
        ({"sale_date": DAY + pd.Timedelta(1, "D")}, False),
        ({"property_type": "condo"}, False),
        ({"property_id": "h0000"}, False),
    ],
)
def test_a_sale_speaks_only_within_every_range_and_never_for_its_own_house(facts, speaks):
    assert bool(retrieved(house(), sale(1, **facts)).sale[0, 0] == 0) is speaks


def test_weight_falls_with_distance_and_age_as_stated():
    near = retrieved(house(), sale(1, latitude=47.6 + 1000 * NORTH_M, sale_date=DAY - pd.Timedelta(30, "D")))
    metre = Geod(ellps="WGS84").inv(-122.3, 47.6, -122.3, 47.6 + 1000 * NORTH_M)[2]
    assert near.distance_m[0, 0] == pytest.approx(metre, abs=0.01)
    assert near.age_days[0, 0] == 30
    assert near.weight[0, 0] == pytest.approx(np.exp(-((metre / p.SIGMA_M) ** 2) - (30 / p.SIGMA_DAYS) ** 2))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_the_tree_finds_the_same_sales_as_looking_at_every_one(seed):
    sales, subjects = market(400, seed), house(5, living_area_sqft=[1500.0, 1800.0, 2000.0, 2500.0, 3000.0])
    found, day = retrieved(subjects, sales), days(pd.Series([DAY]))[0]
    distance = np.linalg.norm(
        metres(*subjects[["latitude", "longitude"]].to_numpy().T)[:, None] - metres(*sales[["latitude", "longitude"]].to_numpy().T), axis=2
    )
    age = day - days(sales["sale_date"])
    size = sales["living_area_sqft"].to_numpy() / subjects["living_area_sqft"].to_numpy()[:, None]
    fits = (distance <= p.RANGE_M) & (age >= 1) & (age <= 180) & (size >= 0.7) & (size <= 1.3)
    weight = np.where(fits, np.exp(-((distance / p.SIGMA_M) ** 2) - (age / p.SIGMA_DAYS) ** 2), 0)
    assert found.weight == pytest.approx(-np.sort(-weight, axis=1)[:, : p.CANDIDATES], abs=1e-12)


def test_the_net_is_cast_wider_where_the_nearest_are_of_another_size(monkeypatch):
    monkeypatch.setattr(p, "NET", 4)
    crowd = sale(30, living_area_sqft=9000.0)
    peer = sale(1, sale_id="peer", property_id="peer", latitude=47.6 + 2000 * NORTH_M)
    assert 30 in retrieved(house(), pd.concat([crowd, peer], ignore_index=True)).sale[0]


def test_each_subject_is_asked_on_its_own_day():
    sales = sale(2, sale_date=pd.to_datetime(["2024-03-01", "2024-06-01"]))
    on = days(pd.Series(pd.to_datetime(["2024-04-01", "2024-07-01"])))
    found = Market(sales).retrieve(house(2), on)
    assert set(found.sale[0]) == {0, -1}
    assert set(found.sale[1]) == {0, 1, -1}


def test_unknown_coordinates_area_or_type_find_nothing():
    subjects = house(3)
    subjects.loc[0, "latitude"] = np.nan
    subjects.loc[1, "living_area_sqft"] = np.nan
    subjects.loc[2, "property_type"] = None
    assert (retrieved(subjects, sale(3)).sale == -1).all()


def test_a_sale_without_a_price_cannot_be_indexed():
    with pytest.raises(ValueError, match="cannot be compared with"):
        Market(sale(1, sale_price_usd=np.nan))
