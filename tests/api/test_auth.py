"""Tokens: what is refused, and what happens when the issuer's keys change or cannot be read."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from flask import Flask
from flask.testing import FlaskClient
from issuer import AUDIENCE, HARBORVIEW, ISSUER, LAKESIDE, bearer, jwks_of

from api.auth import COLD_COOLDOWN_S, COOLDOWN_S, FRESH_S, STALE_S, KeySet, KeysUnavailable, TokenRefused, Verifier, fetch_jwks, parse_jwks

NOW = int(time.time())


@pytest.fixture
def verifier(signing_key: RSAPrivateKey) -> Verifier:
    return Verifier(ISSUER, AUDIENCE, KeySet(lambda: jwks_of(k1=signing_key)))


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def hand_signed(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """An HS256 token made without PyJWT, which refuses to sign with a public key."""
    body = f"{part(header)}.{part(claims)}"
    signature = base64.urlsafe_b64encode(hmac.digest(secret, body.encode(), hashlib.sha256)).rstrip(b"=").decode()
    return f"{body}.{signature}"


CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": NOW + 300, "tenant_id": str(LAKESIDE)}


def test_a_sound_token_names_its_tenant_and_subject(verifier: Verifier, make_token: Callable[..., str]) -> None:
    caller = verifier.caller(f"Bearer {make_token(HARBORVIEW, sub='grace')}")
    assert (caller.tenant_id, caller.subject) == (HARBORVIEW, "grace")


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": {"typ": "JWT"}},
        {"headers": {"typ": "application/at+jwt"}},
        {"aud": ["another", AUDIENCE]},
        {"exp": NOW - 5},
        {"nbf": NOW + 5},
        {"typ": "Bearer"},
        {"exp": NOW + 300.5},
    ],
    ids=str,
)
def test_what_the_standard_allows_is_accepted(verifier: Verifier, make_token: Callable[..., str], changes: dict[str, Any]) -> None:
    assert verifier.caller(f"bearer {make_token(**changes)}").tenant_id == LAKESIDE


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW - 60},
        {"exp": None},
        {"exp": str(NOW + 300)},
        {"exp": True},
        {"exp": [NOW + 300]},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"nbf": NOW + 120},
        {"nbf": str(NOW)},
        {"iat": NOW + 120},
        {"iat": str(NOW)},
        {"iss": None},
        {"iss": f"{ISSUER}/"},
        {"iss": "https://issuer.test/realms/other"},
        {"iss": [ISSUER]},
        {"aud": None},
        {"aud": "account"},
        {"aud": ["account"]},
        {"aud": AUDIENCE.upper()},
        {"aud": {"a": AUDIENCE}},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"typ": "ID"},
        {"typ": "Refresh"},
        {"tenant": None},
        {"tenant": ""},
        {"tenant": [str(LAKESIDE)]},
        {"tenant": {"id": str(LAKESIDE)}},
        {"tenant": 7},
        {"tenant": "lakeside"},
        {"tenant": f"{{{LAKESIDE}}}"},
        {"tenant": f"urn:uuid:{LAKESIDE}"},
        {"tenant": LAKESIDE.hex},
        {"tenant": f"{LAKESIDE} "},
        {"tenant": None, "Tenant_ID": str(LAKESIDE)},
        {"headers": {"typ": None}},
        {"headers": {"typ": "logout+jwt"}},
        {"headers": {"typ": "dpop+jwt"}},
        {"headers": {"kid": "k2"}},
        {"headers": {"kid": ""}},
        {"headers": {"kid": "../../etc/passwd"}},
        {"headers": {"kid": "k1' OR '1'='1"}},
        {"headers": {"kid": "https://evil.test/jwks.json"}},
        {"headers": {"kid": "k" * 300}},
        {"headers": {"jku": "https://evil.test/jwks.json"}},
        {"headers": {"x5u": "https://evil.test/chain.pem"}},
        {"headers": {"x5c": ["MIIB"]}},
        {"headers": {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}},
        {"headers": {"crit": ["exp"]}},
        {"headers": {"b64": False, "crit": ["b64"]}},
        {"headers": {"zip": "DEF"}},
        {"alg": "RS384"},
        {"alg": "RS512"},
        {"alg": "PS256"},
    ],
    ids=str,
)
def test_a_token_that_is_not_exactly_ours_is_refused(verifier: Verifier, make_token: Callable[..., str], changes: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        verifier.caller(f"Bearer {make_token(**changes)}")


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", ""])
def test_a_token_without_a_signature_algorithm_is_refused(verifier: Verifier, alg: str) -> None:
    unsigned = f"{part({'alg': alg, 'kid': 'k1', 'typ': 'at+jwt'})}.{part(CLAIMS)}"
    for token in (f"{unsigned}.", f"{unsigned}.c2ln", unsigned):
        with pytest.raises(TokenRefused):
            verifier.caller(f"Bearer {token}")


def test_the_public_key_is_no_hmac_secret(verifier: Verifier, public_pem: bytes) -> None:
    for secret in (public_pem, public_pem.strip(), b""):
        with pytest.raises(TokenRefused):
            verifier.caller(f"Bearer {hand_signed({'alg': 'HS256', 'kid': 'k1', 'typ': 'at+jwt'}, CLAIMS, secret)}")


def test_a_header_that_lies_about_its_algorithm_is_refused(verifier: Verifier, public_pem: bytes) -> None:
    with pytest.raises(TokenRefused):
        verifier.caller(f"Bearer {hand_signed({'alg': 'RS256', 'kid': 'k1', 'typ': 'at+jwt'}, CLAIMS, public_pem)}")


def test_a_stranger_who_knows_the_key_id_signs_in_vain(verifier: Verifier, make_token: Callable[..., str]) -> None:
    with pytest.raises(TokenRefused):
        verifier.caller(f"Bearer {make_token(key=generate_private_key(65537, 2048))}")


@pytest.mark.parametrize(
    "shape",
    [
        "{header}.{claims}.{zeros}",
        "{header}.{claims}.{cut}",
        "{header}.{claims}.{signature}==",
        "{header}.{claims}.",
        "{header}.{claims}",
        "{header}.{claims}.{signature}.{signature}",
        "{header}.{other_tenant}.{signature}",
        "{other_header}.{claims}.{signature}",
        " {header}.{claims}.{signature}",
        "{header}.{claims}.{signature}\n",
        "{header}.{claims}.{signature},Bearer {header}.{claims}.{signature}",
        "{list_header}.{claims}.{signature}",
        "{huge}.{claims}.{signature}",
        "{deep}.{claims}.{signature}",
        "..",
        "",
    ],
)
def test_a_tampered_token_is_refused(verifier: Verifier, make_token: Callable[..., str], shape: str) -> None:
    header, claims, signature = make_token().split(".")
    token = shape.format(
        header=header,
        claims=claims,
        signature=signature,
        zeros="A" * len(signature),
        cut=signature[:-4],
        other_tenant=part({**CLAIMS, "tenant_id": str(HARBORVIEW)}),
        other_header=part({"alg": "RS256", "kid": "k1", "typ": "JWT"}),
        list_header=part([1]),
        huge="A" * 16_000,
        deep=base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("="),
    )
    with pytest.raises(TokenRefused):
        verifier.caller(f"Bearer {token}")


@pytest.mark.parametrize("scheme", ["Basic", "Token", "", "DPoP", "Bearer:"])
def test_only_the_bearer_scheme_is_read(verifier: Verifier, make_token: Callable[..., str], scheme: str) -> None:
    with pytest.raises(TokenRefused):
        verifier.caller(f"{scheme} {make_token()}")


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Issuer:
    """A JWKS that can change, fail, and count how often it is asked."""

    def __init__(self, document: bytes) -> None:
        self.document = document
        self.error: Exception | None = None
        self.asked = 0

    def __call__(self) -> bytes:
        self.asked += 1
        if self.error:
            raise self.error
        return self.document


def settle() -> None:
    for thread in threading.enumerate():
        if thread.name == "jwks":
            thread.join(5)


def test_a_new_key_works_as_soon_as_the_cooldown_allows_and_an_old_one_stops(signing_key: RSAPrivateKey) -> None:
    clock, issuer = Clock(), Issuer(jwks_of(k1=signing_key))
    keys = KeySet(issuer, clock)
    assert keys.key("k1") is not None
    issuer.document = jwks_of(k2=generate_private_key(65537, 2048))
    assert keys.key("k2") is None  # the cooldown
    clock.now += COOLDOWN_S
    assert keys.key("k2") is not None
    assert keys.key("k1") is None


def test_unknown_key_ids_do_not_storm_the_issuer(signing_key: RSAPrivateKey) -> None:
    clock, issuer = Clock(), Issuer(jwks_of(k1=signing_key))
    keys = KeySet(issuer, clock)
    for number in range(100):
        assert keys.key(f"unknown-{number}") is None
    assert issuer.asked == 1


def test_known_keys_serve_while_the_issuer_is_away_but_not_for_ever(signing_key: RSAPrivateKey) -> None:
    clock, issuer = Clock(), Issuer(jwks_of(k1=signing_key))
    keys = KeySet(issuer, clock)
    keys.key("k1")
    issuer.error = OSError("refused")
    clock.now += FRESH_S + 1
    for _ in range(50):
        assert keys.key("k1") is not None
        settle()
    assert issuer.asked == 2  # once to learn it, once to learn that it is away
    clock.now += STALE_S
    with pytest.raises(KeysUnavailable):
        keys.key("k1")


@pytest.mark.parametrize("document", [b"", b"<html>", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "oct", "kid": "k1", "k": "c2"}]}'])
def test_a_broken_jwks_does_not_replace_the_known_keys(signing_key: RSAPrivateKey, document: bytes) -> None:
    clock, issuer = Clock(), Issuer(jwks_of(k1=signing_key))
    keys = KeySet(issuer, clock)
    keys.key("k1")
    issuer.document = document
    clock.now += FRESH_S + 1
    keys.key("k1")
    settle()
    assert keys.key("k1") is not None


def test_a_withdrawn_key_stops_within_the_time_stated(signing_key: RSAPrivateKey) -> None:
    clock, issuer = Clock(), Issuer(jwks_of(k1=signing_key))
    keys = KeySet(issuer, clock)
    keys.key("k1")
    issuer.document = jwks_of(k2=generate_private_key(65537, 2048))
    clock.now += FRESH_S + 1
    keys.key("k1")
    settle()
    assert keys.key("k1") is None


def test_a_hanging_issuer_holds_up_nobody_who_has_a_known_key(signing_key: RSAPrivateKey) -> None:
    clock, release = Clock(), threading.Event()
    keys = KeySet(lambda: jwks_of(k1=signing_key), clock)
    keys.key("k1")
    keys._fetch = lambda: (release.wait(10), b"")[1]  # type: ignore[assignment]
    clock.now += FRESH_S + 1
    started = time.perf_counter()
    for _ in range(20):
        assert keys.key("k1") is not None
    assert time.perf_counter() - started < 0.5
    release.set()
    settle()


def test_without_any_key_nothing_is_verified_until_the_issuer_is_back(signing_key: RSAPrivateKey) -> None:
    clock, issuer = Clock(), Issuer(jwks_of(k1=signing_key))
    issuer.error = OSError("refused")
    keys = KeySet(issuer, clock)
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            keys.key("k1")
    assert issuer.asked == 1
    issuer.error = None
    clock.now += COLD_COOLDOWN_S
    assert keys.key("k1") is not None


def test_only_strong_rs256_signature_keys_are_taken(signing_key: RSAPrivateKey) -> None:
    sound = json.loads(jwks_of(k1=signing_key))["keys"][0]
    private = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(signing_key))
    weak = json.loads(jwks_of(weak=generate_private_key(65537, 1024)))["keys"][0]
    others = [
        {**sound, "kid": "enc", "use": "enc"},
        {**sound, "kid": "ps", "alg": "PS256"},
        {**sound, "kid": None},
        {**sound, "kid": "short", "n": "AQ"},
        {**private, "kid": "private"},
        weak,
        {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"},
        "text",
        None,
    ]
    assert list(parse_jwks(json.dumps({"keys": [*others, sound]}).encode())) == ["k1"]


@pytest.fixture
def jwks_server() -> Any:
    answers: dict[str, Any] = {"status": 200, "body": b"{}", "delay": 0.0, "location": None}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(answers["delay"])
            self.send_response(answers["status"])
            if answers["location"]:
                self.send_header("Location", answers["location"])
            self.send_header("Content-Length", str(len(answers["body"])))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):  # the client has had enough
                self.wfile.write(answers["body"])

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/jwks", answers
    server.shutdown()
    server.server_close()


def test_a_jwks_is_fetched_whole_or_not_at_all(jwks_server: Any) -> None:
    url, answers = jwks_server
    assert fetch_jwks(url) == b"{}"
    answers["body"] = b"x" * 300_000
    with pytest.raises(OSError, match="too large"):
        fetch_jwks(url)
    answers.update(body=b"", status=503)
    with pytest.raises(OSError, match="503"):
        fetch_jwks(url)
    answers.update(status=302, location=url)
    with pytest.raises(OSError, match="302"):
        fetch_jwks(url)
    answers.update(status=200, delay=3)
    started = time.perf_counter()
    with pytest.raises(OSError, match="timed out"):
        fetch_jwks(url)
    assert time.perf_counter() - started < 2


def test_a_request_without_a_valid_token_is_told_what_is_wanted(detached: FlaskClient, make_token: Callable[..., str]) -> None:
    missing = detached.get("/api/v1/properties")
    assert missing.status_code == 401
    assert missing.headers["WWW-Authenticate"] == "Bearer realm=real-estate-os"
    expired = detached.get("/api/v1/properties", headers=bearer(make_token(exp=NOW - 600)))
    assert expired.status_code == 401
    assert "error=invalid_token" in expired.headers["WWW-Authenticate"]
    assert expired.json is not None
    assert expired.json["detail"] == "The token has expired."


def test_two_authorization_headers_are_refused(detached: FlaskClient, make_token: Callable[..., str]) -> None:
    twice = [("Authorization", f"Bearer {make_token()}"), ("Authorization", f"Bearer {make_token(HARBORVIEW)}")]
    assert detached.get("/api/v1/properties", headers=twice).status_code == 401


def test_a_cold_start_without_keys_is_unavailable_and_never_open(
    make_app: Callable[..., Flask], make_token: Callable[..., str], tmp_path: Path
) -> None:
    client = make_app(jwks_url=(tmp_path / "absent.json").as_uri()).test_client()
    answer = client.get("/api/v1/properties", headers=bearer(make_token()))
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
