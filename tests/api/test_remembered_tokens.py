"""Verified tokens are remembered, and never longer, for nobody else and under no other key than when they were verified."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from issuer import AUDIENCE, HARBORVIEW, ISSUER, LAKESIDE, jwks_of
from test_keys import Clock, Issuer, settle

from api.auth import REMEMBERED_S, TokenRefused, Verifier
from api.keys import COOLDOWN_S, FRESH_S, STALE_S, KeySet, KeysUnavailable


class Watch(Verifier):
    """A verifier whose every clock is in the test's hand, and which counts how often it verified."""

    def __init__(self, document: bytes, remembered: int = 100) -> None:
        self.wall, self.steady, self.issuer, self.verified = Clock(), Clock(), Issuer(document), 0
        self.wall.now = time.time()
        super().__init__(ISSUER, AUDIENCE, KeySet(self.issuer, self.steady), clock=self.wall, remembered=remembered)

    def _verify(self, token: str) -> Any:
        self.verified += 1
        return super()._verify(token)


@pytest.fixture
def watch(signing_key: RSAPrivateKey) -> Watch:
    return Watch(jwks_of(k1=signing_key))


def test_a_token_is_verified_once(watch: Watch, make_token: Callable[..., str]) -> None:
    token = make_token(HARBORVIEW, roles=["analyst"])
    callers = [watch.caller(f"Bearer {token}") for _ in range(10)]
    assert watch.verified == 1
    assert {(caller.tenant_id, caller.roles) for caller in callers} == {(HARBORVIEW, frozenset({"analyst"}))}


