"""docs/performance.md and what is measured in docs/valuation.md, written from bench/results/*.json after every full run.

The pages and the figures cannot disagree. Without a run: python -m bench.report.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from bench import valuation_page
from bench.figures import RESULTS, recorded

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
_HEAD = """# Performance

Written by `make bench` from `bench/results/`; do not edit. Each figure with a bound is a ratio against a limit or a peer measured in the
same run, or a stated budget; the others say where the time goes. Times are of a shared machine with two cores: read the ratios.
"""


def write_page(names: tuple[str, ...]) -> Path:
    """Write the pages from the results there are, in the order of `names`; returns the path of docs/performance.md."""
    parts = [_HEAD, *(_section(name) for name in names if (RESULTS / f"{name}.json").exists())]
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    valuation_page.write()
    return PAGE


def _section(name: str) -> str:
    module = importlib.import_module(f"bench.{name}")
    figures = recorded(name)
    notes = "\n\n".join(getattr(module, "NOTES", ()))
    lines = [f"## {name}\n", f"{(module.__doc__ or '').splitlines()[0]}\n", f"`make bench NAME={name}`\n"]
    lines += ["| measured | value | bound | | against |", "|---|---:|---:|---|---|"]
    for figure in figures:
        sign = {"lower": "≤", "higher": "≥"}[figure.better]
        bound = "" if figure.bound is None else f"{sign} {figure.bound:,g} {figure.unit}"
        lines.append(f"| {figure.name} | {figure.value:,.{figure.digits}f} {figure.unit} | {bound} | {figure.verdict} | {figure.against} |")
    return "\n".join(lines) + "\n" + (f"\n{notes}\n" if notes else "")


if __name__ == "__main__":
    from bench.__main__ import NAMES

    print(write_page(NAMES))
