"""Values against prices that were not seen: accuracy, equity and intervals on real sales, beside other methods; and what values cost.

A full run takes the better part of an hour, so every trial is recorded when it is done: a run that was stopped goes on where it
stopped, and a trial is taken again when the code that it measured has changed, or when its part is asked for by name.
"""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from rich.console import Console

from bench.figures import RESULTS, CannotMeasure, Figure
from bench.valuation_peers import peers
from bench.valuation_sales import (
    AMES,
    KING_COUNTY,
    KING_COUNTY_LATER,
    latest_tenth,
    next_year,
    random_fifth,
    sales_of,
    ten_folds,
    valid_only,
)
from bench.valuation_trial import LEVELS, constant_width, fifths, tried
from estate.score.learning import train
from estate.settings import ROOT

ROWS = 21_613
SEEDS = (1, 2, 3, 4, 5)
PARTS = ("out_of_time", "peers", "constant_width", "random", "next_year", "ten_fold", "elsewhere", "cost")
STUDY = RESULTS / "valuation_study.json"
NOTES = (
    (
        "Means over five seeds; `against` gives their least and greatest; a size or a distance is taken of each seed first."
        " Tables, plots and what is weak stand in [valuation.md](valuation.md), made from the same run."
    ),
)
_SCORED, _SMALL, _LARGE = 100_000, 20_000, 200_000
_LIBRARIES = ("catboost", "lightgbm", "numpy", "pandas", "scikit-learn", "scipy")

Study = dict[str, dict[str, Any]]  # by name of the trial: the digest of the code, and what was measured


def measure(rows: int, console: Console, parts: tuple[str, ...] = ()) -> list[Figure]:
    """Take every trial that is not recorded for today's code, or those of `parts` whatever is recorded; figures of all there are.

    With fewer rows than there are sales it is a trial of the bench itself, of evenly spread sales: nothing is read from the record or
    written to it.
    """
    is_whole, study, code = rows == ROWS, Study(), code_digest()
    if is_whole and STUDY.is_file():
        study = json.loads(STUDY.read_text(encoding="utf-8"))
    for name, trial in _trials(rows):
        part = name.split("/")[0]
        if (parts and part not in parts) or (not parts and study.get(name, {}).get("code") == code):
            continue
        if code_digest() != code:  # scoring starts processes of its own, which would read the new code with the old model
            raise CannotMeasure("the code was changed while it was measured; what was recorded before stands, start again for the rest")
        try:
            found = trial()
        except CannotMeasure as reason:
            console.print(f"{name}: skipped, {reason}")
            continue
        study[name] = {"code": code, "found": found}
        console.print(f"{name}: {_told(found)}")
        if is_whole:
            _keep(study)
    return figures(study)


def figures(study: Study) -> list[Figure]:
    """The figures of the trials there are."""
    return [*_out_of_time(of(study, "out_of_time")), *_width(study), *_other_splits(study), *_elsewhere(study), *_cost(study)]


def of(study: Study, part: str) -> list[dict[str, Any]]:
    """What was found by the trials of a part, in the order of their names."""
    return [study[name]["found"] for name in sorted(study) if name.split("/")[0] == part]


def codes(study: Study) -> set[str]:
    """Digests of the code that the trials measured; one, unless parts were taken again."""
    return {trial["code"] for trial in study.values()}


def code_digest() -> str:
    """Of everything that moves a value: the modules that learning and valuing import, comments left out, and the libraries."""
    seen: dict[str, str] = {}
    pending = ["estate.score.learning", "estate.score.valuation", "estate.score.sale_validation", "estate.score.ratio_study"]
    while pending:
        name = pending.pop()
        path = ROOT / "include" / Path(*name.split(".")).with_suffix(".py")
        if name in seen or not path.is_file():
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        seen[name] = ast.dump(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("estate.score"):
                pending += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    for path in sorted(Path(__file__).parent.glob("valuation_*.py")):
        if path.stem not in ("valuation_page", "valuation_plot"):
            seen[path.stem] = ast.dump(ast.parse(path.read_text(encoding="utf-8")))
    seen |= {name: metadata.version(name) for name in _LIBRARIES}
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:12]


