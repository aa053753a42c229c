"""What a demonstration runs: steps of runs, as local/demo.toml says."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from local.layout import Layout
from local.samples import export_samples

PLAN = Path(__file__).with_name("demo.toml")
_REFERENCE = "reference"  # the landing folder of what belongs to no tenant


class Run(BaseModel):
    """One run of a DAG, over one file or over all there is, and what must come of it.

    An `awaited` run is not triggered: what a run before it published starts it. In the plan it stands for one run after each of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    dag: str
    tenant: str | None = None
    source: str | None = None
    file: str | None = None
    expect: Literal["published", "refused"] = "published"
    awaited: bool = False

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if (self.source is None) != (self.file is None):
            raise ValueError(f"{self.dag}: source and file go together")
        if self.awaited and (self.tenant or self.source or self.expect == "refused"):
            raise ValueError(f"{self.dag}: an awaited run takes tenant and batch from the run that starts it, and is to succeed")
        return self

    def after(self, run: Run) -> Run:
        """This awaited run as the one that `run` starts."""
        return self.model_copy(update={"tenant": run.tenant, "source": run.source})

    @property
    def title(self) -> str:
        """Short, for a line of progress."""
        name = self.source or self.dag
        if self.awaited and self.source:
            name = f"{self.dag} after {self.source}"
        elif self.file and self.expect == "refused":
            name = Path(self.file).stem
        return f"{self.tenant}: {name}" if self.tenant else name

    @property
    def conf(self) -> dict[str, str]:
        """The values of the DAG's form."""
        values = {"tenant": self.tenant, "source": self.source, "file": self.file and Path(self.file).name}
        return {name: value for name, value in values.items() if value}


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
    """Put each run's file where its tenant's files are looked for. Returns the steps whose files are there, and the files that are not.

    Runs without a file stay.
    """
    folder = data
    if folder is None:
        folder = machine["samples"]
        export_samples(folder)
    missing: list[str] = []
    kept: list[Step] = []
    for step in plan:
        runs = []
        for run in step.runs:
            if run.file is None:
                runs.append(run)
                continue
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
