"""Keys for services: issue, revoke and list them, as the owner of the tables.

    python -m estate.access issue lakeside "nightly export" --role analyst --days 90

The key is shown once, on standard output; what is kept of its secret is a digest. A revoked key opens nothing within 30 seconds.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from typing import Any

import click

from estate.api_key import MAX_DAYS, ROLES, ApiKey, new_key, tenant_of
from estate.errors import SettingError
from estate.settings import Tenant, settings, tenants
from estate.warehouse import Warehouse

# It stands in logs and in the audit, between slashes.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}")


def issue(tenant: Tenant, name: str, role: str, days: int) -> tuple[ApiKey, datetime]:
    """A new key of `tenant` and when it expires. Raises ValueError saying which of the words cannot be."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r}: a key's name has at most 63 letters, digits, spaces, dots, dashes and underscores")
    if role not in ROLES:
        raise ValueError(f"{role}: the roles are {', '.join(ROLES)}")
    if not 1 <= days <= MAX_DAYS:
        raise ValueError(f"{days} days: a key lives 1 to {MAX_DAYS} days")
    key = new_key(tenant.tenant_id)
    with _owner(tenant) as owner:
        (row,) = owner.rows(
            "api_key_insert",
            tenant_id=tenant.tenant_id,
            key_id=key.key_id,
            key_name=name,
            role_name=role,
            secret_sha256=key.secret_sha256,
            day_count=days,
        )
    return key, row["expires_at"]


def revoke(key_id: str) -> tuple[str, datetime]:
    """Close the key called `key_id`; its name and since when it is closed. Raises ValueError where there is none."""
    tenant_id = tenant_of(key_id)
    tenant = next((tenant for tenant in tenants().values() if tenant.tenant_id == tenant_id), None)
    # A tenant that was taken off the list may still have keys.
    with _owner(tenant or Tenant(tenant_id=tenant_id, slug="unlisted", name="unlisted")) as owner:
        rows = owner.rows("api_key_revoke", key_id=key_id)
    if not rows:
        raise ValueError(f"there is no key {key_id}")
    return rows[0]["key_name"], rows[0]["revoked_at"]


def keys_of(tenant: Tenant) -> list[dict[str, Any]]:
    """Every key of `tenant`, the newest first: key_id, key_name, role_name, created_at, expires_at, revoked_at, state."""
    with _owner(tenant) as owner:
        return owner.rows("api_key_list")


def _owner(tenant: Tenant) -> Warehouse:
    if not settings().owner_database_url:
        raise SettingError("ESTATE_OWNER_DATABASE_URL: needed to manage keys; neither the pipeline nor the API may")
    return Warehouse(tenant, settings().owner_database_url)


def _tenant(slug: str) -> Tenant:
    if slug not in tenants():
        raise click.BadParameter(f"no tenant {slug}; there are {', '.join(sorted(tenants()))}")
    return tenants()[slug]


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@click.group()
def main() -> None:
    """Issue, revoke and list the API keys of services."""


@main.command("issue")
@click.argument("tenant")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True, help="What the key may do.")
@click.option("--days", type=click.IntRange(1, MAX_DAYS), required=True, help="Days until it expires.")
def issue_command(tenant: str, name: str, role: str, days: int) -> None:
    """Print a new key of TENANT called NAME; it is shown this once."""
    key, expires_at = issue(_tenant(tenant), name, role, days)
    click.echo(str(key))
    click.echo(f"key {key.key_id} ({name}, {role}) of {tenant} expires at {_utc(expires_at)}", err=True)


@main.command("revoke")
@click.argument("key_id")
def revoke_command(key_id: str) -> None:
    """Close the key called KEY_ID, at once for new processes of the API and within 30 seconds for running ones."""
    name, revoked_at = revoke(key_id)
    click.echo(f"key {key_id} ({name}) is revoked since {_utc(revoked_at)}")


@main.command("list")
@click.argument("tenant")
def list_command(tenant: str) -> None:
    """List the keys of TENANT: id, state, role, expiry and name, a line each."""
    for row in keys_of(_tenant(tenant)):
        click.echo(f"{row['key_id']}  {row['state']:7}  {row['role_name']:7}  {_utc(row['expires_at'])}  {row['key_name']}")


if __name__ == "__main__":
    try:
        main()
    except (SettingError, ValueError) as error:
        click.echo(f"estate.access: {error}", err=True)
        sys.exit(1)
