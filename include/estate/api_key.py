"""What an API key is: `reo_<key id>_<secret>`, for one tenant and one role, until a day.

The key id begins with its tenant, so that the key's row can be looked up under that tenant's row-level security; whether the key
is one, only the stored digest of its secret says.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

# Each may do what those before it may.
Role = Literal["viewer", "analyst", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
MAX_DAYS = 366
PREFIX = "reo_"

_KEY_ID = re.compile(r"[0-9a-f]{48}")
_KEY = re.compile(r"reo_([0-9a-f]{48})_([A-Za-z0-9_-]{43})")
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its holder sends it. Its text form is the key itself: never log it."""

    key_id: str
    secret: str

    def __str__(self) -> str:
        return f"{PREFIX}{self.key_id}_{self.secret}"

    def __repr__(self) -> str:
        return f"ApiKey({self.key_id})"

    @property
    def tenant_id(self) -> UUID:
        """The tenant that the key id names; proves nothing by itself."""
        return tenant_of(self.key_id)

    @property
    def secret_sha256(self) -> str:
        """Digest of the secret. One pass is enough: 256 random bits cannot be guessed from it, as a password could."""
        return hashlib.sha256(self.secret.encode()).hexdigest()


def new_key(tenant_id: UUID) -> ApiKey:
    """A key that nobody has: 64 random bits of name, 256 of secret."""
    return ApiKey(tenant_id.hex + secrets.token_hex(8), secrets.token_urlsafe(_SECRET_BYTES))


def parse_key(text: str) -> ApiKey | None:
    """The key that `text` is; None where it is none."""
    found = _KEY.fullmatch(text)
    return ApiKey(found[1], found[2]) if found else None


def tenant_of(key_id: str) -> UUID:
    """The tenant that `key_id` names. Raises ValueError for what is no key id."""
    if not _KEY_ID.fullmatch(key_id):
        raise ValueError(f"{key_id} is not a key id: 48 hexadecimal digits, as `list` shows them")
    return UUID(key_id[:32])
