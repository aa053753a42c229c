"""The command: python -m bench [NAME] [--scale ROWS] [--part PART]."""

from __future__ import annotations

import importlib

import click
from rich.console import Console

from bench.figures import CannotMeasure, table, write
from bench.report import write_page

NAMES: tuple[str, ...] = ("pipeline", "publish", "provenance", "spatial", "growth", "comparables", "valuation", "api", "features")


@click.command()
@click.argument("name", required=False, type=click.Choice(NAMES))
@click.option("--scale", type=click.IntRange(min=1000), help="rows of a trial; a trial writes no results")
@click.option("--part", "parts", multiple=True, help="measure this part of NAME again, and keep what is recorded of the others")
def main(name: str | None, scale: int | None, parts: tuple[str, ...]) -> None:
    """Measure NAME, or everything, print what came of it and write bench/results/<name>.json."""
    console = Console(highlight=False)
    if parts:
        _check(name, parts)
    for chosen in (name,) if name else NAMES:
        console.rule(f"[bold]{chosen}", align="left", style="dim")
        module = importlib.import_module(f"bench.{chosen}")
        try:
            figures = module.measure(scale or module.ROWS, console, *([parts] if parts else []))
        except CannotMeasure as reason:
            console.print(f"{chosen}: skipped, {reason}")
            continue
        title = (module.__doc__ or "").splitlines()[0]
        console.print(table(title, figures))
        console.print(f"a trial with {scale:,} rows; nothing written" if scale else f"written to {write(chosen, figures)}")

    if not scale:
        console.print(f"and {write_page(NAMES)}")


def _check(name: str | None, parts: tuple[str, ...]) -> None:
    known = getattr(importlib.import_module(f"bench.{name}"), "PARTS", ()) if name else ()
    if wrong := [part for part in parts if part not in known]:
        raise click.UsageError(f"{name or 'everything'} has no part {', '.join(wrong)}; it has {', '.join(known) or 'none'}")


if __name__ == "__main__":
    main()
