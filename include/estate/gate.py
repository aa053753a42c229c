"""The gate: a suite and a staged batch in, a verdict out. Knows Great Expectations, not Airflow.

A batch passes only if the suite has expectations, the batch has rows (unless its contract says that none is sound),
nothing raised, and the checkpoint succeeds on exactly the rows that would be published. An expectation that carries
``quarantine_up_to`` may send up to that share of the rows to quarantine; above it, or without it, a critical failure
refuses the whole batch. An expectation of severity ``warning`` without that share is reported and refuses nothing.
"""

from __future__ import annotations

import json
import os
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from estate.batch import content_sha256
from estate.contracts import Contract
from estate.settings import ROOT
from estate.staged import SLICE_ROWS, StagedRows, columns_of, slices_of

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuite
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.render.view import DefaultJinjaPageView

SUITES = ROOT / "gx" / "expectations"
_PAGES = 10  # a batch of many slices keeps the page of its first and of the first that fail; more would be read by nobody
_SHOWN = 3  # rows that a failure names, enough to know where to look
UNREADABLE = "value_could_not_be_read"
PARENT_QUARANTINED = "parent_row_was_quarantined"


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that did not hold: on how many rows, how grave, and why it stands."""

    expectation: str
    field_name: str | None
    rows: int
    severity: str
    reason: str
    outcome: str  # refused, quarantined or warned
    detail: str = ""

    def __str__(self) -> str:
        """As a log line names it."""
        return f"{self.expectation}({self.field_name or ''}) in {self.rows:,} rows"


@dataclass(slots=True)
class Verdict:
    """What the gate says of one table of one batch.

    `quarantined` has one row per rejected row and expectation: ``position`` in the judged table, ``expectation``,
    ``field_name``, ``reason``. `docs` holds the Data Docs pages by path; `docs_page` is the one that shows the failures.
    """

    table_name: str
    suite_sha256: str
    rows_in: int
    expectation_count: int = 0
    failures: list[Failure] = field(default_factory=list)
    quarantined: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["position", "expectation", "field_name", "reason"]))
    docs: dict[str, bytes] = field(default_factory=dict)
    docs_page: str | None = None
    verdict_id: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def is_passed(self) -> bool:
        """Whether what is left after quarantine may be published."""
        return not any(failure.outcome == "refused" for failure in self.failures)

    @property
    def rejected(self) -> list[int]:
        """Positions of the rows kept back, ascending."""
        return sorted(set(self.quarantined["position"]))


def suite_path(contract: Contract) -> Path:
    """Where the suite of a published table is written down."""
    return SUITES / contract.schema / f"{contract.table}.json"


def judge(contract: Contract, rows: pa.Table | StagedRows, run_name: str, defects: pd.DataFrame | None = None) -> Verdict:
    """Judge the staged `rows` of `contract`, a slice in memory at a time.

    `defects` names cells that could not be read (columns position, field_name, reason): their rows go to quarantine as if
    an expectation had failed, up to the suite's ``defects_up_to``. `run_name` names the run in the Data Docs.
    """
    text = suite_path(contract).read_bytes()
    suite = json.loads(text)
    verdict = Verdict(contract.name, content_sha256(text), rows.num_rows, len(suite["expectations"]))
    if not suite["expectations"]:
        return _refused(verdict, "suite_is_not_empty", "a gate without expectations lets everything through")
    if rows.num_rows == 0:
        return verdict if contract.may_be_empty else _refused(verdict, "batch_has_rows", "an empty batch proves nothing")
    if defects is not None and len(defects):
        _quarantine_defects(verdict, defects, suite.get("meta", {}).get("defects_up_to", 0.0))
    if rows.num_rows > SLICE_ROWS and not _is_unique(rows, contract.key):
        _refused(verdict, "key_is_unique", "two rows of one key; a suite sees this within a slice only")
    checkpoint = _Checkpoint(contract, suite["expectations"], run_name)
    # A row that is kept back already is judged no further: what could not be read is null, and would fail again for that.
    _weigh(verdict, _found(checkpoint, rows, set(verdict.rejected)), checkpoint, rows)
    if verdict.rejected and verdict.is_passed:
        if len(verdict.rejected) == verdict.rows_in:
            _refused(verdict, "batch_has_rows", "quarantine left nothing to publish")
        else:
            _require_success(verdict, _found(checkpoint, rows, set(verdict.rejected)), checkpoint)
    verdict.docs, verdict.docs_page = checkpoint.docs, checkpoint.first_page
    return verdict


@dataclass(slots=True)
class _Finding:
    """What one expectation found over all slices; `failed_slices` names those in which it did not hold, `shown` some of the rows."""

    raised: str = ""
    count: int = 0
    shown: str = ""
    failed_slices: list[int] = field(default_factory=list)


def _frames(rows: pa.Table | StagedRows, left_out: set[int] | None = None) -> Iterator[pd.DataFrame]:
    """Each slice as a frame indexed by position in the whole table, without the rows left out; never an empty one."""
    start = 0
    for part in slices_of(rows):
        frame = part.to_pandas(date_as_object=False)
        frame.index = pd.RangeIndex(start, start + len(frame))
        start += len(frame)
        yield frame.drop(index=list(left_out.intersection(frame.index))) if left_out else frame


def _found(checkpoint: _Checkpoint, rows: pa.Table | StagedRows, left_out: set[int] | None = None) -> list[_Finding]:
    found = [_Finding() for _ in checkpoint.specs]
    for number, frame in enumerate(_frames(rows, left_out)):
        if frame.empty:
            continue
        for finding, (result, spec) in zip(found, checkpoint.paired(checkpoint.run(frame)), strict=True):
            if not result.success:
                finding.raised = finding.raised or _raised(result)
                finding.shown = finding.shown or checkpoint.shown(spec, result, frame)
                finding.count += int(result.result.get("unexpected_count") or 0)
                finding.failed_slices.append(number)
    return found


def _is_unique(rows: pa.Table | StagedRows, key: tuple[str, ...]) -> bool:
    # Eight bytes a row decide nearly always; only when two of them agree are the keys themselves compared.
    parts = (part.to_pandas() for part in slices_of(rows, list(key)))
    digests = np.concatenate([pd.util.hash_pandas_object(part, index=False).to_numpy() for part in parts])
    if len(np.unique(digests)) == rows.num_rows:
        return True
    return bool(columns_of(rows, list(key)).group_by(list(key)).aggregate([]).num_rows == rows.num_rows)


def _refused(verdict: Verdict, expectation: str, reason: str) -> Verdict:
    verdict.failures.append(Failure(expectation, None, verdict.rows_in, "critical", reason, "refused"))
    return verdict


def _quarantine_defects(verdict: Verdict, defects: pd.DataFrame, up_to: float) -> None:
    rows = defects["position"].nunique()
    within = rows <= up_to * verdict.rows_in
    for name, group in defects.groupby("field_name", sort=True):
        verdict.failures.append(
            Failure(UNREADABLE, str(name), group["position"].nunique(), "critical", str(group["reason"].iloc[0]),
                    "quarantined" if within else "refused", f"at most {up_to:.1%} of the rows may be unreadable")
        )  # fmt: skip
    if within:
        verdict.quarantined = pd.concat(
            [verdict.quarantined, defects.assign(expectation=UNREADABLE)[["position", "expectation", "field_name", "reason"]]],
            ignore_index=True,
        )


def _weigh(verdict: Verdict, found: list[_Finding], checkpoint: _Checkpoint, rows: pa.Table | StagedRows) -> None:
    for finding, spec in zip(found, checkpoint.specs, strict=True):
        if not finding.failed_slices:
            continue
        column, reason = checkpoint.column(spec), spec["notes"]
        if finding.raised:
            detail = f"raised: {finding.raised}"
            verdict.failures.append(Failure(spec["type"], column, verdict.rows_in, "critical", reason, "refused", detail))
            continue
        share = spec.get("meta", {}).get("quarantine_up_to")
        if share is not None and 0 < finding.count <= share * verdict.rows_in:
            positions = checkpoint.unexpected(spec, rows, finding.failed_slices)
            added = pd.DataFrame({"position": positions, "expectation": spec["type"], "field_name": column, "reason": reason})
            verdict.quarantined = pd.concat([verdict.quarantined, added], ignore_index=True)
            outcome, detail = "quarantined", f"up to {share:.1%} of the rows may be kept back"
        elif share is not None or spec["severity"] == "critical":
            outcome, detail = "refused", finding.shown if share is None else f"more than {share:.1%} of the rows"
        else:
            outcome, detail = "warned", finding.shown
        verdict.failures.append(Failure(spec["type"], column, finding.count, spec["severity"], reason, outcome, detail))


def _require_success(verdict: Verdict, found: list[_Finding], checkpoint: _Checkpoint) -> None:
    for finding, spec in zip(found, checkpoint.specs, strict=True):
        is_warning = spec["severity"] == "warning" and not finding.raised and "quarantine_up_to" not in spec.get("meta", {})
        if finding.failed_slices and not is_warning:
            detail = "still fails without the quarantined rows"
            verdict.failures.append(
                Failure(spec["type"], checkpoint.column(spec), finding.count, "critical", spec["notes"], "refused", detail)
            )


def _raised(result: ExpectationValidationResult) -> str:
    """The first message of whatever the expectation raised; empty when it raised nothing."""
    info: dict[str, Any] = result.exception_info or {}
    for part in [info, *[value for value in info.values() if isinstance(value, dict)]]:
        if part.get("raised_exception"):
            return str(part.get("exception_message")).splitlines()[0]
    return ""


@cache
def _view() -> DefaultJinjaPageView:
    """Great Expectations' own page, its templates compiled once for all processes of this user instead of once a page."""
    from great_expectations.render.view import DefaultJinjaPageView
    from jinja2 import FileSystemBytecodeCache

    view = DefaultJinjaPageView()
    view.env.bytecode_cache = FileSystemBytecodeCache()
    return view


