"""The whole path, as the books tell it: a landed file that went through all five stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from issuer import HARBORVIEW, bearer
from whole_path import ROWS

from api.batches import BatchAnswer, BatchesAnswer
from api.hazard_layers import HazardLayersAnswer
from api.landings import LandingsAnswer
from api.lineage import LineageAnswer
from api.models import ModelsAnswer
from api.quality import QualityAnswer
from api.quarantine import QuarantineAnswer
from estate.batch import Batch
from estate.contracts import STAGES, published_by
from estate.settings import Settings

pytestmark = pytest.mark.servers


@pytest.fixture
def read(make_app: Callable[..., Any], settings_env: Settings, make_token: Callable[..., str], landed: Batch) -> Callable[..., Any]:
    """GET below /api/v1, of what `landed` published, as an analyst; the answer as `model`."""
    client = make_app(api_database_url=settings_env.api_database_url, redis_url="").test_client()
    token = bearer(make_token(HARBORVIEW, roles=["analyst"]))
    return lambda model, path, **query: model.model_validate_json(client.get(f"/api/v1/{path}", headers=token, query_string=query).data)


def test_a_batch_that_went_through_is_published_and_each_stage_says_what_it_did(read: Callable[..., Any], landed: Batch) -> None:
    (listed,) = read(BatchesAnswer, "batches").batches
    whole = read(BatchAnswer, f"batches/{landed.batch_id}")
    assert whole.batch == listed
    assert (listed.batch_id, listed.state, listed.stage, listed.row_count) == (landed.batch_id, "published", "provenance", len(ROWS))
    assert [stage.stage for stage in whole.stages] == list(STAGES)
    for stage in whole.stages:
        tables = {promise.name for promise in published_by(stage.stage)}
        assert {verdict.table_name for verdict in stage.verdicts} == {row.table_name for row in stage.publications} == tables
        assert all(verdict.is_passed for verdict in stage.verdicts)
        assert all(row.links.airflow_run.endswith("/dags/test/runs/whole-path") for row in stage.publications)
    assert [landing.outcome for landing in whole.landings][-1] == "landed"
    offered = read(LandingsAnswer, "landings").landings
    assert {landing.links.batch for landing in offered} == {f"/api/v1/batches/{landed.batch_id}"}
    assert [landing.outcome for landing in offered][-1] == "landed"


def test_what_was_kept_back_is_counted_alike_everywhere(read: Callable[..., Any], landed: Batch) -> None:
    whole = read(BatchAnswer, f"batches/{landed.batch_id}")
    rows = read(QuarantineAnswer, "quarantine", batch_id=landed.batch_id, limit=500).quarantine
    assert len(rows) == whole.batch.quarantined_count == sum(reason.quarantined_count for reason in whole.quarantine)
    failures = {
        (verdict.table_name, failure.expectation)
        for verdict in read(QualityAnswer, "quality", batch_id=landed.batch_id).quality
        for failure in verdict.failures
        if failure.outcome == "quarantined"
    }
    assert failures == {(row.table_name, row.expectation) for row in rows}


def test_beside_each_table_of_the_graph_stands_the_batch_that_it_was_published_from(read: Callable[..., Any], landed: Batch) -> None:
    answer = read(LineageAnswer, "lineage/provenance.summary", depth=5)
    published = {table.table: table.published.batch_id for table in answer.tables if table.published}
    assert {"ingest.record", "normalize.property", "hazard.exposure", "score.valuation", "provenance.summary"} <= set(published)
    assert set(published.values()) == {landed.batch_id}


def test_the_layers_that_were_read_are_the_current_ones(read: Callable[..., Any]) -> None:
    layers = read(HazardLayersAnswer, "hazard-layers").hazard_layers
    assert {layer.hazard for layer in layers} == {"flood", "wildfire", "heat", "seismic"}
    for layer in layers:
        west, south, east, north = layer.bbox
        # Ames, Iowa.
        assert -94 < west < east < -93
        assert 41 < south < north < 43
        assert layer.title


def test_a_market_of_too_few_sales_has_no_model(read: Callable[..., Any]) -> None:
    assert [model.is_serving for model in read(ModelsAnswer, "models", is_serving="true").models] == []
