"""Stand-in recipes: as quick as a recipe can be, and as good or as bad as a test needs it."""

import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import norm

from tests.frames import thing_id

KING = "53033"


def county_sales(count=600, county=KING, seed=5):
    """`count` valid sales of one county over 700 days, in the columns that a study and a training ask for."""
    chance = np.random.default_rng(seed)
    return pd.DataFrame({
        "sale_id": [thing_id(f"sale {county} {i}") for i in range(count)],
        "property_id": [thing_id(f"house {county} {i}") for i in range(count)],
        "sale_date": pd.Timestamp("2013-01-01") + pd.to_timedelta(np.linspace(0, 699, count).astype(int), "D"),
        "sale_price_usd": np.exp(chance.normal(13, 0.5, count)).round(2), "county_fips": county, "situs_zip": "98101",
        "property_type": "single_family", "year_built": 1980.0, "living_area_sqft": 2000.0, "latitude": 47.6, "longitude": -122.3,
    })  # fmt: skip


@dataclass
class Made:
    body: bytes

    def to_bytes(self):
        return self.body

    def importances(self):
        return pd.DataFrame({"feature": ["living_area_sqft"], "importance_usd": [1000.0]})

    def components(self):
        return [{"name": "stand-in", "description": "knows the prices"}]

    def tradeoff(self):
        return []


@dataclass
class Recipe:
    """Values a held-out sale at its price, wrong by errors that are normal, and unfair to the dear where `unfairness` is not 0."""

    unfairness: float = 0.0
    spread: float = 0.10
    trained: list = field(default_factory=list)

    def train(self, sales, as_of_date, seed):
        self.trained.append(as_of_date)
        facts = {"day": str(as_of_date), "seed": seed, "unfairness": self.unfairness, "mean": float(sales["sale_price_usd"].mean())}
        return Made(json.dumps(facts).encode())

    def backtest(self, sales, as_of_date):
        known = sales[sales["sale_date"] < pd.Timestamp(as_of_date)].sort_values(["sale_date", "sale_id"])
        held = known.tail(len(known) // 10).reset_index(drop=True)
        quantile = norm.ppf((np.arange(len(held)) + 0.5) / len(held))
        error = self.spread * np.random.default_rng(1).permutation(quantile)
        price = held["sale_price_usd"]
        tilt = (price / price.median()) ** -self.unfairness
        estimate = price * np.exp(error) * tilt
        ends = {f"value_{end}_usd": estimate * np.exp(by * self.spread) for end, by in
                (("low", -1.2816), ("high", 1.2816), ("low_95", -1.96), ("high_95", 1.96))}  # fmt: skip
        return held.assign(
            estimated_value_usd=estimate, **ends, fsd=self.spread, market_area=held["situs_zip"], sale_price_usd_previous=np.nan
        )
