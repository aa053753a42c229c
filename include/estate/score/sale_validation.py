"""Sales validation: whether each sale is evidence of market value, found over the whole market, and if not, why.

What the record itself says is carried over from normalize.sale; instruments, parties, attributes and earlier sales of the same
property add to it, and last the price is compared with its group's trailing window. Everything looks backwards in time only: a
band never changes because newer sales arrive. Thresholds and their reasons stand in sale_validation.toml.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estate.normalize.sale import CHECKS
from estate.score.price_band import Band, band
from estate.score.related_parties import are_related

RULES: dict[str, Any] = tomllib.loads(resources.files("estate.score").joinpath("sale_validation.toml").read_text(encoding="utf-8"))
REASONS = tuple(name for name in RULES if name != "band")
BY_RULES = "rules"
DECIDED = "decided_otherwise"  # the one reason that no rule gives: a person decided, and said why in score.sale_decision
COLUMNS = ("sale_id", "property_id", "sale_date", "is_arms_length", "exclusion_reasons", "decided_by")

_MOST_REASONS = 3
_PRICE_REASONS = ("low_price", "high_price", "low_price_per_sqft", "high_price_per_sqft")
_TEXT = ("seller_name", "buyer", "document_number", "sale_qualification", "property_type", "county_fips", "situs_zip")
_NUMBER = ("latitude", "longitude", "living_area_sqft", "bedroom_count", "bathroom_count", "year_built", "has_waterfront")
_UNKNOWN_COUNTY = "00000"
_CELLS_PER_DEGREE = 10

Mask = NDArray[np.bool_]


def validate(sales: pd.DataFrame, decisions: pd.DataFrame | None = None) -> pd.DataFrame:
    """The frame of score.sale_validation without tenant_id, one row a sale, sorted by sale_id.

    `sales` has sale_id, property_id, sale_price_usd and sale_date, and where they are known recorded_reasons (a list of names),
    seller_name, buyer, document_number, sale_qualification, property_type, county_fips, situs_zip, latitude, longitude,
    living_area_sqft, bedroom_count, bathroom_count, year_built and has_waterfront; a column that is absent is unknown. It must
    hold every sale of its markets up to the latest day in it: groups and earlier sales are looked for in it alone.
    `decisions` has decision_id, sale_id, is_arms_length and decided_at; of several about one sale the latest counts. It
    overrules the finding of that sale, and moves no other. The order of rows changes nothing.
    """
    sales = sales.sort_values("sale_id", ignore_index=True)
    facts = sales.reindex(columns=["property_id", *_TEXT, *_NUMBER])
    facts[list(_NUMBER)] = facts[list(_NUMBER)].astype("Float64").astype(float)
    facts["day"] = days(sales["sale_date"])
    facts["price"] = sales["sale_price_usd"].astype(float).to_numpy()
    recorded = [told if isinstance(told, list) else [] for told in sales["recorded_reasons"]] if "recorded_reasons" in sales else []
    found = _recorded(recorded, len(sales))
    found["nominal_price"] |= ~(facts["price"].to_numpy() >= CHECKS["nominal_price"]["below_usd"])
    found["multi_parcel"] |= _is_multi_parcel(facts) & ~found["nominal_price"]
    found["non_market_instrument"] = _is_non_market(facts)
    found["related_parties"] = are_related(facts["seller_name"], facts["buyer"]) & ~_is_qualified(facts)
    found["implausible_attributes"] = _is_implausible(facts)
    # Flips and bands are measured against sales that nothing else speaks against; what they find excludes nothing from them, so
    # that no finding hangs on the order in which sales are judged.
    is_sound = ~np.logical_or.reduce([*found.values(), np.fromiter(map(bool, recorded or [[]] * len(sales)), dtype=bool)])
    found["short_term_flip"] = _is_flip(facts, is_sound)
    found |= _out_of_band(facts, is_sound)
    reasons = _listed(found, recorded)
    out = pd.DataFrame({
        "sale_id": sales["sale_id"].to_numpy(dtype=object),
        "property_id": sales["property_id"].to_numpy(dtype=object),
        "sale_date": pd.to_datetime(sales["sale_date"]).to_numpy(dtype="datetime64[s]"),
        "is_arms_length": np.array([not told for told in reasons], dtype=bool),
        "exclusion_reasons": pd.Series(reasons, dtype=object),
        "decided_by": pd.Series(BY_RULES, index=sales.index, dtype=object),
    })  # fmt: skip
    return _overruled(out, decisions)


def arms_length(sales: pd.DataFrame, validation: pd.DataFrame) -> pd.DataFrame:
    """The rows of `sales` that `validation` (as `validate` gives it) finds to be evidence of market value, in their order."""
    valid = validation.loc[validation["is_arms_length"], "sale_id"]
    return sales[sales["sale_id"].isin(valid)].reset_index(drop=True)


def days(dates: pd.Series) -> NDArray[np.float64]:
    """Calendar days since 1970-01-01; NaN where the date is null."""
    values = pd.to_datetime(dates).to_numpy(dtype="datetime64[D]")
    return np.where(np.isnat(values), np.nan, values.astype(np.int64))


def _recorded(recorded: list[list[str]], count: int) -> dict[str, Mask]:
    told = {name: np.zeros(count, dtype=bool) for name in REASONS}
    for row, names in enumerate(recorded):
        for name in names:
            if name in told:
                told[name][row] = True
    return told


def _is_multi_parcel(facts: pd.DataFrame) -> Mask:
    several = np.zeros(len(facts), dtype=bool)
    alike = facts[facts["day"].notna() & facts.duplicated(["day", "price"], keep=False)]
    for told in ("document_number", "seller_name"):
        named = alike[alike[told].notna()]
        keys = [named["day"], named["price"], named[told].astype(str).str.strip().str.upper()]
        several[named.index] |= (named.groupby(keys)["property_id"].transform("nunique") >= RULES["multi_parcel"]["at_least"]).to_numpy()
    return several


def _is_non_market(facts: pd.DataFrame) -> Mask:
    pattern = rf"(?i)\b(?:{'|'.join(RULES['non_market_instrument']['words'])})(?!\w)"
    is_said = np.zeros(len(facts), dtype=bool)
    for told in ("document_number", "sale_qualification"):
        codes, texts = pd.factorize(facts[told])
        matches = pd.Series(texts, dtype="string").str.contains(pattern).to_numpy(dtype=bool, na_value=False)
        is_said |= np.append(matches, False)[codes]
    return is_said


def _is_qualified(facts: pd.DataFrame) -> Mask:
    words = RULES["related_parties"]["unless_source_says"]
    return facts["sale_qualification"].astype("string").str.strip().str.lower().isin(words).to_numpy(dtype=bool, na_value=False)


def _is_implausible(facts: pd.DataFrame) -> Mask:
    rule = RULES["implausible_attributes"]
    area, bedrooms = facts["living_area_sqft"], facts["bedroom_count"]
    is_nonsense = (
        (area < rule["living_area_least_sqft"])
        | (bedrooms * rule["bedroom_least_sqft"] > area)
        | ((bedrooms >= rule["bedrooms_without_bathroom"]) & (facts["bathroom_count"] == 0))
        | (facts["year_built"] > _years(facts["day"]) + rule["years_before_built"])
    )
    return (is_nonsense & facts["property_type"].isin(rule["property_types"])).to_numpy()


def _years(day: pd.Series) -> NDArray[np.float64]:
    known = day.notna().to_numpy()
    years = day.fillna(0).to_numpy().astype(np.int64).astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    return np.where(known, years, np.nan)


def _is_flip(facts: pd.DataFrame, is_sound: Mask) -> Mask:
    """Whether the property's last sound sale before this one's day was too recent for so different a price."""
    rule = RULES["short_term_flip"]
    own = facts.loc[facts["day"].notna() & (facts["price"] > 0), ["property_id", "day", "price"]].astype({"day": "int64"})
    own["row"] = own.index
    # Of several sound sales on the earlier day the dearest counts: what was sold cheaper beside it was a part of the whole.
    earlier = own[is_sound[own.index]].sort_values(["day", "price"]).drop_duplicates(["property_id", "day"], keep="last")
    earlier = earlier.assign(earlier_price=earlier["price"])[["property_id", "day", "earlier_price"]]
    if own.empty or earlier.empty:
        return np.zeros(len(facts), dtype=bool)
    later = own.sort_values(["day", "row"])
    paired = pd.merge_asof(later, earlier, on="day", by="property_id", allow_exact_matches=False, tolerance=rule["days"])
    moved = np.abs(np.log(paired["price"] / paired["earlier_price"])) > np.log1p(rule["price_change"])
    is_flip = np.zeros(len(facts), dtype=bool)
    is_flip[paired.loc[moved, "row"]] = True
    return is_flip


def _out_of_band(facts: pd.DataFrame, is_sound: Mask) -> dict[str, Mask]:
    with np.errstate(divide="ignore", invalid="ignore"):
        log_price = np.where(facts["price"] > 0, np.log(facts["price"]), np.nan)
        log_sqft = np.where(facts["living_area_sqft"] > 0, np.log(facts["living_area_sqft"]), np.nan)
    groups = _groups(facts)
    found: dict[str, Mask] = {}
    for name, value in (("price", log_price), ("price_per_sqft", log_price - log_sqft)):
        bounds: Band = band(value, facts["day"].to_numpy(), is_sound, groups, RULES["band"])
        found[f"low_{name}"], found[f"high_{name}"] = value < bounds.low, value > bounds.high
    return {name: found[name] for name in _PRICE_REASONS}


def _groups(facts: pd.DataFrame) -> list[NDArray[np.int64]]:
    """Codes of each sale's groups, the narrowest first; -1 where the sale belongs to none."""
    of = pd.DataFrame({
        "type": facts["property_type"].fillna("unknown"),
        "waterfront": facts["has_waterfront"].fillna(0.0),
        "county": facts["county_fips"].fillna(_UNKNOWN_COUNTY),
        "area": market_area(facts),
    })  # fmt: skip
    levels = (["type", "waterfront", "area"], ["type", "waterfront", "county"], ["type", "county"])
    return [np.asarray(of.groupby(columns, sort=False).ngroup().fillna(-1), dtype=np.int64) for columns in levels]