def _trials(rows: int) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Name and deed of every trial, in the order in which they are taken."""
    sales = sales_of(KING_COUNTY, rows)
    latest, random, year = latest_tenth(sales), random_fifth(sales), next_year(sales, 2015)
    for seed in SEEDS:
        # The estimates themselves are drawn for one seed; of the others they would only fill the record.
        keep = dict if seed == SEEDS[0] else _light
        yield f"out_of_time/{seed}", lambda seed=seed, keep=keep: keep(tried(latest, seed))  # type: ignore[misc]
    yield "peers", lambda: peers(latest)
    yield "constant_width", lambda: constant_width(latest, SEEDS[0])
    for seed in SEEDS:
        yield f"random/{seed}", lambda seed=seed: _light(tried(random, seed))  # type: ignore[misc]
    for seed in SEEDS:
        yield f"next_year/{seed}", lambda seed=seed: _light(tried(year, seed))  # type: ignore[misc]
    for number, fold in enumerate(ten_folds(sales)):
        yield f"ten_fold/{number}", lambda fold=fold: _light(tried(fold, SEEDS[0]))  # type: ignore[misc]
    for name, source in (("king_county_2021", KING_COUNTY_LATER), ("ames", AMES)):
        yield f"elsewhere/{name}/all", lambda source=source: _light(_there(source, rows, is_valid_only=False))  # type: ignore[misc]
        yield f"elsewhere/{name}/valid", lambda source=source: _light(_there(source, rows, is_valid_only=True))  # type: ignore[misc]
    yield "cost", lambda: cost(rows)


def _there(source: str, rows: int, *, is_valid_only: bool) -> dict[str, Any]:
    sales = sales_of(source, None if rows == ROWS else rows)
    split = latest_tenth(sales)
    return tried(valid_only(split, sales) if is_valid_only else split, SEEDS[0])


def _light(found: dict[str, Any]) -> dict[str, Any]:
    """Without the estimates themselves."""
    return {name: value for name, value in found.items() if name not in ("price", "estimate")}


def cost(rows: int) -> dict[str, Any]:
    """Seconds to train on all sales; and in processes of their own to score properties, in two sizes around the large one, and singly."""
    sales = sales_of(KING_COUNTY, rows)
    as_of = sales["sale_date"].max().date() + timedelta(days=1)
    began = time.perf_counter()
    model = train(sales, as_of)
    trained = time.perf_counter() - began
    small, scored, large = (max(1, count * rows // ROWS) for count in (_SMALL, _SCORED, _LARGE))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.zip"
        path.write_bytes(model.to_bytes())

        def run(count: int, *more: str) -> dict[str, float]:
            command = [sys.executable, "-m", "bench.valuation_cost", str(path), str(rows), str(count), *more]
            return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])

        # The small runs lie around the large one, so that a change of the machine's mood in between touches both sides.
        return {
            "sales": len(sales),
            "train_seconds": trained,
            "model_mb": path.stat().st_size / 1e6,
            "small_before": run(small) | {"count": small},
            "scored": run(scored) | {"count": scored},
            "large": run(large) | {"count": large},
            "small_after": run(small) | {"count": small},
            "single": run(1000, "--single"),
        }


def _keep(study: Study) -> None:
    """One line a trial: a change of one is a change of one line."""
    RESULTS.mkdir(exist_ok=True)
    lines = [f"{json.dumps(name)}: {json.dumps(_rounded(study[name]))}" for name in sorted(study)]
    STUDY.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 6) if isinstance(value, float) else value


def _told(found: dict[str, Any]) -> str:
    if "mape_pct" in found.get("accuracy", {}):
        got = found["accuracy"]
        return f"MAPE {got['mape_pct']:.2f}  COD {got['cod']:.2f}  RMSE {got['rmse_usd']:,.0f}  PRD {got['prd']:.3f}  VEI {got['vei']:.1f}"
    return "done"


def _mean(name: str, values: list[float], unit: str, bound: float | None = None, *, digits: int = 2, more: str = "") -> Figure:
    """The mean over seeds, with the least and the greatest beside it."""
    spread = f"{len(values)} seeds: {min(values):,.{digits}f} to {max(values):,.{digits}f}" if len(values) > 1 else "one seed"
    return Figure(name, fmean(values), unit, bound, against="; ".join(part for part in (spread, more) if part), digits=digits)


def _out_of_time(runs: list[dict[str, Any]]) -> list[Figure]:
    if not runs:
        return []

    def got(name: str) -> list[float]:
        return [float(run["accuracy"][name]) for run in runs]

    levels = [
        (f"out of time: {level:.0%} intervals, points off their share", f"{level:.0%}", 100 * level, bound)
        for level, bound in zip(LEVELS, (2.0, 1.5), strict=True)
    ]
    out = [
        _mean("out of time: MAPE", got("mape_pct"), "%", 11.6, more="best reference 12.1"),
        _mean("out of time: MdAPE", got("mdape_pct"), "%", 7.9, more="best reference 8.1"),
        _mean("out of time: COD", got("cod"), "", 11.7, more="best reference 12.2"),
        _mean("out of time: RMSE", got("rmse_usd"), "usd", 114_000, digits=0, more="best reference 125,106"),
        _mean("out of time: median ratio, distance from 1", [abs(one - 1) for one in got("median_ratio")], "", 0.02, digits=3),
        _mean("out of time: PRD", got("prd"), "", 1.03, digits=3, more="best reference 1.032"),
        _mean("out of time: PRB, size", [abs(one) for one in got("prb")], "", 0.03, digits=3, more="best reference -0.049"),
        _mean("out of time: VEI, size", [abs(one) for one in got("vei")], "%", 5, more="best reference -6.8"),
    ]
    for name, key, share, bound in levels:
        out.append(_mean(name, [abs(run["intervals"][key]["covered_pct"] - share) for run in runs], "points", bound))
    for _, key, share, _bound in levels:
        by_fifth = np.mean([run["intervals"][key]["by_price_pct"] for run in runs], axis=0)
        worst = float(np.abs(by_fifth - share).max())
        against = "from cheap to dear: " + ", ".join(f"{one:.1f}" for one in by_fifth) + " %"
        out.append(Figure(f"out of time: {key} intervals, the worst price fifth's distance", worst, "points", 4, against=against))
    return out


def _width(study: Study) -> list[Figure]:
    runs, plain = of(study, "out_of_time"), of(study, "constant_width")
    if not runs or not plain:
        return []
    out = []
    for key, band in plain[0]["band"].items():
        ours = fmean(run["intervals"][key]["width"] for run in runs)
        constant = float(np.exp(band[1]) - np.exp(band[0]))
        against = f"split conformal of one width, {constant:.3f}, covers {constant_cover(runs[0], band)[0]:.1f} %"
        out.append(Figure(f"out of time: mean width of the {key} interval beside the value", ours, "", against=against, digits=3))
    return out


def constant_cover(run: dict[str, Any], band: list[float]) -> tuple[float, list[float]]:
    """What an interval of one width for all covers of a run's sales: of all and by fifth of the price, in percent."""
    price = np.array(run["price"], dtype=float)
    miss = np.log(price / np.array(run["estimate"], dtype=float))
    within = (miss >= band[0]) & (miss <= band[1])
    return 100 * float(within.mean()), [100 * float(within[rows].mean()) for rows in fifths(price)]


