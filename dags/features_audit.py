"""Compare the features offline and online, every day: every feature of a sample of properties and of markets.

**Reads** the published tables and Redis, **writes** `features.parity`, a row a feature. A task a tenant, which fails naming features and an
example where value, event time or observed time differ. A publication that is not yet online is no mismatch; a lost one is: run
`features_backfill`.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, audit_features

with DAG("features_audit", schedule="@daily", tags=["features"], doc_md=__doc__, **RUN):
    audit_features()
