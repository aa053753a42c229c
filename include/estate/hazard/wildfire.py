"""Wildfire: burn probability and hazard potential of the USDA Forest Service (Wildfire Risk to Communities; WHP)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from estate.hazard import chance

COLUMNS = ("burn_probability", "wildfire_hazard_class")

# WHP orders ground by how hard a fire there is to contain: 1 very low to 5 very high, 6 non-burnable, 7 water (USFS,
# RDS-2015-0047). The class is read as severity, the ordinary fire being class 3. Non-burnable ground is not safe ground:
# embers carry fire into built blocks, so it counts as the lowest class.
SEVERITY_BY_CLASS = {1: 0.5, 2: 0.75, 3: 1.0, 4: 1.5, 5: 2.0, 6: 0.5, 7: 0.5}
# Used only where a layer gives the class and no burn probability: this project's assumption, four-fold from class to class
# over the range that burn probabilities take in the contiguous states (about 1 in 10,000 to 1 in 50 a year).
ANNUAL_CHANCE_BY_CLASS = {1: 0.0001, 2: 0.0004, 3: 0.0016, 4: 0.0064, 5: 0.0256, 6: 0.00005, 7: 0.00005}


def assess(features: pd.DataFrame) -> pd.DataFrame:
    """Read wildfire features (columns `COLUMNS`) as probability_30y, score and rank on the same index; unknown is NaN.

    A burn probability outside 0-1 or a class outside 1-7 is no reading at all, and counts as unknown.
    """
    burn = pd.to_numeric(features["burn_probability"], errors="coerce").astype("float64")
    burn = burn.where(burn.between(0, 1))
    whp = pd.to_numeric(features["wildfire_hazard_class"], errors="coerce").astype("float64")
    annual = burn.fillna(whp.map(ANNUAL_CHANCE_BY_CLASS))
    probability = chance.at_least_once(annual)
    score = chance.score(probability, whp.map(SEVERITY_BY_CLASS).fillna(1.0))
    return pd.DataFrame({"probability_30y": probability, "score": score, "rank": np.nan_to_num(score, nan=-1.0)}, index=features.index)
