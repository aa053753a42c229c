"""Bad input, file by file: what its owner is told, and that nothing published changes."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import date
from pathlib import Path

import pytest

from estate.errors import BatchRefused, LandingRefused
from estate.ingest.stage import land
from estate.settings import ROOT, settings, tenants
from estate.stages import build_stage, gate_stage, publish_stage
from estate.warehouse import Warehouse
from tests.frames import checksum

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]

SOURCE = "harborview_portfolio"
LINES = (ROOT / "local" / "samples" / "harborview_portfolio.csv").read_text(encoding="utf-8").splitlines()[:61]
HEADER, ROWS = LINES[0], LINES[1:]
COLUMNS = HEADER.split(",")


def text(*rows: str, header: str = HEADER) -> bytes:
    return ("\n".join([header, *rows]) + "\n").encode()


def with_field(name: str, value: str, rows: list[str] = ROWS) -> bytes:
    """The file with one field of every row replaced."""
    place, sink = COLUMNS.index(name), io.StringIO()
    writer = csv.writer(sink)
    writer.writerow(COLUMNS)
    for row in csv.reader(rows):
        row[place] = value
        writer.writerow(row)
    return sink.getvalue().encode()


def swapped_dates() -> bytes:
    place, sink = COLUMNS.index("sale_date"), io.StringIO()
    writer = csv.writer(sink)
    writer.writerow(COLUMNS)
    for row in csv.reader(ROWS):
        month, day, year = (row[place] or "03/25/2026").split("/")
        row[place] = f"{max(int(day), 13)}/{month}/{year}"
        writer.writerow(row)
    return sink.getvalue().encode()


def parcels(coordinates: list[object], *, crs: str | None = None) -> bytes:
    """Twenty parcels of one outline, as the town's layer has them."""
    names = ("GIS_ID", "MAP_LOT", "CALC_ACRES", "PNTPOLYCNT", "Shape_Leng", "Shape_Area")
    features = [
        {
            "type": "Feature",
            "properties": dict(zip(names, ("1", f"74-{n}", 4.7, 0, 1.0, 1.0), strict=True)),
            "geometry": {"type": "Polygon", "coordinates": coordinates},
        }
        for n in range(1, 21)
    ]
    collection: dict[str, object] = {"type": "FeatureCollection", "features": features}
    if crs:
        collection["crs"] = {"type": "name", "properties": {"name": crs}}
    return json.dumps(collection).encode()


SQUARE = [[[-72.29, 43.63], [-72.28, 43.63], [-72.28, 43.64], [-72.29, 43.64], [-72.29, 43.63]]]
BOW_TIE = [[[-72.29, 43.63], [-72.28, 43.64], [-72.28, 43.63], [-72.29, 43.64], [-72.29, 43.63]]]

BAD_FILES = {
    "an empty file": (b"", "empty"),
    "a header alone": (text(), "no data rows"),
    "another delimiter": (text(*ROWS).replace(b",", b";"), "delimiter"),
    "a ragged row": (text(ROWS[0], ROWS[1], ROWS[2].rsplit(",", 2)[0], *ROWS[3:]), "row 3"),
    "a header twice": (text(*ROWS, header=HEADER.replace("bedrooms", "stories")), "stories"),
    "a column missing": (text(*ROWS, header=HEADER.replace("latitude", "somewhere")), "latitude"),
    "UTF-16": (text(*ROWS).decode().encode("utf-16"), "UTF-16"),
    "Latin-1 called UTF-8": (text(ROWS[0], ROWS[1].replace("Ames", "Am\xe9s", 1)).decode().encode("latin-1"), "row 2"),
    "a NUL byte": (text(ROWS[0].replace("Ames", "Am\0es", 1)), "NUL"),
    "a truncated gzip": (gzip.compress(text(*ROWS))[:-40], "cut off"),
    "a cell of five million characters": (text(ROWS[0], ROWS[1].replace("Ames", "A" * 5_000_000, 1)), "row 2"),
    "dates in another order": (swapped_dates(), "sale_date"),
    "prices of 1e308": (with_field("list_price", "1e308"), "list_price"),
    "prices that are no number": (with_field("sale_price", "NaN"), "sale_price"),
    "bedrooms below none": (with_field("bedrooms", "-2"), "bedroom_count"),
    "longitude and latitude swapped": (with_field("latitude", "-93.62"), "latitude"),
    "no parcel numbers": (with_field("parcel_number", ""), "property_key"),
}


