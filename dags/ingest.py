"""Land one file of one source for one tenant, and read it into canonical records.

**Reads** the newest file of the source in the tenant's landing folder (or the one named), **writes** `ingest.record`.

1. **land**: the bytes become an immutable snapshot in the object store, addressed by SHA-256. Every attempt, good or bad, is
   a row in `ingest.landing`; the same bytes again change nothing. A file that cannot be read is refused here, with row, field and remedy.
2. **build → gate → publish**: canonical columns and units; rows that break an expectation go to quarantine; a batch that breaks
   too many is refused and changes nothing.

Publishing hands the batch to the DAG `normalize`.
"""

from airflow.sdk import DAG

from estate.orchestration import AT_RUNTIME, RUN, land, landing_params, stage

with DAG("ingest", schedule=AT_RUNTIME, params=landing_params(), tags=["stage", "ingest"], doc_md=__doc__, **RUN):
    landed = land()
    landed >> stage("ingest", landed)
