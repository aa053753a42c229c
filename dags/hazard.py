"""Read flood, wildfire, heat and seismic layers at every property of a batch.

**Reads** `normalize.property` and the current layers in `reference.hazard_layer`, **writes** `hazard.exposure`.

Scores and 30-year probabilities per hazard, each with the layer version that spoke. Ground that no layer maps is **unknown**, never
safe: the score is null and the composite is an interval. Starts when `normalize` has published a batch; hands it to `score`.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, after, batch_params, stage

with DAG("hazard", schedule=after("normalize"), params=batch_params(), tags=["stage", "hazard"], doc_md=__doc__, **RUN):
    stage("hazard")
