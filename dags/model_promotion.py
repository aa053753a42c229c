"""Let a registered model serve: to roll back to an older one, or to bring one back.

**Reads** `score.model` and the artefact, **writes** `score.promotion`.

Refused, with the reason, for a model that is unknown, failed its ratio study, or whose stored bytes are not those that were registered.
The model serves valuation dates from its as-of day on; models of its county with the same or a later day that were promoted before are
set aside until one is promoted again or a newer one is trained. Values that are published stay as they are until their batch is scored
again.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, model_run, promotion_params

with DAG("model_promotion", schedule=None, params=promotion_params(), tags=["model"], doc_md=__doc__, **RUN):
    model_run("promote")
