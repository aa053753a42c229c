"""Load one public market series, once for all tenants: prices, rents, inventory by county or metropolitan area.

**Reads** a file in the `reference` landing folder, as declared in `include/estate/ingest/declared/`; **writes** `reference.market_series`,
`reference.market_area` and `reference.market_value`. Only new, revised and withdrawn values are added, so that what was known before stays
known; the same file again changes nothing, and an older vintage never overwrites. `features_market` reads it with the next batch.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, load_series, series_params

with DAG("market_series", schedule=None, params=series_params(), tags=["reference"], doc_md=__doc__, **RUN):
    load_series()
