"""Check that every published number can be traced, and say how far it can be trusted.

**Reads** `normalize.property`, its derivations and its sources, **writes** `provenance.trust`.

Trust per field comes from the source's authority, its age against its own refresh cycle, how the value was made, whether sources
agree, and the gate's verdict. The gate refuses a batch in which any published value has no source row. Starts when `score` has
published a batch; its event says that the batch is complete.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, after, batch_params, stage

with DAG("provenance", schedule=after("score"), params=batch_params(), tags=["stage", "provenance"], doc_md=__doc__, **RUN):
    stage("provenance")
