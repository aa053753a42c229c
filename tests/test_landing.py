"""The object store: keys that stay under their prefix, snapshots that heal, frames that come back."""

import hashlib
import uuid

import pytest

from estate import landing
from estate.arrow import frame_to_arrow
from estate.contracts import contract
from tests.frames import EXPOSURE, batch, exposures, some_tenant

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("settings_env")]

OWNER = str(uuid.UUID(int=7))


@pytest.mark.parametrize(
    "key",
    [
        "", "/", "/etc/passwd", "..", "../x", f"{OWNER}/../x", f"{OWNER}/a/../../x", f"{OWNER}/..", f"{OWNER}//x", f"{OWNER}/",
        f"{OWNER}/a\0b", f"{OWNER}/a b", f"{OWNER}/a\n", f"{OWNER}/%2e%2e/x", f"{OWNER}\\x", f"{OWNER}/é", "s3://other/x", f"{OWNER}/a?b", "http://x/y",
    ],
)  # fmt: skip
def test_a_key_that_leaves_its_prefix_is_refused(servers, s3_bucket, key):
    before = servers.s3().list_objects_v2(Bucket=s3_bucket).get("Contents", [])
    for attempt in (lambda: landing.put(key, b"x"), lambda: landing.get(key), lambda: landing.get_rows(key)):
        with pytest.raises(ValueError, match="is not a key of ours"):
            attempt()
    assert servers.s3().list_objects_v2(Bucket=s3_bucket).get("Contents", []) == before


def test_what_is_put_is_got_and_what_is_not_there_is_named(s3_bucket):
    assert landing.put(f"{OWNER}/x", b"body") == f"s3://{s3_bucket}/{OWNER}/x"
    assert landing.get(f"{OWNER}/x") == b"body"
    assert landing.exists(f"{OWNER}/x")
    assert not landing.exists(f"{OWNER}/y")
    with pytest.raises(FileNotFoundError, match=f"s3://{s3_bucket}/{OWNER}/y does not exist"):
        landing.get(f"{OWNER}/y")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        landing.get_rows(f"{OWNER}/y")


def test_a_snapshot_is_named_by_its_bytes_and_landed_once(monkeypatch):
    payload = uuid.uuid4().bytes
    digest, key = landing.land(OWNER, payload)
    assert (digest, key) == (hashlib.sha256(payload).hexdigest(), f"{OWNER}/snapshots/{digest}")
    monkeypatch.setattr(landing, "put", lambda *_: pytest.fail("written again"))
    assert landing.land(OWNER, payload) == (digest, key)


@pytest.mark.parametrize("damaged", [b"", b"cut o"])
def test_a_snapshot_whose_bytes_are_not_its_name_is_healed(damaged):
    payload = uuid.uuid4().bytes
    _, key = landing.land(OWNER, payload)
    landing.put(key, damaged)
    landing.land(OWNER, payload)
    assert landing.get(key) == payload


def test_the_same_bytes_of_two_owners_are_two_snapshots():
    keys = {landing.land(owner, b"shared")[1] for owner in (OWNER, str(uuid.UUID(int=8)), landing.REFERENCE)}
    assert len(keys) == 3


def test_staged_rows_come_back_and_lie_under_the_tenant():
    tenant = some_tenant()
    key = landing.staged_key(batch(tenant), EXPOSURE, "built")
    assert key.startswith(f"{tenant.tenant_id}/staged/")
    rows = frame_to_arrow(exposures(tenant, {1: 0.1, 2: None}), contract(EXPOSURE))
    assert landing.put_rows(key, [rows.slice(0, 1), rows.slice(1)]) == 2
    assert landing.get_rows(key).table().equals(rows)
