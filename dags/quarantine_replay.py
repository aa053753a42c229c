"""Take a landed batch through all stages again, so that rows kept back can be published after a fix.

Fix what kept the rows back (a suite in `gx/`, a source declaration, the code), then start this DAG with the batch's name from
`provenance.quarantine`. The batch is rebuilt from its immutable snapshot; what is already published and unchanged stays as it is,
rows that now pass are published, and their entries in the quarantine are marked resolved. (A fault in the data itself is mended at
its source and landed as a new file. A batch older than what its source has published since is refused, as any older vintage is.)
"""

from airflow.sdk import DAG

from estate.orchestration import AT_RUNTIME, RUN, batch_params, replay_stages

with DAG("quarantine_replay", schedule=AT_RUNTIME, params=batch_params(), tags=["quarantine"], doc_md=__doc__, **RUN):
    replay_stages()
