"""A market series in the store: only what is new is added, revisions are kept, an older file never wins, every attempt leaves a row."""

from __future__ import annotations

import threading
from datetime import date

import psycopg
import pytest

from estate import landing
from estate.batch import content_sha256
from estate.errors import LandingRefused
from estate.features import series_landing
from estate.features.series_landing import load
from tests.frames import checksum

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]

SOURCE = "zillow_zori_metro"
TABLES = ("reference.market_series", "reference.market_area", "reference.market_value")
MANY = [f'{200 + n},{10 + n},"Town {n}, IA",msa,IA,500,500' for n in range(20)]  # beside which one value withdrawn is few
AMES, BOONE = '102,1,"Ames, IA",msa,IA', '103,2,"Boone, IA",msa,IA'


@pytest.fixture
def offer(settings_env, database):
    """Put a file of rents into the reference landing folder of an emptied store, and load it."""
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("TRUNCATE reference.market_series, reference.market_area, reference.market_value, reference.series_landing")
    home = settings_env.landing_dir / landing.REFERENCE
    home.mkdir()

    def make(*lines, months=("2020-01-31", "2020-02-29"), name="zillow_zori_metro.csv", vintage=None):
        (home / name).write_text("\n".join(["RegionID,SizeRank,RegionName,RegionType,StateName," + ",".join(months), *lines]) + "\n")
        return load(SOURCE, name, vintage, "market_series/manual__1")

    return make


@pytest.fixture
def ask(database):
    def run(statement):
        with psycopg.connect(database.superuser_url) as connection:
            return connection.execute(statement).fetchall()

    return run


VALUES = "SELECT area_code, to_char(period_date, 'YYYY-MM'), series_id, value FROM reference.market_value ORDER BY 1, 2, 3"
LANDINGS = "SELECT outcome, series_id, value_count, changed_count FROM reference.series_landing ORDER BY landed_at"


def test_a_file_is_kept_with_its_areas_and_its_values(offer, ask):
    done = offer(f"{AMES},1000,1010", f"{BOONE},,900")
    assert done == {"series": SOURCE, "outcome": "loaded", "values": 3, "changed": 3}
    assert ask(VALUES) == [("102", "2020-01", 1, 1000), ("102", "2020-02", 1, 1010), ("103", "2020-02", 1, 900)]
    assert ask("SELECT area_code, area_kind, area_name, metro_code FROM reference.market_area ORDER BY 1") == [
        ("102", "metro", "Ames, IA", "ames-ia"), ("103", "metro", "Boone, IA", "boone-ia"),
    ]  # fmt: skip
    assert ask(LANDINGS) == [("loaded", 1, 3, 3)]


def test_a_file_stands_for_the_last_day_it_speaks_of_unless_told_otherwise(offer, ask):
    offer(f"{AMES},1000,1010")
    offer(f"{AMES},1000,1011", vintage=date(2020, 3, 15))
    assert ask("SELECT vintage_date FROM reference.market_series ORDER BY series_id") == [(date(2020, 2, 29),), (date(2020, 3, 15),)]


def test_the_landed_bytes_are_those_that_were_offered(offer, ask):
    offer(f"{AMES},1000,1010")
    ((key, digest),) = ask("SELECT object_key, snapshot_sha256 FROM reference.market_series")
    assert content_sha256(landing.get(key)) == digest


def test_the_same_bytes_again_change_nothing(offer, ask, database):
    offer(f"{AMES},1000,1010")
    before = [checksum(database.superuser_url, table) for table in TABLES]
    assert offer(f"{AMES},1000,1010")["outcome"] == "already_loaded"
    assert [checksum(database.superuser_url, table) for table in TABLES] == before
    assert ask(LANDINGS) == [("loaded", 1, 2, 2), ("already_loaded", 1, 2, 0)]


def test_a_revision_adds_what_is_new_changed_or_withdrawn_and_keeps_what_was_said(offer, ask):
    offer(f"{AMES},1000,1010", f"{BOONE},880,900", *MANY)
    months = ("2020-01-31", "2020-02-29", "2020-03-31")
    done = offer(f"{AMES},1000,1012,1020", f"{BOONE},880,,", *(f"{line}," for line in MANY), months=months)
    assert done["changed"] == 3
    assert [row for row in ask(VALUES) if row[0] < "200"] == [
        ("102", "2020-01", 1, 1000), ("102", "2020-02", 1, 1010), ("102", "2020-02", 2, 1012), ("102", "2020-03", 2, 1020),
        ("103", "2020-01", 1, 880), ("103", "2020-02", 1, 900), ("103", "2020-02", 2, None),
    ]  # fmt: skip


def test_what_was_withdrawn_is_withdrawn_once_and_may_come_back(offer, ask):
    offer(f"{AMES},1000,1010", f"{BOONE},880,900", *MANY)
    offer(f"{AMES},1000,1010", f"{BOONE},880,", *MANY)
    offer(f"{AMES},1000,1010.5", f"{BOONE},880,", *MANY)
    offer(f"{AMES},1000,1010.5", f"{BOONE},880,901", *MANY)
    assert ask("SELECT series_id, value FROM reference.market_value WHERE area_code = '103' AND period_date = '2020-02-29' ORDER BY 1") == [
        (1, 900), (2, None), (4, 901),
    ]  # fmt: skip


def test_a_file_that_lacks_many_of_the_known_values_is_refused_as_cut_off(offer, ask, database):
    offer(f"{AMES},1000,1010", f"{BOONE},880,900", *MANY)
    before = [checksum(database.superuser_url, table) for table in TABLES]
    with pytest.raises(LandingRefused, match=r"lacks 4 of the 44 values known of zillow_zori_metro, which is more than 5%") as caught:
        offer(f"{AMES},1000,1010", f"{BOONE},880,900", *MANY[:-2])
    assert "is_complete = false" in caught.value.remedy
    assert [checksum(database.superuser_url, table) for table in TABLES] == before
    assert ask(LANDINGS)[-1] == ("refused", None, None, None)


