"""Access tokens of one machine verify against its published keys, and say what RFC 9068 asks for."""

from __future__ import annotations

import json
import stat
import uuid
from pathlib import Path

import jwt
import pytest
from click.testing import CliRunner
from jwt import PyJWKSet

from local import issuer
from local.__main__ import main
from local.environment import AUDIENCE, ISSUER
from local.layout import ANY_PORTS, Layout, layout

TENANT = uuid.UUID("6f1c1f0e-6c0f-5b57-9b7e-0d6d6c5a1a01")


@pytest.fixture
def machine(tmp_path: Path) -> Layout:
    return layout(tmp_path, ANY_PORTS)


def verified(machine: Layout, token: str) -> dict[str, object]:
    keys = PyJWKSet.from_dict(json.loads((machine["keys"] / "jwks.json").read_text()))
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER, options={"require": ["exp", "iat", "sub", "jti"]})


def test_a_token_verifies_against_the_jwks_and_names_its_tenant(machine: Layout) -> None:
    claims = verified(machine, issuer.token(machine, TENANT, "local:lakeside"))
    assert (claims["tenant_id"], claims["sub"], claims["roles"]) == (str(TENANT), "local:lakeside", ["viewer"])


def test_a_token_carries_the_role_that_was_asked_for(machine: Layout) -> None:
    assert verified(machine, issuer.token(machine, TENANT, "local:lakeside", ("analyst",)))["roles"] == ["analyst"]


def test_a_role_that_the_api_does_not_know_is_refused_with_those_it_knows() -> None:
    refused = CliRunner().invoke(main, ["token", "lakeside", "owner"])
    assert refused.exit_code == 2
    assert "'viewer', 'analyst', 'admin'" in refused.output


def test_a_token_is_an_access_token_of_twelve_hours(machine: Layout) -> None:
    token = issuer.token(machine, TENANT, "local:lakeside")
    claims = verified(machine, token)
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    assert claims["exp"] - claims["iat"] == 12 * 3600  # type: ignore[operator]


def test_the_key_is_made_once_and_its_private_half_is_private(machine: Layout) -> None:
    first = issuer.token(machine, TENANT, "local:lakeside")
    issuer.token(machine, TENANT, "local:lakeside")
    assert verified(machine, first)
    assert stat.S_IMODE((machine["keys"] / "private.pem").stat().st_mode) == 0o600
    assert "d" not in json.loads((machine["keys"] / "jwks.json").read_text())["keys"][0]


def test_a_token_of_another_machine_does_not_verify(machine: Layout, tmp_path: Path) -> None:
    other = layout(tmp_path / "other", ANY_PORTS)
    issuer.ensure_key(machine)
    with pytest.raises(KeyError):
        verified(machine, issuer.token(other, TENANT, "local:lakeside"))