def offer(tenant: str, name: str, content: bytes) -> str:
    home = settings().landing_dir / tenant
    home.mkdir(parents=True, exist_ok=True)
    (home / name).write_bytes(content)
    return name


def run(source: str, file: str | None, *, tenant: str = "harborview", vintage: date | None = None) -> None:
    work = land(tenants()[tenant], source, file, vintage, "test/run")
    for step in (build_stage, gate_stage, publish_stage):
        step("ingest", work)


def last_landing() -> dict[str, object]:
    with Warehouse(tenants()["harborview"]) as warehouse, warehouse.transaction() as connection:
        cursor = connection.execute("SELECT outcome, reason, remedy FROM ingest.landing ORDER BY landed_at DESC LIMIT 1")
        return dict(zip(("outcome", "reason", "remedy"), cursor.fetchone(), strict=True))


def refused_verdicts() -> int:
    with Warehouse(tenants()["harborview"]) as warehouse, warehouse.transaction() as connection:
        return connection.execute("SELECT count(*) FROM provenance.verdict WHERE NOT is_passed").fetchone()[0]


@pytest.fixture
def published(database):
    """A good file of the source, published."""
    run(SOURCE, offer("harborview", "harborview_portfolio.csv", text(*ROWS)))
    return lambda: checksum(database.superuser_url, "ingest.record")


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_with_words_and_changes_nothing_published(name, published):
    content, word = BAD_FILES[name]
    before, refused = published(), refused_verdicts()
    suffix = ".csv.gz" if "gzip" in name else ".csv"
    with pytest.raises((LandingRefused, BatchRefused)) as caught:
        run(SOURCE, offer("harborview", f"offered{suffix}", content))
    assert published() == before
    outcome = last_landing()
    if isinstance(caught.value, LandingRefused):
        assert outcome["outcome"] == "refused"
        assert word.lower() in f"{outcome['reason']} {outcome['remedy']}".lower()
        assert outcome["remedy"]
    else:
        assert outcome["outcome"] == "landed"
        assert word in str(caught.value)
        assert refused_verdicts() == refused + 1


def test_a_byte_order_mark_is_no_fault(published):
    run(SOURCE, offer("harborview", "bom.csv", b"\xef\xbb\xbf" + text(*ROWS)))
    assert last_landing()["outcome"] == "landed"


def test_sql_and_html_in_an_address_stay_text(published):
    nasty = "1 Main St'; DROP TABLE ingest.record; -- <script>alert(1)</script>"
    rows = [list(row) for row in csv.reader(ROWS)]
    rows[0][COLUMNS.index("address")] = nasty
    sink = io.StringIO()
    csv.writer(sink).writerows([COLUMNS, *rows])
    run(SOURCE, offer("harborview", "nasty.csv", sink.getvalue().encode()))
    with Warehouse(tenants()["harborview"]) as warehouse, warehouse.transaction() as connection:
        kept = connection.execute(
            "SELECT situs_raw FROM ingest.record WHERE situs_raw LIKE '%%script%%' AND superseded_at = 'infinity'"
        ).fetchall()
    assert kept == [(nasty,)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (parcels(BOW_TIE), "parcel_geom"),
        (parcels([]), "parcel_geom"),
        (parcels([[[c[0] * 1e4, c[1] * 1e4] for c in SQUARE[0]]]), "coordinate"),
        (parcels([[[c[1], c[0]] for c in SQUARE[0]]]), "coordinate|bounds|swapped|longitude"),
    ],
    ids=["self-intersecting", "empty", "another CRS", "swapped"],
)
def test_parcels_whose_outlines_cannot_be_are_refused(content, words, database):
    before = checksum(database.superuser_url, "ingest.record")
    with pytest.raises((LandingRefused, BatchRefused), match=f"(?i){words}|parcel_geom"):
        run("lebanon_nh_parcels", offer("harborview", "parcels.geojson", content))
    assert checksum(database.superuser_url, "ingest.record") == before


