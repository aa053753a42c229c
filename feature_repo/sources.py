"""Where Feast reads the past from: the queries of the views, over the published tables."""

from estate.features.store import feast_sources

SOURCES = feast_sources()
globals().update({f"{name}_source": source for name, source in SOURCES.items()})
