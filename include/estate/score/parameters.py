"""Every threshold of the score stage, each with its reason.

Figures called *measured* are from King County 2014-15 (21,613 sales), on the tenth of the sales before the latest tenth.
GROSS_SIGMA was chosen there. The form of the method (differences, weighted mean) was compared on the latest tenth itself, so the
figures reported for that tenth are a little kinder than an unseen market would be.
"""

from __future__ import annotations

from estate.hazard.chance import at_least_once
from estate.hazard.weights import WEIGHTS

METHOD = "ensemble-1"  # written beside every value; raise the number when a result can change

# Retrieval. The ranges are what an appraiser calls the same market: nearby, of like size, and recent.
RANGE_M = 3_218.688  # 2 miles
RANGE_DAYS = 180  # half a year: older prices belong to another market phase
SIZE_RATIO_LOW, SIZE_RATIO_HIGH = 0.70, 1.30  # of the subject's living area
SIGMA_M, SIGMA_DAYS = RANGE_M / 3, RANGE_DAYS / 3  # at the edge of a range the weight is exp(-9): next to nothing, without a step
CANDIDATES = 50  # retrieved by weight, then ranked
KEPT = 10  # as many as a reader can check; the gain beyond is small (measured: MAPE 13.8 with 5, 13.5 with 10, 13.3 with 20)

# Ranking, learned (LambdaMART). Measured on the tenth before the latest, with time and all attributes adjusted: MAPE 12.0, RMSE 107,000,
# against 13.0 and 112,700 of the kernel below; 20 to 80 trees, 7 or 15 leaves and 3,000 or 8,000 past sales are alike within 0.1.
RANK_GRADES = (0.25, 0.15, 0.10, 0.05)  # log units between adjusted and own price: a candidate within the last is of the best grade, 4
RANK_TREES, RANK_LEAVES, RANK_RATE = 40, 7, 0.1  # as small as serves: trees are the largest part of the cost of comparing
RANK_LEAF_ROWS = 50  # candidates; one subject brings as many
RANK_SUBJECTS_MINIMUM = (
    200  # past sales; from 200 on any draw beats the kernel (MAPE 12.3 against 13.0), from 100 not by RMSE, from 50 not at all
)
RANK_SHARPNESS = 2.0  # weight = exp(2 × score): 1 to 4 are alike within 0.1
RANK_SEED = 20_240_901  # nothing is drawn at random; it is said because LightGBM asks
THREADS = 2  # comparing pieces of the subjects side by side; each piece is computed alone, so their number never changes a result
# The kernel, for a market too young to learn from: the candidate that needs the least adjustment is the better comparable.
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
CONFIDENCE_FLOOR = 0.60  # confidence is 1 - FSD, as lenders read it; a typical error above 40 % decides nothing

# Work at once. Memory follows these, not the number of properties.
SIZE_CLASS = 1.25  # ratio of the sizes in one k-d tree: of its sales three in four are of a size to be compared with
NET = 96  # neighbours looked at first
NET_LIMIT = 4_096  # and at last: who finds no peer among 4,096 neighbours is not like this market
CHUNK_CELLS = 5_000_000  # candidates at once: 40 MB an array
CHUNK_ROWS = 20_000  # subjects valued at once
COMPARED_ROWS = 5_000  # subjects compared at once: their candidates' features are 12 MB and stay near the processor

# Risk, 0 to 100. The bounds are what FEMA's two mapped floods come to in thirty years where no other hazard reaches: the 0.2 % and the
# 1 % flood (44 CFR 59.1, 64.3), weighed as the composite weighs a flood (5.25 and 23.43); and one half. A bound belongs to the class above
# it. Scores and bounds are compared to RISK_DECIMALS, because the composite of one hazard differs from weight × chance in the last digit.
RISK_CLASSES = ("low", "moderate", "high", "very_high")
UNDETERMINED = "undetermined"  # where the ends of the interval lie in different classes
RISK_DECIMALS = 9
RISK_BOUNDS = (*(round(100 * WEIGHTS["flood"] * float(chance), RISK_DECIMALS) for chance in at_least_once([0.002, 0.01])), 50.0)

# Models: when one is trained, and what it is trained on.
MODEL_AGE_DAYS = 92  # the longest quarter; an index read half a year after its last sale has nothing behind it
MODEL_SALES_MINIMUM = 200  # the latest tenth, on which it is tried, then has the 20 sales that a vertical equity indicator needs
MODEL_DAYS_MINIMUM = 90  # sales of less than a quarter do not show how prices move, so nothing could be tried out of time
MODEL_SEED = 20_240_901  # any number serves; a fixed one makes the same inputs give the same bytes
BACKTEST_ORIGINS = 4  # cut-offs of a rolling validation: four tenths of the sales in turn, each never seen by the model that values it

# Drift of published values against later sales (score.outcome). A month, or all months, of a model with fewer sales is not judged: the
# median ratio of 30 sales is known to within 0.03 where ratios scatter by 0.15, so its bounds are three such errors away.
DRIFT_DAYS = 365  # back from the newest sale: a whole year, so that no season is judged alone, and an old fault does not ring for ever
DRIFT_SALES_MINIMUM = 30
DRIFT_MEDIAN_RATIO = (0.90, 1.10)  # level (IAAO Standard on Ratio Studies)
DRIFT_BIAS = (-0.10, 0.10)  # of the sum of all values against the sum of all prices: the same reach, weighed by money
DRIFT_MAPE = 0.20  # the widest coefficient of dispersion that the standard allows residential property
DRIFT_COVERAGE = {"80": (0.76, 0.84), "95": (0.91, 0.99)}  # four points about the stated level
DRIFT_CHANCE = 0.01  # a coverage outside its bounds alarms only where chance alone would give it less often than this

