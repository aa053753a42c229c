"""The tenant's project, as the environment names it."""

import os

from estate.features.store import feast_project

PROJECT = feast_project(os.environ["FEAST_PROJECT"])
