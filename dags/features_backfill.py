"""Put all current features online again: every month, and by hand after Redis was lost or when definitions have changed.

**Reads** the published tables through `sql/queries/features_<view>.sql`; **writes** the tenant's part of Redis, `features.profile` and
`features.materialization`. The same three steps and the same gate as `features_materialize`, for one tenant or for every one; a repeat
changes nothing.

A feature that lost its values or moved by a factor is refused here too. Where that is right (a portfolio was sold, a unit was corrected),
say why under *Accepted because*: the run goes through, the verdict keeps who accepted it and why, and the next run compares with this one.

Keys expire after 180 days. What nothing was published about for so long is current all the same: this run renews it.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, backfill, backfill_params

with DAG("features_backfill", schedule="@monthly", params=backfill_params(), tags=["features"], doc_md=__doc__, **RUN):
    backfill()
