"""The issuer's keys while they change, break or stay away: a token is judged by keys that are the issuer's, or not at all."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from flask import Flask
from issuer import AUDIENCE, ISSUER, LAKESIDE, bearer, jwk_of, jwks_of

from api import create_app
from api.auth import Verifier
from api.keys import COOLDOWN_S, FRESH_S, STALE_S, KeySet
from estate.settings import Settings
from tests.attack.ground import TENANTS, Ground
from tests.attack.report import Attack, Held, attacks

pytestmark = pytest.mark.servers


@dataclass
class Source:
    """A JWKS that changes, fails or hangs when told to, and a clock that is set."""

    document: bytes
    now_s: float = 1000.0
    error: Exception | None = None
    hangs: threading.Event | None = None
    asked: int = 0
    other: RSAPrivateKey = field(default_factory=lambda: generate_private_key(65537, 2048))

    def fetch(self) -> bytes:
        self.asked += 1
        if self.hangs:
            self.hangs.wait(30)
        if self.error:
            raise self.error
        return self.document

    def passed(self, seconds: float) -> None:
        self.now_s += seconds

    def settled(self) -> None:
        """Wait for what is fetched in the background."""
        for thread in threading.enumerate():
            if thread.name == "jwks":
                thread.join(5)


@pytest.fixture(scope="module")
def plain(ground: Ground, api_settings: Callable[..., Settings]) -> Iterator[Flask]:
    app = create_app(api_settings(api_database_url=ground.settings.api_database_url), TENANTS)
    yield app
    app.extensions["real-estate-os"].close()


@pytest.fixture
def source(signing_key: RSAPrivateKey) -> Source:
    return Source(jwks_of(k1=signing_key))


@pytest.fixture
def status(plain: Flask, source: Source, make_token: Callable[..., str]) -> Callable[..., int]:
    """What a fresh token is answered, signed as the keywords say."""
    keys = KeySet(source.fetch, lambda: source.now_s)
    plain.extensions["real-estate-os"] = replace(plain.extensions["real-estate-os"], verifier=Verifier(ISSUER, AUDIENCE, keys))
    client = plain.test_client()
    return lambda **how: client.get("/api/v1/me", headers=bearer(make_token(LAKESIDE, jti=str(uuid.uuid4()), **how))).status_code


def new_first(source: Source, status: Callable[..., int], key: RSAPrivateKey) -> str:
    """The issuer publishes the new key before it signs with it."""
    assert status() == 200
    source.document = jwks_of(k1=key, k2=source.other)
    source.passed(COOLDOWN_S)
    assert (status(), status(key=source.other, headers={"kid": "k2"})) == (200, 200)
    source.document = jwks_of(k2=source.other)
    source.passed(FRESH_S + 1)
    status(key=source.other, headers={"kid": "k2"})
    source.settled()
    return f"new {status(key=source.other, headers={'kid': 'k2'})}, withdrawn {status()}"


def old_first(source: Source, status: Callable[..., int], key: RSAPrivateKey) -> str:
    """The issuer withdraws the old key in the moment in which it signs with the new one."""
    assert status() == 200
    source.document = jwks_of(k2=source.other)
    source.passed(COOLDOWN_S)
    return f"new {status(key=source.other, headers={'kid': 'k2'})}, withdrawn {status()}"


def same_id(source: Source, status: Callable[..., int], key: RSAPrivateKey) -> str:
    """Another key under the old id: tokens of the old one, remembered ones too, open nothing."""
    assert status() == 200
    source.document = jwks_of(k1=source.other)
    source.passed(FRESH_S + 1)
    status()
    source.settled()
    return f"replaced {status()}, new {status(key=source.other)}"


def away(source: Source, status: Callable[..., int], key: RSAPrivateKey) -> str:
    """The issuer answers nothing: known keys serve for a while, and then nothing is judged."""
    assert status() == 200
    source.error = OSError("503 Service Unavailable")
    source.passed(FRESH_S + 1)
    known, forged = status(), status(key=source.other)
    source.settled()
    source.passed(STALE_S)
    return f"known {known}, forged {forged}, later {status()}"


def hanging(source: Source, status: Callable[..., int], key: RSAPrivateKey) -> str:
    """The issuer takes the request and says nothing; whoever holds a token of a known key does not wait."""
    assert status() == 200
    source.hangs = threading.Event()
    source.passed(FRESH_S + 1)
    found = {status() for _ in range(10)}
    source.hangs.set()
    source.settled()
    return f"known {found.pop()}"


def broken(document: bytes) -> Callable[..., str]:
    def run(source: Source, status: Callable[..., int], key: RSAPrivateKey) -> str:
        assert status() == 200
        source.document = document
        source.passed(FRESH_S + 1)
        status()
        source.settled()
        return f"known {status()}, forged {status(key=source.other)}"

    return run


def weak(make: Callable[[RSAPrivateKey], dict[str, Any]]) -> Callable[..., str]:
    """A document that brings the key in a form that must not be taken."""

    def run(source: Source, status: Callable[..., int], key: RSAPrivateKey) -> str:
        source.document = json.dumps({"keys": [make(key), {**jwk_of("k9", source.other)}]}).encode()
        found = status()
        assert found == 401
        return str(found)

    return run


def cold(source: Source, status: Callable[..., int], key: RSAPrivateKey) -> str:
    """No key was ever read."""
    source.error = OSError("refused")
    return f"sound {status()}, forged {status(key=source.other)}"


def storm(source: Source, status: Callable[..., int], key: RSAPrivateKey) -> str:
    """Tokens with made-up key ids, each of which might be a new key."""
    assert status() == 200
    found = {status(headers={"kid": f"made-up-{number}"}) for number in range(50)}
    assert (found, source.asked) == ({401}, 1)
    return f"{found.pop()}, the issuer asked {'once' if source.asked == 1 else source.asked}"


@attacks(
    "P2",
    Attack(
        "p2-keys-rotated-new-first", "keys rotated: the new one published, then the old one withdrawn", "new 200, withdrawn 401", new_first
    ),
    Attack("p2-keys-rotated-old-first", "keys rotated at once", "new 200, withdrawn 401", old_first),
    Attack("p2-keys-same-id", "another key under the id of the old one", "tokens of the replaced key 401", same_id),
    Attack(
        "p2-keys-issuer-503",
        "the issuer away: known keys for a while, never a forged one, and then nothing",
        "known 200, forged 401, later 503",
        away,
    ),
    Attack("p2-keys-issuer-hangs", "the issuer takes the connection and says nothing", "whoever has a known key does not wait", hanging),
    Attack("p2-keys-html", "the issuer answers a page", "the known keys stay", broken(b"<html>maintenance</html>")),
    Attack("p2-keys-empty", "the issuer answers nothing, an empty set, or a list", "the known keys stay", broken(b'{"keys": []}')),
    Attack(
        "p2-keys-symmetric",
        "the issuer's document holds a symmetric key under our id",
        "the known keys stay",
        broken(b'{"keys": [{"kty": "oct", "kid": "k1", "k": "c2VjcmV0", "alg": "HS256"}]}'),
    ),
    Attack(
        "p2-keys-for-encryption", "a published key that is for encryption", "401", weak(lambda key: {**jwk_of("k1", key), "use": "enc"})
    ),
    Attack("p2-keys-other-algorithm", "a published key that is for RS512", "401", weak(lambda key: {**jwk_of("k1", key), "alg": "RS512"})),
    Attack("p2-keys-small", "a published RSA key of 1024 bits", "401", weak(lambda _: jwk_of("k1", generate_private_key(65537, 1024)))),
    Attack("p2-keys-cold-start", "the first request while the issuer is away", "503, sound or forged", cold),
    Attack("p2-keys-storm", "fifty tokens with made-up key ids", "401, and the issuer is left in peace", storm),
)
def test_tokens_are_judged_by_the_issuer_s_keys_or_not_at_all(
    source: Source, status: Callable[..., int], signing_key: RSAPrivateKey, attack: Attack, held: Held
) -> None:
    outcome = attack.payload(source, status, signing_key)
    forbidden = {"forged 200", "withdrawn 200", "replaced 200", "later 200", "known 401", "500"}
    assert not any(word in outcome for word in forbidden), outcome
    held(outcome)
