"""Errors that somebody catches."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from estate.gate import Verdict
    from estate.ingest.drift import Drift


class LandingRefused(Exception):
    """A file that cannot be landed. Says where (file, row, field), why, and what to do about it."""

    def __init__(self, reason: str, *, remedy: str, row: int | None = None, field: str | None = None, drift: Drift | None = None) -> None:
        """Keep the parts apart, so that the outcome row can hold them in columns."""
        where = "".join((f", row {row}" if row is not None else "", f", field {field}" if field else ""))
        super().__init__(f"{reason}{where}. {remedy}")
        self.reason = f"{reason}{where}"
        self.remedy = remedy
        self.row = row
        self.field = field
        self.drift = drift


class BatchRefused(Exception):
    """A batch that its gate does not let through; the message names table, expectation, rows and where the evidence lies.

    `verdicts` holds what the gate said of every table of the stage, for lineage.
    """

    def __init__(self, message: str, verdicts: list[Verdict] | None = None) -> None:
        """Carry the verdicts beside the message."""
        super().__init__(message)
        self.verdicts = verdicts or []


class StaleVintage(Exception):
    """A batch older than what is published; publishing it would overwrite newer data."""


class SettingError(Exception):
    """A setting that is missing or wrong; names it and says what it must be."""


class ServiceUnavailable(Exception):
    """A service that could not be reached, or not read completely; nothing of the attempt may be used."""


class ModelRefused(Exception):
    """A model that cannot be trained, promoted or loaded; the message says why and what to do about it."""


class OnlineUnavailable(RuntimeError):
    """The store of online features cannot be reached. A passing fault: what is online there stays, and the next run heals."""


class FeatureMismatch(Exception):
    """Offline and online features differ, or could not be compared; the message names the features or what keeps them from it."""
