"""The command that manages keys: as the owner only, in words that cannot be mistaken, showing each secret once."""

import subprocess
import sys

import psycopg
import pytest
from click.testing import CliRunner

from estate import access
from estate.api_key import parse_key
from estate.errors import SettingError
from estate.settings import ROOT, tenants

pytestmark = pytest.mark.servers


@pytest.fixture
def command(settings_env):
    """Run the command in this process."""
    return lambda *words: CliRunner().invoke(access.main, words)


def test_a_key_is_shown_once_and_then_only_its_public_half(command):
    issued = command("issue", "lakeside", "nightly export", "--role", "analyst", "--days", "90")
    assert issued.exit_code == 0
    key = parse_key(issued.stdout.strip())
    assert key.tenant_id == tenants()["lakeside"].tenant_id
    listed = command("list", "lakeside").output
    (line,) = [line for line in listed.splitlines() if line.startswith(key.key_id)]
    assert line.split("  ", 1)[1].startswith("open     analyst  20")
    assert line.endswith("Z  nightly export")
    for said in (issued.stderr, listed):
        assert key.key_id in said
        assert key.secret not in said
        assert key.secret_sha256 not in said


def test_a_revoked_key_is_listed_as_such_and_stays_revoked_since_the_first_time(command):
    key = parse_key(command("issue", "harborview", "once", "--days", "1").stdout.strip())
    first = command("revoke", key.key_id)
    assert first.exit_code == 0
    before = access.keys_of(tenants()["harborview"])
    assert command("revoke", key.key_id).output == first.output
    assert access.keys_of(tenants()["harborview"]) == before
    assert f"{key.key_id}  revoked  viewer" in command("list", "harborview").output


def test_a_key_past_its_day_is_listed_as_expired(command, database):
    key = parse_key(command("issue", "lakeside", "old", "--days", "1").stdout.strip())
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("UPDATE platform.api_key SET expires_at = now() WHERE key_id = %s", (key.key_id,))
    states = {row["key_id"]: row["state"] for row in access.keys_of(tenants()["lakeside"])}
    assert states[key.key_id] == "expired"


def test_a_tenant_s_list_holds_its_own_keys_only(command):
    own = parse_key(command("issue", "lakeside", "own", "--days", "1").stdout.strip())
    foreign = parse_key(command("issue", "harborview", "foreign", "--days", "1").stdout.strip())
    listed = command("list", "lakeside").output
    assert own.key_id in listed
    assert foreign.key_id not in listed


@pytest.mark.parametrize(
    "words",
    [
        ("issue", "lakeside", "x"),
        ("issue", "lakeside", "x", "--days", "367"),
        ("issue", "lakeside", "x", "--days", "0"),
        ("issue", "lakeside", "x", "--days", "1", "--role", "owner"),
        ("issue", "nobody", "x", "--days", "1"),
        ("list", "nobody"),
    ],
)
def test_words_that_cannot_be_are_refused_with_the_reason(command, words):
    refused = command(*words)
    assert refused.exit_code == 2
    assert "Error:" in refused.output


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", " x", "x" * 64, "ключ", "-x"])
def test_a_name_that_would_confuse_the_audit_is_refused(settings_env, name):
    with pytest.raises(ValueError, match="at most 63"):
        access.issue(tenants()["lakeside"], name, "viewer", 1)


@pytest.mark.parametrize("key_id", ["", "lakeside", "0" * 48, "F" * 48, "reo_" + "0" * 48])
def test_a_key_that_is_not_there_cannot_be_revoked(settings_env, key_id):
    with pytest.raises(ValueError, match=key_id or "is not a key id"):
        access.revoke(key_id)


def test_without_the_owner_s_address_the_command_says_what_is_missing(settings_env, monkeypatch):
    monkeypatch.setattr(access, "settings", lambda: settings_env.model_copy(update={"owner_database_url": ""}))
    with pytest.raises(SettingError, match="ESTATE_OWNER_DATABASE_URL"):
        access.keys_of(tenants()["lakeside"])


def test_the_command_as_people_run_it_prints_the_reason_and_no_traceback(settings_env):
    done = subprocess.run(
        [sys.executable, "-m", "estate.access", "revoke", "nothing"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "estate.access: nothing is not a key id: 48 hexadecimal digits, as `list` shows them\n"
