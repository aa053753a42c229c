"""The score stage: value, comparables and risk."""
