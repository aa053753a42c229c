"""What one run of a stage works on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

from estate.settings import Tenant


@dataclass(frozen=True, slots=True)
class Batch:
    """One landed file of one source of one tenant, on its way through the stages.

    `run_id` names the Airflow DAG and run at work; it is written beside every number, and never changes one.
    """

    tenant: Tenant
    batch_id: str
    source_name: str
    vintage_date: date
    run_id: str


def batch_id(source_name: str, snapshot_sha256: str) -> str:
    """The batch that a landed file makes: the same bytes of the same source are the same batch."""
    return f"{source_name}-{snapshot_sha256[:12]}"


def content_sha256(payload: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(payload).hexdigest()
