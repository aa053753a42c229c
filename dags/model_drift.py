"""Compare published values with the sales that came after them, every day, and ring where they drift apart.

**Reads** `score.outcome`, **writes** `score.drift`, what each run found, alarm or not; a run that is tried again adds nothing. A task a
tenant, which fails naming model, statistic, value and bound.

Per model and month, and over all months: median ratio, mean error, bias, and how many prices the 80 % and 95 % intervals held; bounds
and their reasons stand in `include/estate/score/parameters.py`. An alarm changes no value: train anew with the DAG `model_training`, or
roll back with `model_promotion`.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, drift_watch

with DAG("model_drift", schedule="@daily", tags=["model"], doc_md=__doc__, **RUN):
    drift_watch()
