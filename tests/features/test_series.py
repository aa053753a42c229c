"""Files of public market series are read exactly as declared, and refused with file, row, column and remedy where they are not."""

from __future__ import annotations

import gzip
import os
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd
import pytest

from estate.errors import LandingRefused, SettingError
from estate.features.series import metro_code, read_series
from estate.ingest.declaration import read_declaration, source, sources
from estate.settings import ROOT

MARKET = Path(os.environ.get("ESTATE_DATA", ROOT.parent / "shared" / "data")) / "market"

COUNTIES = """\
RegionID,SizeRank,RegionName,RegionType,StateName,State,Metro,StateCodeFIPS,MunicipalCodeFIPS,1/31/2000,2/29/2000
207,13,King County,County,WA,WA,Seattle-Tacoma-Bellevue,53,33,"250,000",251000.5
2518,3124,San Juan County,County,CO,CO,,8,111,,90000
"""
METROS = """\
RegionID,SizeRank,RegionName,RegionType,StateName,2018-01-06,2018-01-13
102001,0,United States,country,,0.2,0.25
395078,15,"Seattle, WA",msa,WA,,0.5
"""
QUARTERS = """\
Name,Statistical Area Number,Year,Quarter,Index,Index Standard Error 
"Ames, IA",11180,2020,1,-,-
"Ames, IA",11180,2020,2,200.50,( 1.00)
"Seattle-Bellevue-Kent, WA  (MSAD)",42644,2020,2,300,-
"""  # noqa: W291 - the file's own header ends in a space


def cities():
    names = list(source("case_shiller_cities").series.areas)
    header = ",".join(["Date", *names, "Composite-10", "Composite-20", "National-US"])
    return f"{header}\n1987-01-01,{','.join(['100'] * (len(names) - 1))},70.5,1,1,1\n"


def read(name, text, file_name="the_file.csv"):
    return read_series(text.encode(), source(name), file_name)


def rows(frame):
    told = frame.assign(period_date=frame["period_date"].dt.strftime("%Y-%m-%d"))
    return [tuple(row) for row in told.itertuples(index=False)]


def test_a_file_with_periods_across_gives_a_value_for_each_cell_that_says_one():
    table = read("zillow_zhvi_county", COUNTIES)
    assert rows(table.values) == [("207", "2000-01-31", 250000.0), ("207", "2000-02-29", 251000.5), ("2518", "2000-02-29", 90000.0)]


def test_a_county_has_its_code_and_the_metropolitan_area_it_belongs_to():
    king, san_juan = read("zillow_zhvi_county", COUNTIES).areas.to_dict("records")
    assert king == {
        "area_code": "207", "area_kind": "county", "area_name": "King County", "county_fips": "53033", "metro_code": "seattle-wa",
    }  # fmt: skip
    assert (san_juan["county_fips"], san_juan["metro_code"]) == ("08111", None)


def test_a_weekly_file_keeps_its_days_and_the_nation_is_no_metropolitan_area():
    table = read("zillow_sold_above_list_metro", METROS)
    assert rows(table.values) == [("102001", "2018-01-06", 0.2), ("102001", "2018-01-13", 0.25), ("395078", "2018-01-13", 0.5)]
    assert table.areas["area_kind"].tolist() == ["nation", "metro"]
    assert table.areas["metro_code"].tolist() == [None, "seattle-wa"]


def test_a_long_file_gives_the_last_day_of_each_quarter_and_nothing_for_its_dashes():
    table = read("fhfa_hpi_metro", QUARTERS)
    assert rows(table.values) == [("11180", "2020-06-30", 200.5), ("42644", "2020-06-30", 300.0)]
    assert table.areas["metro_code"].tolist() == ["ames-ia", None], "a division is not its metropolitan area"


def test_a_file_with_areas_across_gives_the_last_day_of_each_month():
    table = read("case_shiller_cities", cities())
    assert ("WA-Seattle", "1987-01-31", 70.5) in rows(table.values)
    assert len(table.values) == len(table.areas) == 20
    assert table.areas.set_index("area_code").loc["DC-Washington", "metro_code"] == "washington-dc"


