"""A declaration that cannot hold is refused with the file and the field; every shipped one holds."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatch

import pytest

from estate.errors import LandingRefused, SettingError
from estate.ingest.declaration import read_declaration, source, sources

DECLARATION = """
name = "little_town"
title = "Little Town"
kind = "record"
format = "csv"
file_glob = "little_town*"
natural_key = ["apn"]
authority = "Little Town"
authority_weight = 0.5
refresh_days = 30
licence = "none"
[columns]
apn_raw = { from = ["apn"], rules = ["pad:10"] }
"""


def test_a_declaration_is_read():
    found = read_declaration(DECLARATION, "little_town.toml")
    assert found.columns["apn_raw"].raw == ("apn",)
    assert found.used == ("apn",)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('kind = "record"', 'kind = "rumour"', "kind"),
        ("apn_raw", "parcel", "has no column parcel"),
        ("pad:10", "guess", "no rule is called guess"),
        ('natural_key = ["apn"]', "natural_key = []", "natural_key"),
        ('natural_key = ["apn"]', 'natural_key = ["apn"]\nignored = ["apn"]', "used and ignored"),
        ("authority_weight = 0.5", "authority_weight = 5", "authority_weight"),
        ('kind = "record"', 'kind = "hazard_layer"', "has no column apn_raw"),
        ("name = ", "name ", "not TOML"),
        ("little_town", "big_town", "must be called big_town.toml"),
        ("refresh_days", "colour = 1\nrefresh_days", "colour"),
    ],
)
def test_a_wrong_declaration_names_file_and_field(old, new, complaint):
    with pytest.raises(SettingError, match=complaint) as caught:
        read_declaration(DECLARATION.replace(old, new, 1), "little_town.toml")
    assert str(caught.value).startswith("little_town.toml: ")


def test_the_sources_of_the_platform_are_declared():
    records = {name for name, found in sources().items() if found.kind == "record"}
    assert records == {
        "ames_sales",
        "harborview_portfolio",
        "king_county_sales_2014",
        "king_county_sales_2021",
        "lebanon_nh_parcels",
        "lebanon_nh_roll",
        "nyc_rolling_sales",
    }


def test_an_unknown_source_is_refused_with_the_known_ones():
    with pytest.raises(LandingRefused, match=r"no source is called 'gossip'.*ames_sales"):
        source("gossip")


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("harborview_portfolio.csv", "harborview_portfolio"),
        ("harborview_portfolio_damaged.csv", "harborview_portfolio"),
        ("king_county_2014_2015.csv.gz", "king_county_sales_2014"),
        ("nyc_rolling_sales_2023_2024_bronx.xlsx", "nyc_rolling_sales"),
        ("lebanon_nh_parcels_maps_low.geojson.gz", "lebanon_nh_parcels"),
    ],
)
def test_a_file_is_of_the_source_whose_pattern_it_matches(file_name, name):
    assert fnmatch(file_name, source(name).file_glob)


def test_no_two_patterns_claim_one_file():
    claimed = Counter(
        other.name for one in sources().values() for other in sources().values() if fnmatch(one.file_glob.replace("*", ""), other.file_glob)
    )
    assert set(claimed.values()) == {1}
