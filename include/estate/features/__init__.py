"""Features: what models and readers are given of a property or a market, defined once, the same offline, online and in the past."""