def test_a_compressed_file_reads_as_the_plain_one():
    packed = read_series(gzip.compress(COUNTIES.encode()), source("zillow_zhvi_county"), "the_file.csv.gz")
    pd.testing.assert_frame_equal(packed.values, read("zillow_zhvi_county", COUNTIES).values)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Seattle-Tacoma-Bellevue, WA", "seattle-wa"),
        ("Louisville/Jefferson County, KY-IN", "louisville-ky"),
        ("St. Louis, MO", "st-louis-mo"),
        ("Seattle-Bellevue-Kent, WA  (MSAD)", None),
        ("United States", None),
        ("Seattle, wa", None),
    ],
)
def test_a_metropolitan_area_is_its_first_city_and_state(name, code):
    assert metro_code(name) == code


def test_two_metropolitan_areas_of_one_code_have_none():
    text = METROS + '5,16,"Seattle-Elsewhere, WA",msa,WA,0.1,0.1\n'
    assert read("zillow_sold_above_list_metro", text).areas["metro_code"].isna().all()


@pytest.mark.parametrize(
    ("name", "text", "said", "row", "field"),
    [
        ("zillow_zhvi_county", COUNTIES.replace("251000.5", "n/a"), "'n/a' is not a number", 1, "2/29/2000"),
        ("zillow_zhvi_county", COUNTIES.replace(",90000", ",9"), "'9' is not between 1,000 and 1e\\+08", 2, "2/29/2000"),
        ("zillow_zhvi_county", COUNTIES.replace(",8,111", ",8,1111"), "'1111' is not a code of at most 3 digits", 2, "MunicipalCodeFIPS"),
        ("zillow_zhvi_county", COUNTIES.replace("\n2518", "\n"), "is empty", 2, "RegionID"),
        ("zillow_zhvi_county", COUNTIES.replace("2518", "207"), "second value for the period that ends 2000-02-29", 2, "2/29/2000"),
        ("zillow_zhvi_county", COUNTIES.replace("Metro,", "Area,"), "the column 'Metro' is missing", None, "Metro"),
        ("zillow_zhvi_county", COUNTIES.replace("/2000", "/00"), "no column is a period written %m/%d/%Y", None, None),
        ("zillow_zhvi_county", COUNTIES.replace("2518,3124", "2518"), "the row has 10 cells, the header 11", 2, "2/29/2000"),
        ("zillow_zhvi_county", "", "the file is empty", None, None),
        ("zillow_sold_above_list_metro", METROS.replace("msa", "town"), "'town' is none of msa, country", 2, "RegionType"),
        ("zillow_sold_above_list_metro", METROS.replace("0.5", "50"), "'50' is not between 0 and 1 ", 2, "2018-01-13"),
        ("fhfa_hpi_metro", QUARTERS.replace("2020,2,300", "2020,5,300"), "'5' is not a quarter", 3, "Quarter"),
        ("fhfa_hpi_metro", QUARTERS.replace("2020,2,300", "soon,2,300"), "'soon' is not a year", 3, "Year"),
        ("fhfa_hpi_metro", QUARTERS.replace('IA",11180,2020,2', 'OH",11180,2020,2'), "the area 11180 has two names", None, None),
        ("fhfa_hpi_metro", QUARTERS.replace("200.50", "-").replace("300", "-"), "no value at all", None, None),
        ("case_shiller_cities", cities().replace("1987-01-01", "January"), "'January' is not a day written %Y-%m-%d", 1, "Date"),
        ("case_shiller_cities", cities().replace("WA-Seattle", "Seattle"), "the column 'WA-Seattle' is missing", None, "WA-Seattle"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_as_declared_is_refused_with_its_place_and_the_remedy(name, text, said, row, field):
    with pytest.raises(LandingRefused, match=said) as caught:
        read(name, text)
    assert caught.value.reason.startswith("the_file.csv: ")
    assert (caught.value.row, caught.value.field) == (row, field)
    assert caught.value.remedy


def test_a_column_that_came_to_stand_in_the_file_is_refused_when_it_makes_it_another_file():
    added = COUNTIES.replace("SizeRank,", "SizeRank,Population,").replace("207,13,", "207,13,1,").replace("2518,3124,", "2518,3124,1,")
    with pytest.raises(LandingRefused, match="added: Population"):
        read("zillow_zhvi_county", added)


DECLARATION = """
name = "little_rents"
title = "Rents of a little town"
kind = "market_series"
format = "csv"
file_glob = "little_rents*"
authority = "Little Town"
authority_weight = 0.5
refresh_days = 30
licence = "none"
[series]
measure = "rent"
unit = "usd a month"
frequency = "month"
layout = "long"
value_range = [1, 9]
area_kind = "county"
area_code = "id"
area_name = "name"
period = ["month"]
value = "rent"
"""


def test_the_series_of_the_platform_are_declared():
    assert {name for name, found in sources().items() if found.kind == "market_series"} == {
        "case_shiller_cities", "case_shiller_national", "fhfa_hpi_metro", "synthetic_rent_ames", "zillow_inventory_metro",
        "zillow_new_listings_metro", "zillow_sold_above_list_metro", "zillow_zhvi_county", "zillow_zhvi_metro", "zillow_zori_metro",
    }  # fmt: skip


def test_a_series_is_declared_by_its_layout():
    found = read_declaration(DECLARATION, "little_rents.toml")
    assert found.used == ("id", "name", "month", "rent")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('measure = "rent"', 'measure = "mood"', "series.measure"),
        ('value = "rent"', "", "long names its value"),
        ('period = ["month"]', "", "periods_across names no period"),
        ('area_code = "id"', "", "area_code and area_name"),
        ('area_kind = "county"', "", "either area_kind says"),
        ('layout = "long"', 'layout = "areas_across"', "areas belong to the layout areas_across"),
        ('kind = "market_series"', 'kind = "record"\nnatural_key = ["id"]', "a market series has a layout, nothing else has one"),
        ('format = "csv"', 'format = "xlsx"', "market series are read from csv only"),
        ("[series]", '[columns]\nsitus_raw = { from = ["x"] }\n[series]', "columns: "),
    ],
)
def test_a_layout_that_cannot_be_read_names_file_and_field(old, new, complaint):
    with pytest.raises(SettingError, match=complaint) as caught:
        read_declaration(DECLARATION.replace(old, new, 1), "little_rents.toml")
    assert str(caught.value).startswith("little_rents.toml: ")


def test_records_and_layers_still_name_their_columns():
    text = DECLARATION.replace("market_series", "record").replace("[series]", 'natural_key = ["id"]\n[ignore]').split("[ignore]")[0]
    with pytest.raises(SettingError, match="columns: "):
        read_declaration(text, "little_rents.toml")


@pytest.mark.data
@pytest.mark.parametrize(
    ("file_name", "name", "areas", "values", "first", "last", "seattle"),
    [
        ("case_shiller_cities-month-SA.csv", "case_shiller_cities", 20, 5_756, "1987-01-31", "2011-07-31", 1),
        ("case_shiller_national-month.csv", "case_shiller_national", 1, 595, "1975-01-31", "2024-07-31", 0),
        ("fhfa_hpi_at_metro_1975q1_2022q3.csv.gz", "fhfa_hpi_metro", 404, 63_668, "1975-03-31", "2022-09-30", 0),
        ("zillow_inventory_metro_weekly_to_2025_01.csv.gz", "zillow_inventory_metro", 928, 321_235, "2018-02-03", "2025-01-04", 1),
        ("zillow_new_listings_metro_weekly.csv.gz", "zillow_new_listings_metro", 236, 56_685, "2018-01-13", "2025-01-04", 1),
        ("zillow_pct_sold_above_list_metro_weekly.csv.gz", "zillow_sold_above_list_metro", 173, 49_327, "2018-01-06", "2024-12-07", 1),
        ("zillow_zhvi_county_monthly_to_2022_01.csv.gz", "zillow_zhvi_county", 2_822, 523_587, "2000-01-31", "2022-01-31", 3),
        ("zillow_zhvi_metro_monthly_to_2024_12.csv.gz", "zillow_zhvi_metro", 895, 219_234, "2000-01-31", "2024-12-31", 1),
        ("zillow_zori_metro_monthly_to_2024_12.csv.gz", "zillow_zori_metro", 601, 40_734, "2015-01-31", "2024-12-31", 1),
    ],
)
def test_a_real_file_is_of_one_declared_series_and_read_whole(file_name, name, areas, values, first, last, seattle):
    if not (MARKET / file_name).exists():
        pytest.skip(f"the public data set {file_name} is not here; set ESTATE_DATA to the folder that holds market/")
    assert [found.name for found in sources().values() if fnmatch(file_name, found.file_glob)] == [name]
    table = read_series((MARKET / file_name).read_bytes(), source(name), file_name)
    span = [f"{day:%Y-%m-%d}" for day in (table.values["period_date"].min(), table.values["period_date"].max())]
    assert (len(table.areas), len(table.values), *span) == (areas, values, first, last)
    assert (table.areas["metro_code"] == "seattle-wa").sum() == seattle
