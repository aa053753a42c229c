"""The made-up rents of the demonstration: they give its county a rent and its growth, and step back behind every real series."""

from __future__ import annotations

import pandas as pd
import pytest

from estate.features import market
from estate.features.series import read_series
from estate.ingest.declaration import sources
from local.samples import SAMPLES

NAME = "synthetic_rent_ames"
LAYOUTS = {name: found.series for name, found in sources().items() if found.series}
ZORI = "zillow_zori_metro"


def rents() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Areas and values of the sample."""
    table = read_series((SAMPLES / f"{NAME}.csv").read_bytes(), sources()[NAME], f"{NAME}.csv")
    return table.areas.assign(source_name=NAME), table.values.assign(source_name=NAME)


def june(areas: pd.DataFrame, values: pd.DataFrame) -> pd.Series:
    """What the market of Story County says of June 2026."""
    sales = pd.DataFrame({
        "property_id": ["a"], "county_fips": ["19169"], "source_name": ["roll"], "sale_price_usd": [300_000.0], "is_arms_length": [True],
        "sale_date": [pd.Timestamp("2026-01-05")],
    })  # fmt: skip
    listings = pd.DataFrame(columns=[
        "property_id", "county_fips", "list_price_usd", "living_area_sqft", "version_number", "seen_date", "closed_date", "known_date",
        "list_date",
    ])  # fmt: skip
    frame = market.features(sales, listings, market.areas_of(sales["county_fips"], areas), values, LAYOUTS)
    return frame.set_index("month_date").loc[pd.Timestamp("2026-06-01")]


def test_it_says_that_it_is_made_up_and_is_asked_last_of_all():
    made_up = {name for name, found in sources().items() if found.kind == "market_series" and found.is_synthetic}
    assert made_up == {NAME}
    places = [choice.origins.index(NAME) - len(choice.origins) for choice in market.PREFERENCE.values() if NAME in choice.origins]
    assert places == [-1, -1]


def test_it_tells_story_county_s_rent_and_its_growth():
    areas, values = rents()
    found = june(areas, values)
    assert (areas["county_fips"].tolist(), areas["metro_code"].tolist()) == (["19169"], [None])
    assert found["median_rent_usd"] == 1_268
    assert found["rent_growth_yoy_rate"] == pytest.approx(1_268 / 1_226 - 1)
    assert {origin for origin in found["origins"] if origin} == {NAME}


def test_a_real_series_is_asked_before_it():
    areas, values = rents()
    real = values[values["period_date"] == "2026-06-30"].assign(source_name=ZORI, area_code="1", value=999.0)
    ames = areas.assign(source_name=ZORI, area_code="1", area_kind="county")
    found = june(pd.concat([areas, ames]), pd.concat([values, real]))
    assert found["median_rent_usd"] == 999
    assert found["origins"][market.FEATURES.index("median_rent_usd")] == ZORI
    assert found["origins"][market.FEATURES.index("rent_growth_yoy_rate")] == NAME
