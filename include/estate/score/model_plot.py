"""The pictures of a model's page: SVG to stand inside it, for it may load nothing, not even an image. Same numbers, same bytes.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart; above and below are told by purple and orange.
"""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from scipy.stats import binomtest

from estate.score import ratio_study as rs
from estate.score.ratio_strata import LEVEL_DIFFERENCE

BLUE, ORANGE, GREEN, GREY, DARK = "#0072B2", "#D55E00", "#009E73", "#9AA3AB", "#22303C"
_STYLE: Any = {  # Any: matplotlib declares its keys one by one
    "svg.hashsalt": "estate", "text.parse_math": False,
    "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10, "axes.edgecolor": GREY,
    "axes.labelcolor": DARK, "text.color": DARK, "xtick.color": DARK, "ytick.color": DARK, "axes.spines.top": False,
    "axes.spines.right": False, "axes.titlesize": 10, "axes.titlelocation": "left", "legend.frameon": False,
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
}  # fmt: skip
_SHOWN_RATIO = (0.5, 1.5)  # ratios beyond are drawn at the edge: a few wild ones would hide the others
_LEVEL_BOUNDS = (0.9, 1.1)
_MAP_COLOURS = mpl.colormaps["PuOr"].resampled(21)  # as steps: a continuous bar would be drawn as an image
MOST_POINTS = 2_000  # that a page can carry as shapes and stay light
_MAP_REACH = 0.10  # full colour at this distance from the overall level


@mpl.rc_context(_STYLE)
def ratio_by_price(sales: pd.DataFrame, study: pd.DataFrame) -> str:
    """Each sale's ratio against its market value proxy, and the median of each tenth. `sales` as `ratio_strata.studied` gives them."""
    figure, axes = _figure(7.6, 4.2)
    valued = sales[sales["is_valued"]]
    axes.axhspan(*_LEVEL_BOUNDS, color=GREEN, alpha=0.10, lw=0)
    axes.axhline(1, color=GREY, lw=0.8)
    shown = _thinned(valued)
    axes.scatter(shown["proxy_usd"], shown["ratio"].clip(*_SHOWN_RATIO), s=6, color=BLUE, alpha=0.25, lw=0)
    tenths = study[(study["stratum_kind"] == "price_tenth") & study["median_ratio"].notna()]
    middle = valued.groupby("price_tenth")["proxy_usd"].median()
    if len(tenths):
        x = tenths["stratum"].map(middle)
        axes.errorbar(x, tenths["median_ratio"], yerr=_reach(tenths), color=ORANGE, marker="o", ms=5, lw=1.6, capsize=3,
                      label="median of a tenth of the sales, 90 % interval")  # fmt: skip
    axes.set(
        xscale="log", ylim=_SHOWN_RATIO, xlabel="market value proxy: half price, half value at the common level", ylabel="value / price"
    )
    _dollars(axes)
    _legend(axes)
    return _svg(figure)