def market_area(facts: pd.DataFrame) -> pd.Series:
    """ZIP where it is known, else the 0.1-degree cell as "42.0,-93.6" (its south-west corner), else null."""
    area = facts["situs_zip"].astype(object).where(facts["situs_zip"].notna(), None)
    unnamed = facts[facts["situs_zip"].isna() & facts["latitude"].notna() & facts["longitude"].notna()]
    # In whole cells first: a tenth of a degree has no exact double, and 42.0 must not fall into the cell below it.
    corner = [np.floor(unnamed[name] * _CELLS_PER_DEGREE + 1e-6) / _CELLS_PER_DEGREE for name in ("latitude", "longitude")]
    area.loc[unnamed.index] = [f"{south:.1f},{west:.1f}" for south, west in zip(*corner, strict=True)]
    return area


def _listed(found: dict[str, Mask], recorded: list[list[str]]) -> list[list[str]]:
    """The first three reasons of each sale, in the stated order; a recorded one that is not stated here stands before them."""
    reasons: list[list[str]] = [[] for _ in range(len(found[REASONS[0]]))]
    for row in [row for row, told in enumerate(recorded) if told]:
        reasons[row] = [name for name in recorded[row] if name not in found]
    for name in REASONS:
        for excluded in np.flatnonzero(found[name]):
            reasons[excluded].append(name)
    return [told[:_MOST_REASONS] for told in reasons]


def _overruled(found: pd.DataFrame, decisions: pd.DataFrame | None) -> pd.DataFrame:
    """The findings with the latest decision of each sale in their place; what the rules found stays behind a contrary decision."""
    if decisions is None or decisions.empty:
        return found
    latest = decisions.sort_values(["decided_at", "decision_id"]).drop_duplicates("sale_id", keep="last").set_index("sale_id")
    said = latest.reindex(found["sale_id"])
    is_decided = said["decision_id"].notna().to_numpy()
    is_valid = said["is_arms_length"].eq(other=True).to_numpy(dtype=bool, na_value=False)
    contrary = [[DECIDED, *told][:_MOST_REASONS] for told in found["exclusion_reasons"]]
    reasons = [
        told if not decided else [] if valid else against
        for told, against, decided, valid in zip(found["exclusion_reasons"], contrary, is_decided, is_valid, strict=True)
    ]
    return found.assign(
        is_arms_length=np.where(is_decided, is_valid, found["is_arms_length"]),
        exclusion_reasons=pd.Series(reasons, index=found.index, dtype=object),
        decided_by=np.where(is_decided, said["decision_id"].astype(str), found["decided_by"]),
    )
