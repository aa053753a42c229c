"""Access tokens that are not exactly ours: each made twice, for RS256 and for ES256, and refused by the running application."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_curve_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from flask.testing import FlaskClient
from issuer import AUDIENCE, HARBORVIEW, ISSUER, LAKESIDE, jwk_of, jwks_of

from api import create_app
from api.auth import Verifier
from api.keys import KeySet
from estate.settings import Settings
from tests.attack.ground import TENANTS, Ground
from tests.attack.report import Attack, Held, attacks, seen

NOW = int(time.time())
SUBJECT = "token-subject"
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "exp": NOW + 3000, "iat": NOW, "tenant_id": str(LAKESIDE), "roles": ["admin"]}
PATH = "/api/v1/me"  # it needs nothing but a caller

pytestmark = pytest.mark.servers


@dataclass
class Issuer:
    """An application that knows a key of each kind, and the hand that makes tokens for it."""

    client: FlaskClient
    rsa: RSAPrivateKey
    curve: EllipticCurvePrivateKey
    make_token: Callable[..., str]

    def both(self, tenant: Any = LAKESIDE, headers: dict[str, Any] | None = None, **claims: Any) -> list[str]:
        """The same token with each of the keys."""
        ours = {"roles": ["admin"], "sub": SUBJECT, **claims}
        return [
            self.make_token(tenant, key=key, alg=alg, headers={"kid": kid, **(headers or {})}, **ours)
            for kid, alg, key in (("k1", "RS256", self.rsa), ("c1", "ES256", self.curve))
        ]

    def signed(self, header: dict[str, Any], claims: Any = None) -> Iterator[str]:
        """Hand-made header and claims, soundly signed with each of the keys."""
        for kid, alg in (("k1", "RS256"), ("c1", "ES256")):
            body = f"{part({'alg': alg, 'kid': kid, 'typ': 'at+jwt', **header})}.{part(CLAIMS if claims is None else claims)}"
            if alg == "RS256":
                signature = jwt.algorithms.RSAAlgorithm(SHA256).sign(body.encode(), self.rsa)
            else:
                signature = jwt.algorithms.ECAlgorithm(SHA256).sign(body.encode(), self.curve)
            yield f"{body}.{encoded(signature)}"

    def statuses(self, *tokens: str) -> set[int]:
        """What the application answers to each of them; a refusal is a problem that quotes nothing of the token."""
        found = set()
        for token in tokens:
            answer = self.client.get(PATH, headers={"Authorization": f"Bearer {token}"})
            found.add(answer.status_code)
            if answer.status_code == 401:
                assert answer.content_type == "application/problem+json"
                assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=real-estate-os, error=invalid_token")
                assert SUBJECT not in answer.text
                assert not token or token not in answer.text
        return found


@pytest.fixture(scope="module")
def issuer(
    ground: Ground, api_settings: Callable[..., Settings], make_token: Callable[..., str], signing_key: RSAPrivateKey
) -> Iterator[Issuer]:
    curve = generate_curve_key(SECP256R1())
    app = create_app(api_settings(api_database_url=ground.settings.api_database_url), TENANTS)
    services = app.extensions["real-estate-os"]
    keys = KeySet(lambda: jwks_of(k1=signing_key, c1=curve))
    app.extensions["real-estate-os"] = replace(services, verifier=Verifier(ISSUER, AUDIENCE, keys))
    yield Issuer(app.test_client(), signing_key, curve, make_token)
    services.close()


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def part(content: Any) -> str:
    return encoded(content if isinstance(content, bytes) else json.dumps(content).encode())


def test_sound_tokens_are_let_in_up_to_the_edges_of_the_leeway(issuer: Issuer) -> None:
    sound: list[dict[str, Any]] = [
        {},
        {"exp": timedelta(seconds=-25)},
        {"nbf": timedelta(seconds=25)},
        {"aud": ["another", AUDIENCE]},
        {"headers": {"typ": "JWT"}},
        {"tenant": str(LAKESIDE).upper()},
        {"typ": "Bearer"},
    ]
    assert {status for changes in sound for status in issuer.statuses(*issuer.both(**changes))} == {200}


CLAIM_ATTACKS = {
    "expired": ("expired a minute ago", {"exp": timedelta(seconds=-60)}),
    "expired-edge": ("expired a moment longer ago than the leeway of 30 s", {"exp": timedelta(seconds=-32)}),
    "no-exp": ("without exp", {"exp": None}),
    "exp-text": ("exp as text", {"exp": str(NOW + 3000)}),
    "exp-true": ("exp is true", {"exp": True}),
    "exp-list": ("exp is a list", {"exp": [NOW + 3000]}),
    "exp-infinite": ("exp is Infinity", {"exp": float("inf")}),
    "exp-nan": ("exp is NaN", {"exp": float("nan")}),
    "exp-negative": ("exp is -1", {"exp": -1}),
    "nbf-future": ("nbf two minutes ahead", {"nbf": timedelta(seconds=120)}),
    "nbf-edge": ("nbf a moment further ahead than the leeway", {"nbf": timedelta(seconds=36)}),
    "nbf-text": ("nbf as text", {"nbf": str(NOW)}),
    "iat-future": ("iat two minutes ahead", {"iat": timedelta(seconds=120)}),
    "iat-text": ("iat as text", {"iat": str(NOW)}),
    "no-iss": ("without iss", {"iss": None}),
    "iss-slash": ("iss with a slash at its end", {"iss": f"{ISSUER}/"}),
    "iss-other-realm": ("iss is another realm of the same server", {"iss": "https://issuer.test/realms/other"}),
    "iss-list": ("iss is a list that holds ours", {"iss": [ISSUER]}),
    "iss-case": ("iss in capitals", {"iss": ISSUER.upper()}),
    "iss-http": ("iss without TLS", {"iss": ISSUER.replace("https", "http")}),
    "no-aud": ("without aud", {"aud": None}),
    "aud-other": ("aud is another client", {"aud": "account"}),
    "aud-list": ("aud is a list without us", {"aud": ["account", "broker"]}),
    "aud-empty-list": ("aud is an empty list", {"aud": []}),
    "aud-case": ("aud in capitals", {"aud": AUDIENCE.upper()}),
    "aud-part": ("aud begins with our name", {"aud": f"{AUDIENCE}.evil"}),
    "aud-object": ("aud is an object", {"aud": {"a": AUDIENCE}}),
    "no-sub": ("without sub", {"sub": None}),
    "sub-empty": ("sub is empty", {"sub": ""}),
    "sub-number": ("sub is a number", {"sub": 7}),
    "sub-nul": ("sub holds NUL", {"sub": "a\x00b"}),
    "sub-line": ("sub holds a line feed", {"sub": "a\nb"}),
    "sub-surrogate": ("sub is half a surrogate pair", {"sub": "\ud800"}),
    "sub-rtl": ("sub turns the direction of text", {"sub": "a\u202eb"}),
    "sub-long": ("sub has 256 characters", {"sub": "a" * 256}),
    "sub-as-key": ("sub looks like an API key's", {"sub": "key/0123/nightly export"}),
    "id-token": ("an identity token (typ ID)", {"typ": "ID"}),
    "refresh-token": ("a refresh token (typ Refresh)", {"typ": "Refresh"}),
    "offline-token": ("an offline token (typ Offline)", {"typ": "Offline"}),
    "no-tenant": ("without tenant_id", {"tenant": None}),
    "tenant-empty": ("tenant_id is empty", {"tenant": ""}),
    "tenant-list": ("tenant_id is a list of both tenants", {"tenant": [str(LAKESIDE), str(HARBORVIEW)]}),
    "tenant-object": ("tenant_id is an object", {"tenant": {"id": str(LAKESIDE)}}),
    "tenant-nil": ("tenant_id is the nil UUID, whose rows are everybody's refusals", {"tenant": "00000000-0000-0000-0000-000000000000"}),
    "tenant-slug": ("tenant_id is the tenant's name", {"tenant": "lakeside"}),
    "tenant-braces": ("tenant_id in braces", {"tenant": f"{{{LAKESIDE}}}"}),
    "tenant-urn": ("tenant_id as urn:uuid:", {"tenant": f"urn:uuid:{LAKESIDE}"}),
    "tenant-hex": ("tenant_id without dashes", {"tenant": LAKESIDE.hex}),
    "tenant-blank": ("tenant_id with a blank behind it", {"tenant": f"{LAKESIDE} "}),
    "tenant-line": ("tenant_id with a line feed behind it", {"tenant": f"{LAKESIDE}\n"}),
    "tenant-sql": ("tenant_id is SQL", {"tenant": f"{LAKESIDE}' OR true --"}),
    "tenant-digits": ("tenant_id in full-width digits", {"tenant": str(LAKESIDE).replace("6", "\uff16")}),
    "tenant-other-case": ("the claim is called Tenant_ID", {"tenant": None, "Tenant_ID": str(LAKESIDE)}),
    "typ-none": ("the header without typ", {"headers": {"typ": None}}),
    "typ-logout": ("a logout token", {"headers": {"typ": "logout+jwt"}}),
    "typ-dpop": ("a DPoP proof", {"headers": {"typ": "dpop+jwt"}}),
    "typ-list": ("typ is a list", {"headers": {"typ": ["at+jwt"]}}),
    "kid-unknown": ("kid of no key", {"headers": {"kid": "k2"}}),
    "kid-empty": ("kid is empty", {"headers": {"kid": ""}}),
    "kid-none": ("kid is null", {"headers": {"kid": None}}),
    "kid-list": ("kid is a list", {"headers": {"kid": ["k1", "c1"]}}),
    "kid-traversal": ("kid is a path (../../etc/passwd)", {"headers": {"kid": "../../etc/passwd"}}),
    "kid-device": ("kid is /dev/null", {"headers": {"kid": "/dev/null"}}),
    "kid-sql": ("kid is SQL", {"headers": {"kid": "k1' UNION SELECT 'x"}}),
    "kid-url": ("kid is an address", {"headers": {"kid": "https://evil.test/jwks.json"}}),
    "kid-long": ("kid has 300 characters", {"headers": {"kid": "k" * 300}}),
    "jku": ("jku points to the attacker's keys", {"headers": {"jku": "https://evil.test/jwks.json"}}),
    "x5u": ("x5u points to the attacker's certificate", {"headers": {"x5u": "https://evil.test/chain.pem"}}),
    "x5c": ("x5c brings a certificate", {"headers": {"x5c": ["MIIB"]}}),
    "jwk": ("jwk brings a key", {"headers": {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}}),
    "crit": ("crit names what nobody knows", {"headers": {"crit": ["exp"]}}),
    "b64": ("b64 is false", {"headers": {"b64": False, "crit": ["b64"]}}),
    "zip": ("the claims are said to be compressed", {"headers": {"zip": "DEF"}}),
    "enc": ("the header speaks of encryption", {"headers": {"enc": "A128GCM"}}),
}


@attacks(
    "P2", *(Attack(f"p2-{name}", f"a soundly signed token: {said}", "401", changes) for name, (said, changes) in CLAIM_ATTACKS.items())
)
def test_a_token_that_is_not_exactly_ours_is_refused(issuer: Issuer, attack: Attack, held: Held) -> None:
    kid = attack.payload.get("headers", {}).get("kid", "")
    # PyJWT signs no token whose key id is no text.
    made = issuer.both(**attack.payload) if isinstance(kid, str) else issuer.signed({"kid": kid})
    found = issuer.statuses(*made)
    assert found == {401}
    held(seen(found))


def hmac_signed(header: dict[str, Any], secret: bytes) -> str:
    body = f"{part(header)}.{part(CLAIMS)}"
    return f"{body}.{encoded(hmac.digest(secret, body.encode(), hashlib.sha256))}"


def algorithms(name: str, issuer: Issuer, pem: bytes) -> list[str]:  # noqa: PLR0911 - one a kind
    """Tokens whose header says another algorithm than the key's."""
    kids = ("k1", "c1")
    if name == "none":
        unsigned = [
            f"{part({'alg': alg, 'kid': kid, 'typ': 'at+jwt'})}.{part(CLAIMS)}"
            for alg in ("none", "None", "nOnE", "NONE", "")
            for kid in kids
        ]
        return [token + end for token in unsigned for end in (".", ".c2ln", "")]
    if name == "hs256-pem":
        return [hmac_signed({"alg": "HS256", "kid": kid, "typ": "at+jwt"}, secret) for kid in kids for secret in (pem, pem.strip(), b"")]
    if name == "hs256-jwk":
        jwks = [json.dumps(jwk_of(kid, key)).encode() for kid, key in (("k1", issuer.rsa), ("c1", issuer.curve))]
        return [hmac_signed({"alg": "HS256", "kid": kid, "typ": "at+jwt"}, secret) for kid, secret in zip(kids, jwks, strict=True)]
    if name == "lying-header":
        return [hmac_signed({"alg": alg, "kid": kid, "typ": "at+jwt"}, pem) for kid, alg in zip(kids, ("RS256", "ES256"), strict=True)]
    if name == "swapped-keys":
        (rsa_as_curve, _), (_, curve_as_rsa) = issuer.signed({"kid": "c1"}), issuer.signed({"kid": "k1"})
        return [rsa_as_curve, curve_as_rsa, *issuer.signed({"alg": "ES256", "kid": "k1"})][:3]
    if name == "other-rsa":
        return [issuer.make_token(LAKESIDE, alg=alg) for alg in ("RS384", "RS512", "PS256", "PS384", "PS512")]
    if name == "alg-types":
        return [token for alg in (["RS256"], {"RS256": 1}, None, 1, True) for token in issuer.signed({"alg": alg})]
    if name == "alg-case":
        return [token for alg in ("rs256", "Rs256", "RS256 ", "es256", "ES256\x00") for token in issuer.signed({"alg": alg})]
    return [token for alg in ("ES384", "ES512", "ES256K", "EdDSA", "RSA-OAEP", "dir") for token in issuer.signed({"alg": alg})]


