"""The issuer's published keys: read, cached, rotated, and kept while the issuer is away (RFC 7517, RFC 7518)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import jwt
import orjson
import requests
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from urllib3.exceptions import HTTPError

MAX_JWKS_BYTES = 256 * 1024
FRESH_S = 300.0  # a key that left the JWKS stops working within this
STALE_S = 24 * 3600.0  # keys serve this long while the issuer cannot be read
COOLDOWN_S = 10.0  # between fetches made for unknown keys or after failures
COLD_COOLDOWN_S = 2.0  # the same while there are no keys at all
FETCH_TIMEOUT_S = 1.5

PublicKey = RSAPublicKey | EllipticCurvePublicKey


class KeysUnavailable(Exception):
    """The issuer's keys cannot be read and none are known: nothing can be verified."""


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
        try:
            # What has come, however little: a read that waits until its block is full could take a thousand timeouts.
            while block := response.raw.read1(16 * 1024, decode_content=True):
                body += block
                if len(body) > MAX_JWKS_BYTES or time.monotonic() > deadline:
                    raise OSError("the JWKS is too large or too slow")
        except HTTPError as error:  # urllib3's own, which requests passes on as they are here
            raise OSError("the JWKS breaks off") from error
    return body


def parse_jwks(document: bytes) -> dict[str, PublicKey]:
    """The RS256 and ES256 signature keys of a JWKS by key id; others are passed over. Raises ValueError when there are none."""
    content = orjson.loads(document)
    entries = content.get("keys") if isinstance(content, dict) else None
    found = {entry["kid"]: key for entry in (entries if isinstance(entries, list) else ()) if (key := _key(entry)) is not None}
    if not found:
        raise ValueError("the JWKS holds no usable RS256 or ES256 key")
    return found


def algorithm_of(key: PublicKey) -> str | None:
    """The one algorithm that signatures of `key` are checked with, whatever a token says; None for a key that we use for none."""
    if isinstance(key, RSAPublicKey):
        return "RS256" if key.key_size >= 2048 else None  # RFC 7518's floor
    return "ES256" if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1) else None


def _key(entry: Any) -> PublicKey | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str) or entry.get("use", "sig") != "sig":
        return None
    try:
        if entry.get("kty") == "RSA":
            key: Any = RSAAlgorithm.from_jwk(entry)
        elif entry.get("kty") == "EC":
            key = ECAlgorithm.from_jwk(entry)
        else:
            return None
    except (jwt.InvalidKeyError, ValueError, TypeError):
        return None
    # A private key in a published set has leaked: it is of another type, and used for nothing.
    algorithm = algorithm_of(key)
    return key if algorithm is not None and entry.get("alg", algorithm) == algorithm else None


class KeySet:
    """The issuer's keys, cached. Known keys go on serving while the issuer is away; unknown ones never cause a storm of fetches."""

    def __init__(self, fetch: Callable[[], bytes], clock: Callable[[], float] = time.monotonic) -> None:
        """`fetch` returns the JWKS document or raises OSError; `clock` counts seconds."""
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, PublicKey] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")

    def key(self, kid: str) -> PublicKey | None:
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

    def require_keys(self) -> None:
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
            read, known = parse_jwks(self._fetch()), self._keys
            # A key that did not change stays the same object: what was verified with it still is (see Verifier).
            self._keys = {kid: known[kid] if kid in known and known[kid] == key else key for kid, key in read.items()}
            self._read_at = self._clock()
        except (OSError, ValueError):
            pass  # stale keys serve on; with none, the caller raises KeysUnavailable
        finally:
            self._tried_at = self._clock()
