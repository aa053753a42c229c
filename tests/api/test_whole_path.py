"""The whole path without Airflow: a landed file, five stages, and answers that are compared with the file's own rows."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from issuer import HARBORVIEW, LAKESIDE, bearer

from estate import gate
from estate.batch import Batch
from estate.contracts import STAGES
from estate.hazard.layer_landing import load
from estate.ingest.declaration import source
from estate.ingest.stage import land
from estate.settings import ROOT, Settings, tenants
from estate.stages import build_stage, gate_stage, publish_stage
from estate.warehouse import Warehouse

pytestmark = pytest.mark.servers

SAMPLES = ROOT / "local" / "samples"
PORTFOLIO = "harborview_portfolio"
ROWS = list(csv.DictReader((SAMPLES / "harborview_portfolio.csv").open(encoding="utf-8")))


def through(work: Batch) -> None:
    """Take a batch through all five stages."""
    for stage in STAGES:
        for step in (build_stage, gate_stage, publish_stage):
            step(stage, work)


@pytest.fixture
def landed(settings_env: Settings) -> Batch:
    """The portfolio of Harborview, with the synthetic layers, published once a module; again it changes nothing."""
    for slug, names in (("reference", SAMPLES.glob("synthetic_*")), ("harborview", [SAMPLES / "harborview_portfolio.csv"])):
        home = settings_env.landing_dir / slug
        home.mkdir()
        for path in names:
            shutil.copy(path, home)
    work = land(tenants()["harborview"], PORTFOLIO, None, None, "test/whole-path")
    with Warehouse(work.tenant) as warehouse:
        if not warehouse.rows("publication_newest_vintage", table_name="provenance.trust", partition_name=PORTFOLIO)[0]["vintage_date"]:
            for name in ("flood", "wildfire", "heat", "seismic"):
                load(f"synthetic_{name}_ames", None, None, None, "test/whole-path")
            through(work)
    return work


@pytest.fixture
def api(make_app: Callable[..., Flask], settings_env: Settings, landed: Batch) -> FlaskClient:
    kept = ("api_database_url", "redis_url", "s3_endpoint_url", "s3_bucket", "s3_access_key_id", "s3_secret_access_key")
    return make_app(**{name: getattr(settings_env, name) for name in kept}).test_client()


@pytest.fixture
def get(api: FlaskClient, make_token: Callable[..., str]) -> Callable[..., Any]:
    def ask(path: str, tenant: Any = HARBORVIEW, **query: str) -> Any:
        return api.get(f"/api/v1/properties{path}", headers=bearer(make_token(tenant)), query_string=query)

    return ask


def every_property(get: Callable[..., Any], **query: str) -> Iterator[dict[str, Any]]:
    """All properties of the list, page by page."""
    cursor: dict[str, str] = {}
    while True:
        page = get("", limit="40", **cursor, **query).json
        yield from page["properties"]
        if not page.get("next_cursor"):
            return
        cursor = {"cursor": page["next_cursor"]}


def test_every_number_of_every_property_is_traced_to_the_files_own_cell(get: Callable[..., Any]) -> None:
    declared, checked = source(PORTFOLIO).columns, 0
    for home in every_property(get):
        fields = get(f"/{home['property_id']}/provenance").json["fields"]
        for name, mapping in declared.items():
            said = fields.get(name)
            if said is None or said["value"] is None or not said["source"] or not mapping.raw:
                continue
            row = ROWS[said["source"]["row_number"] - 1]
            assert said["source"]["raw_values"] == {column: row[column] for column in mapping.raw}, name
            assert said["source"]["rules"][: len(mapping.rules)] == list(mapping.rules)
            assert isinstance(said["trust_pct"], int)
            checked += 1
    assert checked > 2_500


def test_a_copied_number_is_the_number_in_the_file(get: Callable[..., Any]) -> None:
    for home in every_property(get):
        said = get(f"/{home['property_id']}/provenance/living_area_sqft").json
        if said["value"] is not None:
            assert said["value"] == float(ROWS[said["source"]["row_number"] - 1]["living_area_sqft"])


def test_a_value_has_an_interval_and_comparables_whose_waterfalls_sum_to_the_cent(get: Callable[..., Any]) -> None:
    valued = refused = 0
    for home in every_property(get):
        whole = get(f"/{home['property_id']}").json
        value = whole["value"]
        if value["estimated_value_usd"] is None:
            refused += 1
            assert value["refusal_reason"]
            assert value["comparables"] == []
            continue
        valued += 1
        assert value["value_low_usd"] <= value["estimated_value_usd"] <= value["value_high_usd"]
        for comparable in value["comparables"]:
            steps = sum(round(100 * amount) for name, amount in comparable["adjustments"].items())
            assert round(100 * comparable["sale_price_usd"]) + steps == round(100 * comparable["adjusted_price_usd"])
        assert sum(comparable["weight"] for comparable in value["comparables"]) == pytest.approx(1)
    assert valued > 100
    assert refused > 0


def test_ground_that_no_layer_maps_is_unknown_and_synthetic_layers_say_so(get: Callable[..., Any]) -> None:
    wholes = [get(f"/{home['property_id']}").json for home in every_property(get)]
    unknown = [whole["hazards"] for whole in wholes if whole["hazards"]["unknown_hazards"]]
    assert unknown
    assert all(hazards["composite_low"] < hazards["composite_high"] for hazards in unknown)
    assert all(whole["hazards"]["uses_synthetic_layer"] for whole in wholes)


def test_the_other_tenant_sees_nothing_of_it(get: Callable[..., Any]) -> None:
    home = next(every_property(get))
    assert get("", LAKESIDE).json["properties"] == []
    foreign = get(f"/{home['property_id']}", LAKESIDE)
    absent = get("/00000000-0000-4000-8000-000000000000", LAKESIDE)
    assert (foreign.status_code, foreign.json["title"], foreign.json["detail"]) == (404, absent.json["title"], absent.json["detail"])


def test_markup_in_an_address_is_kept_as_text(get: Callable[..., Any]) -> None:
    addresses = [get(f"/{home['property_id']}").json["address"]["situs_raw"] for home in every_property(get)]
    nasty = [row["address"] for row in ROWS if "<" in row["address"] or "DROP" in row["address"]]
    assert nasty
    assert set(nasty) <= set(addresses)


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
    through(land(landed.tenant, PORTFOLIO, path.name, date(2026, 7, 15), "test/second"))
    now, then = (get(f"/{home['property_id']}/provenance/living_area_sqft", **query).json for query in ({}, {"as_of": before.isoformat()}))
    assert now["value"] == then["value"] + 111
    assert (then["source"]["file_name"], now["source"]["file_name"]) == ("harborview_portfolio.csv", path.name)
    assert then["source"]["raw_values"] == {"living_area_sqft": ROWS[number - 1]["living_area_sqft"]}


def test_rows_in_quarantine_are_published_by_a_replay_after_a_fix(
    landed: Batch, settings_env: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settings_env.landing_dir / "harborview" / "harborview_portfolio_3.csv"
    path.write_text((SAMPLES / "harborview_portfolio.csv").read_text(encoding="utf-8") + "\n", encoding="utf-8")
    work = land(landed.tenant, PORTFOLIO, path.name, date(2026, 8, 1), "test/third")
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
