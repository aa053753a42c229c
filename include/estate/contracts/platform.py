"""Contracts of the platform itself: who the tenants are."""

from estate.contracts.model import TENANT, Column, Contract

TENANT_TABLE = Contract(
    name="platform.tenant",
    kind="record",
    grain="one tenant",
    key=("tenant_id",),
    columns=(
        TENANT,
        Column("tenant_slug", "text", "short name, used in paths and run names", nullable=False),
        Column("tenant_name", "text", "name for people", nullable=False),
    ),
)

CONTRACTS = (TENANT_TABLE,)
