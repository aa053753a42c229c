"""Scoring in a process of its own, as a task is: python -m bench.valuation_cost MODEL SALES PROPERTIES; prints what it took."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click
import numpy as np

from bench.step import peak_mib
from bench.valuation_sales import KING_COUNTY, sales_of
from bench.valuation_trial import jittered
from estate.score.model import Model
from estate.score.valuation import Asked, value, value_in_pieces

_SINGLE = 200


@click.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.argument("sales", type=int)
@click.argument("properties", type=int)
@click.option("--single", is_flag=True, help="one property at a time instead")
def main(model: Path, sales: int, properties: int, single: bool) -> None:
    """Value PROPERTIES houses by MODEL with SALES sales at hand: values, intervals, comparables, contributions, counterfactuals."""
    known = sales_of(KING_COUNTY, sales)
    read = Model.from_bytes(model.read_bytes())
    began = time.perf_counter()
    asked = Asked.of(read, "bench", known, read.as_of_day)
    told = {"market_seconds": time.perf_counter() - began}
    houses = jittered(known, properties)
    value(asked, houses[:1])  # libraries load, models are parsed and trees are built once a process
    if single:
        took = []
        for place in range(min(_SINGLE, len(houses))):
            began = time.perf_counter()
            value(asked, houses[place : place + 1])
            took.append(1000 * (time.perf_counter() - began))
        told |= {"p50_ms": float(np.median(took)), "p95_ms": float(np.quantile(took, 0.95)), "count": len(took)}
    else:
        began, rows = time.perf_counter(), 0
        # Pieces are let go once they are counted, as the stage hands them on.
        for frames in value_in_pieces(asked, houses):
            rows += len(frames["score.valuation"])
        assert rows == properties, rows
        told |= {"seconds": time.perf_counter() - began}
    click.echo(json.dumps(told | {"peak_mib": peak_mib()}))


if __name__ == "__main__":
    main()
