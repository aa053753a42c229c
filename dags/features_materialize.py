"""Put online what was published since the last run: the features of properties and markets of one tenant.

**Reads** the published tables through `sql/queries/features_<view>.sql`; **writes** the tenant's part of Redis, `features.profile` and
`features.materialization`.

| step | what it does | when it fails |
|---|---|---|
| build | the current rows of every property and market that a publication touched are staged | tried again |
| gate | suites judge them, and how each feature is spread now and before | **refused**: what is online stays |
| push | Redis in Feast's layout; then the publications are written down as online | tried again; a repeat changes nothing |

Starts when `features_market` has published. The task's log links to the page of features.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, after, materialize, tenant_param

with DAG("features_materialize", schedule=after("features"), params=tenant_param(), tags=["features"], doc_md=__doc__, **RUN):
    materialize()
