"""Two questions beside the ratio study: whether the sales were chased, and whether alike houses get alike ratios.

Sales chasing is the selective revaluation of what was sold towards its price. It makes a ratio study look good, so the
usual statistics cannot find it. The checks follow the appendix on sales chasing of the IAAO Standard on Ratio Studies
(appendix E of 2013, B of 2026) and `is_sales_chased` of assesspy, the public package of the Cook County Assessor. Each is a
screen and no proof: a suspicion says where to look.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest, kruskal, mannwhitneyu, norm

from estate.score import ratio_interval as ri
from estate.score import ratio_study as rs
from estate.score.ratio_strata import studied

LEAST_SALES_CHASING = 30  # below it the standard says not to use the comparison of distributions
BAND = 0.02  # "within 2 % of a measure of central tendency"
# The share of ratios within the band under a normal distribution with COD 4, the least that the standard thinks can be had.
CRITICAL_SHARE = 0.32
SHARE_GAP = 0.05  # assesspy's default for both of its methods
LEAST_COD = 5.0
CHANCE = 0.05  # of a suspicion where the excess is just the gap; honest ratios, even peaked ones, lie well below it
LEAST_SAME = 5  # sales with one and the same ratio; fewer meet by chance
CHANGE_TOLERANCE, SMALL_CHANGE_TOLERANCE = 0.05, 0.03  # the second where sold parcels changed by less than 5 %
CHANGE_CHANCE = 0.05

LEAST_AREA_SALES = 5
_SIZE_STEP = np.log(1.2)  # houses of one group differ by a fifth in size at most
_AGE_STEP_YEARS = 10


@dataclass(frozen=True, slots=True)
class HorizontalEquity:
    """Whether alike houses get alike ratios; None where there are too few sales to say.

    `twin_cod` is the dispersion within groups of alike houses, in percent, comparable with the COD of all sales, `cod`:
    what is left of it is what a house cannot be told apart by. `area_share` is the share of the ratios' variance that lies
    between market areas beyond what chance alone would put there, from 0 (areas are treated alike) to 1. `area_chance` is
    the probability of areas as different as these if they were treated alike (Kruskal-Wallis).
    """

    sale_count: int
    cod: float | None
    twin_count: int
    twin_group_count: int
    twin_cod: float | None
    area_count: int
    area_share: float | None
    area_chance: float | None


def sales_chasing(valued: pd.DataFrame, values: pd.DataFrame | None = None, known: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per check that can be made: check_name, sale_count, observed, bound, is_suspected (null: too few sales), meaning.

    `valued` is the frame of `ratio_strata.strata`. `values` has a row per parcel, sold in between or not: is_sold,
    previous_value_usd, value_usd; with it the change of both is compared. `known` is like `valued`, for sales that
    whoever set the values knew; with it their study is compared with that of `valued`, sales that he did not know.

    A back-test values each sale by a model that never saw it, so it can hardly be chased: a suspicion there means that
    the price leaked into the attributes. Values as published are the ones to watch.
    """
    sales = studied(valued)
    sales = sales[sales["is_valued"]]
    rows = _of_ratios(sales["ratio"].to_numpy(float))
    if values is not None:
        rows.append(_change(values))
    if known is not None:
        rows.append(_split(studied(known), sales))
    found = pd.DataFrame(rows, columns=["check_name", "sale_count", "observed", "bound", "is_suspected", "meaning"])
    return found.astype({"is_suspected": "boolean", "observed": float})


