"""Compute the features of each county's market by month, from the tenant's own sales and listings and from public series.

**Reads** `normalize.sale`, `normalize.property` and `reference.market_value`; **writes** `features.market`, a row a county and month. A
month that is revised becomes a new version, so that what was known before stays known.

Starts when `provenance` has published a batch; its event starts `features_materialize`.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, after, batch_params, stage

with DAG("features_market", schedule=after("provenance"), params=batch_params(), tags=["features"], doc_md=__doc__, **RUN):
    stage("features")
