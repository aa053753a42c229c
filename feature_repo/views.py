"""The feature views, made from estate.features.definitions."""

from entities import ENTITIES
from sources import SOURCES

from estate.features.store import feast_views

VIEWS = feast_views(ENTITIES, SOURCES)
globals().update(VIEWS)
