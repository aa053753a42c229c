"""Rows become records: keys, collapse of repeats, defects, and nothing that is silently changed."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from shapely.geometry import MultiPolygon, Polygon, box, mapping

from estate.arrow import frame_to_arrow
from estate.contracts import contract
from estate.ingest.readers import read_raw
from estate.ingest.records import Parsed, to_records

HEADER = "apn,address,beds,price,sold\n"
ROW = "1,1 Oak St,3,250000,2024-05-01\n"


def parse(source, text: str) -> Parsed:
    return to_records(read_raw((HEADER + text).encode(), source, "f.csv"), source)


def defects(parsed: Parsed) -> list[tuple[int, str, str]]:
    return list(parsed.defects[["row_number", "field_name", "raw_value"]].itertuples(index=False, name=None))


def test_the_frame_has_the_contracts_columns_but_those_the_landing_adds(declare):
    frame = parse(declare(), ROW).frame
    wanted = [name for name in contract("ingest.record").column_names if name not in {"tenant_id", "snapshot_id", "vintage_date"}]
    assert list(frame.columns) == wanted


def test_values_nobody_gave_are_null(declare):
    record = parse(declare(), "1,,,,2024-05-01\n").frame.iloc[0]
    assert record["situs_raw"] is None
    assert pd.isna(record["bedroom_count"])
    assert pd.isna(record["list_date"])


def test_yes_and_no_are_booleans_and_silence_is_neither(declare):
    columns = declare().model_dump(by_alias=True)["columns"]
    columns["has_waterfront"] = {"from": columns.pop("situs_raw")["from"], "rules": ["yes_no"]}
    parsed = parse(declare(columns=columns), "1,1,3,1,2024-05-01\n2,no,3,1,2024-05-01\n3,,3,1,2024-05-01\n4,lake,3,1,2024-05-01\n")
    assert parsed.frame["has_waterfront"].tolist() == [True, False, pd.NA, pd.NA]
    assert (4, "has_waterfront", "lake") in defects(parsed)
    table = frame_to_arrow(
        parsed.frame.assign(tenant_id="t", snapshot_id=1, vintage_date=pd.Timestamp("2024-06-01")), contract("ingest.record")
    )
    assert table["has_waterfront"].to_pylist() == [True, False, None, None]


def test_the_record_key_is_the_natural_key_joined(declare):
    assert parse(declare(), ROW).frame["record_key"].tolist() == ["1|2024-05-01"]


def test_a_natural_key_that_returns_with_other_values_keeps_every_row_and_is_marked(declare):
    frame = parse(declare(), ROW + ROW.replace("250000", "260000") + ROW.replace("250000", "270000")).frame
    assert frame["record_key"].tolist() == ["1|2024-05-01", "1|2024-05-01#2", "1|2024-05-01#3"]
    assert frame["property_key"].nunique() == 1


def test_a_key_that_looks_like_a_mark_stays_unique(declare):
    source = declare(natural_key=["apn"])
    keys = parse(source, "A#2,,,,2024-05-01\nA,,,,2024-05-01\nA,,,,2024-05-02\n").frame["record_key"]
    assert keys.is_unique


def test_a_row_repeated_in_every_cell_is_read_once_and_is_no_fault(declare):
    parsed = parse(declare(), ROW + ROW + ROW.replace("1 Oak", "2 Oak"))
    assert parsed.frame["row_number"].tolist() == [1, 3]
    assert parsed.repeated_rows == (2,)
    assert parsed.defects.empty


def test_an_empty_natural_key_is_a_defect(declare):
    parsed = parse(declare(natural_key=["apn"]), ",1 Oak St,3,1,2024-05-01\n" + ROW)
    assert parsed.defects["reason"].tolist() == ["no parcel number, so the row is about no property", "the natural key (apn) is empty"]
    assert parsed.frame["property_key"].tolist() == [None, "53033/1"]


def test_the_property_is_the_county_and_its_form_of_the_parcel_number(declare):
    frame = parse(declare(), ROW.replace("1,", "7129300520,", 1)).frame
    assert frame["apn"].tolist() == ["712930-0520"]
    assert frame["property_key"].tolist() == ["53033/712930-0520"]
    assert frame["apn_raw"].tolist() == ["7129300520"]


def test_units_of_one_parcel_are_properties_of_their_own(declare):
    source = declare(unit_number={"from": ["address"], "rules": ["unit_of_address"]})
    frame = parse(source, '1,"1 Oak St, 5b",,,2024-05-01\n1,1 Oak St,,,2024-05-02\n').frame
    assert frame["property_key"].tolist() == ["53033/1/5B", "53033/1"]


def test_a_source_with_a_key_of_its_own_names_itself_in_it(declare):
    assert parse(declare(property_key=["apn", "address"]), ROW).frame["property_key"].tolist() == ["little_town:1|1 Oak St"]


def test_a_cell_that_cannot_be_read_is_null_and_a_defect_with_its_raw_text(declare):
    parsed = parse(declare(), ROW * 2 + ROW.replace("250000", "call agent") + ROW.replace("1 Oak", "3 Oak").replace("250000", "NaN"))
    assert defects(parsed) == [(3, "sale_price_usd", "call agent"), (4, "sale_price_usd", "NaN")]
    assert parsed.frame["sale_price_usd"].isna().tolist() == [False, True, True]


def test_a_price_beyond_any_price_is_a_defect(declare):
    parsed = parse(declare(), ROW + "2,2 Oak,3,1e308,2024-05-01\n")
    assert defects(parsed) == [(2, "sale_price_usd", "1e308")]
    assert "out of range" in parsed.defects.loc[0, "reason"]


def test_negative_bedrooms_are_carried_for_the_gate_to_judge(declare):
    parsed = parse(declare(), ROW.replace(",3,", ",-3,"))
    assert parsed.frame["bedroom_count"].tolist() == [-3]
    assert parsed.defects.empty


@pytest.mark.parametrize("address", ["1'); DROP TABLE property; --", "<script>alert(1)</script>", "=HYPERLINK(1)"])
def test_an_address_is_kept_as_text_whatever_it_says(declare, address):
    assert parse(declare(), ROW.replace("1 Oak St", address)).frame["situs_raw"].tolist() == [address]


PLACED = {"columns": {"latitude": {"from": ["beds"], "rules": ["number"]}, "longitude": {"from": ["price"], "rules": ["number"]}}}


def test_swapped_longitude_and_latitude_are_two_defects(declare):
    source = declare(**PLACED, property_key=["apn"], bounds=[-73, 43, -72, 44], ignored=["address"])
    parsed = parse(source, "1,,43.6,-72.3,x\n2,,-72.3,43.6,x\n")
    assert [row[:2] for row in defects(parsed)] == [(2, "latitude"), (2, "longitude")]
    assert "look swapped" in parsed.defects.loc[0, "reason"]
    assert parsed.frame["latitude"].isna().tolist() == [False, True]


def test_coordinates_off_the_earth_are_defects_without_declared_bounds(declare):
    source = declare(**PLACED, property_key=["apn"], ignored=["address"])
    parsed = parse(source, "1,,47.5,-122.3,x\n2,,-122.3,47.5,x\n3,,995,10,x\n")
    assert [row[0] for row in defects(parsed)] == [2, 2, 3, 3]


def test_outlines_are_multipolygons_and_a_crossed_or_empty_one_is_a_defect(declare):
    bow = Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    shapes = [box(0, 0, 1, 1), bow, Polygon(), MultiPolygon([box(2, 2, 3, 3)]), None]
    features = [
        {"type": "Feature", "properties": {"lot": str(i)}, "geometry": None if s is None else mapping(s)} for i, s in enumerate(shapes)
    ]
    columns = {
        "apn_raw": {"from": ["lot"]},
        "parcel_geom": {"from": ["geometry"], "rules": ["outline"]},
        "latitude": {"from": ["geometry"], "rules": ["point_latitude"]},
        "longitude": {"from": ["geometry"], "rules": ["point_longitude"]},
    }
    source = declare(format="geojson", natural_key=["lot"], columns=columns)
    raw = read_raw(json.dumps({"type": "FeatureCollection", "features": features}).encode(), source, "f.geojson")
    parsed = to_records(raw, source)
    assert parsed.frame["parcel_geom"].notna().tolist() == [True, False, False, True, False]
    assert parsed.frame.loc[0, "parcel_geom"].startswith("0106000020E6100000")  # EWKB, MultiPolygon, SRID 4326
    assert parsed.frame["latitude"].tolist()[::3] == [0.5, 2.5]
    assert parsed.defects["row_number"].tolist() == [2, 3, 5]
    assert "Self-intersection" in parsed.defects.loc[0, "reason"]
