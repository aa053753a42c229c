"""What features are of: a property or a county, each as one tenant knows it. Both keys are asked for together."""

from estate.features.store import feast_entities

ENTITIES = feast_entities()
globals().update(ENTITIES)  # Feast looks for objects among a module's names
