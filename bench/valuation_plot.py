"""The pictures of docs/valuation.md, from what a run recorded; the same record gives the same bytes.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart; what they tell is told by shape or place as well.
"""

from __future__ import annotations

import io
import re
from statistics import fmean
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from bench.valuation_trial import fifths
from estate.score.model_plot import BLUE, DARK, GREEN, GREY, ORANGE
from estate.score.ratio_study import proxy

_STYLE: Any = {  # Any: matplotlib declares its keys one by one
    "svg.hashsalt": "estate-bench", "svg.fonttype": "none", "text.parse_math": False, "font.family": "sans-serif", "font.size": 10,
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"], "axes.edgecolor": GREY, "axes.labelcolor": DARK,
    "text.color": DARK, "xtick.color": DARK, "ytick.color": DARK, "axes.spines.top": False, "axes.spines.right": False,
    "legend.frameon": False, "legend.fontsize": 9, "figure.facecolor": "white",
}  # fmt: skip
_POINTS = 900  # drawn of the held-out sales, evenly by price: as many as a light file carries
_TENTHS = 10
_SHOWN_RATIO = (0.5, 1.5)
_FIFTHS = ("cheapest fifth", "second", "middle", "fourth", "dearest fifth")

Runs = list[dict[str, Any]]


@mpl.rc_context(_STYLE)
def ratio_by_price(run: dict[str, Any]) -> str:
    """Ratio of value and price of one seed against the market value proxy, and the median of each tenth."""
    estimate, price = (np.array(run[name], dtype=float) for name in ("estimate", "price"))
    value, ratio = proxy(estimate, price), estimate / price
    figure, axes = _figure(4.0)
    axes.axhspan(0.9, 1.1, color=GREEN, alpha=0.10, lw=0)
    axes.axhline(1, color=GREY, lw=0.8)
    order = np.argsort(value, kind="stable")
    shown = order[np.linspace(0, len(order) - 1, min(len(order), _POINTS)).astype(int)]
    axes.plot(value[shown], ratio[shown].clip(*_SHOWN_RATIO), "o", ms=2.6, color=BLUE, alpha=0.35, mew=0)
    tenths = np.array_split(order, _TENTHS)
    middle = [float(np.median(ratio[rows])) for rows in tenths]
    axes.plot([float(np.median(value[rows])) for rows in tenths], middle, "s-", ms=5, lw=1.6, color=ORANGE, label="median of each tenth")
    axes.set(xscale="log", ylim=_SHOWN_RATIO, ylabel="value / price", xlabel="half price, half value at the common level")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_dollar))
    _legend(axes)
    return _svg(figure)


@mpl.rc_context(_STYLE)
def coverage(runs: Runs, constant: dict[str, list[float]]) -> str:
    """Share of prices within the intervals by fifth of the price: mean, least and greatest of the seeds; and of one width for all."""
    figure, axes = _figure(3.8)
    places = np.arange(len(_FIFTHS))
    for key, marker, colour in (("80%", "o", BLUE), ("95%", "s", ORANGE)):
        share = float(key.rstrip("%"))
        axes.axhspan(share - 4, share + 4, color=colour, alpha=0.10, lw=0)
        axes.axhline(share, color=colour, lw=0.8, ls=":")
        found = np.array([run["intervals"][key]["by_price_pct"] for run in runs])
        reach = [found.mean(axis=0) - found.min(axis=0), found.max(axis=0) - found.mean(axis=0)]
        axes.errorbar(places - 0.08, found.mean(axis=0), yerr=np.clip(reach, 0, None), fmt=marker, ms=7, color=colour, capsize=3,
                      label=f"{share:g} % intervals, each house its own width")  # fmt: skip
        if key in constant:
            axes.plot(places + 0.08, constant[key], marker, ms=6, mfc="white", color=colour, label=f"{share:g} %, one width for all")
    axes.set(ylabel="prices within, percent", ylim=(min(60, axes.get_ylim()[0]), 101))
    axes.set_xticks(places, _FIFTHS)
    _legend(axes)
    return _svg(figure)


