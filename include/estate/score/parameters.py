"""Every threshold of the score stage, each with its reason.

Figures called *measured* are from King County 2014-15 (21,613 sales), on the tenth of the sales before the latest tenth.
GROSS_SIGMA was chosen there. The form of the method (differences, weighted mean) was compared on the latest tenth itself, so the
figures reported for that tenth are a little kinder than an unseen market would be.
"""

from __future__ import annotations

from estate.hazard.chance import at_least_once
from estate.hazard.composite import WEIGHTS

METHOD = "comparables-hedonic-1"  # written beside every value; raise the number when a result can change

# Retrieval. The ranges are what an appraiser calls the same market: nearby, of like size, and recent.
RANGE_M = 3_218.688  # 2 miles
RANGE_DAYS = 180  # half a year: older prices belong to another market phase
SIZE_RATIO_LOW, SIZE_RATIO_HIGH = 0.70, 1.30  # of the subject's living area
SIGMA_M, SIGMA_DAYS = RANGE_M / 3, RANGE_DAYS / 3  # at the edge of a range the weight is exp(-9): next to nothing, without a step
CANDIDATES = 50  # retrieved by weight, then ranked
KEPT = 10  # as many as a reader can check; the gain beyond is small (measured: MAPE 13.8 with 5, 13.5 with 10, 13.3 with 20)

# Ranking: the candidate that needs the least adjustment is the better comparable.
# 25 % is the gross adjustment that reviews of appraisals ask about (measured: MAPE 14.1 at 0.10, 13.4 at 0.25, 13.5 at 0.40).
GROSS_SIGMA = 0.25  # log units
GROSS_LIMIT = 0.70  # log units, a factor of two: what has to be doubled to resemble the subject is not comparable

# Adjustment.
FIT_ROWS = 3_000  # past sales fitted on (5,000 gave the same errors within 0.1 points, and take longer)
FIT_ROWS_MINIMUM = 100  # below, coefficients are noise and every step is zero
CALIBRATION_DAYS = 365  # a whole year of past sales, so that every season takes part

# Value, interval, refusal.
COMPARABLES_MINIMUM = 3  # two prices cannot outvote an odd one
INTERVAL_LEVEL = 0.80  # as the trade reports forecasts: nine out of ten on either side
FSD_LEVEL = 0.6827  # one standard deviation of a normal error on either side
RESIDUALS_MINIMUM = 30  # fewer past errors cannot support a 10 % tail (3 beyond it on either side)
CONFIDENCE_FLOOR = 0.60  # confidence is 1 - FSD, as lenders read it; a typical error above 40 % decides nothing

# Work at once. Memory follows these, not the number of properties.
NET = 256  # neighbours looked at first (measured: enough for nine subjects in ten)
NET_LIMIT = 4_096  # and at last: who finds no peer among 4,096 neighbours is not like this market
CHUNK_CELLS = 5_000_000  # candidates at once: 40 MB an array
CHUNK_ROWS = 20_000  # subjects valued at once

# Risk, 0 to 100. The bounds are what FEMA's two mapped floods come to in thirty years where no other hazard reaches: the 0.2 % and the
# 1 % flood (44 CFR 59.1, 64.3), weighed as the composite weighs a flood (5.25 and 23.43); and one half. A bound belongs to the class above
# it. Scores and bounds are compared to RISK_DECIMALS, because the composite of one hazard differs from weight × chance in the last digit.
RISK_CLASSES = ("low", "moderate", "high", "very_high")
RISK_DECIMALS = 9
RISK_BOUNDS = (*(round(100 * WEIGHTS["flood"] * float(chance), RISK_DECIMALS) for chance in at_least_once([0.002, 0.01])), 50.0)
