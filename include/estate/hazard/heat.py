"""Heat: heat waves a year (FEMA National Risk Index, HWAV_AFREQ), or the warming of a county since 1895 (NOAA nClimDiv)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from estate.hazard import chance

COLUMNS = ("heat_wave_rate", "warming_c")

# A heat wave costs a building repairs, outages and cooling, seldom its structure. The severity is this project's judgement,
# set so that one heat wave a year scores as a 1 % flood zone does before the composite weighs the two.
SEVERITY = 0.01
# How often the hottest day that came once in ten years before warming comes at a given warming: 1, 2.8, 4.1, 5.6 and 9.4
# times in ten years (IPCC AR6 WG I, Summary for Policymakers, figure SPM.6). The figure is for global warming over land;
# the county's own warming stands in for it. Between the points the line is straight, beyond them flat.
_WARMING_C = (0.0, 1.0, 1.5, 2.0, 4.0)
_EXTREMES_A_YEAR = (0.1, 0.28, 0.41, 0.56, 0.94)


def assess(features: pd.DataFrame) -> pd.DataFrame:
    """Read heat features (columns `COLUMNS`) as probability_30y, score and rank on the same index; unknown is NaN.

    The rate of heat waves decides; where a layer knows only the warming, the rate of hot extremes that goes with it does.
    A negative rate is no reading, and counts as unknown.
    """
    rate = pd.to_numeric(features["heat_wave_rate"], errors="coerce").astype("float64")
    rate = rate.where(rate >= 0)
    warming = pd.to_numeric(features["warming_c"], errors="coerce").astype("float64")
    annual = np.where(rate.notna(), rate, np.interp(warming, _WARMING_C, _EXTREMES_A_YEAR))
    probability = chance.at_least_once_of_rate(annual)
    # From the rate, not from the probability, which is 1.0 to the last digit wherever heat waves are common.
    score = chance.at_least_once_of_rate(SEVERITY * annual)
    return pd.DataFrame({"probability_30y": probability, "score": score, "rank": np.nan_to_num(score, nan=-1.0)}, index=features.index)
