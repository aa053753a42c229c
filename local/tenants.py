"""The tenants of this machine, and each one's password for reading its Data Docs."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import tomllib
from pathlib import Path

from werkzeug.security import generate_password_hash

from estate.settings import Tenant
from local.layout import ROOT, Layout, write_private


def tenants_file() -> Path:
    """The file that lists the tenants: this project's own unless the environment names another."""
    return Path(os.environ.get("ESTATE_TENANTS_FILE") or ROOT / "local" / "tenants.toml")


def tenants() -> dict[str, Tenant]:
    """The tenants by slug; read here without the platform's settings, which need running servers."""
    rows = tomllib.loads(tenants_file().read_text())["tenant"]
    return {row["slug"]: Tenant.model_validate(row) for row in rows}


def docs_password(machine: Layout, slug: str) -> str:
    """The password of the user called `slug` at the Data Docs; follows from the machine's secret, so nothing needs to be kept."""
    return hmac.digest(machine.secrets["docs_secret"].encode(), slug.encode(), hashlib.sha256).hex()[:12]


def write_docs_passwords(machine: Layout) -> None:
    """Write what the API checks the passwords against: their hashes by slug."""
    hashes = {slug: generate_password_hash(docs_password(machine, slug)) for slug in tenants()}
    write_private(machine["keys"] / "docs_passwords.json", json.dumps(hashes))
