"""One step of one stage in a process of its own, as a task is: python -m bench.step STAGE STEP FILE-OR-BATCH; prints what it took."""

from __future__ import annotations

import importlib
import json
import re
import time
from pathlib import Path

import click

from estate.ingest.stage import land
from estate.score.training import ensure_models
from estate.settings import tenants
from estate.stages import batch_of, build_stage, gate_stage, publish_stage

SOURCE = "king_county_sales_2014"
TENANT = "lakeside"


@click.command()
@click.argument("stage")
@click.argument("step")
@click.argument("subject")
def main(stage: str, step: str, subject: str) -> None:
    """Run STEP (land, model, build, gate or publish) of STAGE on SUBJECT: a landed batch, or for `land` a file."""
    tenant = tenants()[TENANT]
    # Imports cost the same however many rows there are; counted, they would flatter the growth.
    importlib.import_module(f"estate.{stage}.stage")
    if step == "gate":
        importlib.import_module("great_expectations")
    began = time.perf_counter()
    if step == "land":
        batch = land(tenant, SOURCE, subject, None, "bench").batch_id
    else:
        batch = subject
        work = batch_of(tenant, batch, "bench")
        if step == "model":
            ensure_models(work)
        else:
            {"build": build_stage, "gate": gate_stage, "publish": publish_stage}[step](stage, work)
    took = time.perf_counter() - began
    click.echo(json.dumps({"batch": batch, "seconds": took, "peak_mib": peak_mib()}))


def peak_mib() -> float:
    """Peak resident memory of this process, MiB. The kernel's ru_maxrss would also count what the parent held when it forked."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None, "Linux says VmHWM of every process"
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
