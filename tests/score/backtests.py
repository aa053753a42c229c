"""Back-test frames with a truth that the test knows: how sales were valued by a model that had not seen them."""

import numpy as np
import pandas as pd

from tests.frames import thing_id


def backtest(count, *, spread=0.12, bias=0.0, level=1.0, seed=1, refused=0):
    """`count` sales valued with normal errors of `spread` in logs; the ratio changes by the factor 2**bias when value doubles.

    The first `refused` sales have no value.
    """
    chance = np.random.default_rng(seed)
    price = np.exp(chance.normal(13, 0.5, count)).round(-2)
    value = level * price * np.exp(chance.normal(0, spread, count)) * (price / np.exp(13)) ** bias
    latitude = 47.5 + chance.normal(0, 0.12, count)
    ends = {"value_low_usd": -1.2816, "value_high_usd": 1.2816, "value_low_95_usd": -1.96, "value_high_95_usd": 1.96}
    frame = pd.DataFrame(
        {
            "sale_id": [thing_id(number) for number in range(count)], "property_id": [thing_id(number) for number in range(count)],
            "sale_date": pd.Timestamp("2015-01-01") + pd.to_timedelta(chance.integers(0, 120, count), "D"), "sale_price_usd": price,
            "estimated_value_usd": value, **{name: value * np.exp(reach * spread) for name, reach in ends.items()}, "fsd": spread,
            "market_area": [f"98{100 + int(10 * (degree - 47))}" for degree in latitude], "property_type": "single_family",
            "year_built": chance.integers(1900, 2016, count), "living_area_sqft": (price / 250).round(), "latitude": latitude,
            "longitude": -122.2 + chance.normal(0, 0.15, count), "sale_price_usd_previous": np.nan,
        }
    )  # fmt: skip
    frame.loc[: refused - 1, ["estimated_value_usd", *ends, "fsd"]] = np.nan
    return frame