@attacks(
    "P2",
    Attack("p2-alg-none", "alg none in every spelling, with and without a signature", "401", "none"),
    Attack("p2-alg-hs256-pem", "HS256 with the public PEM, or nothing, as the secret", "401", "hs256-pem"),
    Attack("p2-alg-hs256-jwk", "HS256 with the public JWK as the secret", "401", "hs256-jwk"),
    Attack("p2-alg-lying", "an HMAC under a header that says RS256 or ES256", "401", "lying-header"),
    Attack("p2-alg-swapped-keys", "the RSA key's id over a signature on the curve, and the other way round", "401", "swapped-keys"),
    Attack("p2-alg-other-rsa", "RS384, RS512 and PS256 to PS512 with the right key", "401", "other-rsa"),
    Attack("p2-alg-other-curve", "ES384, ES512, ES256K, EdDSA and encryption", "401", "other-curve"),
    Attack("p2-alg-types", "alg is a list, an object, null, a number, true", "401", "alg-types"),
    Attack("p2-alg-case", "alg in another case, with a blank, with NUL", "401", "alg-case"),
)
def test_only_the_key_decides_on_the_algorithm(issuer: Issuer, public_pem: bytes, attack: Attack, held: Held) -> None:
    tokens = algorithms(attack.payload, issuer, public_pem)
    assert tokens
    found = issuer.statuses(*tokens)
    assert found == {401}
    held(seen(found))


