"""Import what tasks need once, in the scheduler, before it forks the processes that run them.

A task of the LocalExecutor is a fork of the scheduler's worker. Whatever is imported there is shared by every task at no
cost; whatever is not is imported anew by each: some three seconds of processor time for Great Expectations, in every gate.
Airflow loads this folder in all its processes; only the scheduler forks tasks, so only it pays the memory.
"""

import sys
import warnings

if "scheduler" in sys.argv:
    with warnings.catch_warnings():
        # Great Expectations imports a deprecated standard module; nothing of ours is hidden by this.
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations
        import great_expectations.render.view
        import sklearn.linear_model

        import estate.gate
        import estate.hazard.stage
        import estate.ingest.stage
        import estate.normalize.stage
        import estate.provenance.stage
        import estate.publish
        import estate.score.stage
        import estate.stages  # noqa: F401
