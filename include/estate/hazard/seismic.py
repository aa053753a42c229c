"""Earthquake: the design values of ASCE 7-22 (USGS): peak ground acceleration PGA_M and the seismic design category."""

from __future__ import annotations

import numpy as np
import pandas as pd

from estate.hazard import chance

COLUMNS = ("peak_ground_acceleration_g", "seismic_design_category")

# PGA_M belongs to the maximum considered earthquake, about 2 % in 50 years: once in 2,475 years (ASCE 7-22, 21.2).
RETURN_PERIOD_YEARS = 2475
# Damage begins at intensity VI, 0.115 g; VII is 0.215 g, VIII 0.401 g (Worden et al. 2012, the scale of USGS ShakeMap).
DAMAGE_FROM_G = 0.115
# Slope of the hazard curve between the design level and the onset of damage. It lies between 1 and 3 (Cornell 1996); 2 is taken.
HAZARD_CURVE_SLOPE = 2.0
# Where the strongest shaking expected is moderate (VII) or severe (VIII), the damaging events include worse ones.
_SEVERITY_FROM_G = ((0.0, 1.0), (0.215, 1.5), (0.401, 2.0))
# The category is read through its own limits on S_DS (ASCE 7-22, table 11.6-1; A below 0.167, B 0.33, C 0.50), with
# PGA = 0.6 S_DS and the middle of each range; D is open upwards, E and F are the ground next to major faults.
PGA_BY_CATEGORY = {"A": 0.05, "B": 0.15, "C": 0.25, "D": 0.45, "E": 0.90, "F": 0.90}


def assess(features: pd.DataFrame) -> pd.DataFrame:
    """Read seismic features (columns `COLUMNS`) as probability_30y, score and rank on the same index; unknown is NaN.

    The acceleration decides; where a layer knows only the category, the acceleration that stands for it does. The rate of
    damaging shaking is ``(pga / 0.115 g)**2 / 2475`` a year. A negative acceleration is no reading, and counts as unknown.
    """
    pga = pd.to_numeric(features["peak_ground_acceleration_g"], errors="coerce").astype("float64")
    category = features["seismic_design_category"].astype("string").str.strip().str.upper()
    pga = pga.where(pga >= 0).fillna(category.map(PGA_BY_CATEGORY).astype("float64"))
    annual_rate = (pga / DAMAGE_FROM_G) ** HAZARD_CURVE_SLOPE / RETURN_PERIOD_YEARS
    from_g, severities = zip(*_SEVERITY_FROM_G, strict=True)
    severity = np.asarray(severities)[np.searchsorted(from_g, pga.fillna(0.0), side="right") - 1]
    probability = chance.at_least_once_of_rate(annual_rate)
    score = chance.at_least_once_of_rate(severity * annual_rate)
    return pd.DataFrame({"probability_30y": probability, "score": score, "rank": np.nan_to_num(score, nan=-1.0)}, index=features.index)