SHAPES = {
    "zeros": ("the signature is as long, and zero", "{h}.{c}.{zeros}"),
    "cut": ("the signature is cut", "{h}.{c}.{cut}"),
    "grown": ("the signature has four characters more", "{h}.{c}.{s}AAAA"),
    "padded": ("the signature is padded", "{h}.{c}.{s}=="),
    "stripped": ("the signature is stripped off", "{h}.{c}."),
    "two-parts": ("two parts", "{h}.{c}"),
    "four-parts": ("four parts", "{h}.{c}.{s}.{s}"),
    "five-parts": ("five parts, as of an encrypted token", "{h}..{c}.{s}.{s}"),
    "other-tenant": ("the claims name the other tenant under the old signature", "{h}.{other}.{s}"),
    "other-header": ("another header over the old signature", "{other_header}.{c}.{s}"),
    "blank": ("a blank before the token", " {h}.{c}.{s}"),
    "twice": ("two tokens with a comma between them", "{h}.{c}.{s},Bearer {h}.{c}.{s}"),
    "header-list": ("the header is a list", "{list}.{c}.{s}"),
    "header-huge": ("a header of 16 kB", "{huge}.{c}.{s}"),
    "header-deep": ("a header of five thousand brackets", "{deep}.{c}.{s}"),
    "header-bytes": ("a header that is no UTF-8", "{bytes}.{c}.{s}"),
    "dots": ("nothing but dots", ".."),
    "percent": ("percent signs of an address in the token", "{h}%2e{c}%2e{s}"),
    "base64": ("base64 in the place of base64url", "{h}.{c}.+/{s}"),
    "unicode": ("letters of another script", "{h}.{c}.\u0430{s}"),
}


@attacks("P2", *(Attack(f"p2-shape-{name}", f"a sound token, changed: {said}", "401", shape) for name, (said, shape) in SHAPES.items()))
def test_a_tampered_token_is_refused(issuer: Issuer, attack: Attack, held: Held) -> None:
    found = set()
    for token in issuer.both():
        header, claims, signature = token.split(".")
        other_header = part({**json.loads(base64.urlsafe_b64decode(header + "==")), "typ": "JWT"})
        made = attack.payload.format(
            h=header,
            c=claims,
            s=signature,
            zeros="A" * len(signature),
            cut=signature[:-4],
            other=part({**CLAIMS, "tenant_id": str(HARBORVIEW)}),
            other_header=other_header,
            list=part([1]),
            huge="A" * 16_000,
            deep=encoded(b"[" * 5000),
            bytes=encoded(b"\xff\xfe{}"),
        )
        found |= issuer.statuses(made.encode().decode("latin-1"))
    assert found == {401}
    held(seen(found))


RAW = {
    "signature-zero-curve": ("on the curve, the signatures (0, 0), (0, 1) and (n, n)", [b"\0" * 64, b"\0" * 63 + b"\1", b"\xff" * 64]),
    "signature-der": ("on the curve, a signature of another length", [b"\0" * 70, b"\0" * 128, b"0"]),
}