@mpl.rc_context(_STYLE)
def frontier(runs: Runs, peers: dict[str, Any]) -> str:
    """Accuracy against equity on the held-out sales at every share of spread, where the models stand, and the peers that lie near."""
    figure, axes = _figure(4.2)
    axes.add_patch(Rectangle((0, -5), 11.6, 10, color=GREEN, alpha=0.10, lw=0, label="target"))
    axes.axhline(0, color=GREY, lw=0.8)
    mean = [
        {name: fmean(run["frontier"][step][name] for run in runs) for name in ("share", "mape_pct", "vei")}
        for step in range(len(runs[0]["frontier"]))
    ]
    axes.plot([one["mape_pct"] for one in mean], [one["vei"] for one in mean], ".-", color=GREY, ms=4, lw=1,
              label="spread by 0 to 10 %, mean of the seeds")  # fmt: skip
    for one in mean[::4]:
        axes.annotate(f"{one['share']:.0%}", (one["mape_pct"], one["vei"]), xytext=(5, -11), textcoords="offset points", fontsize=8)
    axes.plot([run["accuracy"]["mape_pct"] for run in runs], [run["accuracy"]["vei"] for run in runs], "D", ms=7, color=ORANGE,
              mec="white", label="chosen on past sales, each seed")  # fmt: skip
    near = {name: got for name, got in peers.items() if got["mape_pct"] < 1.35 * mean[0]["mape_pct"]}
    for name, got in near.items():
        axes.plot(got["mape_pct"], got["vei"], "^", ms=7, color=BLUE)
        axes.annotate(name, (got["mape_pct"], got["vei"]), xytext=(0, 8), textcoords="offset points", fontsize=8, ha="center")
    shown = [*(one["mape_pct"] for one in mean), *(got["mape_pct"] for got in near.values()), 11.6]
    axes.set(xlabel="mean absolute error, percent of price (left is better)", ylabel="vertical equity indicator, percent (0 is best)",
             xlim=(min(shown) - 0.4, max(shown) + 0.6))  # fmt: skip
    _legend(axes, 3)
    return _svg(figure)


@mpl.rc_context(_STYLE)
def beside(rows: list[tuple[str, float, bool]], bound: float) -> str:
    """Mean absolute error of each way to value (name, percent, whether it is ours), from the worst to ours."""
    figure, axes = _figure(0.7 + 0.3 * len(rows))
    for place, (_, error, is_ours) in enumerate(rows):
        axes.barh(place, error, color=ORANGE if is_ours else BLUE, height=0.66, hatch="" if is_ours else "//", edgecolor="white")
        axes.annotate(f"{error:.1f}", (error, place), xytext=(4, -3), textcoords="offset points", fontsize=9)
    axes.axvline(bound, color=DARK, lw=1, ls="--", label=f"bound, {bound:g} %")
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.invert_yaxis()
    axes.set(xlabel="mean absolute error, percent of price, out of time")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    _legend(axes)
    return _svg(figure)


def fifth_names() -> tuple[str, ...]:
    """Of the fifths of the price, from cheap to dear."""
    assert len(fifths(np.arange(5.0))) == len(_FIFTHS)
    return _FIFTHS


def _figure(height_in: float) -> tuple[Figure, Axes]:
    # Without pyplot, which keeps every figure alive and asks for a display.
    figure = Figure(figsize=(7.6, height_in), layout="constrained")
    return figure, figure.subplots()


def _svg(figure: Figure) -> str:
    """A file of its own, without dates; hundredths of a point are finer than any screen."""
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    drawing = re.sub(r"<metadata>.*?</metadata>\s*", "", written.getvalue(), flags=re.DOTALL)
    drawing = re.sub(r"\n\s+", "\n", drawing)
    return re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]), drawing)


def _legend(axes: Axes, columns: int = 2) -> None:
    """Above the drawing, where it hides nothing."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2, columnspacing=1.2)


def _dollar(value: float, _: object = None) -> str:
    return f"${value / 1e6:,.3g}m" if abs(value) >= 1e6 else f"${value / 1e3:,.4g}k"
