"""Who is calling: access tokens verified against the issuer's published keys (RFC 7519, RFC 8725, RFC 9068), and keys of services."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import jwt
from cachetools import TLRUCache

from api.keys import KeySet, PublicKey, algorithm_of
from estate.api_key import PREFIX, ROLES
from estate.contracts.platform import NO_TENANT

if TYPE_CHECKING:
    from api.api_keys import ApiKeys

MAX_TOKEN_CHARS = 8000  # under gunicorn's header limit of 8190 bytes, so that the answer is ours
MAX_SUBJECT_CHARS = 255  # OpenID Connect's own limit
LEEWAY_S = 30
REMEMBERED_S = 300.0  # a verified token is verified again after this, and when it expires
REMEMBERED_TOKENS = 4096

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_ALGORITHMS = {"RS256", "ES256"}
_TYPES = {"at+jwt", "application/at+jwt", "jwt"}
# Parameters that bring or point to a key, or change how the rest is read. None is ever followed: a token that has one is refused.
_REFUSED_HEADERS = {"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"}


class TokenRefused(Exception):
    """A token or API key that proves nothing; the text may be shown to the caller."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent the request, for which tenant and in which roles, all from the verified credential and nothing else.

    subject: the token's subject, or key/<key id>/<key name>. roles: those known to us (viewer, analyst, admin), never none.
    """

    subject: str
    tenant_id: UUID
    roles: frozenset[str] = frozenset({"viewer"})
    credential: Literal["token", "key"] = "token"


@dataclass(frozen=True, slots=True)
class _Verified:
    """What a token proved, with which key, and until when."""

    caller: Caller
    kid: str
    key: PublicKey
    expires_at: float  # as the token says it, which may be larger than a float


class Verifier:
    """Turns the Authorization header into a Caller, or refuses it."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        keys: KeySet,
        api_keys: ApiKeys | None = None,
        *,
        tenant_ids: Collection[UUID] | None = None,
        clock: Callable[[], float] = time.time,
        remembered: int = REMEMBERED_TOKENS,
    ) -> None:
        """Tokens must name exactly this issuer and, among their audiences, this audience. Without `api_keys`, no API key is one.

        `tenant_ids`: the tenants that there are; a token that names another is refused. None lets any tenant in.
        `clock` counts seconds since 1970; at most `remembered` verified tokens are remembered.
        """
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._api_keys = api_keys
        self._tenant_ids = tenant_ids
        # By the digest of the whole token, so that no two tokens share an entry, and none lies in memory.
        self._verified: TLRUCache[bytes, _Verified] = TLRUCache(
            remembered, ttu=lambda _, verified, now: min(verified.expires_at, now + REMEMBERED_S), timer=clock
        )
        self._lock = threading.Lock()

    def require_keys(self) -> None:
        """Raise KeysUnavailable unless tokens can be verified."""
        self._keys.require_keys()

    def caller(self, authorization: str) -> Caller:
        """The caller that `authorization` proves.

        Raises TokenRefused; KeysUnavailable or psycopg.OperationalError when nothing can be verified.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or len(token) > MAX_TOKEN_CHARS:
            raise TokenRefused("one bearer token is needed")
        if token.startswith(PREFIX) and self._api_keys is not None:
            return self._api_keys.caller(token)
        # Two Authorization headers arrive joined by a comma, which no token holds.
        if not _TOKEN.fullmatch(token):
            raise TokenRefused("one bearer token is needed")
        digest = hashlib.sha256(token.encode()).digest()
        with self._lock:
            known = self._verified.get(digest)
        # The key set is asked each time: it notices its age, and a key that was removed or replaced is not the one that verified.
        if known is not None and self._keys.key(known.kid) is known.key:
            return known.caller
        verified = self._verify(token)
        with self._lock:
            self._verified[digest] = verified
        return verified.caller

    def _verify(self, token: str) -> _Verified:
        kid, algorithm = _header(token)
        key = self._keys.key(kid)
        if key is None:
            raise TokenRefused("the token is signed by an unknown key")
        # The key decides how it is used; a token that says otherwise has another's key, or wants its text taken for a secret.
        if algorithm_of(key) != algorithm:
            raise TokenRefused("the token is not valid here")
        claims = self._claims(token, key, algorithm)
        caller = _caller(claims, self._audience)
        # The issuer may know tenants of other services, or one that has left: nothing would be theirs here, limits included.
        if self._tenant_ids is not None and caller.tenant_id not in self._tenant_ids:
            raise TokenRefused("the token is not valid here")
        return _Verified(caller, kid, key, claims["exp"])

    def _claims(self, token: str, key: PublicKey, algorithm: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise TokenRefused("the token has expired") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise TokenRefused("the token is not valid here") from None
        # PyJWT reads times given as text; RFC 7519 says they are numbers.
        for name in ("exp", "nbf", "iat"):
            if name in claims and (isinstance(claims[name], bool) or not isinstance(claims[name], int | float)):
                raise TokenRefused("the token's times are not numbers")
        return claims


def _header(token: str) -> tuple[str, str]:
    """The key id and algorithm that the token names."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise TokenRefused("the token cannot be read") from None
    algorithm, kind, kid = header.get("alg"), header.get("typ"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise TokenRefused("the token is not signed with RS256 or ES256")
    if not isinstance(kind, str) or kind.lower() not in _TYPES or _REFUSED_HEADERS & header.keys():
        raise TokenRefused("the token is not an access token")
    if not isinstance(kid, str) or not kid or len(kid) > 256:
        raise TokenRefused("the token names no key")
    return kid, algorithm


def _caller(claims: dict[str, Any], audience: str) -> Caller:
    # Keycloak marks refresh and identity tokens in a claim called typ; only Bearer is for an API.
    if claims.get("typ", "Bearer") != "Bearer":
        raise TokenRefused("the token is not an access token")
    tenant, subject = claims.get("tenant_id"), claims.get("sub")
    if not isinstance(tenant, str) or not _UUID.fullmatch(tenant) or UUID(tenant) == NO_TENANT:
        raise TokenRefused("the token names no tenant")
    # The subject stands in logs and in the audit, which hold neither NUL nor half a character; API keys' subjects begin with key/.
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARS or not subject.isprintable() or subject.startswith("key/"):
        raise TokenRefused("the token names no subject")
    return Caller(subject, UUID(tenant), _roles(claims, audience), "token")


def _roles(claims: dict[str, Any], audience: str) -> frozenset[str]:
    """The roles known to us among `roles` and Keycloak's two places; a token without any reads as a viewer."""
    places = (
        claims.get("roles"),
        _within(claims, "realm_access", "roles"),
        _within(claims, "resource_access", audience, "roles"),
    )
    named = {name for place in places if isinstance(place, list) for name in place if isinstance(name, str)}
    return frozenset(named.intersection(ROLES) or {"viewer"})


def _within(content: Any, *names: str) -> Any:
    for name in names:
        content = content.get(name) if isinstance(content, dict) else None
    return content
