"""One property from several records: who wins, what lost, how each field was made."""

from __future__ import annotations

import uuid

import numpy as np
import pandas as pd
import pytest
import shapely

from estate.contracts import contract
from estate.normalize.property import cell, merge, property_id, uuid5s
from tests.normalize.conftest import TENANT

SQUARE = shapely.Polygon([(0, 0), (0, 1), (1, 1), (1, 0)])
BOW_TIE = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])


def _hex(shape: shapely.Geometry) -> str:
    return str(shapely.to_wkb(shapely.set_srid(shape, 4326), hex=True, include_srid=True))


def _only(merged, field: str):
    (value,) = merged.property[field]
    return value


def _field(merged, field: str) -> dict:
    return merged.derivations[_only(merged, "derivation_sha256")]["fields"][field]


def test_the_frame_has_the_contracts_columns_with_the_digest_for_the_number(records_of, sources):
    merged = merge(records_of({"source_name": "roll"}), sources=sources)
    expected = ["derivation_sha256" if name == "derivation_id" else name for name in contract("normalize.property").column_names]
    assert list(merged.property.columns) == expected
    assert list(merged.conflicts.columns) == list(contract("normalize.conflict").column_names)


def test_property_ids_are_version_5_in_the_tenants_namespace():
    keys = pd.Series(["53033:1", "ключ"], index=[4, 2])
    expected = [str(uuid.uuid5(uuid.UUID(TENANT), key)) for key in keys]
    assert property_id(TENANT, keys).tolist() == expected
    assert uuid5s(uuid.UUID(TENANT), list(keys)) == expected


def test_the_cell_is_row_times_100000_plus_column_and_null_without_a_point():
    cells = cell(pd.Series([47.605, -90.0, np.nan]), pd.Series([-122.335, -180.0, 1.0]))
    assert cells.tolist()[:2] == [13760 * 100_000 + 5766, 0]
    assert cells.isna().tolist() == [False, False, True]


def test_year_built_is_the_assessors_even_when_a_listing_is_newer(records_of, sources):
    records = records_of(
        {"source_name": "roll", "year_built": 1962},
        {"source_name": "broker", "year_built": 2019, "vintage_date": "2026-01-01"},
    )
    merged = merge(records, sources=sources)
    assert _only(merged, "year_built") == 1962
    (lost,) = merged.conflicts.to_dict("records")
    assert (lost["field_name"], lost["source_name"], lost["losing_value"]) == ("year_built", "broker", "2019")
    assert (lost["winning_source_name"], lost["winning_value"], lost["rule"]) == ("roll", "1962", "assessor_first")
    assert (lost["record_key"], lost["snapshot_id"], lost["row_number"]) == ("2", 3, 2)
    assert _field(merged, "year_built")["agreement"] == "differ"


def test_water_and_view_are_the_assessors_and_no_is_an_answer(records_of, sources):
    records = records_of(
        {"source_name": "roll", "has_waterfront": False, "view_code": 0},
        {"source_name": "broker", "has_waterfront": True, "view_code": 4, "vintage_date": "2026-01-01"},
    ).astype({"has_waterfront": "boolean"})
    merged = merge(records, sources=sources)
    assert _only(merged, "has_waterfront") is np.False_ or _only(merged, "has_waterfront") is False
    assert _only(merged, "view_code") == 0
    lost = merged.conflicts.set_index("field_name")
    assert lost.loc["has_waterfront", ["losing_value", "winning_value"]].tolist() == ["True", "False"]
    assert lost.loc["view_code", ["losing_value", "winning_value"]].tolist() == ["4", "0"]


def test_a_silent_winner_leaves_the_field_to_the_next(records_of, sources):
    records = records_of({"source_name": "roll"}, {"source_name": "broker", "year_built": 2019})
    merged = merge(records, sources=sources)
    assert _only(merged, "year_built") == 2019
    assert merged.conflicts.empty
    assert _field(merged, "year_built")["record"] == 0
    assert merged.derivations[_only(merged, "derivation_sha256")]["source_names"] == ["broker"]


