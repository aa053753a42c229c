"""Bring the database to the newest numbered migration, and the tenant table to the tenants file.

    python -m estate.migrate

Each migration runs once, in its own transaction, under one advisory lock; a migration that was edited after it landed is
refused. Safe to run any number of times, from several machines at once, and to kill at any point.
"""

from __future__ import annotations

import hashlib
import sys

import psycopg
from psycopg import sql

from estate.errors import SettingError
from estate.settings import ROOT, settings, tenants

MIGRATIONS = ROOT / "sql" / "migrations"

_BOOK = """
CREATE TABLE IF NOT EXISTS public.schema_migration (
  migration_name text PRIMARY KEY, migration_sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
"""
_TENANT = """
INSERT INTO platform.tenant (tenant_id, tenant_slug, tenant_name) VALUES (%s, %s, %s)
ON CONFLICT (tenant_id) DO UPDATE SET tenant_slug = excluded.tenant_slug, tenant_name = excluded.tenant_name
"""


def migrate(url: str) -> list[str]:
    """Apply what is missing to the database at `url` (as its owner); returns the names applied. Raises RuntimeError on an edited one."""
    applied = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext('estate.migrate'))")
        connection.execute(_BOOK)
        known: dict[str, str] = dict(connection.execute("SELECT migration_name, migration_sha256 FROM public.schema_migration").fetchall())
        for path in sorted(MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql")):
            text = path.read_bytes()
            digest = hashlib.sha256(text).hexdigest()
            if path.name in known:
                if known[path.name] != digest:
                    raise RuntimeError(f"{path.name} was edited after it was applied; write a new migration instead")
                continue
            with connection.transaction():
                connection.execute(text)
                connection.execute("INSERT INTO public.schema_migration VALUES (%s, %s)", (path.name, digest))
            applied.append(path.name)
        for tenant in tenants().values():
            with connection.transaction():
                connection.execute("SELECT set_config('app.tenant_id', %s, true)", (str(tenant.tenant_id),))
                connection.execute(sql.SQL(_TENANT), (tenant.tenant_id, tenant.slug, tenant.name))
    return applied


def main() -> None:
    """Migrate the configured database and say what was done."""
    if not settings().owner_database_url:
        raise SettingError("ESTATE_OWNER_DATABASE_URL: needed to migrate; the pipeline's own role owns nothing")
    names = migrate(settings().owner_database_url)
    sys.stdout.write("".join(f"applied {name}\n" for name in names) or "nothing to migrate\n")


if __name__ == "__main__":
    main()
