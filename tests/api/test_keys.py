"""The issuer's keys: what happens when they change, break or cannot be read."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, SECP256R1, SECP384R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_curve_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from issuer import jwk_of, jwks_of

from api.keys import COLD_COOLDOWN_S, COOLDOWN_S, FRESH_S, STALE_S, KeySet, KeysUnavailable, algorithm_of, fetch_jwks, parse_jwks


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
    answered: list[bool] = []
    keys._fetch = lambda: (answered.append(release.wait(30)), b"")[1]  # type: ignore[func-returns-value]
    clock.now += FRESH_S + 1
    for _ in range(20):
        assert keys.key("k1") is not None
    assert answered == [], "all were served while the issuer was still silent"
    release.set()
    settle()


def test_one_refresh_runs_at_a_time_however_many_requests_come_meanwhile(signing_key: RSAPrivateKey) -> None:
    clock, release, found = Clock(), threading.Event(), []
    issuer = Issuer(jwks_of(k1=signing_key))
    keys = KeySet(issuer, clock)
    keys.key("k1")
    keys._fetch = lambda: (release.wait(10), issuer())[1]
    clock.now += FRESH_S + 1
    requests = [threading.Thread(target=lambda: found.append(keys.key("k1"))) for _ in range(100)]
    for request in requests:
        request.start()
    for request in requests:
        request.join(5)
    refreshing = [thread for thread in threading.enumerate() if thread.name == "jwks"]
    release.set()
    settle()
    assert len(found) == 100
    assert None not in found
    assert len(refreshing) == 1
    assert issuer.asked == 2
    clock.now += FRESH_S + 1
    keys.key("k1")
    settle()
    assert issuer.asked == 3, "the next refresh is free to run"


def test_a_refresh_that_cannot_start_leaves_the_way_free(signing_key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, issuer = Clock(), Issuer(jwks_of(k1=signing_key))
    keys = KeySet(issuer, clock)
    keys.key("k1")
    clock.now += FRESH_S + 1
    with monkeypatch.context() as broken:
        broken.setattr(threading.Thread, "start", lambda _: (_ for _ in ()).throw(RuntimeError("can't start new thread")))
        assert keys.key("k1") is not None
    keys.key("k1")
    settle()
    assert issuer.asked == 2


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


def test_only_strong_signature_keys_of_the_two_algorithms_are_taken(signing_key: RSAPrivateKey) -> None:
    sound = json.loads(jwks_of(k1=signing_key))["keys"][0]
    private = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(signing_key))
    weak = json.loads(jwks_of(weak=generate_private_key(65537, 1024)))["keys"][0]
    curve = generate_curve_key(SECP256R1())
    point = jwk_of("k2", curve)
    others = [
        {**point, "kid": "as-rsa", "alg": "RS256"},
        {**point, "kid": "off-curve", "y": point["x"]},
        {**point, "kid": "claims-p384", "crv": "P-384"},
        {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(curve)), "kid": "private-curve"},
        {**jwk_of("p384", generate_curve_key(SECP384R1())), "alg": "ES384"},
        {**jwk_of("p384-as-256", generate_curve_key(SECP384R1()))},
        {**jwk_of("k1-curve", generate_curve_key(SECP256K1()))},
        {**sound, "kid": "as-curve", "alg": "ES256"},
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
    unnamed = {name: value for name, value in point.items() if name != "alg"} | {"kid": "k3"}
    found = parse_jwks(json.dumps({"keys": [*others, sound, point, unnamed]}).encode())
    assert {kid: algorithm_of(key) for kid, key in found.items()} == {"k1": "RS256", "k2": "ES256", "k3": "ES256"}


def test_a_key_that_did_not_change_stays_the_same_object_and_one_that_did_does_not(signing_key: RSAPrivateKey) -> None:
    clock, issuer = Clock(), Issuer(jwks_of(k1=signing_key, k2=generate_private_key(65537, 2048)))
    keys = KeySet(issuer, clock)
    before = {kid: keys.key(kid) for kid in ("k1", "k2")}
    issuer.document = jwks_of(k1=signing_key, k2=generate_private_key(65537, 2048))
    clock.now += FRESH_S + 1
    keys.key("k1")
    settle()
    assert keys.key("k1") is before["k1"]
    assert keys.key("k2") is not before["k2"]


@pytest.fixture
def jwks_server() -> Iterator[Any]:
    answers: dict[str, Any] = {
        "status": 200,
        "body": b"{}",
        "delay": 0.0,
        "location": None,
        "is_dripping": False,
        "is_short": False,
        "sent": 0,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(answers["delay"])
            self.send_response(answers["status"])
            if answers["location"]:
                self.send_header("Location", answers["location"])
            self.send_header("Content-Length", str(len(answers["body"]) + answers["is_short"]))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client has had enough
                for byte in answers["body"] if answers["is_dripping"] else ():
                    self.wfile.write(bytes([byte]))
                    answers["sent"] += 1
                    time.sleep(0.1)
                if not answers["is_dripping"]:
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
    with pytest.raises(OSError, match="timed out"):
        fetch_jwks(url)


def test_an_issuer_that_drips_is_given_up_before_a_block_is_full(jwks_server: Any) -> None:
    url, answers = jwks_server
    answers.update(body=b"x" * 300, is_dripping=True)  # half a minute of them
    with pytest.raises(OSError, match="too slow"):
        fetch_jwks(url)
    assert answers["sent"] < 300


def test_a_jwks_that_breaks_off_is_none(jwks_server: Any) -> None:
    url, answers = jwks_server
    answers.update(body=b"{}", is_short=True)
    with pytest.raises(OSError, match="breaks off"):
        fetch_jwks(url)
