"""A figure, its bound and its verdict; the table for people and the file for machines."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.table import Table

RESULTS = Path(__file__).parent / "results"


class CannotMeasure(Exception):
    """Something that the measurement needs is not on this machine; says what."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `bound` is None for a figure that explains others; `against` says what it is compared with.

    `digits` are those behind the point that a reader needs.
    """

    name: str
    value: float
    unit: str
    bound: float | None = None
    better: Literal["lower", "higher"] = "lower"
    against: str = ""
    digits: int = 2

    @property
    def verdict(self) -> str:
        """Whether the bound is kept; empty without one."""
        if self.bound is None:
            return ""
        return "kept" if (self.value <= self.bound if self.better == "lower" else self.value >= self.bound) else "missed"


def seconds(action: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long `action` took by `clock`."""
    began = clock()
    action()
    return clock() - began


def medians(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """The median of each measurement over the rounds."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def table(title: str, figures: Sequence[Figure]) -> Table:
    """The figures as people read them."""
    shown = Table("measured", "value", "bound", "", "against", title=title, title_justify="left", box=None, header_style="dim")
    said = ""
    for figure in figures:
        colour = {"kept": "green", "missed": "red", "": "dim"}[figure.verdict]
        sign = {"lower": "≤", "higher": "≥"}[figure.better]
        bound = "" if figure.bound is None else f"{sign} {figure.bound:,g} {figure.unit}"
        shown.add_row(
            figure.name,
            f"{figure.value:,.{figure.digits}f} {figure.unit}",
            bound,
            f"[{colour}]{figure.verdict}[/{colour}]",
            figure.against if figure.against != said else '"' if said else "",
        )
        said = figure.against
    return shown


def recorded(name: str) -> list[Figure]:
    """The figures of bench/results/<name>.json; none where nothing is recorded."""
    path = RESULTS / f"{name}.json"
    return [Figure(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []


def write(name: str, figures: Sequence[Figure]) -> Path:
    """Write bench/results/<name>.json and return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    entries = [asdict(figure) | {"value": round(figure.value, 4)} for figure in figures]
    path.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
