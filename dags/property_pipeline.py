"""All five stages for one file of one tenant: the newcomer's button.

Choose a tenant and a source, press Trigger, and watch `land` → `ingest` → `normalize` → `hazard` → `score` → `provenance`.
Each stage is the same three steps:

| step | what it does | when it fails |
|---|---|---|
| build | pure functions over frames; the result is staged, unseen | tried again |
| gate | the suite in `gx/expectations/<stage>/` judges the staged rows | **refused**: nothing published, the log says why |
| publish | one transaction: new versions in, old versions closed | tried again; a replay changes nothing |

The stages also exist as DAGs of their own, chained by asset events; this one runs them in a single grid.
"""

from airflow.sdk import DAG

from estate.orchestration import AT_RUNTIME, RUN, all_stages, landing_params

with DAG("property_pipeline", schedule=AT_RUNTIME, params=landing_params(), tags=["start here"], doc_md=__doc__, **RUN):
    all_stages()
