"""Check that every published number can be traced, and say how far it can be trusted.

**Reads** `normalize.property`, its derivations and its sources, and what the stages before found of each property; **writes**
`provenance.trust` and `provenance.summary`.

Trust per field comes from the source's authority, its age against its own refresh cycle, how the value was made, whether sources
agree, and the gate's verdict. The gate refuses a batch in which any published value has no source row. The summary is what searches
read: one row per property with what they filter, sort or show, published in one transaction with the trust. Starts when `score` has
published a batch; its event says that the batch is complete.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, after, batch_params, stage

with DAG("provenance", schedule=after("score"), params=batch_params(), tags=["stage", "provenance"], doc_md=__doc__, **RUN):
    stage("provenance")
