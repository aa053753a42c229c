"""The page of a model: for an assessor who has to decide whether its values can be stood behind.

One HTML file that loads nothing, not even from itself: styles and drawings are elements of it, so that it obeys ``default-src
'none'; style-src 'unsafe-inline'``, which no policy it is served under falls short of, and still opens in twenty years.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from estate.score import model_plot
from estate.score import ratio_study as rs
from estate.score.equity_checks import horizontal_equity, sales_chasing
from estate.score.ratio_strata import LEAST_SALES, LEAST_SALES_EQUITY, LEVEL_DIFFERENCE, studied

NOT_KNOWN, FAILS, PASSES, NO_BOUND = "not known", "fails", "passes", "no bound"
KIND_TITLES = {
    "price_tenth": "Tenth of the sales by value",
    "market_area": "Market area",
    "age": "Age of the house when sold",
    "property_type": "Property type",
    "month": "Month of sale",
    "origin": "Cut-off of the training",
}


CAPTIONS = {
    "Ratio by price": (
        f"One dot is one sale that the model had not seen ({model_plot.MOST_POINTS:,} at most are drawn); the line joins the median ratios"
        " of ten groups of equal size, with their 90 % intervals. A line that falls to the right means that dear houses are appraised"
        " relatively lower than cheap ones. Green: the standard's bounds of the level. Ratios beyond 0.5 and 1.5 lie on the edge."
    ),
    "Ratio by area": (
        "Each circle is a market area, larger with more sales, drawn in the middle of them; grey dots are sales. Orange lies below the"
        " overall level and purple above it; full colour is 0.10 away. Ringed: more than 5 % away, beyond its uncertainty."
    ),
    "Reliability of the intervals": (
        "How many prices the intervals really held. Dots belong on the dashed line of their colour, for cheap and for dear houses alike."
    ),
    "Ratio over time": (
        "Median ratio by month of sale with its 90 % interval. A slope means that the model does not follow the market. Green: within 5"
        " percent of the market."
    ),
    "What moves a value": "How many dollars each attribute adds or takes away, on average over the valued houses.",
    "Accuracy against equity": (
        "Other ways to build the model that were tried on the training window. Green: the standard's bounds of the vertical equity"
        " indicator."
    ),
}


@dataclass(frozen=True, slots=True)
class Bound:
    """What a statistic is held to on the page; the gate's suite holds the same figures, and a test compares both.

    `by` says what must lie within: the statistic itself (``point``), or any part of its 90 % interval (``interval``).
    """

    name: str
    title: str
    meaning: str
    low: float | None
    high: float | None
    by: str
    form: str


BOUNDS = (
    Bound("median_ratio", "Level (median ratio)", "1 is the market; the middle value over its price", 0.9, 1.1, "point", ".3f"),
    Bound("cod", "COD", "spread of the ratios around the level, percent", None, 15, "interval", ".1f"),
    Bound("prd", "PRD", "above 1: low values are appraised relatively higher", 0.98, 1.03, "interval", ".3f"),
    Bound("prb", "PRB", "change of the ratio when value doubles", -0.1, 0.1, "interval", "+.3f"),
    Bound("mki", "MKI", "below 1: low values are appraised relatively higher", None, None, "interval", ".3f"),
    Bound("vei", "VEI", "highest group's level less the lowest group's, percent", -10, 10, "interval", "+.1f"),
    Bound("coverage_80_rate", "80 % intervals", "share of prices they held", 0.7, 0.9, "point", ".1%"),
    Bound("coverage_95_rate", "95 % intervals", "share of prices they held", 0.9, None, "point", ".1%"),
)


def render(card: Mapping[str, Any], study: pd.DataFrame, valued: pd.DataFrame, importances: pd.DataFrame | None = None) -> str:
    """The page of one model as HTML.

    `card`: model_id, tenant, county_fips, as_of_date, sale_count, window_from_date, window_to_date, snapshot_ids, method,
    seed, code_version, is_passed and refusal; further trained_at, intended_use, not_for, trial, previous_model_id,
    parameters (name -> {value, reason}), components (each name and description), frontier (each name, mape_pct, vei,
    is_chosen). What is absent is shown as not known or left out. `study` is what `ratio_strata.strata` made of `valued`,
    the back-test; `importances` has a row per feature: feature, importance_usd (mean absolute contribution). The same
    arguments give the same bytes.
    """
    sales = studied(valued)
    overall = study[study["stratum_kind"] == "all"].iloc[0]
    environment = Environment(
        loader=PackageLoader("estate.score"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"count": _count, "money": _money, "shown": _shown}
    bounds = [_against(bound, overall) for bound in BOUNDS]
    return environment.get_template("model_page.html").render(
        card={name: card.get(name) for name in _CARD},
        failed=[row["title"] for row in bounds if row["verdict"] == FAILS],
        overall=overall,
        bounds=bounds,
        untrimmed=_untrimmed(sales),
        pictures=_pictures(card, study, sales, importances if importances is not None else pd.DataFrame()),
        strata=[(KIND_TITLES[str(kind)], _rows(rows)) for kind, rows in study.groupby("stratum_kind", sort=False) if kind in KIND_TITLES],
        chasing=sales_chasing(valued).to_dict("records"),
        equity=horizontal_equity(valued),
        least_sales=LEAST_SALES,
        least_sales_equity=LEAST_SALES_EQUITY,
    )


_CARD = (
    "model_id", "tenant", "county_fips", "as_of_date", "sale_count", "window_from_date", "window_to_date", "snapshot_ids", "method",
    "seed", "code_version", "is_passed", "refusal", "trained_at", "intended_use", "not_for", "trial", "previous_model_id",
    "parameters", "components",
)  # fmt: skip


def _pictures(
    card: Mapping[str, Any], study: pd.DataFrame, sales: pd.DataFrame, importances: pd.DataFrame
) -> list[dict[str, str | Markup]]:
    enough = int(sales["is_valued"].sum()) >= LEAST_SALES
    tried = pd.DataFrame(list(card.get("frontier") or ()), columns=["name", "mape_pct", "vei", "is_chosen"])
    drawings: tuple[tuple[str, Callable[[], str], bool], ...] = (
        ("Ratio by price", lambda: model_plot.ratio_by_price(sales, study), enough),
        ("Ratio by area", lambda: model_plot.ratio_map(sales, study), enough),
        ("Reliability of the intervals", lambda: model_plot.reliability(sales), enough),
        ("Ratio over time", lambda: model_plot.ratio_by_month(study), enough),
        ("What moves a value", lambda: model_plot.contribution_size(importances), len(importances) > 0),
        ("Accuracy against equity", lambda: model_plot.frontier(tried), len(tried) > 0),
    )
    pictures = []
    for title, draw, is_drawn in drawings:
        drawing = draw() if is_drawn else ""
        pictures.append({"title": title, "caption": CAPTIONS[title], "drawing": Markup(drawing)})  # noqa: S704 - drawn by us, text escaped
    return pictures


def _against(bound: Bound, overall: pd.Series) -> dict[str, str]:
    point = float(overall[bound.name])
    has_interval = f"{bound.name}_low" in overall.index
    low, high = (float(overall[f"{bound.name}_{end}"]) if has_interval else np.nan for end in ("low", "high"))
    least, most = (low, high) if bound.by == "interval" else (point, point)
    if bound.low is None and bound.high is None:
        verdict = NO_BOUND
    elif np.isnan(point):
        verdict = NOT_KNOWN
    elif _is_beyond(bound, most, least):
        verdict = FAILS
    else:
        verdict = "within its uncertainty" if _is_beyond(bound, point, point) else PASSES
    return {
        "title": bound.title, "meaning": bound.meaning, "point": _formed(point, bound.form),
        "interval": _range(low, high, bound.form), "asked": _asked(bound), "verdict": verdict,
    }  # fmt: skip


def _is_beyond(bound: Bound, most: float, least: float) -> bool:
    """Whether even the greatest value lies below the bounds, or even the least above them."""
    return (bound.low is not None and most < bound.low) or (bound.high is not None and least > bound.high)


def _asked(bound: Bound) -> str:
    form = bound.form.replace("+", "")
    if bound.low is None:
        return "–" if bound.high is None else f"at most {_formed(bound.high, form)}"
    return f"at least {_formed(bound.low, form)}" if bound.high is None else _range(bound.low, bound.high, form)


def _range(low: float, high: float, form: str) -> str:
    return "–" if pd.isna(low) else f"{_formed(low, form)} to {_formed(high, form)}"


def _untrimmed(sales: pd.DataFrame) -> str:
    """What COD, PRD and VEI are with every ratio left in; empty below the sales that they need."""
    valued = sales[sales["is_valued"]]
    if len(valued) < LEAST_SALES_EQUITY:
        return ""
    pairs = valued["estimated_value_usd"].to_numpy(float), valued["sale_price_usd"].to_numpy(float)
    return f"COD {rs.cod(*pairs):.1f}, PRD {rs.prd(*pairs):.3f}, VEI {_formed(rs.vei(*pairs), '+.1f')}"


def _rows(rows: pd.DataFrame) -> list[dict[str, str]]:
    shown = []
    for row in rows.to_dict("records"):
        is_apart = row["level_difference_low_rate"] > LEVEL_DIFFERENCE or row["level_difference_high_rate"] < -LEVEL_DIFFERENCE
        shown.append({
            "stratum": str(row["stratum"]), "sales": _count(row["sale_count"]), "refused": _count(row["refused_count"]),
            "level": _formed(row["median_ratio"], ".3f"), "is_apart": "apart" if is_apart else "",
"interval": _range(row["median_ratio_low"], row["median_ratio_high"], ".3f"),
            "cod": _formed(row["cod"], ".1f"), "mape": _formed(row["mape_pct"], ".1f"),
            "held": _formed(row["coverage_80_rate"], ".0%"), "held_95": _formed(row["coverage_95_rate"], ".0%"),
            "width": _formed(row["median_interval_width_rate"], ".0%"),
        })  # fmt: skip
    return shown


def _formed(value: float | None, form: str) -> str:
    return "–" if value is None or pd.isna(value) else format(value, form).replace("-", "−")


def _count(value: Any) -> str:
    return NOT_KNOWN if value is None or pd.isna(value) else f"{int(value):,}"


def _money(value: Any) -> str:
    return "–" if value is None or pd.isna(value) else f"${float(value):,.0f}"


def _shown(value: Any, form: str = "") -> str:
    """Text of a card's entry, or that it is not known."""
    if value is None or value == "" or (isinstance(value, float) and np.isnan(value)):
        return NOT_KNOWN
    return _formed(value, form) if form else str(value)
