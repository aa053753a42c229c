"""Merge the records of a batch into properties and sales.

**Reads** `ingest.record`, **writes** `normalize.property`, `normalize.sale`, `normalize.conflict`.

Situs addresses are parsed and standardised (what would be lost is flagged, never rewritten), parcel numbers take their county's
form, several sources become one property by a precedence that is data (`include/estate/normalize/precedence.toml`), and every
value that lost is kept in `normalize.conflict`. Starts when `ingest` has published a batch; hands it to `hazard`.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, after, batch_params, stage

with DAG("normalize", schedule=after("ingest"), params=batch_params(), tags=["stage", "normalize"], doc_md=__doc__, **RUN):
    stage("normalize")
