"""Decide about one sale what the rules decide otherwise: whether it is evidence of market value.

**Reads** `normalize.sale`, **writes** `score.sale_decision`.

The rules exclude a sale with up to three reasons in `score.sale_validation`, and sometimes they are wrong: the mansion was worth its
price, the two Smiths never met. A decision names the sale, says why and by whom, is kept for good, and the latest one counts. It is felt
as a comparable by what is scored next, on record when the sale's own property is, and in the model when its county is next trained;
values published before stay as they were.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, decision_params, record_decision

with DAG("sale_decision", schedule=None, params=decision_params(), tags=["sales"], doc_md=__doc__, **RUN):
    record_decision()