def _other_splits(study: Study) -> list[Figure]:
    random, year, folds = (of(study, part) for part in ("random", "next_year", "ten_fold"))
    out = []
    if random:
        out.append(_mean("random 80/20: MAPE", [run["accuracy"]["mape_pct"] for run in random], "%", 10.9, more="best reference 11.1"))
        rmse = [run["accuracy"]["rmse_usd"] for run in random]
        out.append(_mean("random 80/20: RMSE", rmse, "usd", 109_000, digits=0, more="best reference 112,245"))
    if len(folds) == 10:
        more = "one seed; reference 109,040"
        out.append(Figure("ten folds pooled: RMSE", pooled(folds)["rmse_usd"], "usd", 105_000, against=more, digits=0))
    if year:
        out.append(_mean("2014 values 2015: COD", [run["accuracy"]["cod"] for run in year], "", 12.2, more="reference 12.6"))
    return out


def pooled(folds: list[dict[str, Any]]) -> dict[str, float]:
    """Errors of all folds together."""
    total = {name: sum(run["errors"][name] for run in folds) for name in folds[0]["errors"]}
    return {
        "rmse_usd": float(np.sqrt(total["squared"] / total["count"])),
        "mae_usd": total["absolute"] / total["count"],
        "mape_pct": 100 * total["relative"] / total["count"],
    }


def _elsewhere(study: Study) -> list[Figure]:
    out = []
    for name in sorted(one for one in study if one.startswith("elsewhere/")):
        _, place, which = name.split("/")
        got = study[name]["found"]["accuracy"]
        against = f"COD {got['cod']:.1f}, PRD {got['prd']:.3f}, VEI {got['vei']:.1f}; one seed, no parameter changed"
        out.append(Figure(f"{place.replace('_', ' ')}, {which} sales, out of time: MAPE", got["mape_pct"], "%", against=against))
    return out


def _cost(study: Study) -> list[Figure]:
    if not (runs := of(study, "cost")):
        return []
    (run,) = runs
    scored, small, large = run["scored"], median([run["small_before"]["seconds"], run["small_after"]["seconds"]]), run["large"]
    sizes = f"{run['small_before']['count']:,} against {large['count']:,} properties, in processes of their own"
    return [
        Figure(f"training on {run['sales']:,} sales, all stages", run["train_seconds"], "s", 120),
        Figure(f"scoring {scored['count']:,} properties with everything that explains them", scored["seconds"], "s", 120),
        Figure("scoring ten times the properties", large["seconds"] / small, "x", 10.5, against=sizes),
        Figure(f"scoring {large['count']:,}: peak memory", large["peak_mib"], "MiB"),
        Figure(
            "one valuation on request, median", run["single"]["p50_ms"], "ms", 50, against=f"{run['single']['count']} properties in turn"
        ),
        Figure("one valuation on request, 95th percentile", run["single"]["p95_ms"], "ms", 50),
        Figure("reading the county's sales in, once", scored["market_seconds"], "s"),
        Figure("the stored model", run["model_mb"], "MB"),
    ]
