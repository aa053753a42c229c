"""The feature services: which features are asked for together, made from estate.features.definitions."""

from views import VIEWS

from estate.features.store import feast_services

SERVICES = feast_services(VIEWS)
globals().update(SERVICES)
