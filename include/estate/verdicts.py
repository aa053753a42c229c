"""What a gate said, kept: its pages as objects, its verdict as a row, and the address under which people read it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import orjson
import pandas as pd

from estate import landing
from estate.gate import Verdict
from estate.settings import Tenant, settings

_TYPES = {"html": "text/html; charset=utf-8", "css": "text/css", "svg": "image/svg+xml", "png": "image/png", "ico": "image/x-icon"}


def docs_key(tenant: Tenant, page: str) -> str:
    """The object that holds `page` of the tenant's Data Docs."""
    return f"{tenant.tenant_id}/data-docs/{page}"


def page_address(tenant: Tenant, page: str) -> str:
    """The address at which a browser finds `page` of the tenant's Data Docs."""
    return f"{settings().docs_base_url}/{tenant.slug}/{page}"


def put_page(tenant: Tenant, page: str, body: bytes) -> None:
    """Store one page, or picture, of the tenant's Data Docs."""
    landing.put(docs_key(tenant, page), body, _TYPES.get(page.rsplit(".", 1)[-1], "application/octet-stream"))


def put_docs(tenant: Tenant, verdict: Verdict) -> None:
    """Store the pages of a verdict; the pictures that all pages share only once."""
    has_static = landing.exists(docs_key(tenant, "static/images/favicon.ico"))
    for name, body in sorted(verdict.docs.items()):
        if not (has_static and name.startswith("static/")):
            put_page(tenant, name, body)


def verdict_frame(tenant: Tenant, verdict: Verdict, *, batch_id: str, run_id: str, judged_sha256: str) -> pd.DataFrame:
    """The one row of provenance.verdict that says it. `judged_sha256` is the digest of the rows that were let through."""
    row = {
        "tenant_id": str(tenant.tenant_id),
        "verdict_id": str(verdict.verdict_id),
        "batch_id": batch_id,
        "table_name": verdict.table_name,
        "is_passed": verdict.is_passed,
        "rows_in": verdict.rows_in,
        "rows_quarantined": len(verdict.rejected),
        "expectation_count": verdict.expectation_count,
        "failures": orjson.dumps([asdict(failure) for failure in verdict.failures]).decode(),
        "suite_sha256": verdict.suite_sha256,
        "judged_sha256": judged_sha256,
        "docs_key": verdict.docs_page,
        "run_id": run_id,
        "judged_at": datetime.now(UTC),
    }
    return pd.DataFrame([row])


def refusal_of(tenant: Tenant, verdict: Verdict) -> str:
    """Why a refused verdict refuses, in one clause: table, expectations, rows, and the page that shows them."""
    worst = [failure for failure in verdict.failures if failure.outcome == "refused"]
    named = "; ".join(f"{failure} of {verdict.rows_in:,}" + (f" ({failure.detail})" if failure.detail else "") for failure in worst)
    page = page_address(tenant, verdict.docs_page) if verdict.docs_page else "no page"
    return f"{verdict.table_name} refused by {named}; see {page}"
