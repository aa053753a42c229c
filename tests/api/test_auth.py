"""Tokens: exactly those of the issuer, for this audience, with a tenant, are let in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_curve_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from flask import Flask
from flask.testing import FlaskClient
from issuer import AUDIENCE, HARBORVIEW, ISSUER, LAKESIDE, bearer, jwks_of

from api.auth import TokenRefused, Verifier
from api.keys import KeySet

NOW = int(time.time())


def named(value: Any) -> str:
    """The name of a case: the same in every process, whatever the time and the order of a set."""
    return re.sub(r"1[0-9]{9}", "now", str(sorted(value) if isinstance(value, set) else value))


@pytest.fixture(scope="module")
def curve_key() -> EllipticCurvePrivateKey:
    return generate_curve_key(SECP256R1())


@pytest.fixture
def verifier(signing_key: RSAPrivateKey, curve_key: EllipticCurvePrivateKey) -> Verifier:
    return Verifier(ISSUER, AUDIENCE, KeySet(lambda: jwks_of(k1=signing_key, c1=curve_key)))


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def hand_signed(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """An HS256 token made without PyJWT, which refuses to sign with a public key."""
    body = f"{part(header)}.{part(claims)}"
    signature = base64.urlsafe_b64encode(hmac.digest(secret, body.encode(), hashlib.sha256)).rstrip(b"=").decode()
    return f"{body}.{signature}"


CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": NOW + 3000, "tenant_id": str(LAKESIDE)}


def test_a_sound_token_names_its_tenant_and_subject(verifier: Verifier, make_token: Callable[..., str]) -> None:
    caller = verifier.caller(f"Bearer {make_token(HARBORVIEW, sub='grace')}")
    assert (caller.tenant_id, caller.subject, caller.credential) == (HARBORVIEW, "grace", "token")


def test_a_token_signed_on_the_curve_is_as_good(
    verifier: Verifier, curve_key: EllipticCurvePrivateKey, make_token: Callable[..., str]
) -> None:
    token = make_token(HARBORVIEW, key=curve_key, alg="ES256", headers={"kid": "c1"})
    assert verifier.caller(f"Bearer {token}").tenant_id == HARBORVIEW


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({}, {"viewer"}),
        ({"roles": ["analyst"]}, {"analyst"}),
        ({"roles": ["admin", "viewer", "reader", 7, None, ["analyst"]]}, {"admin", "viewer"}),
        ({"roles": ["Admin", " analyst", "superuser"]}, {"viewer"}),
        ({"roles": "admin"}, {"viewer"}),
        ({"roles": {"admin": True}}, {"viewer"}),
        ({"scope": "openid admin", "scp": ["admin"], "groups": ["admin"]}, {"viewer"}),
        ({"realm_access": {"roles": ["default-roles-estate", "offline_access", "analyst"]}}, {"analyst"}),
        ({"resource_access": {AUDIENCE: {"roles": ["admin"]}, "account": {"roles": ["manage-account"]}}}, {"admin"}),
        ({"resource_access": {"account": {"roles": ["admin"]}, "another": {"roles": ["analyst"]}}}, {"viewer"}),
        ({"roles": ["viewer"], "realm_access": {"roles": ["analyst"]}}, {"viewer", "analyst"}),
        ({"realm_access": ["admin"], "resource_access": "admin"}, {"viewer"}),
        ({"realm_access": {"roles": None}, "resource_access": {AUDIENCE: ["admin"]}}, {"viewer"}),
    ],
    ids=named,
)
def test_roles_are_those_we_know_from_the_places_where_issuers_write_them(
    verifier: Verifier, make_token: Callable[..., str], claims: dict[str, Any], roles: set[str]
) -> None:
    assert verifier.caller(f"Bearer {make_token(**claims)}").roles == roles


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": {"typ": "JWT"}},
        {"headers": {"typ": "application/at+jwt"}},
        {"aud": ["another", AUDIENCE]},
        {"exp": timedelta(seconds=-5)},
        {"nbf": timedelta(seconds=5)},
        {"typ": "Bearer"},
        {"exp": NOW + 3000.5},
        {"exp": 10**300},
    ],
    ids=named,
)
def test_what_the_standard_allows_is_accepted(verifier: Verifier, make_token: Callable[..., str], changes: dict[str, Any]) -> None:
    assert verifier.caller(f"bearer {make_token(**changes)}").tenant_id == LAKESIDE


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": timedelta(seconds=-60)},
        {"exp": None},
        {"exp": str(NOW + 3000)},
        {"exp": True},
        {"exp": [NOW + 3000]},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"nbf": timedelta(seconds=120)},
        {"nbf": str(NOW)},
        {"iat": timedelta(seconds=120)},
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
        {"sub": "a\x00b"},
        {"sub": "a\nb"},
        {"sub": "\ud800"},
        {"sub": "a" * 256},
        {"sub": "key/0123/nightly export"},
        {"typ": "ID"},
        {"typ": "Refresh"},
        {"tenant": None},
        {"tenant": ""},
        {"tenant": [str(LAKESIDE)]},
        {"tenant": {"id": str(LAKESIDE)}},
        {"tenant": 7},
        {"tenant": "00000000-0000-0000-0000-000000000000"},
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
        {"headers": {"kid": "c1"}},
        {"alg": "RS384"},
        {"alg": "RS512"},
        {"alg": "PS256"},
    ],
    ids=named,
)
def test_a_token_that_is_not_exactly_ours_is_refused(verifier: Verifier, make_token: Callable[..., str], changes: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        verifier.caller(f"Bearer {make_token(**changes)}")


def test_a_token_of_a_tenant_that_is_not_listed_is_refused_like_any_other(
    signing_key: RSAPrivateKey, make_token: Callable[..., str]
) -> None:
    verifier = Verifier(ISSUER, AUDIENCE, KeySet(lambda: jwks_of(k1=signing_key)), tenant_ids={LAKESIDE})
    assert verifier.caller(f"Bearer {make_token(LAKESIDE)}").tenant_id == LAKESIDE
    said = set()
    for wrong in ({"tenant": HARBORVIEW}, {"aud": "account"}):
        with pytest.raises(TokenRefused) as refused:
            verifier.caller(f"Bearer {make_token(**wrong)}")
        said.add(str(refused.value))
    assert len(said) == 1


def test_the_application_lets_in_listed_tenants_only(detached: FlaskClient, make_token: Callable[..., str]) -> None:
    answer = detached.get("/api/v1/properties", headers=bearer(make_token("11111111-2222-4333-8444-555555555555")))
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("kid", "alg", "signer"),
    [
        ("k1", "ES256", "rsa"),
        ("c1", "ES256", "rsa"),
        ("c1", "RS256", "rsa"),
        ("c1", "RS256", "curve"),
        ("k1", "RS256", "curve"),
        ("k1", "ES256", "curve"),
        ("c1", "ES256K", "curve"),
        ("c1", "ES384", "curve"),
        ("k1", ["RS256"], "rsa"),
        ("k1", None, "rsa"),
        ("k1", {"RS256": 1}, "rsa"),
        ("k1", "rs256", "rsa"),
    ],
)
def test_the_key_decides_on_the_algorithm_and_the_token_must_say_the_same(
    verifier: Verifier, signing_key: RSAPrivateKey, curve_key: EllipticCurvePrivateKey, kid: str, alg: Any, signer: str
) -> None:
    def signed(kid: str, alg: Any) -> str:
        body = f"{part({'alg': alg, 'kid': kid, 'typ': 'at+jwt'})}.{part(CLAIMS)}"
        if signer == "rsa":
            signature = jwt.algorithms.RSAAlgorithm(SHA256).sign(body.encode(), signing_key)
        else:
            signature = jwt.algorithms.ECAlgorithm(SHA256).sign(body.encode(), curve_key)
        return f"Bearer {body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    assert verifier.caller(signed(*(("k1", "RS256") if signer == "rsa" else ("c1", "ES256"))))
    with pytest.raises(TokenRefused):
        verifier.caller(signed(kid, alg))


@pytest.mark.parametrize("signature", [b"\0" * 64, b"", b"\0" * 63 + b"\1", b"\xff" * 64, b"\0" * 128])
def test_a_signature_of_nothing_verifies_nothing_on_the_curve(verifier: Verifier, signature: bytes) -> None:
    body = f"{part({'alg': 'ES256', 'kid': 'c1', 'typ': 'at+jwt'})}.{part(CLAIMS)}"
    with pytest.raises(TokenRefused):
        verifier.caller(f"Bearer {body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}")


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
