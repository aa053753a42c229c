"""The command: python -m bench [NAME] [--scale ROWS]."""

from __future__ import annotations

import importlib

import click
from rich.console import Console

from bench.figures import CannotMeasure, table, write
from bench.report import write_page

NAMES = ("pipeline", "publish", "provenance", "spatial", "growth")


@click.command()
@click.argument("name", required=False, type=click.Choice(NAMES))
@click.option("--scale", type=click.IntRange(min=1000), help="rows of a trial; a trial writes no results")
def main(name: str | None, scale: int | None) -> None:
    """Measure NAME, or everything, print what came of it and write bench/results/<name>.json."""
    console = Console(highlight=False)
    for chosen in (name,) if name else NAMES:
        console.rule(f"[bold]{chosen}", align="left", style="dim")
        module = importlib.import_module(f"bench.{chosen}")
        try:
            figures = module.measure(scale or module.ROWS, console)
        except CannotMeasure as reason:
            console.print(f"{chosen}: skipped, {reason}")
            continue
        title = (module.__doc__ or "").splitlines()[0]
        console.print(table(title, figures))
        console.print(f"a trial with {scale:,} rows; nothing written" if scale else f"written to {write(chosen, figures)}")

    if not scale:
        console.print(f"and {write_page(NAMES)}")


if __name__ == "__main__":
    main()
