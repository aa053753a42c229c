"""What ten times the properties cost: time of each stage, and peak memory of each task, of generated sales of one county."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
from rich.console import Console

from bench import machine, spatial
from bench.figures import Figure
from bench.step import TENANT
from estate.contracts import STAGES
from estate.settings import settings
from local.environment import process_environment
from local.layout import ROOT

ROWS = 100_000
_TIMES = 10
# The small runs lie around the large one, so that a change of the machine's mood in between touches both sides.
_RUNS = (1, 1, _TIMES, 1)
_NOTE = """The recorded run shared its two cores with the test suite for most of the large batch, and not for the small ones: its ratios
are an upper bound and not a verdict. Two things have been mended since and wait for the next full run: the gate's key check held every key
of ten million comparables at once (alone, it now peaks at 0.8 GiB), and every piece of a valuation prepared sales that it could not
use. The run is older than the trained models: its values came from comparables alone."""
NOTES = (_NOTE,)
_RATIO_BOUND = 10.5
_MEMORY_BOUND_MIB = 2048
_LAYER_FEATURES = 2000


def measure(rows: int, console: Console) -> list[Figure]:
    """All five stages on `rows` and on ten times `rows` properties, each step in a process of its own, each run in a fresh database."""
    small: dict[str, list[dict[str, float]]] = defaultdict(list)
    large: dict[str, dict[str, float]] = {}
    with machine.stores(console) as servers:
        for number, times in enumerate(_RUNS):
            with machine.database(servers, f"growth{number}"):
                console.print(f"{times * rows:,} properties")
                measured = _run(times * rows, console)
            if times == 1:
                for task, took in measured.items():
                    small[task].append(took)
            else:
                large = measured
    return _figures(rows, small, large)


def _figures(rows: int, small: dict[str, list[dict[str, float]]], large: dict[str, dict[str, float]]) -> list[Figure]:
    once = {task: statistics.median(took["seconds"] for took in runs) for task, runs in small.items()}
    ratios, memory, times = [], [], []
    for stage in STAGES:
        tasks = [task for task in large if task.split(".")[0] == stage]
        ratio = sum(large[task]["seconds"] for task in tasks) / sum(once[task] for task in tasks)
        against = f"{rows:,} against {_TIMES * rows:,} properties, build, gate and publish" + (" and land" if stage == "ingest" else "")
        ratios.append(Figure(f"{stage}: time for ten times the properties", ratio, "x", _RATIO_BOUND, against=against))
        for task in tasks:
            memory.append(Figure(f"{task}: peak memory at {_TIMES * rows:,}", large[task]["peak_mib"], "MiB", _MEMORY_BOUND_MIB))
            times.append(Figure(f"{task}: time at {rows:,}", once[task], "s"))
            times.append(Figure(f"{task}: time at {_TIMES * rows:,}", large[task]["seconds"], "s"))
    return [*ratios, *memory, *times]


def sales(rows: int) -> pd.DataFrame:
    """`rows` sales of as many homes in the columns of the King County file, spread evenly over the county; always the same."""
    random = np.random.default_rng(21_613)
    area = np.clip(np.exp(random.normal(7.55, 0.42, rows)), 400, 12_000).round(-1).astype(int)
    grade = np.clip(np.rint(3.5 + 0.0017 * area + random.normal(0, 0.7, rows)), 3, 13).astype(int)
    longitude, latitude = random.uniform(spatial.WEST, spatial.EAST, rows), random.uniform(spatial.SOUTH, spatial.NORTH, rows)
    built = random.integers(1900, 2015, rows)
    price = np.exp(
        8.1 + 0.6 * np.log(area) + 0.08 * grade + 0.3 * np.sin(9 * longitude) + 0.3 * np.cos(9 * latitude) + random.normal(0, 0.18, rows)
    )
    day = pd.Timestamp("2014-05-02") + pd.to_timedelta(random.integers(0, 385, rows), "D")
    basement = np.where(random.random(rows) < 0.4, area // 4, 0)
    lot = np.clip(np.exp(random.normal(9.0, 0.9, rows)), 600, 1_000_000).astype(int)
    return pd.DataFrame({
        "id": np.char.zfill((1_000_000_000 + np.arange(rows) * 7).astype(str), 10),
        "date": day.strftime("%Y%m%dT000000"),
        "price": price.round(-2).astype(int),
        "bedrooms": np.clip(area // 600, 1, 9),
        "bathrooms": np.clip(area // 250, 2, 24) / 4,
        "sqft_living": area,
        "sqft_lot": lot,
        "floors": random.integers(2, 6, rows) / 2,
        "waterfront": 0,
        "view": 0,
        "condition": random.integers(2, 6, rows),
        "grade": grade,
        "sqft_above": area - basement,
        "sqft_basement": basement,
        "yr_built": built,
        "yr_renovated": np.where(random.random(rows) < 0.05, 2005, 0),
        "zipcode": random.integers(98_001, 98_199, rows).astype(str),
        "lat": latitude.round(4),
        "long": longitude.round(3),
        "sqft_living15": area,
        "sqft_lot15": lot,
    })  # fmt: skip


def _run(rows: int, console: Console) -> dict[str, dict[str, float]]:
    """Seconds and peak MiB of each task, by stage.step, on generated sales of `rows` properties."""
    folder = settings().landing_dir / TENANT
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"king_county_2014_2015_generated_{rows}.csv"
    pacsv.write_csv(pa.Table.from_pandas(sales(rows), preserve_index=False), file)
    spatial.store(spatial.ground(_LAYER_FEATURES))
    took: dict[str, dict[str, float]] = {}
    landed = took["ingest.land"] = _step("ingest", "land", file.name)
    for stage in STAGES:
        for step in ("model", "build", "gate", "publish") if stage == "score" else ("build", "gate", "publish"):
            one = took[f"{stage}.{step}"] = _step(stage, step, str(landed["batch"]))
            console.print(f"  {stage}.{step}: {one['seconds']:.1f} s, {one['peak_mib']:,.0f} MiB")
    file.unlink()
    return took


def _step(stage: str, step: str, subject: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.step", stage, step, subject]
    done = subprocess.run(command, cwd=ROOT, env=process_environment(dict(os.environ)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{stage}.{step} failed:\n{done.stderr[-3000:]}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer
