"""Who is calling: RS256 access tokens verified against the issuer's published keys (RFC 7519, RFC 8725, RFC 9068)."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import jwt
import orjson
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm

MAX_TOKEN_CHARS = 8000  # under gunicorn's header limit of 8190 bytes, so that the answer is ours
MAX_JWKS_BYTES = 256 * 1024
LEEWAY_S = 30
FRESH_S = 300.0  # a key that left the JWKS stops working within this
STALE_S = 24 * 3600.0  # keys serve this long while the issuer cannot be read
COOLDOWN_S = 10.0  # between fetches made for unknown keys or after failures
COLD_COOLDOWN_S = 2.0  # the same while there are no keys at all
FETCH_TIMEOUT_S = 1.5

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_TYPES = {"at+jwt", "application/at+jwt", "jwt"}
# Parameters that bring or point to a key, or change how the rest is read. None is ever followed: a token that has one is refused.
_REFUSED_HEADERS = {"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"}


class TokenRefused(Exception):
    """A token that proves nothing; the text may be shown to the caller."""


class KeysUnavailable(Exception):
    """The issuer's keys cannot be read and none are known: nothing can be verified."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent the request and for which tenant, both from the verified token and nothing else."""

    subject: str
    tenant_id: UUID


def fetch_jwks(url: str) -> bytes:
    """The JWKS document at `url` (https, or a local file). Raises OSError when it cannot be read whole."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path)).read_bytes()
    # requests' own errors are OSError; a redirect could lead anywhere, so none is followed.
    with requests.get(url, timeout=FETCH_TIMEOUT_S, allow_redirects=False, stream=True) as response:
        if response.status_code != 200:
            raise OSError(f"the JWKS answered {response.status_code}")
        deadline = time.monotonic() + FETCH_TIMEOUT_S
        body = b""
        for block in response.iter_content(16 * 1024):
            body += block
            if len(body) > MAX_JWKS_BYTES or time.monotonic() > deadline:
                raise OSError("the JWKS is too large or too slow")
    return body


def parse_jwks(document: bytes) -> dict[str, RSAPublicKey]:
    """The RS256 signature keys of a JWKS by key id; others are passed over. Raises ValueError when there are none."""
    content = orjson.loads(document)
    entries = content.get("keys") if isinstance(content, dict) else None
    keys: dict[str, RSAPublicKey] = {}
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or entry.get("kty") != "RSA" or not isinstance(entry.get("kid"), str):
            continue
        if entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
            continue
        try:
            key = RSAAlgorithm.from_jwk(entry)
        except (jwt.InvalidKeyError, ValueError, TypeError):
            continue
        # A private key in a published set has leaked; 2048 bits is RFC 7518's floor.
        if isinstance(key, RSAPublicKey) and key.key_size >= 2048:
            keys[entry["kid"]] = key
    if not keys:
        raise ValueError("the JWKS holds no usable RS256 key")
    return keys


class KeySet:
    """The issuer's keys, cached. Known keys go on serving while the issuer is away; unknown ones never cause a storm of fetches."""

    def __init__(self, fetch: Callable[[], bytes], clock: Callable[[], float] = time.monotonic) -> None:
        """`fetch` returns the JWKS document or raises OSError; `clock` counts seconds."""
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, RSAPublicKey] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")

    def key(self, kid: str) -> RSAPublicKey | None:
        """The key called `kid`, or None when the issuer has no such key. Raises KeysUnavailable when no key is known at all."""
        age = self._clock() - self._read_at
        if age > STALE_S:
            self._refresh(COLD_COOLDOWN_S)
            if self._clock() - self._read_at > STALE_S:
                raise KeysUnavailable
        elif kid not in self._keys:
            self._refresh(COOLDOWN_S)
        elif age > FRESH_S:
            self._refresh_aside()  # the key is known: nobody waits for the issuer
        return self._keys.get(kid)

    def ready(self) -> None:
        """Raise KeysUnavailable unless tokens can be verified."""
        if self._clock() - self._read_at > FRESH_S:
            self._refresh(COLD_COOLDOWN_S)
        if self._clock() - self._read_at > STALE_S:
            raise KeysUnavailable

    def _refresh(self, cooldown_s: float) -> None:
        """Read the keys anew, or wait for whoever is reading them."""
        with self._lock:
            # Whoever waited for the lock finds the fetch done, or failed a moment ago.
            if self._clock() - self._tried_at >= cooldown_s:
                self._read()

    def _refresh_aside(self) -> None:
        """Have the keys read anew by a thread of its own, unless somebody is reading them, or tried a moment ago."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._clock() - self._tried_at < COOLDOWN_S:
                self._lock.release()
            else:
                threading.Thread(target=self._read_and_release, name="jwks", daemon=True).start()
        except RuntimeError:  # no thread to be had: the keys serve on, and a later request tries again
            self._lock.release()

    def _read_and_release(self) -> None:
        try:
            self._read()
        finally:
            self._lock.release()

    def _read(self) -> None:
        try:
            self._keys = parse_jwks(self._fetch())
            self._read_at = self._clock()
        except (OSError, ValueError):
            pass  # stale keys serve on; with none, the caller raises KeysUnavailable
        finally:
            self._tried_at = self._clock()


class Verifier:
    """Turns the Authorization header into a Caller, or refuses it."""

    def __init__(self, issuer: str, audience: str, keys: KeySet) -> None:
        """Tokens must name exactly this issuer and, among their audiences, this audience."""
        self._issuer = issuer
        self._audience = audience
        self._keys = keys

    def ready(self) -> None:
        """Raise KeysUnavailable unless tokens can be verified."""
        self._keys.ready()

    def caller(self, authorization: str) -> Caller:
        """The caller that `authorization` proves. Raises TokenRefused, or KeysUnavailable when nothing can be verified."""
        scheme, _, token = authorization.partition(" ")
        # Two Authorization headers arrive joined by a comma, which no token holds.
        if scheme.lower() != "bearer" or len(token) > MAX_TOKEN_CHARS or not _TOKEN.fullmatch(token):
            raise TokenRefused("one bearer token is needed")
        kid = _kid(token)
        key = self._keys.key(kid)
        if key is None:
            raise TokenRefused("the token is signed by an unknown key")
        return _caller(self._claims(token, key))

    def _claims(self, token: str, key: RSAPublicKey) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
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


def _kid(token: str) -> str:
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise TokenRefused("the token cannot be read") from None
    kind, kid = header.get("typ"), header.get("kid")
    if header.get("alg") != "RS256" or not isinstance(kind, str) or kind.lower() not in _TYPES or _REFUSED_HEADERS & header.keys():
        raise TokenRefused("the token is not an RS256 access token")
    if not isinstance(kid, str) or not kid or len(kid) > 256:
        raise TokenRefused("the token names no key")
    return kid


def _caller(claims: dict[str, Any]) -> Caller:
    # Keycloak marks refresh and identity tokens in a claim called typ; only Bearer is for an API.
    if claims.get("typ", "Bearer") != "Bearer":
        raise TokenRefused("the token is not an access token")
    tenant, subject = claims.get("tenant_id"), claims.get("sub")
    if not isinstance(tenant, str) or not _UUID.fullmatch(tenant):
        raise TokenRefused("the token names no tenant")
    if not isinstance(subject, str) or not subject:
        raise TokenRefused("the token names no subject")
    return Caller(subject=subject, tenant_id=UUID(tenant))
