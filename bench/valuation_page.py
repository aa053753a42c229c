"""What is measured in docs/valuation.md, written between its markers, and its pictures: both from the recorded trials alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from bench import valuation, valuation_plot
from bench.valuation_trial import STEPS
from estate.settings import ROOT

PAGE = ROOT / "docs" / "valuation.md"
PICTURES = ROOT / "docs" / "pictures"
_BLOCK = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end of measured -->)", re.DOTALL)
_NOT_YET = "Not measured yet: `make bench NAME=valuation`.\n"
# Columns of the tables: key of the accuracy, heading, digits, and what the target asks of it.
_COLUMNS = (
    ("mape_pct", "MAPE %", 1, "≤ 11.6"), ("mdape_pct", "MdAPE %", 1, "≤ 7.9"), ("cod", "COD", 1, "≤ 11.7"),
    ("rmse_usd", "RMSE $", 0, "≤ 114,000"), ("mae_usd", "MAE $", 0, ""), ("median_ratio", "median ratio", 3, "0.98 to 1.02"),
    ("prd", "PRD", 3, "≤ 1.03"), ("prb", "PRB", 3, "within ±0.03"), ("vei", "VEI %", 1, "within ±5"),
)  # fmt: skip

Study = valuation.Study
Accuracy = dict[str, float]


def write(study_path: Path = valuation.STUDY, page: Path = PAGE, pictures: Path = PICTURES) -> None:
    """Fill the blocks of `page` and draw its pictures from the record; without a record everything stays as it is."""
    if not study_path.is_file() or not page.is_file():
        return
    study = json.loads(study_path.read_text(encoding="utf-8"))
    page.write_text(filled(page.read_text(encoding="utf-8"), study), encoding="utf-8")
    for name, drawing in drawn(study).items():
        (pictures / f"valuation-{name}.svg").write_text(drawing, encoding="utf-8")


def filled(text: str, study: Study) -> str:
    """`text` with every measured block written anew. KeyError for a block that nothing writes."""

    def block(match: re.Match[str]) -> str:
        return match[1] + (BLOCKS[match[2]](study) or _NOT_YET) + match[3]

    return _BLOCK.sub(block, text)


def drawn(study: Study) -> dict[str, str]:
    """The pictures that the record has the trials for, as SVG by name."""
    runs, others, constant = (valuation.of(study, part) for part in ("out_of_time", "peers", "constant_width"))
    if not runs:
        return {}
    peers = others[0]["accuracy"] if others else {}
    bands = constant[0]["band"] if constant else {}
    ours = [(f"ours: {name}", _mean_steps(runs)[name]["mape_pct"], True) for name in STEPS]
    rows = [(name, got["mape_pct"], False) for name, got in sorted(peers.items(), key=lambda peer: -peer[1]["mape_pct"])]
    return {
        "ratio-by-price": valuation_plot.ratio_by_price(runs[0]),
        "coverage": valuation_plot.coverage(runs, {key: valuation.constant_cover(runs[0], band)[1] for key, band in bands.items()}),
        "frontier": valuation_plot.frontier(runs, peers),
        "beside": valuation_plot.beside([*rows, *ours], 11.6),
    }


def _out_of_time(study: Study) -> str:
    runs, others = valuation.of(study, "out_of_time"), valuation.of(study, "peers")
    if not runs:
        return ""
    peers = others[0]["accuracy"] if others else {}
    rows = [(name, got) for name, got in sorted(peers.items(), key=lambda peer: -peer[1]["mape_pct"])]
    rows.append(("**ours**, mean of the seeds", _mean([run["accuracy"] for run in runs])))
    rows.append(("ours, without what it refuses", _mean([run["accuracy_of_given"] for run in runs])))
    table = _accuracies(rows)
    low, high = (_pick(choose, [run["accuracy"] for run in runs]) for choose in (min, max))
    cells = [f"{low[key]:,.{digits}f} to {high[key]:,.{digits}f}" for key, _, digits, _ in _COLUMNS]
    table += _row([f"ours, least to greatest of {len(runs)} seeds", *cells])
    table += _row(["target", *(target for *_, target in _COLUMNS)])
    first = runs[0]
    said = (
        f"{first['known']:,} sales known, {first['held']:,} held out, all valued as of {first['as_of_date']}. "
        f"Seed {first['seed']} would refuse {sum(first['refused'].values()):,} of them in service"
    )
    reasons = "; ".join(f"{reason}: {count}" for reason, count in first["refused"].items())
    alone = f" {others[0]['without_comparables']:,} have no comparable; the mean price per sqft stands for them." if others else ""
    return f"{table}\n{said}{f' ({reasons})' if reasons else ''}; they count in every row but that which leaves them out.{alone}\n"


def _steps(study: Study) -> str:
    runs = valuation.of(study, "out_of_time")
    if not runs:
        return ""
    heard = ", ".join(f"{run['comparables_weight']:.0%}" for run in runs)
    spread = ", ".join(f"{run['spread_share']:.1%}" for run in runs)
    told = f"By seed the comparables are heard with {heard}, and estimates are spread by {spread}.\n"
    return _accuracies(list(_mean_steps(runs).items())) + "\n" + told


def _intervals(study: Study) -> str:
    runs, plain = valuation.of(study, "out_of_time"), valuation.of(study, "constant_width")
    if not runs:
        return ""
    text = _row(["intervals", "covered", *valuation_plot.fifth_names(), "mean width", "tenth to ninetieth percentile of width"])
    text += _rule(9)
    for key in runs[0]["intervals"]:
        got = [run["intervals"][key] for run in runs]
        covered = [one["covered_pct"] for one in got]
        by_price = [fmean(one["by_price_pct"][place] for one in got) for place in range(len(got[0]["by_price_pct"]))]
        width, narrow, wide = (fmean(one[name] for one in got) for name in ("width", "narrow_width", "wide_width"))
        text += _row([
            f"ours, {key}", f"{fmean(covered):.1f} % ({min(covered):.1f} to {max(covered):.1f})", *(f"{one:.1f} %" for one in by_price),
            f"{width:.3f}", f"{narrow:.3f} to {wide:.3f}",
        ])  # fmt: skip
        if plain:
            band = plain[0]["band"][key]
            share, by = valuation.constant_cover(runs[0], band)
            one = np.exp(band[1]) - np.exp(band[0])
            text += _row([f"one width for all, {key}", f"{share:.1f} %", *(f"{each:.1f} %" for each in by), f"{one:.3f}", "all alike"])
    return text + "\nWidths are shares of the value; fifths are of the price.\n"


def _frontier(study: Study) -> str:
    runs = valuation.of(study, "out_of_time")
    if not runs:
        return ""
    text = _row(["spread", "MAPE %", "COD", "RMSE $", "PRD", "PRB", "VEI %", "chosen by"]) + _rule(8)
    for step, first in enumerate(runs[0]["frontier"]):
        chosen = [run["seed"] for run in runs if run["frontier"][step]["is_chosen"]]
        if step % 2 and not chosen:
            continue
        got = _mean([{key: run["frontier"][step][key] for key, *_ in _COLUMNS} for run in runs])
        text += _row([
            f"{first['share']:.1%}", f"{got['mape_pct']:.2f}", f"{got['cod']:.2f}", f"{got['rmse_usd']:,.0f}", f"{got['prd']:.3f}",
            f"{got['prb']:.3f}", f"{got['vei']:.1f}", ", ".join(f"seed {seed}" for seed in chosen),
        ])  # fmt: skip
    return text


def _other_splits(study: Study) -> str:
    rows: list[tuple[str, Accuracy]] = []
    for part, name in (("random", "King County 2014-15, random 80/20"), ("next_year", "King County, 2014 values 2015")):
        if runs := valuation.of(study, part):
            rows.append((f"{name}, mean of {len(runs)} seeds", _mean([run["accuracy"] for run in runs])))
    for name in sorted(one for one in study if one.startswith("elsewhere/")):
        _, place, which = name.split("/")
        run = study[name]["found"]
        rows.append((f"{_PLACES[place]}, out of time, {which} sales ({run['held']:,} held out)", run["accuracy"]))
    text = _accuracies(rows) if rows else ""
    folds = valuation.of(study, "ten_fold")
    if len(folds) == 10:
        got = valuation.pooled(folds)
        text += f"\nTen folds pooled, one seed: RMSE {got['rmse_usd']:,.0f} $, MAE {got['mae_usd']:,.0f} $, MAPE {got['mape_pct']:.1f} %.\n"
    return text


def _cost(study: Study) -> str:
    if not (runs := valuation.of(study, "cost")):
        return ""
    (run,) = runs
    text = _row(["what", "took"]) + _rule(2) + _row([f"training on {run['sales']:,} sales", f"{run['train_seconds']:.0f} s"])
    for name in ("small_before", "scored", "large", "small_after"):
        took = run[name]
        text += _row([f"scoring {took['count']:,} properties", f"{took['seconds']:.1f} s, peak memory {took['peak_mib']:,.0f} MiB"])
    single = run["single"]
    return text + _row(["one property on request", f"{single['p50_ms']:.0f} ms; 95 of 100 within {single['p95_ms']:.0f} ms"])


def _code(study: Study) -> str:
    found = sorted(valuation.codes(study))
    if len(found) == 1:
        return f"All trials measured one state of the code and its libraries, `{found[0]}`.\n"
    by_code = {code: [name for name in sorted(study) if study[name]["code"] == code] for code in found}
    return "Trials were taken of different states of the code: " + "; ".join(f"`{c}` {', '.join(n)}" for c, n in by_code.items()) + ".\n"


_PLACES = {"king_county_2021": "King County 2021-22", "ames": "Ames 2006-10"}
BLOCKS: dict[str, Callable[[Study], str]] = {
    "out_of_time": _out_of_time, "steps": _steps, "intervals": _intervals, "frontier": _frontier, "other_splits": _other_splits,
    "cost": _cost, "code": _code,
}  # fmt: skip


def _mean_steps(runs: list[dict[str, Any]]) -> dict[str, Accuracy]:
    return {name: _mean([run["steps"][name] for run in runs]) for name in STEPS}


def _mean(found: list[Accuracy]) -> Accuracy:
    return _pick(fmean, found)


def _pick(choose: Callable[[list[float]], float], found: list[Accuracy]) -> Accuracy:
    return {key: choose([one[key] for one in found]) for key, *_ in _COLUMNS}


def _accuracies(rows: list[tuple[str, Accuracy]]) -> str:
    text = _row(["", *(heading for _, heading, *_ in _COLUMNS)]) + _rule(1 + len(_COLUMNS))
    return text + "".join(_row([name, *(f"{got[key]:,.{digits}f}" for key, _, digits, _ in _COLUMNS)]) for name, got in rows)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _rule(columns: int) -> str:
    return "|---|" + "---:|" * (columns - 1) + "\n"
