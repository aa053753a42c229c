"""The issuer of the tests: its name, its key sets, and what a client sends."""

from __future__ import annotations

import json
import uuid

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER = "https://issuer.test/realms/estate"
AUDIENCE = "real-estate-os"
LAKESIDE = uuid.UUID("6f1c1f0e-6c0f-5b57-9b7e-0d6d6c5a1a01")
HARBORVIEW = uuid.UUID("b7a3c2d4-2f5e-5c1b-8a9d-4e1f7c3b9b02")
NEWCOMER = uuid.UUID("0d9b6c5e-3c1d-5f0a-8e47-2b6f9a1c7c03")  # listed, and nothing is stored of it yet
DOCS_PASSWORDS = {"lakeside": "lake secret", "harborview": "harbor secret"}
NOWHERE = "postgresql://estate_api@127.0.0.1:1/absent"  # nothing listens on port 1


def jwks_of(**keys: RSAPrivateKey | EllipticCurvePrivateKey) -> bytes:
    """A JWKS with these private keys' public halves, by key id."""
    return json.dumps({"keys": [jwk_of(kid, key) for kid, key in keys.items()]}).encode()


def jwk_of(kid: str, key: RSAPrivateKey | EllipticCurvePrivateKey) -> dict[str, str]:
    """The public half of a private key as the issuer publishes it."""
    if isinstance(key, RSAPrivateKey):
        return {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig", "alg": "RS256"}
    return {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig", "alg": "ES256"}


def bearer(token: str) -> dict[str, str]:
    """The header that carries `token`."""
    return {"Authorization": f"Bearer {token}"}