def test_every_differing_value_of_duplicates_in_one_source_is_kept_as_a_conflict(records_of, sources):
    records = records_of(
        {"source_name": "register", "living_area_sqft": 1500.0, "sale_date": "2014-05-01"},
        {"source_name": "register", "living_area_sqft": 1900.0, "sale_date": "2015-02-01"},
        {"source_name": "register", "living_area_sqft": 1500.4, "sale_date": "2013-02-01"},
    )
    merged = merge(records, sources=sources)
    assert _only(merged, "living_area_sqft") == 1900.0  # the latest sale saw the house last
    assert merged.conflicts["losing_value"].tolist() == ["1500", "1500.4"]
    assert merged.conflicts.duplicated(list(contract("normalize.conflict").key)).sum() == 0


def test_another_source_agreeing_is_agreement_but_a_sources_own_repetition_is_not(records_of, sources):
    two = merge(records_of({"source_name": "roll", "year_built": 1962}, {"source_name": "register", "year_built": 1962}), sources=sources)
    same = merge(records_of({"source_name": "roll", "year_built": 1962}, {"source_name": "roll", "year_built": 1962}), sources=sources)
    assert _field(two, "year_built")["agreement"] == "agree"
    assert _field(same, "year_built")["agreement"] == "sole"


def test_two_spellings_of_one_address_are_no_conflict(records_of, sources):
    records = records_of(
        {"source_name": "roll", "situs_raw": "12 N MAIN ST"},
        {"source_name": "broker", "situs_raw": "12 North Main Street"},
    )
    merged = merge(records, sources=sources)
    assert merged.conflicts.empty
    assert (_only(merged, "situs_raw"), _only(merged, "situs_address")) == ("12 N MAIN ST", "12 N MAIN ST")
    assert _only(merged, "situs_flags") == []
    assert _field(merged, "situs_raw")["agreement"] == "agree"


def test_latitude_and_longitude_come_from_one_record(records_of, sources):
    records = records_of(
        {"source_name": "roll", "latitude": 47.5},
        {"source_name": "register", "latitude": 47.6, "longitude": -122.3},
    )
    merged = merge(records, sources=sources)
    assert (_only(merged, "latitude"), _only(merged, "longitude")) == (47.6, -122.3)


def test_a_property_without_a_point_gets_one_inside_its_outline_marked_as_inferred(records_of, sources):
    merged = merge(records_of({"source_name": "roll"}, {"source_name": "outlines", "parcel_geom": _hex(SQUARE)}), sources=sources)
    assert SQUARE.contains(shapely.Point(_only(merged, "longitude"), _only(merged, "latitude")))
    assert _field(merged, "latitude") == {
        "record": 0, "columns": ["parcel_geom of outlines"], "rules": ["text", "point_on_surface"], "made": "inferred", "agreement": "sole",
    }  # fmt: skip
    assert pd.notna(_only(merged, "cell"))


def test_outlines_become_valid_multipolygons_in_wgs_84(records_of, sources):
    merged = merge(records_of({"source_name": "outlines", "parcel_geom": _hex(BOW_TIE)}), sources=sources)
    outline = shapely.from_wkb(_only(merged, "parcel_geom"))
    assert (outline.geom_type, outline.is_valid, shapely.get_srid(outline)) == ("MultiPolygon", True, 4326)
    assert outline.area == pytest.approx(0.5)
    assert _field(merged, "parcel_geom")["rules"] == ["text", "make_valid"]


def test_an_outline_without_area_becomes_null(records_of, sources):
    line = shapely.Polygon([(0, 0), (1, 1), (0, 0)])
    merged = merge(records_of({"source_name": "outlines", "parcel_geom": _hex(line)}), sources=sources)
    assert _only(merged, "parcel_geom") is None
    assert np.isnan(_only(merged, "latitude"))


