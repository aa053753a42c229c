"""Ingest: declared sources, files read strictly, rows brought to canonical columns and units."""
