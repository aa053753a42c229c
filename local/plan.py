"""What a demonstration runs: steps of runs, as local/demo.toml says."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from local.layout import Layout
from local.samples import export_samples

PLAN = Path(__file__).with_name("demo.toml")
_REFERENCE = "reference"  # the landing folder of what belongs to no tenant


class Run(BaseModel):
    """One run of a DAG over one file, and what must come of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    dag: str
    tenant: str | None = None
    source: str
    file: str
    expect: Literal["published", "refused"] = "published"

    @property
    def title(self) -> str:
        """Short, for a line of progress."""
        name = self.source if self.expect == "published" else Path(self.file).stem
        return f"{self.tenant}: {name}" if self.tenant else name

    @property
    def conf(self) -> dict[str, str]:
        """The values of the DAG's form."""
        values = {"source": self.source, "file": Path(self.file).name}
        return {"tenant": self.tenant, **values} if self.tenant else values


class Step(BaseModel):
    """Runs that go at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: str
    runs: tuple[Run, ...]


def steps(data: Path | None) -> list[Step]:
    """The plan with the samples, or with the larger real sets in the folder `data`."""
    plan = tomllib.loads(PLAN.read_text(encoding="utf-8"))
    return [Step.model_validate(step) for step in plan["sample" if data is None else "data"]]


def offer(machine: Layout, plan: list[Step], data: Path | None) -> tuple[list[Step], list[str]]:
    """Put each run's file where its tenant's files are looked for. Returns the steps whose files are there, and the files that are not."""
    folder = data
    if folder is None:
        folder = machine["samples"]
        export_samples(folder)
    missing: list[str] = []
    kept: list[Step] = []
    for step in plan:
        runs = []
        for run in step.runs:
            if not (folder / run.file).is_file():
                missing.append(run.file)
                continue
            home = machine["landing"] / (run.tenant or _REFERENCE)
            home.mkdir(exist_ok=True)
            shutil.copy2(folder / run.file, home / Path(run.file).name)
            runs.append(run)
        if runs:
            kept.append(Step(title=step.title, runs=tuple(runs)))
    return kept, missing
