"""The whole path, a second time: past states, properties that vanish, and rows that a replay publishes after a fix."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql
from whole_path import PORTFOLIO, ROWS, SAMPLES, every_property, through

from estate import gate
from estate.batch import Batch
from estate.ingest.stage import land
from estate.settings import Settings
from estate.warehouse import Warehouse

pytestmark = pytest.mark.servers

# Every file of these tests is of one day, so that they can come in any order.
DAY = date(2026, 7, 1)


def test_a_past_moment_can_be_asked_for(get: Callable[..., Any], landed: Batch, settings_env: Settings) -> None:
    home = next(every_property(get))
    before, path = datetime.now(UTC), settings_env.landing_dir / "harborview" / "harborview_portfolio_2.csv"
    number = get(f"/{home['property_id']}/provenance/living_area_sqft").json["source"]["row_number"]
    rows = [dict(row) for row in ROWS]
    rows[number - 1]["living_area_sqft"] = str(int(ROWS[number - 1]["living_area_sqft"]) + 111)
    with path.open("w", encoding="utf-8", newline="") as sink:
        writer = csv.DictWriter(sink, fieldnames=list(ROWS[0]))
        writer.writeheader()
        writer.writerows(rows)
    through(land(landed.tenant, PORTFOLIO, path.name, DAY, "test/second"))
    now, then = (get(f"/{home['property_id']}/provenance/living_area_sqft", **query).json for query in ({}, {"as_of": before.isoformat()}))
    assert now["value"] == then["value"] + 111
    assert (then["source"]["file_name"], now["source"]["file_name"]) == ("harborview_portfolio.csv", path.name)
    assert then["source"]["raw_values"] == {"living_area_sqft": ROWS[number - 1]["living_area_sqft"]}


def test_a_property_that_its_source_no_longer_has_is_closed_with_all_that_hangs_on_it(
    get: Callable[..., Any], landed: Batch, settings_env: Settings
) -> None:
    before = datetime.now(UTC)
    lines = (SAMPLES / "harborview_portfolio.csv").read_text(encoding="utf-8").splitlines()
    gone = {row.split(",")[0] for row in lines[20:23]}
    path = settings_env.landing_dir / "harborview" / "harborview_portfolio_4.csv"
    path.write_text("\n".join([*lines[:20], *lines[23:]]) + "\n", encoding="utf-8")
    through(land(landed.tenant, PORTFOLIO, path.name, DAY, "test/fourth"))
    keys = {f"19169/{number}" for number in gone} | {f"19169/{number.replace('-', '')}" for number in gone}
    assert not any(home["identity"]["property_key"] in keys for home in (get(f"/{h['property_id']}").json for h in every_property(get)))
    with Warehouse(landed.tenant) as warehouse, warehouse.transaction() as connection:
        for table in (
            "normalize.sale", "hazard.exposure", "score.valuation", "score.comparable", "score.risk", "provenance.trust",
            "provenance.summary",
        ):  # fmt: skip
            statement = sql.SQL(
                "SELECT count(*) FROM {} AS child WHERE superseded_at = 'infinity' AND NOT EXISTS ("
                "SELECT 1 FROM normalize.property AS parent"
                " WHERE parent.property_id = child.property_id AND parent.superseded_at = 'infinity')"
            )
            assert connection.execute(statement.format(sql.Identifier(*table.split(".")))).fetchone() == (0,), table
    assert len(list(every_property(get, as_of=before.isoformat()))) == len(list(every_property(get))) + len(gone)


def test_rows_in_quarantine_are_published_by_a_replay_after_a_fix(
    landed: Batch, settings_env: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settings_env.landing_dir / "harborview" / "harborview_portfolio_3.csv"
    path.write_text((SAMPLES / "harborview_portfolio.csv").read_text(encoding="utf-8") + "\n", encoding="utf-8")
    work = land(landed.tenant, PORTFOLIO, path.name, DAY, "test/third")
    through(work)
    kept = "SELECT row_key FROM provenance.quarantine WHERE batch_id = %s AND field_name = 'year_built' AND resolved_at IS NULL"
    published = "SELECT count(*) FROM ingest.record WHERE year_built > 2100 AND superseded_at = 'infinity'"
    with Warehouse(work.tenant) as warehouse, warehouse.transaction() as connection:
        assert len(connection.execute(kept, (work.batch_id,)).fetchall()) == 1
        assert connection.execute(published).fetchone() == (0,)

    fixed = tmp_path / "expectations"  # somebody finds that the year was right after all, and mends the suites
    shutil.copytree(gate.SUITES, fixed)
    for suite in fixed.rglob("*.json"):
        suite.write_text(json.dumps(json.loads(suite.read_text())).replace("2100", "9999"))
    monkeypatch.setattr(gate, "SUITES", fixed)
    through(work)
    with Warehouse(work.tenant) as warehouse, warehouse.transaction() as connection:
        assert connection.execute(kept, (work.batch_id,)).fetchall() == []
        assert connection.execute(published).fetchone() == (1,)
