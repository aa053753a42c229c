"""Signed keyset cursors. The tenant is part of the key, so another tenant's cursor is as wrong as a forged one."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from api.problems import InvalidCursor

MAX_CURSOR_CHARS = 1024


class Cursors:
    """Writes and reads cursors with one secret."""

    def __init__(self, secret: str) -> None:
        """`secret` signs; whoever changes it voids the cursors that are out."""
        self._secret = secret

    def _serializer(self, tenant_id: UUID) -> URLSafeSerializer:
        return URLSafeSerializer(
            self._secret,
            salt=f"cursor/1/{tenant_id}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def write(self, tenant_id: UUID, query: dict[str, Any], after: str) -> str:
        """The cursor that continues `query` (resource, filters, as_of; JSON values) of this tenant after the key `after`."""
        return str(self._serializer(tenant_id).dumps({"query": query, "after": after}))

    def read(self, tenant_id: UUID, query: dict[str, Any], cursor: str) -> str:
        """The key after which `query` continues. Raises InvalidCursor when `cursor` was not written for this tenant and query."""
        if len(cursor) > MAX_CURSOR_CHARS:
            raise InvalidCursor
        try:
            content = self._serializer(tenant_id).loads(cursor)
        except BadData:
            raise InvalidCursor from None
        if content["query"] != query:
            raise InvalidCursor
        return str(content["after"])