def test_a_file_of_another_tenant_is_refused(published):
    offer("lakeside", "theirs.csv", text(*ROWS))
    for name in ("../lakeside/theirs.csv", str(settings().landing_dir / "lakeside" / "theirs.csv")):
        with pytest.raises(LandingRefused, match="landing folder"):
            run(SOURCE, name)
        assert last_landing()["outcome"] == "refused"


def test_a_link_out_of_the_landing_folder_is_refused(published, tmp_path):
    outside = tmp_path / "outside.csv"
    outside.write_bytes(text(*ROWS))
    Path(settings().landing_dir / "harborview" / "link.csv").symlink_to(outside)
    with pytest.raises(LandingRefused, match="outside"):
        run(SOURCE, "link.csv")


def test_an_older_vintage_is_refused(published):
    before = published()
    with pytest.raises(LandingRefused, match=r"older|already published"):
        run(SOURCE, offer("harborview", "older.csv", text(*ROWS[:20])), vintage=date(2020, 1, 1))
    assert published() == before
    assert last_landing()["outcome"] == "refused"


def test_an_unknown_source_is_refused_with_the_names_there_are(published):
    with pytest.raises(LandingRefused, match="ames_sales"):
        run("no_such_source", None)
    assert last_landing()["outcome"] == "refused"


def test_a_layer_is_no_source_of_records(published):
    with pytest.raises(LandingRefused, match="hazard_layer"):
        run("synthetic_flood_ames", None)


def test_the_same_bytes_again_change_nothing(published):
    before = published()
    run(SOURCE, offer("harborview", "renamed.csv", text(*ROWS)))
    assert published() == before
    assert last_landing()["outcome"] == "already_landed"


def test_one_row_without_a_parcel_number_is_kept_back_and_the_rest_published(published):
    rows = [ROWS[0].replace(ROWS[0].split(",")[0], "", 1), *ROWS[1:]]
    run(SOURCE, offer("harborview", "one_missing.csv", text(*rows)))
    with Warehouse(tenants()["harborview"]) as warehouse, warehouse.transaction() as connection:
        newest = "SELECT rows_in, rows_quarantined FROM provenance.publication ORDER BY publication_id DESC LIMIT 1"
        rows_in, kept = connection.execute(newest).fetchone()
    assert rows_in == len(ROWS)
    assert 1 <= kept < 5


def test_a_drifted_file_leaves_its_drift_in_the_outcome(published):
    with pytest.raises(LandingRefused, match="latitude"):
        run(SOURCE, offer("harborview", "drifted.csv", text(*ROWS, header=HEADER.replace("latitude", "breadth"))))
    with Warehouse(tenants()["harborview"]) as warehouse, warehouse.transaction() as connection:
        cursor = connection.execute("SELECT drift, column_jaccard FROM ingest.landing ORDER BY landed_at DESC LIMIT 1")
        drift, jaccard = cursor.fetchone()
    assert (drift["missing"], drift["added"]) == (["latitude"], ["breadth"])
    assert 0.9 < jaccard < 1


def test_an_attempt_that_fails_otherwise_leaves_its_row_too(published, monkeypatch):
    monkeypatch.setattr("estate.ingest.stage.read_raw", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(SOURCE, offer("harborview", "failing.csv", text(*ROWS[:40])))
    outcome = last_landing()
    assert outcome["outcome"] == "failed"
    assert "ZeroDivisionError" in outcome["reason"]