def test_a_file_that_lacks_a_few_withdraws_them(offer, ask):
    offer(f"{AMES},1000,1010", f"{BOONE},880,900", *MANY)
    assert offer(f"{AMES},1000,1010", f"{BOONE},880,900", *MANY[:-1])["changed"] == 2


def test_an_earlier_file_of_the_same_day_loaded_again_holds_again(offer, ask):
    offer(f"{AMES},1000,1010")
    offer(f"{AMES},1000,1999")
    assert offer(f"{AMES},1000,1010")["outcome"] == "loaded"
    assert ask("SELECT series_id, value FROM reference.market_value WHERE period_date = '2020-02-29' ORDER BY 1") == [
        (1, 1010), (2, 1999), (3, 1010),
    ]  # fmt: skip


def test_an_earlier_file_of_an_older_day_loaded_again_is_refused(offer, ask):
    offer(f"{AMES},1000,1010")
    offer(f"{AMES},1000,1010,1020", months=("2020-01-31", "2020-02-29", "2020-03-31"))
    with pytest.raises(LandingRefused, match="is of 2020-02-29, but zillow_zori_metro is already loaded as of 2020-03-31"):
        offer(f"{AMES},1000,1010")


def test_an_area_that_is_renamed_is_added_under_its_new_name(offer, ask):
    offer(f"{AMES},1000,1010")
    offer(f"{AMES},1000,1010".replace("Ames, IA", "Ames-Boone, IA"))
    assert ask("SELECT series_id, area_name, metro_code FROM reference.market_area ORDER BY 1") == [
        (1, "Ames, IA", "ames-ia"), (2, "Ames-Boone, IA", "ames-ia"),
    ]  # fmt: skip


def test_an_older_vintage_never_overwrites(offer, ask, database):
    offer(f"{AMES},1000,1010")
    before = [checksum(database.superuser_url, table) for table in TABLES]
    with pytest.raises(LandingRefused, match="is of 2020-01-31, but zillow_zori_metro is already loaded as of 2020-02-29"):
        offer(f"{AMES},999", months=("2020-01-31",))
    assert [checksum(database.superuser_url, table) for table in TABLES] == before
    assert ask(LANDINGS)[-1] == ("refused", None, None, None)


def test_a_file_cannot_stand_for_a_day_before_what_it_speaks_of(offer):
    with pytest.raises(LandingRefused, match=r"is of 2020-02-01 and speaks of 2020-02-29, which is later\. Give the day"):
        offer(f"{AMES},1000,1010", vintage=date(2020, 2, 1))


def test_a_refusal_is_written_down_with_file_row_column_and_remedy(offer, ask):
    with pytest.raises(LandingRefused):
        offer(f"{AMES},1000,much")
    assert ask("SELECT outcome, file_name, reason, remedy FROM reference.series_landing") == [
        ("refused", "zillow_zori_metro.csv", "zillow_zori_metro.csv: the cell 'much' is not a number, row 1, field 2020-02-29",
         "Correct the cell; leave it empty where the value is unknown."),
    ]  # fmt: skip
    assert ask(VALUES) == []


def test_a_source_of_records_is_no_series(offer, ask):
    with pytest.raises(LandingRefused, match="ames_sales is no market series"):
        load("ames_sales", None, None, "market_series/manual__1")
    assert ask("SELECT outcome, source_name FROM reference.series_landing") == [("refused", "ames_sales")]


def test_a_file_outside_the_landing_folder_is_refused(offer):
    with pytest.raises(LandingRefused, match="outside"):
        load(SOURCE, "../secret.csv", None, "market_series/manual__1")


def test_what_the_gate_refuses_is_not_stored(offer, ask, monkeypatch):
    read = series_landing.read_series

    def with_a_hole(*arguments):
        table = read(*arguments)
        table.values.loc[0, "value"] = None
        return table

    monkeypatch.setattr(series_landing, "read_series", with_a_hole)
    with pytest.raises(LandingRefused, match=r"expect_column_values_to_not_be_null\(value\) in 1 rows"):
        offer(f"{AMES},1000,1010")
    assert ask(VALUES) == []


@pytest.mark.parametrize(("month", "end"), [("1899-12-31", "min"), ("2150-01-31", "max")])
def test_a_period_that_is_a_placeholder_is_refused(offer, ask, month, end):
    with pytest.raises(LandingRefused, match=rf"expect_column_{end}_to_be_between\(period_date\)"):
        offer(f"{AMES},1000,1010", months=tuple(sorted((month, "2020-01-31"))))
    assert ask(VALUES) == []


def test_a_fault_that_is_nobody_s_refusal_leaves_a_row_too(offer, ask, monkeypatch):
    monkeypatch.setattr(series_landing.landing, "land", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        offer(f"{AMES},1000,1010")
    assert ask("SELECT outcome, reason FROM reference.series_landing") == [("failed", "ZeroDivisionError('division by zero')")]
    assert ask(VALUES) == []


def test_two_loads_of_one_file_at_once_leave_one_version(offer, ask, monkeypatch):
    both_read = threading.Barrier(2, timeout=60)
    judged = series_landing._judged
    monkeypatch.setattr(series_landing, "_judged", lambda *arguments: (judged(*arguments), both_read.wait()))
    done = []
    threads = [threading.Thread(target=lambda: done.append(offer(f"{AMES},1000,1010")["outcome"])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(done) == ["already_loaded", "loaded"]
    assert ask("SELECT count(*) FROM reference.market_series") == [(1,)]
    assert len(ask(VALUES)) == 2
