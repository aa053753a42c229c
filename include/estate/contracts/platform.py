"""Contracts of the platform itself: who the tenants are, who may read for them, and who did."""

from uuid import UUID

from estate.contracts.model import TENANT, Column, Contract, key, origin

# Whose rows those are that belong to no tenant: refusals of callers who proved nothing. No token, key or tenants file may name it.
NO_TENANT = UUID(int=0)

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

API_KEY = Contract(
    name="platform.api_key",
    kind="record",
    grain="one API key of a service",
    key=("tenant_id", "key_id"),
    columns=(
        key("tenant_id", "uuid", "tenant whose data the key opens"),
        key("key_id", "text", "public half of the key: its tenant's identifier and 16 random hexadecimal digits"),
        Column("key_name", "text", "what the key is for", nullable=False, made="assigned"),
        Column("role_name", "text", "what the key may do: viewer, analyst or admin", nullable=False, made="assigned"),
        Column("secret_sha256", "text", "SHA-256 of the secret half, which is kept nowhere", nullable=False, made="assigned"),
        origin("created_at", "timestamptz", "when it was issued"),
        Column("expires_at", "timestamptz", "until when it opens; at most 366 days after it was issued", nullable=False, made="assigned"),
        Column("revoked_at", "timestamptz", "from when it opens no more; null while it does", made="assigned"),
    ),
)

AUDIT = Contract(
    name="platform.audit",
    kind="record",
    grain="one read of personal data, or one request that was refused; kept 90 days",
    key=("tenant_id", "audit_id"),
    columns=(
        key("tenant_id", "uuid", "tenant of the caller; the nil UUID for a caller who proved none"),
        key("audit_id", "uuid", "random"),
        Column("occurred_at", "timestamptz", "when", nullable=False, made="assigned"),
        Column("action", "text", "personal_read or refused", nullable=False, made="assigned"),
        Column("what", "text", "which personal data; or why it was refused", nullable=False, made="assigned"),
        Column(
            "subject", "text", "who: the token's subject, or key/<key id>/<key name>; null for a caller who proved none", made="assigned"
        ),
        Column("credential", "text", "token or key; null for a caller who proved none", made="assigned"),
        Column("route", "text", "template of the address; null where no route answers it", made="assigned"),
        Column("method", "text", "HTTP method", nullable=False, made="assigned"),
        Column(
            "status",
            "smallint",
            "HTTP status of the refusal; null for a read, which is written down before it is answered",
            made="assigned",
        ),
        Column("request_id", "text", "request, as in the log and the answer", nullable=False, made="assigned"),
    ),
    index=(("tenant_id", "occurred_at", "audit_id"),),
)

CONTRACTS = (TENANT_TABLE, API_KEY, AUDIT)
