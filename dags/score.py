"""Value every property of a batch from comparable sales, or refuse with the reason.

**Reads** `normalize.property`, `normalize.sale`, `hazard.exposure`, **writes** `score.valuation`, `score.comparable`, `score.risk`.

A value comes with its interval and the comparables that carry it; the waterfall of each sums to the cent. Nothing sold after the
valuation date (the batch's vintage) is used. Starts when `hazard` has published a batch; hands it to `provenance`.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, after, batch_params, stage

with DAG("score", schedule=after("hazard"), params=batch_params(), tags=["stage", "score"], doc_md=__doc__, **RUN):
    stage("score")
