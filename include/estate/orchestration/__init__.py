"""The only package that imports Airflow: turns stages into tasks, their tables into assets, their refusals into failures."""

from estate.orchestration.features import audit_features, backfill, materialize
from estate.orchestration.forms import (
    backfill_params,
    batch_params,
    decision_params,
    landing_params,
    layer_params,
    market_params,
    promotion_params,
    series_params,
    tenant_param,
    training_params,
)
from estate.orchestration.models import drift_watch, model_run, record_decision
from estate.orchestration.platform import audit_retention, load_layer, load_series
from estate.orchestration.run import AT_RUNTIME, RUN, after
from estate.orchestration.stages import all_stages, land, replay_stages, stage

__all__ = [
    "AT_RUNTIME", "RUN", "after", "all_stages", "audit_features", "audit_retention", "backfill", "backfill_params", "batch_params",
    "decision_params", "drift_watch", "land", "landing_params", "layer_params", "load_layer", "load_series", "market_params",
    "materialize", "model_run", "promotion_params", "record_decision", "replay_stages", "series_params", "stage", "tenant_param",
    "training_params",
]  # fmt: skip