def _rendered(validation: ExpectationSuiteValidationResult) -> bytes:
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    for result in validation.results:
        # Great Expectations writes the values that a file brought along into its page as they are, markup and all.
        result.result = _escaped(result.result)
    html: str = _view().render(ValidationResultsPageRenderer(run_info_at_end=True).render(validation), show_how_to_buttons=False)
    return html.encode()


def _rendered_suite(suite: ExpectationSuite) -> bytes:
    from great_expectations.render.renderer import ExpectationSuitePageRenderer

    html: str = _view().render(ExpectationSuitePageRenderer().render(suite), show_how_to_buttons=False)
    return html.encode()


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, dict):
        return {name: _escaped(item) for name, item in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list | tuple) else value


@cache
def _static() -> dict[str, bytes]:
    """The pictures that the pages show, by their path in the site."""
    from great_expectations.render import view

    root = Path(view.__file__).parent
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in (root / "static" / "images").iterdir() if path.suffix != ".gif"
    }


class _Checkpoint:
    """One suite over frames, in an ephemeral context: two gates at once share no file."""

    def __init__(self, contract: Contract, specs: list[dict[str, Any]], run_name: str) -> None:
        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
        with warnings.catch_warnings():
            # Great Expectations imports a deprecated standard module; nothing of ours is hidden by this.
            warnings.simplefilter("ignore", DeprecationWarning)
            import great_expectations as gx
            from great_expectations.data_context.types.base import ProgressBarsConfig
            from great_expectations.expectations.registry import get_expectation_impl

        self._gx = gx
        self._contract = contract
        self.specs = specs
        self._run_name = run_name
        self.docs: dict[str, bytes] = {}
        self.first_page: str | None = None
        self._first_page_failed = False
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("staged").add_dataframe_asset(contract.name)
        self._whole = asset.add_batch_definition_whole_dataframe("batch")
        self._suite = context.suites.add(gx.ExpectationSuite(name=contract.name))
        # The position in the suite travels in meta: results come back in another order.
        self._expectations = [
            get_expectation_impl(spec["type"])(
                **spec["kwargs"], severity=spec["severity"], notes=spec["notes"], meta={"position": position}
            )
            for position, spec in enumerate(specs)
        ]
        for expectation in self._expectations:
            self._suite.add_expectation(expectation)
        definition = context.validation_definitions.add(gx.ValidationDefinition(name=contract.name, data=self._whole, suite=self._suite))
        checkpoint = gx.Checkpoint(name=contract.name, validation_definitions=[definition], result_format={"result_format": "SUMMARY"})
        self._checkpoint = context.checkpoints.add(checkpoint)

    def run(self, frame: pd.DataFrame) -> list[ExpectationValidationResult]:
        """Validate one frame; one result per expectation. Keeps the page of the first, and of those that fail."""
        started_at = datetime.now(UTC)
        run_id = self._gx.RunIdentifier(run_name=self._run_name, run_time=started_at)
        outcome = self._checkpoint.run(batch_parameters={"dataframe": frame}, run_id=run_id)
        (validation,) = outcome.run_results.values()
        if not self.docs or (not validation.success and len(self.docs) < _PAGES + len(_static()) + 1):
            table = self._contract.name.replace(".", "/")
            page = f"validations/{table}/{self._run_name}/{started_at:%Y%m%dT%H%M%S.%fZ}/{self._contract.name}.html"
            self.docs |= {page: _rendered(validation), f"expectations/{table}.html": _rendered_suite(self._suite), **_static()}
            if self.first_page is None or not (self._first_page_failed or validation.success):
                self.first_page, self._first_page_failed = page, not validation.success
        return list(validation.results)

    def paired(self, results: list[ExpectationValidationResult]) -> list[tuple[ExpectationValidationResult, dict[str, Any]]]:
        """Each result with its declaration, in the order of the suite. Raises RuntimeError when one is missing."""
        by_position = {result.expectation_config.meta["position"]: result for result in results if result.expectation_config}
        if set(by_position) != set(range(len(self.specs))):
            raise RuntimeError(f"{len(self.specs)} expectations were asked, {len(by_position)} answered")
        return [(by_position[position], spec) for position, spec in enumerate(self.specs)]

    def unexpected(self, spec: dict[str, Any], rows: pa.Table | StagedRows, slices: list[int]) -> list[int]:
        """Positions of the rows that break one row-level expectation, looked for in `slices` only; called below its share."""
        number = next(i for i, candidate in enumerate(self.specs) if candidate is spec)
        positions: list[int] = []
        for place, frame in enumerate(_frames(rows)):
            if place in slices:
                batch = self._whole.get_batch({"dataframe": frame})
                result = batch.validate(self._expectations[number], result_format={"result_format": "COMPLETE"})
                positions += [int(index) for index in result.result["unexpected_index_list"]]
        return positions

    def shown(self, spec: dict[str, Any], result: ExpectationValidationResult, frame: pd.DataFrame) -> str:
        """For an expectation about named rows: some rows that break it, by what tells them apart, with the number found.

        Text is never shown: this goes into logs, and what a file brought along may be private.
        """
        if "row_condition" not in spec["kwargs"] or _raised(result):
            return ""
        if "observed_value" in result.result:
            asked = spec["kwargs"]["row_condition"]
            return f"{asked['column']['name']} {asked['operator']} {asked['parameter']}: {result.result['observed_value']}"
        telling = [name for name in self._contract.row_key if frame[name].nunique() > 1]
        rows = result.result.get("partial_unexpected_index_list") or []
        parts = []
        for index in rows[:_SHOWN]:
            value = frame.at[index, spec["kwargs"]["column"]] if "column" in spec["kwargs"] else None
            number = f"{value:,.4g}" if isinstance(value, int | float | np.number) and pd.notna(value) else ""
            parts.append(" ".join([*dict.fromkeys(map(str, frame.loc[index, telling])), number]).strip())
        said = "; ".join(part for part in parts if part) + (f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else "")
        bounds = [f"at {word} {spec['kwargs'][end]:g}" for word, end in (("least", "min_value"), ("most", "max_value"))
                  if spec["kwargs"].get(end) is not None]  # fmt: skip
        return f"{said}, should be {' and '.join(bounds)}" if said and bounds else said

    @staticmethod
    def column(spec: dict[str, Any]) -> str | None:
        """The column, or columns, that an expectation speaks of."""
        kwargs = spec["kwargs"]
        pair = [kwargs[name] for name in ("column", "column_A", "column_B") if name in kwargs] or kwargs.get("column_list", [])
        return ", ".join(pair) or None
