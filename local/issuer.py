"""The issuer of access tokens of one machine: a key pair in the machine's folder, its public half as a JWKS file."""

from __future__ import annotations

import json
import time
import uuid

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from local.environment import AUDIENCE, ISSUER
from local.layout import Layout, write_private

LIFETIME_SECONDS = 12 * 3600


def ensure_key(machine: Layout) -> None:
    """Make the key pair and its JWKS unless they are there."""
    private, public = machine["keys"] / "private.pem", machine["keys"] / "jwks.json"
    if private.exists() and public.exists():
        return
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"use": "sig", "alg": "RS256", "kid": _key_id(key)}
    write_private(private, pem.decode())
    public.write_text(json.dumps({"keys": [jwk]}))


def token(machine: Layout, tenant_id: uuid.UUID, subject: str, roles: tuple[str, ...] = ("viewer",)) -> str:
    """An RS256 access token (RFC 9068) for `tenant_id` with these roles (estate.api_key.ROLES), valid for twelve hours."""
    ensure_key(machine)
    key = serialization.load_pem_private_key((machine["keys"] / "private.pem").read_bytes(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the key in keys/private.pem is not an RSA key")
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "jti": str(uuid.uuid4()),
        "tenant_id": str(tenant_id),
        "roles": list(roles),
    }
    return jwt.encode(claims, key, algorithm="RS256", headers={"typ": "at+jwt", "kid": _key_id(key)})


def _key_id(key: rsa.RSAPrivateKey) -> str:
    """A short name of the key that follows from the key."""
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(public)
    return digest.finalize().hex()[:16]