@attacks("P2", *(Attack(f"p2-{name}", said, "401", raw) for name, (said, raw) in RAW.items()))
def test_a_signature_of_nothing_verifies_nothing(issuer: Issuer, attack: Attack, held: Held) -> None:
    body = f"{part({'alg': 'ES256', 'kid': 'c1', 'typ': 'at+jwt'})}.{part(CLAIMS)}"
    found = issuer.statuses(*(f"{body}.{encoded(raw)}" for raw in attack.payload))
    assert found == {401}
    held(seen(found))


CONTENTS = {
    "claims-list": ("the claims are a list", [b"[]", b"[1]"]),
    "claims-text": ("the claims are a text or a number", [b'"x"', b"7", b"null"]),
    "claims-empty": ("there are no claims", [b"", b"{}"]),
    "claims-bytes": ("the claims are no UTF-8", [b"\xff\xfe\x00"]),
    "claims-twice": (
        "tenant_id stands twice in the claims, first without and then with a value of another kind",
        [json.dumps(CLAIMS).encode()[:-1] + b', "tenant_id": ["x"]}'],
    ),
    "claims-deep": ("the claims are four thousand brackets deep", [b"[" * 4000]),
    "claims-huge-number": (
        "exp is a number of four thousand digits",
        [json.dumps({**CLAIMS, "exp": 0}).encode().replace(b'"exp": 0', b'"exp": -' + b"9" * 4000)],
    ),
}


@attacks("P2", *(Attack(f"p2-{name}", f"soundly signed: {said}", "401", raws) for name, (said, raws) in CONTENTS.items()))
def test_claims_that_are_none_are_refused(issuer: Issuer, attack: Attack, held: Held) -> None:
    found = issuer.statuses(*(token for raw in attack.payload for token in issuer.signed({}, raw)))
    assert found == {401}
    held(seen(found))
