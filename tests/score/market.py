"""A small market for the tests: one street, one price formula, one sale a week."""

import numpy as np
import pandas as pd

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
