"""The only package that imports Airflow: turns stages into tasks, their tables into assets, their refusals into failures."""

from estate.orchestration.forms import (
    batch_params,
    decision_params,
    landing_params,
    layer_params,
    market_params,
    promotion_params,
    training_params,
)
from estate.orchestration.models import drift_watch, model_run, record_decision
from estate.orchestration.platform import audit_retention, load_layer
from estate.orchestration.run import AT_RUNTIME, RUN, after
from estate.orchestration.stages import all_stages, land, replay_stages, stage

__all__ = [
    "AT_RUNTIME", "RUN", "after", "all_stages", "audit_retention", "batch_params", "decision_params", "drift_watch", "land",
    "landing_params", "layer_params", "load_layer", "market_params", "model_run", "promotion_params", "record_decision", "replay_stages",
    "stage", "training_params",
]  # fmt: skip
