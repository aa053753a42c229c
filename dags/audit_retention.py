"""Delete what the audit has kept for 90 days, every day.

Each run **writes** `platform.audit`: it deletes the rows older than 90 days, of each tenant and of callers who proved no tenant.

The audit holds every read of personal data and every request that the API refused. Younger rows cannot be deleted by this DAG or by
anything else that runs as the pipeline; a day that is missed is made up for by the next run.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, audit_retention

with DAG("audit_retention", schedule="@daily", tags=["platform"], doc_md=__doc__, **RUN):
    audit_retention()
