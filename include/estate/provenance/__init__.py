"""The provenance stage: where every value comes from, and how far it can be trusted."""
