"""Try the valuation method at earlier cut-offs: would it have held then, too?

**Reads** the tenant's valid sales, **writes** `score.ratio_study` (one study of all cut-offs, and a row for each) and a page, to
which the task's log links.

From the newest sale backwards, each of four cut-offs values the latest tenth of the sales before it with a model of the rest; no sale is
valued twice or by a model that saw it. Nothing is promoted, and a bad result is a finding, not a failed run.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, market_params, model_run

with DAG("model_backtest", schedule=None, params=market_params(), tags=["model"], doc_md=__doc__, **RUN):
    model_run("backtest")
