"""Train the valuation model of a county, try it out of time, and let it serve if its ratio study holds.

**Reads** the tenant's valid sales before the as-of day, **writes** `score.model`, `score.ratio_study`, `score.promotion`, and the
model's page, to which the task's log links.

The latest tenth of the sales is valued by a model that has seen none of it; the gate judges that study by
`gx/expectations/score/ratio_study.json`. A model that fails is kept and does not serve: the run fails with the reason, and the model
that served before goes on. The same sales, parameters and code are not trained twice. The DAG `score` does the same by itself for a
county without a model of the last 92 days.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, model_run, training_params

with DAG("model_training", schedule=None, params=training_params(), tags=["model"], doc_md=__doc__, **RUN):
    model_run("train")
