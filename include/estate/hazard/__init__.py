"""Hazards: what the public layers say of a place, and what they leave unsaid."""