def test_a_token_is_not_remembered_beyond_its_own_end(
    watch: Watch, make_token: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = make_token(exp=timedelta(seconds=60))
    watch.caller(f"Bearer {token}")
    watch.wall.now += 58
    watch.caller(f"Bearer {token}")
    assert watch.verified == 1
    watch.wall.now += 3

    def late(*_: Any, **__: Any) -> Any:
        raise jwt.ExpiredSignatureError

    monkeypatch.setattr(jwt, "decode", late)
    with pytest.raises(TokenRefused, match="expired"):
        watch.caller(f"Bearer {token}")


def test_a_token_that_only_the_leeway_lets_in_is_verified_each_time(watch: Watch, make_token: Callable[..., str]) -> None:
    token = make_token(exp=timedelta(seconds=-5))
    for _ in range(3):
        watch.caller(f"Bearer {token}")
    assert watch.verified == 3


@pytest.mark.parametrize("exp", [timedelta(days=365), 10**300], ids=str)
def test_however_long_it_lives_a_token_is_verified_again_after_five_minutes(watch: Watch, make_token: Callable[..., str], exp: Any) -> None:
    token = make_token(exp=exp)
    watch.caller(f"Bearer {token}")
    watch.wall.now += REMEMBERED_S - 1
    watch.caller(f"Bearer {token}")
    assert watch.verified == 1
    watch.wall.now += 2
    watch.caller(f"Bearer {token}")
    assert watch.verified == 2


def test_a_refused_token_is_refused_each_time(watch: Watch, make_token: Callable[..., str]) -> None:
    sound = make_token()
    watch.caller(f"Bearer {sound}")
    for token in (make_token(exp=timedelta(seconds=-60)), make_token(aud="another"), sound[:-8] + "AAAAAAAA"):
        for _ in range(2):
            with pytest.raises(TokenRefused):
                watch.caller(f"Bearer {token}")
    assert watch.verified == 1 + 3 * 2


def test_a_remembered_token_ends_with_its_key(watch: Watch, make_token: Callable[..., str]) -> None:
    token = make_token()
    watch.caller(f"Bearer {token}")
    watch.issuer.document = jwks_of(k2=generate_private_key(65537, 2048))
    watch.steady.now += FRESH_S + 1
    with contextlib.suppress(TokenRefused):  # the request that notices: it waits for nobody, and may be answered by the old keys
        watch.caller(f"Bearer {token}")
    settle()
    with pytest.raises(TokenRefused, match="unknown key"):
        watch.caller(f"Bearer {token}")


def test_a_remembered_token_ends_when_its_key_id_names_another_key(
    watch: Watch, signing_key: RSAPrivateKey, make_token: Callable[..., str]
) -> None:
    token = make_token()
    watch.caller(f"Bearer {token}")
    watch.issuer.document = jwks_of(k1=generate_private_key(65537, 2048))
    watch.steady.now += COOLDOWN_S
    with pytest.raises(TokenRefused):
        watch.caller(f"Bearer {make_token(headers={'kid': 'k2'})}")  # an unknown key id has the keys read at once
    with pytest.raises(TokenRefused):
        watch.caller(f"Bearer {token}")
    watch.issuer.document = jwks_of(k1=signing_key)
    watch.steady.now += COOLDOWN_S
    with pytest.raises(TokenRefused):
        watch.caller(f"Bearer {make_token(headers={'kid': 'k2'})}")
    before = watch.verified
    watch.caller(f"Bearer {token}")
    assert watch.verified == before + 1, "a key that came back verifies anew"


def test_a_key_set_that_was_read_again_unchanged_forgets_nothing(watch: Watch, make_token: Callable[..., str]) -> None:
    token = make_token()
    watch.caller(f"Bearer {token}")
    watch.steady.now += FRESH_S + 1
    watch.caller(f"Bearer {token}")
    settle()
    watch.caller(f"Bearer {token}")
    assert (watch.issuer.asked, watch.verified) == (2, 1)


def test_a_remembered_token_is_worth_nothing_when_the_keys_are_too_old(watch: Watch, make_token: Callable[..., str]) -> None:
    token = make_token()
    watch.caller(f"Bearer {token}")
    watch.issuer.error = OSError("refused")
    watch.steady.now += STALE_S + 1
    with pytest.raises(KeysUnavailable):
        watch.caller(f"Bearer {token}")


def test_threads_of_two_tenants_get_their_own_callers(signing_key: RSAPrivateKey, make_token: Callable[..., str]) -> None:
    """Eight threads over more tokens than are remembered, so that entries come and go all the time."""
    watch = Watch(jwks_of(k1=signing_key), remembered=4)
    tokens = [(f"Bearer {make_token(tenant, sub=f'{tenant} {n}')}", tenant, f"{tenant} {n}") for n in range(5) for tenant in TENANTS]
    wrong: list[Any] = []

    def ask(offset: int) -> None:
        for step in range(40):
            authorization, tenant, subject = tokens[(offset + step * 3) % len(tokens)]
            found = watch.caller(authorization)
            if (found.tenant_id, found.subject) != (tenant, subject):
                wrong.append(found)

    threads = [threading.Thread(target=ask, args=(offset,)) for offset in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


TENANTS = (LAKESIDE, HARBORVIEW)


def test_no_more_tokens_are_remembered_than_there_is_room_for(signing_key: RSAPrivateKey, make_token: Callable[..., str]) -> None:
    watch = Watch(jwks_of(k1=signing_key), remembered=3)
    tokens = [make_token(sub=str(number)) for number in range(10)]
    for token in tokens:
        watch.caller(f"Bearer {token}")
    assert len(watch._verified) == 3
    for token in tokens[-3:]:
        watch.caller(f"Bearer {token}")
    assert watch.verified == 10
    watch.caller(f"Bearer {tokens[0]}")
    assert watch.verified == 11


def test_no_token_lies_in_memory(watch: Watch, make_token: Callable[..., str]) -> None:
    token = make_token()
    watch.caller(f"Bearer {token}")
    assert all(isinstance(key, bytes) and len(key) == 32 for key in watch._verified)
    assert token not in repr(list(watch._verified.values()))
