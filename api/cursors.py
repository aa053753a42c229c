"""Signed keyset cursors. The tenant is part of the key, so another tenant's cursor is as wrong as a forged one."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import orjson
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
            # The number is that of what a cursor holds: where that changes, so does the number, and no cursor is read as what it is not.
            salt=f"cursor/2/{tenant_id}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def write(self, tenant_id: UUID, query: dict[str, Any], after: list[Any]) -> str:
        """The cursor that continues `query` (resource, filters, as_of; JSON values) after the sort key `after`; for this tenant."""
        return str(self._serializer(tenant_id).dumps({"query": _digest(query), "after": after}))

    def read(self, tenant_id: UUID, query: dict[str, Any], cursor: str) -> list[Any]:
        """The key after which `query` continues. Raises InvalidCursor when `cursor` was not written for this tenant and query."""
        if len(cursor) > MAX_CURSOR_CHARS:
            raise InvalidCursor
        try:
            content = self._serializer(tenant_id).loads(cursor)
        except BadData:
            raise InvalidCursor from None
        if content["query"] != _digest(query):
            raise InvalidCursor
        return list(content["after"])

    def moved(self, tenant_id: UUID, cursor: str, after: list[Any]) -> str:
        """A cursor of the same query as `cursor` (one that this tenant was given), after another key."""
        content = self._serializer(tenant_id).loads(cursor)
        return str(self._serializer(tenant_id).dumps({**content, "after": after}))


def _digest(query: dict[str, Any]) -> str:
    """What identifies a query; its text could be longer than an address may be."""
    return hashlib.sha256(orjson.dumps(query, option=orjson.OPT_SORT_KEYS)).hexdigest()[:24]
