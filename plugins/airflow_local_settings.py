"""Airflow imports this module when it starts. Here: import the heavy libraries once, before task processes are forked.

A task process is forked from a worker, and a worker from the scheduler (LocalExecutor) or from Celery's main process. What that
process has imported, its tasks have for nothing: Great Expectations alone takes 2.5 s, in each of the five gates of a run, and what
trains and draws a model 0.9 s. Imported only, never used here: whoever forks after LightGBM's threads have worked leaves its child
waiting for threads that it does not have.
Only third-party libraries, so that a change to the platform's own code is seen by the next task without a restart.
"""

import importlib
import sys
import warnings

_HEAVY = (
    "airflow.providers.openlineage.api",
    "boto3",
    "catboost",
    "great_expectations",
    "great_expectations.render.renderer",
    "great_expectations.render.view",
    "lightgbm",
    "matplotlib.figure",
    "pandas",
    "psycopg",
    "pyarrow.compute",
    "pyarrow.csv",
    "pyarrow.parquet",
    "pyogrio",
    "pyproj",
    "python_calamine",
    "scipy.spatial",
    "scipy.stats",
    "shapely",
    "sklearn.linear_model",
    "usaddress",
)

if {"scheduler", "worker"} & set(sys.argv[1:3]):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what libraries deprecate among themselves is not ours to report
        for name in _HEAVY:
            importlib.import_module(name)