def horizontal_equity(valued: pd.DataFrame) -> HorizontalEquity:
    """Horizontal equity of `valued` (the frame of `ratio_strata.strata`), without the refused and trimmed sales.

    Alike are houses of one market area, type, decade of building, quality where it is known, and size within a fifth.
    Their dispersion is measured by the mean absolute difference of two of them over the square root of 2, which for normal
    ratios is the mean absolute deviation, and unlike it is not too small in groups of two or three. The share between areas
    is epsilon squared, the variance explained less what groups at random would explain (Kelley 1935).
    """
    sales = studied(valued)
    sales = sales[sales["is_valued"] & ~sales["is_trimmed"]]
    ratio = sales["ratio"].astype(float)
    twins = _twins(sales)
    middle = float(ratio.median()) if len(ratio) else None
    enough = len(ratio) >= LEAST_AREA_SALES
    areas = sales.groupby("market_area")["ratio"].agg(["size"])
    large = sales[sales["market_area"].isin(areas.index[areas["size"] >= LEAST_AREA_SALES])]
    parts = [part["ratio"].to_numpy(float) for _, part in large.groupby("market_area", sort=True)]
    differ = len(parts) > 1 and large["ratio"].nunique() > 1
    return HorizontalEquity(
        sale_count=len(ratio),
        cod=rs.cod(sales["estimated_value_usd"], sales["sale_price_usd"]) if enough else None,
        twin_count=int(twins["size"].sum()),
        twin_group_count=len(twins),
        twin_cod=None if twins.empty else 100 * float(np.average(twins["difference"], weights=twins["size"])) / 2**0.5 / (middle or 1.0),
        area_count=len(parts),
        area_share=_epsilon_squared(parts) if differ else None,
        area_chance=float(kruskal(*parts).pvalue) if differ else None,
    )


def _of_ratios(ratio: rs.Floats) -> list[tuple[str, int, float, float, bool | None, str]]:
    count = len(ratio)
    enough = count >= LEAST_SALES_CHASING
    if count < 2:
        cod = share = excess = identical = np.nan
        chance = 1.0
    else:
        middle = float(np.median(ratio))
        cod = 100 * float(np.abs(ratio - middle).mean()) / middle
        share, expected = max(((float(np.mean(np.abs(ratio - centre) <= BAND)), _expected(ratio, centre)) for centre in (middle, 1.0)),
                              key=lambda pair: pair[0] - pair[1])  # fmt: skip
        excess = share - expected
        chance = float(binomtest(round(share * count), count, min(expected + SHARE_GAP, 1.0), alternative="greater").pvalue)
        identical = _identical(ratio, middle)
    return [
        ("low_dispersion", count, cod, LEAST_COD, cod < LEAST_COD if enough else None, "COD in percent; below the bound is suspect"),
        ("concentration", count, share, CRITICAL_SHARE, share >= CRITICAL_SHARE if enough else None,
         "share of ratios within 2 % of the median or of 1; at or above the bound is more than honest appraisal can do"),
        ("excess_concentration", count, excess, SHARE_GAP, chance < CHANCE if enough else None,
         "the same share, less that of a normal distribution as wide as the middle half of the ratios"),
        ("identical_ratio", count, identical, SHARE_GAP, identical > SHARE_GAP if enough else None,
         "largest share of sales with one and the same ratio near the median or 1: a step in their distribution"),
    ]  # fmt: skip


def _expected(ratio: rs.Floats, centre: float) -> float:
    """The share of a normal distribution within the band around `centre`.

    As wide as the middle half of the ratios, where assesspy takes their standard deviation: a few wild ratios widen that,
    and any peaked and honest distribution then looks chased. By formula, where assesspy draws 10,000 numbers at random.
    """
    first, middle, third = np.percentile(ratio, [25, 50, 75])
    width = (third - first) / (norm.ppf(0.75) - norm.ppf(0.25))
    if not width > 0:
        return 1.0 if abs(centre - middle) <= BAND else 0.0
    return float(norm.cdf((centre + BAND - middle) / width) - norm.cdf((centre - BAND - middle) / width))


def _identical(ratio: rs.Floats, middle: float) -> float:
    near = (np.abs(ratio - middle) <= BAND) | (np.abs(ratio - 1) <= BAND)
    if not near.any():
        return 0.0
    # A value set to the price and rounded to hundreds of dollars still has the ratio 1.000.
    _, counts = np.unique(ratio[near].round(3), return_counts=True)
    if counts.max() < LEAST_SAME:
        return 0.0
    # Ratios that fall on one thousandth by chance are no step: those of an even distribution over the band are taken off.
    by_chance = near.sum() / (2 * BAND / 0.001)
    return float(max(counts.max() - by_chance, 0) / len(ratio))


