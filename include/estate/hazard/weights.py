"""How much of a property each hazard puts at stake."""

from __future__ import annotations

from collections.abc import Mapping

# The share of a property's value that a damaging event of the hazard puts at stake: this project's judgement.
# All lie below 1, so that an unknown hazard always widens the interval, whatever the others are.
WEIGHTS: Mapping[str, float] = {
    "flood": 0.9,  # reaches structure, contents and ground floor; the land remains
    "wildfire": 0.9,  # burns to the ground; the land remains
    "heat": 0.2,  # running cost and systems, hardly ever the structure
    "seismic": 0.7,  # most houses stand, with losses from cracked foundations upwards
}
