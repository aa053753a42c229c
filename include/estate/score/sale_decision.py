"""Decisions of people about single sales: kept for good, the latest of a sale counts, and the rules give way to it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from estate.settings import Tenant
from estate.warehouse import Warehouse


def decide(tenant: Tenant, sale_id: str, is_arms_length: bool, reason: str, decided_by: str, run_id: str) -> uuid.UUID:
    """Keep the decision that the sale `sale_id` of `tenant` is, or is not, evidence of market value; returns its identifier.

    The same run decides about a sale once: called again, it adds nothing. Raises ValueError, keeping nothing, when `tenant` has
    no such sale, or nobody says who decided and why.
    """
    if not reason.strip() or not decided_by.strip():
        raise ValueError("a decision overrules the rules for good: say why, and who decides")
    try:
        sale = uuid.UUID(sale_id.strip())
    except ValueError:
        raise ValueError(f"{sale_id!r} is no sale_id; take it from normalize.sale or score.sale_validation") from None
    decision_id = uuid.uuid5(uuid.uuid5(tenant.tenant_id, "sale_decision"), f"{run_id}|{sale}")
    with Warehouse(tenant) as warehouse:
        if not warehouse.rows("sale_known", sale_id=sale):
            raise ValueError(f"{tenant.slug} has no sale {sale}; its sales are listed in normalize.sale")
        warehouse.execute(
            "sale_decision_insert",
            tenant_id=tenant.tenant_id, decision_id=decision_id, sale_id=sale, is_arms_length=is_arms_length, reason=reason.strip(),
            decided_by=decided_by.strip(), run_id=run_id, decided_at=datetime.now(UTC),
        )  # fmt: skip
    return decision_id