def _change(values: pd.DataFrame) -> tuple[str, int, float, float, bool | None, str]:
    """Comparison of value changes: sold parcels must not have moved otherwise than those not sold."""
    change = values["value_usd"].astype(float) / values["previous_value_usd"].astype(float) - 1
    is_sold = values["is_sold"].astype(bool)
    sold, unsold = (change[part & np.isfinite(change)].to_numpy() for part in (is_sold, ~is_sold))
    meaning = "median change of value of sold parcels less that of unsold ones, in either direction, and not by chance (Mann-Whitney)"
    if min(len(sold), len(unsold)) < LEAST_SALES_CHASING:
        return "value_change", len(sold), np.nan, CHANGE_TOLERANCE, None, meaning
    # Where most unsold parcels did not change at all their median says nothing, and the standard takes the mean.
    middle = np.mean if np.mean(np.isclose(unsold, 0)) > 0.5 else np.median
    tolerance = CHANGE_TOLERANCE if abs(middle(sold)) >= CHANGE_TOLERANCE else SMALL_CHANGE_TOLERANCE
    difference = float(middle(sold) - middle(unsold))
    chance = mannwhitneyu(sold, unsold).pvalue
    return "value_change", len(sold), difference, tolerance, bool(abs(difference) > tolerance and chance < CHANGE_CHANCE), meaning


def _split(known: pd.DataFrame, unknown: pd.DataFrame) -> tuple[str, int, float, float, bool | None, str]:
    """Split sample: sales known when the values were set against sales that were not."""
    known = known[known["is_valued"]]
    meaning = "COD of sales not known over that of sales known when the values were set; suspect where their 90 % intervals are apart"
    if min(len(known), len(unknown)) < LEAST_SALES_CHASING:
        return "split_sample", len(known), np.nan, 1.0, None, meaning
    (_, most), (least, _) = (ri.resampled(part["estimated_value_usd"], part["sale_price_usd"]).cod for part in (known, unknown))
    cods = [rs.cod(part["estimated_value_usd"], part["sale_price_usd"]) for part in (known, unknown)]
    return "split_sample", len(known), cods[1] / cods[0] if cods[0] > 0 else np.inf, 1.0, most < least, meaning


def _twins(sales: pd.DataFrame) -> pd.DataFrame:
    """Per group of two alike sales or more: size and difference, the mean absolute difference of the ratios of two of them."""
    known = sales[sales["living_area_sqft"].astype(float).gt(0) & sales["year_built"].notna()]
    alike = [
        known["market_area"],
        known["property_type"],
        (np.log(known["living_area_sqft"].astype(float)) // _SIZE_STEP).rename("size_step"),
        (known["year_built"].astype(float) // _AGE_STEP_YEARS).rename("decade"),
    ]
    if "quality_code" in known:
        alike.append(known["quality_code"].astype(object).where(known["quality_code"].notna(), "unknown"))
    ordered = known["ratio"].astype(float).sort_values()
    groups = ordered.groupby([part.reindex(ordered.index) for part in alike], sort=True)
    # The sum of all differences of ordered numbers counts each with its place: in one pass, without a matrix of pairs.
    size, place = groups.transform("size"), groups.cumcount()
    weighted = (ordered * (2 * place + 1 - size)).groupby([part.reindex(ordered.index) for part in alike], sort=True).sum()
    sizes = groups.size()
    twins = pd.DataFrame({"size": sizes, "difference": weighted / (sizes * (sizes - 1) / 2).where(sizes > 1)})
    return twins[twins["size"] > 1].reset_index(drop=True)


def _epsilon_squared(parts: list[rs.Floats]) -> float:
    every = np.concatenate(parts)
    within = sum(float(((part - part.mean()) ** 2).sum()) for part in parts)
    total = float(((every - every.mean()) ** 2).sum())
    by_chance = within / (len(every) - len(parts))
    return max(0.0, (total - within - (len(parts) - 1) * by_chance) / total)
