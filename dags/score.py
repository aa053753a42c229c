"""Value every property of a batch by the model of its county, or refuse with the reason.

**Reads** `normalize.property`, `normalize.sale`, `ingest.record`, `hazard.exposure`, `score.sale_decision`, **writes** `score.valuation`,
`score.comparable`, `score.contribution`, `score.counterfactual`, `score.sale_validation`, `score.outcome`, `score.risk`.

First, `model` trains and tries a model of every county of the batch that has none of the last 92 days; one that fails its ratio study
does not serve, and the former goes on (see the DAG `model_training`). A value comes with its intervals, the comparables that carry it and
what each side of the house contributes; waterfalls and contributions sum to the cent. Nothing sold on the valuation date (the batch's
vintage) or later is used. Each sale is validated, and held against the last value that stood before it was known. Starts when `hazard`
has published a batch; hands it to `provenance`.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, after, batch_params, stage

with DAG("score", schedule=after("hazard"), params=batch_params(), tags=["stage", "score"], doc_md=__doc__, **RUN):
    stage("score")