# Neighbourhood. Chosen on the two tenths of King County 2014-15 before the latest; half or twice as far is alike within 0.1 points of MAPE.
NEIGHBOURS = 80  # past sales that speak for a place; those beyond weigh next to nothing
ROTATIONS = (22.5, 45.0, 67.5)  # degrees by which the axes of the map are turned, so that cuts can follow a shore
LEVEL_METRES = (150.0, 500.0, 1500.0)  # distances at which a neighbour's weight has fallen to 1/e: a street, a quarter, a suburb
LEVEL_SHRINK = 0.3  # of a neighbour next door: a lone sale far away must not set the level of a place
LEVEL_SHRINK_ALIKE = 0.1  # the same where only like houses speak, whose weights are smaller
ALIKE_KM, ALIKE_YEARS, ALIKE_QUALITY, ALIKE_LOT = 0.8, 20.0, 1.0, 0.7  # differences at which a like house's weight has fallen to 1/e
SAME_AGE_YEARS = 10.0  # houses of one development were built within a few years
NEAR_KM, AROUND_KM = 0.3, 1.0  # where what stands near, and around, is averaged
SPACING_RANK = 20  # the distance to the twentieth nearest sale tells town from country
FEATHER = 1e-9  # weight of a neighbour too far to count, so that a mean exists where all are far

# Boosted trees. Chosen on the same two tenths.
TREE_COUNT, TREE_DEPTH, TREE_RATE, TREE_L2 = 600, 6, 0.12, 1.0  # 1,000 trees at 0.08 are alike within 0.05 points and take longer
TREE_BORDERS = 64  # cuts tried in each column; 254 take twice the time and err no less
TREE_COLUMN_SHARE, TREE_ROW_SHARE = 0.4, 0.7  # drawn for each level and tree: averages over trees that see different things
# More of it never lowers a value; single models that obey this also have the smallest COD.
MONOTONE = ("living_area_sqft", "condition_code", "quality_code", "quality_beside_around")
THREADED_ROWS, THREADED_LESSON = 1_000, 10_000  # rows predicted, and learned from, below which a second thread costs more than it saves
# A small market is learned in fewer, larger steps: on 2,900 sales drawn from King County 600 at 0.12 and 200 at 0.2 are alike within 0.1
# points of mean log error.
TREE_COUNT_LEAST, TREE_SALES = (
    200,
    20,
)  # a tree for every 20 sales, from 200 to TREE_COUNT; the rate grows as the root of their number falls
LINEAR_TREE_COUNT, LINEAR_TREE_LEAVES, LINEAR_TREE_RATE = 300, 8, 0.02  # slow and small: they fit what is left over
LINEAR_TREE_L2, LINEAR_TREE_ROWS, LINEAR_TREE_COLUMNS = 5.0, 60, 0.3  # ridge in the leaves, sales in a leaf, share of columns
LINEAR_TREE_BAGS = 3  # models averaged; a fourth changes nothing that could be measured
FOLDS = 5  # of the out-of-fold predictions; the sales of one house are always in one fold

# Stacking and equity, both on out-of-fold predictions only.
STACK_DAYS = 365  # past sales that decide how much the comparables weigh; older ones met too few comparables
EQUITY_STEPS = tuple(step / 200 for step in range(21))  # shares by which estimates may be spread about their middle: 0 to 10 %
# The spread is the least that brings past sales, out of fold, within these. A trial out of time comes out less even by about 0.015 of PRB
# and 3 of VEI (measured on the same two tenths), so they leave that much to what a study is held to.
EQUITY_PRB, EQUITY_VEI_PCT, EQUITY_PRD = 0.016, 3.5, 1.022

# Intervals.
TRIAL_SHARE = 0.10  # the latest tenth, valued by a model of the rest: its errors are of the kind that a value will meet
INTERVAL_LEVEL_WIDE = 0.95  # the second interval
WIDTH_TREES, WIDTH_LEAVES, WIDTH_RATE, WIDTH_ROWS = 150, 8, 0.05, 80  # the size of an error is faint beside its chance: few, small
WIDTH_FLOOR = 0.04  # log units: two appraisers of one house differ by more
FSD_BANDS = ((0.13, "high"), (0.20, "moderate"))  # FSD up to which confidence is called so (Freddie Mac HVE); low beyond
SUPPORT_KM, SUPPORT_RANK = 8.0, 5  # the fifth nearest past sale must lie within so many km: beyond, nothing sold speaks for the place
SUPPORT_SLACK = 1.10  # a house may exceed the largest and dearest quality sold by a tenth, not more
TRIAL_MINIMUM = 10  # sales in the trial; fewer leave the 80 % interval to a single one on either side
UNKNOWN_ROWS = 500  # past sales on which the cost of not knowing an attribute is measured; its standard error is then 3 %
IMPORTANCE_ROWS = 2_000  # past sales whose contributions are averaged for the model's page

# Counterfactuals.
CONDITION_BEST = 5  # the top of the scale of conditions
RENOVATION_YEARS = 15  # a house built or renovated since is not asked what a renovation would bring