@mpl.rc_context(_STYLE)
def ratio_map(sales: pd.DataFrame, study: pd.DataFrame) -> str:
    """Where sales lie, and the median ratio of every market area; empty where no sale has coordinates."""
    placed = sales[sales["is_valued"] & sales["latitude"].notna() & sales["longitude"].notna()]
    areas = study[(study["stratum_kind"] == "market_area") & study["median_ratio"].notna()]
    centre = placed.groupby("market_area")[["longitude", "latitude"]].median()
    areas = areas[areas["stratum"].isin(centre.index)]
    if placed.empty or areas.empty:
        return ""
    # A degree of longitude is shorter than one of latitude by the cosine of the latitude.
    aspect = 1 / np.cos(np.radians(float(placed["latitude"].median())))
    tall = np.ptp(placed["latitude"].astype(float)) * aspect / max(np.ptp(placed["longitude"].astype(float)), 1e-9)
    figure, axes = _figure(7.6, float(np.clip(5.8 * tall + 0.6, 2.5, 7.6)))
    shown = _thinned(placed)
    axes.scatter(shown["longitude"], shown["latitude"], s=3, color=GREY, alpha=0.5, lw=0)
    level = float(study.loc[study["stratum_kind"] == "all", "median_ratio"].iloc[0])
    where = centre.loc[areas["stratum"]]
    is_apart = (areas["level_difference_low_rate"] > LEVEL_DIFFERENCE) | (areas["level_difference_high_rate"] < -LEVEL_DIFFERENCE)
    drawn = axes.scatter(
        where["longitude"], where["latitude"], c=areas["median_ratio"].clip(level - _MAP_REACH, level + _MAP_REACH), cmap=_MAP_COLOURS,
        norm=TwoSlopeNorm(level, level - _MAP_REACH, level + _MAP_REACH), s=30 + 6 * areas["sale_count"] ** 0.75,
        edgecolor=np.where(is_apart, DARK, GREY), lw=np.where(is_apart, 2.2, 0.7), zorder=3,
    )  # fmt: skip
    figure.set_layout_engine("compressed")  # the one for axes of a fixed shape
    axes.set_aspect(aspect)
    axes.set(xlabel="longitude, degrees", ylabel="latitude, degrees")
    axes.locator_params(nbins=6)
    bar = figure.colorbar(drawn, ax=axes, shrink=0.7, label="median value / price of the market area")
    bar.outline.set_visible(False)
    return _svg(figure)


@mpl.rc_context(_STYLE)
def reliability(sales: pd.DataFrame) -> str:
    """Share of prices that the 80 % and 95 % intervals hold, overall and by price fifth, with its own 90 % interval."""
    valued = sales[sales["is_valued"]].copy()
    valued["fifth"] = (valued["price_tenth"].astype(int) + 1) // 2
    figure, axes = _figure(7.6, 3.8)
    names = ["all", "lowest\nfifth", "2nd", "3rd", "4th", "highest\nfifth"]
    levels = ((0.80, "value_low_usd", "value_high_usd", BLUE, -0.12), (0.95, "value_low_95_usd", "value_high_95_usd", ORANGE, 0.12))
    for level, low, high, colour, shift in levels:
        held = valued["sale_price_usd"].between(valued[low].astype(float), valued[high].astype(float))
        groups = [held, *(held[valued["fifth"] == fifth] for fifth in range(1, 6))]
        places = [place for place, group in enumerate(groups) if len(group)]
        share = np.array([groups[place].mean() for place in places])
        ends = np.array([binomtest(int(groups[p].sum()), len(groups[p])).proportion_ci(rs.CONFIDENCE, "wilson") for p in places])
        reach = np.clip([share - ends[:, 0], ends[:, 1] - share], 0, None)
        axes.axhline(level, color=colour, lw=1, ls=(0, (4, 3)))
        axes.errorbar(np.array(places) + shift, share, yerr=reach, fmt="o", color=colour, capsize=3,
                      label=f"meant to hold {level:.0%} (dashed)")  # fmt: skip
    axes.set(xlim=(-0.5, 5.5), ylim=(None, 1.01), ylabel="share of prices held")
    axes.set_xticks(range(6), names)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    _legend(axes)
    return _svg(figure)


@mpl.rc_context(_STYLE)
def ratio_by_month(study: pd.DataFrame) -> str:
    """The median ratio of each month of sale with its 90 % interval, and how many sales it rests on; empty without months."""
    months = study[(study["stratum_kind"] == "month") & study["median_ratio"].notna()]
    if months.empty:
        return ""
    figure, axes = _figure(7.6, 3.6)
    places = np.arange(len(months))
    axes.axhspan(0.95, 1.05, color=GREEN, alpha=0.10, lw=0)
    axes.axhline(1, color=GREY, lw=0.8)
    axes.fill_between(places, months["median_ratio_low"], months["median_ratio_high"], color=BLUE, alpha=0.2, lw=0)
    axes.errorbar(places, months["median_ratio"], yerr=_reach(months), color=BLUE, marker="o", capsize=3)
    step = max(1, -(-len(months) // 12))
    labels = [f"{name}\n{count:,} sales" for name, count in zip(months["stratum"], months["sale_count"], strict=True)]
    axes.set_xticks(places[::step], labels[::step])
    axes.set(ylabel="median value / price", xlim=(-0.5, len(months) - 0.5))
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.94), max(high, 1.06))
    return _svg(figure)