def test_snapshots_rows_and_source_names_stand_in_one_order_that_record_points_into(records_of, sources):
    records = records_of(
        {"source_name": "roll", "year_built": 1962},
        {"source_name": "broker", "list_price_usd": 500_000.0, "list_date": "2026-01-02"},
        {"source_name": "register", "year_built": 1990},  # states nothing that survived
    )
    merged = merge(records, sources=sources)
    derivation = merged.derivations[_only(merged, "derivation_sha256")]
    assert derivation["source_names"] == ["broker", "roll"]
    assert (_only(merged, "snapshot_ids"), _only(merged, "row_numbers")) == ([3, 1], [2, 1])
    assert derivation["fields"]["list_price_usd"]["record"] == 0
    assert derivation["fields"]["year_built"]["record"] == 1
    assert derivation["fields"]["situs_unit"]["rules"] == ["text", "situs:publication_28"]
    assert derivation["fields"]["apn"]["made"] == "parsed"
    assert derivation["fields"]["county_fips"] == {
        "record": 0, "columns": [], "rules": ["constant:53033"], "made": "inferred", "agreement": "sole",
    }  # fmt: skip


def test_properties_made_alike_share_one_derivation_whatever_cells_are_empty(records_of, sources):
    records = records_of(
        {"source_name": "roll", "property_key": "a", "year_built": 1962},
        {"source_name": "roll", "property_key": "b", "living_area_sqft": 900.0},
        {"source_name": "roll", "property_key": "c"},
    )
    merged = merge(records, sources=sources)
    assert len(merged.derivations) == 1
    assert merged.property["derivation_sha256"].nunique() == 1


def test_every_field_with_a_value_is_traced(records_of, sources):
    records = records_of(
        {"source_name": "roll", "year_built": 1962, "situs_raw": "1 OAK ST", "apn_raw": "1", "apn": "1", "county_fips": "53033"},
        {"source_name": "outlines", "parcel_geom": _hex(SQUARE)},
    )
    merged = merge(records, sources=sources)
    fields = merged.derivations[_only(merged, "derivation_sha256")]["fields"]
    identity = {"tenant_id", "property_id", "property_key", "snapshot_ids", "row_numbers", "derivation_sha256"}
    row = merged.property.iloc[0].drop(labels=list(identity))
    assert {"latitude", "cell", "situs_number", "apn", "situs_flags"} <= set(row.dropna().index) <= set(fields)


def test_the_outcome_does_not_depend_on_the_order_of_rows(records_of, sources):
    said = (("roll", 1960, None), ("register", 1961, "2014-01-01"), ("register", 1962, "2014-01-01"), ("broker", 1963, None))
    rows = [
        {"source_name": name, "property_key": key, "year_built": year, "record_key": f"{name}{key}{year}", "sale_date": date}
        for key in ("a", "b")
        for name, year, date in said
    ]
    records = records_of(*rows)
    one, other = (merge(frame, sources=sources) for frame in (records, records.sample(frac=1, random_state=3)))
    pd.testing.assert_frame_equal(one.property, other.property)
    pd.testing.assert_frame_equal(one.conflicts, other.conflicts)
    assert one.derivations == other.derivations


def test_no_records_make_empty_frames(records_of, sources):
    merged = merge(records_of({"source_name": "roll"}).iloc[:0], sources=sources)
    assert (len(merged.property), len(merged.conflicts), merged.derivations) == (0, 0, {})


def _many(count: int) -> pd.DataFrame:
    frame = pd.DataFrame({name: pd.Series([None] * count, dtype=object) for name in contract("ingest.record").column_names})
    text = pd.Series(range(count)).astype(str)
    return frame.assign(
        tenant_id=TENANT, source_name="register", record_key=text, property_key=text, snapshot_id=1, row_number=range(1, count + 1),
        vintage_date=pd.Timestamp("2025-01-01"), year_built=1990.0, latitude=47.5, longitude=-122.0, apn_raw=text, apn=text,
    )  # fmt: skip


def test_a_hundred_thousand_records_of_one_source_are_as_many_properties(sources):
    records = _many(100_000)
    merged = merge(records, sources=sources)
    assert len(merged.property) == 100_000
