"""What is not kept for ever: the audit, for 90 days."""

from __future__ import annotations

from estate.contracts.platform import NO_TENANT
from estate.settings import Tenant, tenants
from estate.warehouse import Warehouse


def expire_audit() -> dict[str, int]:
    """Delete what the audit has kept for 90 days; rows deleted by tenant, and `no-tenant` for refusals of callers who proved none.

    Listed tenants only, because the function that deletes sees the rows of the tenant that is set and of no other, as everybody does.
    That is all of them: the API lets nobody in whose tenant is not listed, so rows begin under listed tenants and under nobody's. A
    tenant who is taken off the list stops gathering rows; the last of them go with the rest of his data, by whoever deletes those.
    """
    nobody = Tenant(tenant_id=NO_TENANT, slug="no-tenant", name="callers who proved no tenant")
    deleted = {}
    for tenant in (*tenants().values(), nobody):
        with Warehouse(tenant) as warehouse:
            deleted[tenant.slug] = warehouse.rows("audit_expire")[0]["row_count"]
    return deleted