@mpl.rc_context(_STYLE)
def contribution_size(importances: pd.DataFrame, most: int = 20) -> str:
    """The largest mean absolute contributions to the value; columns feature and importance_usd. Empty without rows."""
    largest = importances.sort_values(["importance_usd", "feature"], ascending=[False, True]).head(most).iloc[::-1]
    if largest.empty:
        return ""
    figure, axes = _figure(7.6, 0.9 + 0.27 * len(largest))
    axes.barh(largest["feature"].astype(str), largest["importance_usd"], color=BLUE, height=0.7)
    axes.set(xlabel="mean absolute contribution to a value")
    axes.xaxis.set_major_formatter(FuncFormatter(_dollar))
    axes.margins(y=0.02)
    return _svg(figure)


@mpl.rc_context(_STYLE)
def frontier(points: pd.DataFrame) -> str:
    """Accuracy against equity of the candidates tried: columns name, mape_pct, vei, is_chosen. Empty without rows."""
    if points.empty:
        return ""
    figure, axes = _figure(7.6, 4.0)
    axes.axhspan(-10, 10, color=GREEN, alpha=0.10, lw=0)
    axes.axhline(0, color=GREY, lw=0.8)
    for chosen, colour, label, size in ((False, GREY, "tried", 30), (True, ORANGE, "this model", 80)):
        some = points[points["is_chosen"].astype(bool) == chosen]
        axes.scatter(some["mape_pct"], some["vei"], color=colour, s=size, label=label, zorder=3)
    for point in points.itertuples():
        axes.annotate(str(point.name), (float(str(point.mape_pct)), float(str(point.vei))), xytext=(6, 4),
                      textcoords="offset points", fontsize=8)  # fmt: skip
    axes.set(xlabel="mean absolute error, percent of price (left is better)", ylabel="vertical equity indicator, percent (0 is best)")
    _legend(axes)
    axes.margins(0.1)
    return _svg(figure)


def _figure(width_in: float, height_in: float) -> tuple[Figure, Axes]:
    # Without pyplot, which keeps every figure alive and asks for a display.
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    return figure, figure.subplots()


def _svg(figure: Figure) -> str:
    """The drawing as an element of HTML: without prologue, metadata and names of groups, which two drawings would share."""
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    drawing = written.getvalue()
    drawing = drawing[drawing.index("<svg ") :]
    drawing = re.sub(r"<metadata>.*?</metadata>\s*", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r' xmlns(:xlink)?="[^"]*"| (width|height)="[\d.]+pt"| id="[A-Za-z][\w.]*_\d+"', "", drawing)
    drawing = re.sub(r"\n\s+", "\n", drawing)
    # Hundredths of a point are finer than any screen; what is written between the tags stays as it is.
    return re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]), drawing)


def _thinned(sales: pd.DataFrame) -> pd.DataFrame:
    """At most so many sales as a page can carry as shapes, evenly in the order of their identifiers, which means nothing."""
    return sales.iloc[np.linspace(0, len(sales) - 1, min(len(sales), MOST_POINTS)).astype(int)]


def _legend(axes: Axes) -> None:
    """Above the drawing, where it hides nothing."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=9, borderaxespad=0.2)


def _reach(rows: pd.DataFrame) -> np.ndarray:
    middle = rows["median_ratio"].to_numpy(float)
    return np.clip([middle - rows["median_ratio_low"].to_numpy(float), rows["median_ratio_high"].to_numpy(float) - middle], 0, None)


def _dollars(axes: Axes) -> None:
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_dollar))


def _dollar(value: float, _: object = None) -> str:
    return f"${value / 1e6:,.3g}m" if abs(value) >= 1e6 else f"${value / 1e3:,.4g}k" if abs(value) >= 1e3 else f"${value:,.0f}"
