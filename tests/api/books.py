"""What the platform's own books say of a tenant beside the world: batches in every state, models that were refused and promoted, layers."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import world
from psycopg.types.json import Jsonb

WAITING = "county_roll-aaaaaaaaaaaa"
REFUSED = "county_roll-bbbbbbbbbbbb"
PUBLISHED = "roll-1"
REFUSED_MODEL = "19169-2026-02-01-bbbbbbbbbbbb"
RETIRED_LAYER, HEAT_LAYER = 2, 3
HEAT_SOURCE = "heat_county_warming"
AT = datetime(2026, 4, 1, 12, tzinfo=UTC)
FAILURE = {
    "expectation": "expect_column_values_to_not_be_null", "field_name": "apn", "rows": 14, "severity": "critical",
    "reason": "A parcel without its number is nobody's.", "outcome": "refused", "detail": "more than 0.1% of the rows",
}  # fmt: skip


def write_layers(pipeline_url: str) -> None:
    """A retired flood layer, and a current one of heat."""
    always = {"authority": "nobody", "is_synthetic": True, "object_key": "reference/snapshots/x", "feature_count": 4, "loaded_at": AT}
    box = "SRID=4326;POLYGON((-100 30,-90 30,-90 40.5,-100 40.5,-100 30))"
    with psycopg.connect(pipeline_url) as connection:
        for layer_id, hazard, source_name, is_current in (
            (RETIRED_LAYER, "flood", "demo_flood", False), (HEAT_LAYER, "heat", HEAT_SOURCE, True),
        ):  # fmt: skip
            world.put(
                connection, "reference.hazard_layer", **always, layer_id=layer_id, hazard=hazard, source_name=source_name, version="v0",
                vintage_date=date(2025, 1, 1), snapshot_sha256=str(layer_id) * 64, file_name=f"{hazard}.geojson", bounds=box,
                is_current=is_current,
            )  # fmt: skip


def write_books(pipeline_url: str, tenant_id: uuid.UUID) -> None:
    """Two more batches, one refused by normalize and one that no gate has seen; a refused model, a promoted one, a study and its drift."""
    with psycopg.connect(pipeline_url) as connection:
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(tenant_id),))
        _land(connection, tenant_id, 2, REFUSED)
        _land(connection, tenant_id, 3, WAITING)
        _judge(connection, tenant_id, "ingest.record", REFUSED, [], rows_quarantined=2)
        _judge(connection, tenant_id, "normalize.property", REFUSED, [FAILURE])
        _publish(connection, tenant_id, "ingest.record", REFUSED)
        for number, resolved_at in ((1, None), (2, AT)):
            _keep_back(connection, tenant_id, number, resolved_at)
        _models(connection, tenant_id)


def _land(connection: psycopg.Connection[Any], tenant_id: uuid.UUID, number: int, batch_id: str) -> None:
    digest = batch_id[-1] * 64
    said = {
        "tenant_id": tenant_id,
        "source_name": "county_roll",
        "file_name": f"roll{number}.csv",
        "snapshot_sha256": digest,
        "landed_at": AT,
    }
    world.put(
        connection, "ingest.snapshot", **said, snapshot_id=number, object_key=f"{tenant_id}/snapshots/{digest}", batch_id=batch_id,
        vintage_date=date(2026, 4, 1), header=world.HEADER, row_count=5,
    )  # fmt: skip
    world.put(
        connection, "ingest.landing", **said, landing_id=world.named(tenant_id, f"landing {number}"), outcome="landed",
        run_id="ingest/manual__2026-04-01T12:00:00+00:00",
    )  # fmt: skip


def _judge(
    connection: psycopg.Connection[Any], tenant_id: uuid.UUID, table: str, batch_id: str, failures: list[Any], rows_quarantined: int = 0
) -> None:
    world.put(
        connection, "provenance.verdict", tenant_id=tenant_id, verdict_id=world.named(tenant_id, f"{batch_id} {table}"), batch_id=batch_id,
        table_name=table, is_passed=not failures, rows_in=5, rows_quarantined=rows_quarantined, expectation_count=12,
        failures=Jsonb(failures), suite_sha256="e" * 64, judged_sha256="a" * 64, docs_key=f"validations/{batch_id}/run.html",
        run_id="normalize/manual__2026-04-01T12:00:00+00:00", judged_at=AT,
    )  # fmt: skip


def _publish(connection: psycopg.Connection[Any], tenant_id: uuid.UUID, table: str, batch_id: str) -> None:
    world.put(
        connection, "provenance.publication", tenant_id=tenant_id, publication_id=(1 << 60) + 1000, table_name=table,
        partition_name="county_roll", batch_id=batch_id, input_sha256="a" * 64, vintage_date=date(2026, 4, 1),
        verdict_id=world.named(tenant_id, f"{batch_id} {table}"), run_id="ingest/manual__3", code_version="0.2.0", rows_in=5,
        rows_published=3, rows_closed=0, rows_unchanged=0, rows_quarantined=2, read_at=AT, published_at=AT,
    )  # fmt: skip


def _keep_back(connection: psycopg.Connection[Any], tenant_id: uuid.UUID, number: int, resolved_at: datetime | None) -> None:
    world.put(
        connection, "provenance.quarantine", tenant_id=tenant_id, quarantine_id=world.named(tenant_id, f"kept back {number}"),
        batch_id=REFUSED, table_name="ingest.record", row_key=f"county_roll|{number}", row_number=number,
        raw_row=Jsonb({"PIN": f"000{number}"}), expectation="expect_column_values_to_be_between", field_name="living_area_sqft",
        reason="A house of no size is none.", run_id="ingest/manual__3", quarantined_at=AT, resolved_at=resolved_at,
    )  # fmt: skip


def _models(connection: psycopg.Connection[Any], tenant_id: uuid.UUID) -> None:
    _judge(connection, tenant_id, "score.ratio_study", REFUSED_MODEL, [FAILURE | {"field_name": "cod"}])
    world.put(
        connection, "score.model", tenant_id=tenant_id, model_id=REFUSED_MODEL, county_fips="19169", as_of_date=date(2026, 2, 1),
        trained_at=AT, method="ensemble-1", seed=1, sale_count=40, window_from_date=date(2025, 2, 1), window_to_date=date(2026, 1, 31),
        snapshot_ids=[1, 2], code_version="0.2.0", parameters_sha256="b" * 64, artefact_sha256="d" * 64, object_key="model2.zip",
        card_key="card2.json", page_key=f"models/{REFUSED_MODEL}.html", metrics=Jsonb({"cod": 31.5}),
        verdict_id=world.named(tenant_id, f"{REFUSED_MODEL} score.ratio_study"), is_passed=False, refusal="cod 31.5 is above 20",
        run_id="model_training/manual__2",
    )  # fmt: skip
    for number, by in enumerate(("training", "ada"), start=1):
        world.put(
            connection, "score.promotion", tenant_id=tenant_id, promotion_id=world.named(tenant_id, f"promotion {number}"),
            model_id=world.MODEL, county_fips="19169", is_rollback=by == "ada", promoted_at=AT.replace(hour=number), promoted_by=by,
            reason=f"because of {number}", run_id=f"model_promotion/manual__{number}",
        )  # fmt: skip
    for kind, stratum, cod in (("price_tenth", "01", 21.5), ("all", "all", 12.25)):
        world.put(
            connection, "score.ratio_study", tenant_id=tenant_id, model_id=world.MODEL, stratum_kind=kind, stratum=stratum, sale_count=200,
            refused_count=1, trimmed_count=3, median_ratio=0.99, cod=cod, rmse_usd="31000.5",
        )  # fmt: skip
    for run, ratio in (("model_drift/scheduled__1", 0.9), ("model_drift/scheduled__2", 0.95)):
        for month in ("2026-03", "all"):
            world.put(
                connection, "score.drift", tenant_id=tenant_id, run_id=run, model_id=world.MODEL, month=month, sale_count=9,
                median_ratio=ratio, mape_rate=0.1, bias_rate=-0.05, measured_at=AT.replace(minute=int(run[-1])),
            )  # fmt: skip
