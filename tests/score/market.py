"""Small markets for the tests: a street with one price formula, and a county with a model of its own."""

from contextlib import contextmanager
from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest

from estate.score import learning, valuation
from estate.score import parameters as p
from estate.score.model import day_number
from estate.score.valuation import Asked

NORTH_M = 1 / 111_132  # degrees of latitude a metre, near enough at 47 degrees north


def house(count=1, **facts):
    frame = pd.DataFrame({
        "property_id": [f"h{i:04d}" for i in range(count)], "property_type": "single_family", "latitude": 47.6, "longitude": -122.3,
        "living_area_sqft": 2000.0, "lot_area_sqft": 6000.0, "year_built": 1980.0, "bedroom_count": 3.0, "bathroom_count": 2.0,
        "condition_code": 3.0, "quality_code": 7.0,
    }, index=range(count))  # fmt: skip
    return frame.assign(**facts)


def sale(count=1, **facts):
    frame = house(count, property_id=[f"p{i:04d}" for i in range(count)], sale_id=[f"s{i:04d}" for i in range(count)])
    return frame.assign(**{"sale_price_usd": 500_000.0, "sale_date": pd.Timestamp("2024-06-01"), **facts})


def market(count=600, seed=3, noise=0.05):
    """`count` sales over two years within half a mile, priced by area, quality and chance."""
    chance = np.random.default_rng(seed)
    area, quality = chance.uniform(1500, 2600, count).round(), chance.integers(6, 9, count).astype(float)
    price = 300 * area**0.6 * 2000**0.4 * np.exp(0.1 * (quality - 7) + chance.normal(0, noise, count))
    return sale(
        count, latitude=47.6 + chance.uniform(-800, 800, count) * NORTH_M, living_area_sqft=area, quality_code=quality,
        sale_price_usd=price.round(2), sale_date=pd.Timestamp("2022-07-01") + pd.to_timedelta(np.linspace(0, 720, count).astype(int), "D"),
    )  # fmt: skip


def county(count=500, seed=11, noise=0.10, yearly=0.06):
    """`count` sales over two years to 2024-06-29 in a county of 6 km: every attribute, two types, three ZIPs, some houses sold twice.

    Prices follow a formula of attributes and place, rise by `yearly` in logs, and scatter by `noise`.
    """
    chance = np.random.default_rng(seed)
    # A tenth of the sales are of a house that is sold a second time.
    owner = np.concatenate([np.arange(count - count // 10), chance.permutation(count - count // 10)[: count // 10]])
    frame = houses(count, seed).iloc[owner].reset_index(drop=True)
    days_back = chance.permutation(np.linspace(1, 730, count).astype(int))
    log_price = worth(frame) - yearly * days_back / 365 + chance.normal(0, noise, count)
    return frame.assign(
        sale_id=[f"s{i:04d}" for i in range(count)],
        sale_price_usd=np.exp(log_price).round(2),
        sale_date=pd.Timestamp("2024-06-30") - pd.to_timedelta(days_back, "D"),
    )


def houses(count=500, seed=11):
    """The houses of `county`: everything about them is known."""
    chance = np.random.default_rng([seed, 1])
    built = chance.integers(1920, 2015, count).astype(float)
    north, east = chance.uniform(-3000, 3000, (2, count))
    return pd.DataFrame({
        "property_id": [f"p{i:04d}" for i in range(count)],
        "property_type": np.where(chance.random(count) < 0.1, "townhouse", "single_family").astype(object),
        "county_fips": "53033",
        "situs_zip": np.array(["98101", "98102", "98103"], dtype=object)[np.digitize(north, [-1000, 1000])],
        "latitude": 47.6 + north * NORTH_M,
        "longitude": -122.3 + east * NORTH_M * 1.483,
        "living_area_sqft": np.exp(chance.normal(np.log(2000), 0.3, count)).clip(900, 4500).round(),
        "basement_area_sqft": np.where(chance.random(count) < 0.4, chance.integers(200, 1200, count), 0).astype(float),
        "lot_area_sqft": np.exp(chance.normal(np.log(6000), 0.4, count)).round(),
        "year_built": built,
        "year_renovated": np.where(chance.random(count) < 0.1, np.maximum(built + 5, chance.integers(1990, 2022, count)), np.nan),
        "bedroom_count": chance.integers(2, 6, count).astype(float),
        "bathroom_count": chance.integers(1, 4, count).astype(float),
        "story_count": chance.integers(1, 3, count).astype(float),
        "garage_space_count": chance.integers(0, 3, count).astype(float),
        "condition_code": chance.integers(2, 6, count).astype(float),
        "quality_code": chance.integers(5, 10, count).astype(float),
        "has_waterfront": (chance.random(count) < 0.08).astype(float),
        "view_code": chance.choice([0.0, 0.0, 0.0, 2.0, 4.0], count),
    })  # fmt: skip


def worth(frame):
    """Log price of each house on 2024-06-30, by the formula of `county`."""
    return (
        np.log(500_000)
        + 0.6 * np.log(frame["living_area_sqft"] / 2000)
        + 0.1 * np.log(frame["lot_area_sqft"] / 6000)
        + 0.00008 * frame["basement_area_sqft"]
        + 0.002 * (np.fmax(frame["year_built"], frame["year_renovated"]) - 1970)
        + 0.03 * frame["bathroom_count"]
        + 0.02 * frame["bedroom_count"]
        + 0.04 * frame["story_count"]
        + 0.03 * frame["garage_space_count"]
        + 0.05 * (frame["condition_code"] - 3)
        + 0.12 * (frame["quality_code"] - 7)
        + 0.35 * frame["has_waterfront"]
        + 0.05 * frame["view_code"]
        + 0.15 * np.tanh((frame["latitude"] - 47.6) / NORTH_M / 1500)
    ).to_numpy()


DAY = date(2024, 6, 30)


@contextmanager
def few_trees():
    """Train with a tenth of the trees and one thread, where a rule does not depend on how many there are."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"TREE_COUNT": 80, "LINEAR_TREE_COUNT": 60, "THREADS": 1}.items():
            patch.setattr(p, name, value)
        yield


def train(sales, day=DAY):
    """A model of `sales` with few trees; some four seconds."""
    with few_trees():
        return learning.train(sales, day)


@cache
def model():
    """The model of `county`, trained once a process."""
    return train(county())


def value(subjects, day=DAY, sales=None, of=None):
    """Frames of the valuation of `subjects` by the model of `county`, or by the one given."""
    asked = Asked.of(of or model(), "model-1", county() if sales is None else sales, day_number(day))
    return valuation.value(asked, subjects)


def subjects(count=300, seed=5):
    """Houses of the county that were never sold."""
    return houses(count, seed).assign(property_id=[f"h{i:04d}" for i in range(count)])
