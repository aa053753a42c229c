"""The whole recipe on a piece of a real county, valued out of time. The full figures, with all trees, are the bench's."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estate.score import learning, ratio_study
from tests.score.market import few_trees

ROOT = Path(__file__).resolve().parents[2]
KING_COUNTY = Path(os.environ.get("ESTATE_DATA", ROOT.parent / "shared" / "data")) / "sales" / "king_county_2014_2015.csv.gz"
NAMES = {
    "id": "property_id", "lat": "latitude", "long": "longitude", "zipcode": "situs_zip", "sqft_living": "living_area_sqft",
    "sqft_lot": "lot_area_sqft", "sqft_basement": "basement_area_sqft", "yr_built": "year_built", "yr_renovated": "year_renovated",
    "bedrooms": "bedroom_count", "bathrooms": "bathroom_count", "floors": "story_count", "condition": "condition_code",
    "grade": "quality_code", "waterfront": "has_waterfront", "view": "view_code", "price": "sale_price_usd",
}  # fmt: skip


def king_county():
    raw = pd.read_csv(KING_COUNTY, dtype={"id": str, "zipcode": str})
    return raw.rename(columns=NAMES)[list(NAMES.values())].assign(
        sale_id=[f"{row:05d}" for row in range(len(raw))], property_type="single_family", sale_date=pd.to_datetime(raw["date"].str[:8]),
        year_renovated=raw["yr_renovated"].where(raw["yr_renovated"] > 0), county_fips="53033",
    )  # fmt: skip


@pytest.mark.data
@pytest.mark.skipif(not KING_COUNTY.exists(), reason="King County sales are not here; set ESTATE_DATA")
def test_a_fifth_of_king_county_is_valued_out_of_time_near_its_prices():
    """The southern fifth in one piece, so that neighbours stay neighbours."""
    sales = king_county()
    sales = sales[sales["latitude"] <= sales["latitude"].quantile(0.2)]
    with few_trees():
        told = learning.backtest(sales, pd.Timestamp("2015-06-01").date())
    given = told.dropna(subset="estimated_value_usd")
    found = ratio_study.study(given["estimated_value_usd"], given["sale_price_usd"])
    assert len(given) > 0.9 * len(told) > 380
    assert 0.95 < found.median_ratio < 1.05
    assert found.cod < 14
    assert 0.97 < found.prd < 1.04
    inside = given["sale_price_usd"].between(given["value_low_usd"], given["value_high_usd"]).mean()
    assert inside == pytest.approx(0.80, abs=3.3 * np.sqrt(0.16 / len(given)) + 0.02)
