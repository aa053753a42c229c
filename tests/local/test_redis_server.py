"""Redis as one machine runs it: each user has its own keys and no more, and a server that an older release started is told so too."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from rich.console import Console

from api.cache import Kept, ResponseCache
from api.health import _redis as ask_health
from api.limits import Limiter, keys_of
from estate.settings import Settings, tenants
from local import redis_server, supervision
from local import servers as machines
from local.environment import redis_url
from local.layout import ANY_PORTS, Layout, layout
from local.progress import Progress
from tests.servers import Servers

pytestmark = pytest.mark.servers

PATIENT_S = 5.0
FEATURE = "property 1 of estate_lakeside"
CACHED = "estate:cache:v1:page"
BOUNDS = {"maxmemory": str(512 * 1024 * 1024), "maxmemory-policy": "volatile-ttl"}


@pytest.fixture
def api(settings_env: Settings) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings_env.redis_url) as client:
        yield client


@pytest.fixture
def owner(servers: Servers, settings_env: Settings) -> Iterator[redis.Redis]:
    """The API's logical database, as the server's own user."""
    with servers.redis_client(settings_env.redis_url) as client:
        yield client


def refused(client: redis.Redis, *words: str) -> bool:
    """Whether the server says that this user may not."""
    try:
        client.execute_command(*words)
    except redis.exceptions.NoPermissionError:
        return True
    return False


# What the API may do


@pytest.mark.parametrize(
    "command",
    [
        "KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE", "FLUSHDB", "FLUSHALL", "CONFIG GET maxmemory", "ACL LIST", "INFO", "MONITOR",
        "SCRIPT FLUSH", "CLIENT LIST", "SWAPDB 1 33", "SUBSCRIBE x", "SHUTDOWN NOSAVE",
    ],
)  # fmt: skip
def test_the_api_can_neither_list_nor_drop_all_nor_change_the_server(api: redis.Redis, command: str) -> None:
    assert refused(api, *command.split())


def test_the_api_reads_and_writes_no_feature_in_whatever_database(
    servers: Servers, settings_env: Settings, api: redis.Redis, owner: redis.Redis
) -> None:
    in_features = int(redis.connection.parse_url(settings_env.features_redis_url)["db"])
    with servers.redis_client(settings_env.features_redis_url) as theirs:
        for client in (theirs, owner):
            client.set(FEATURE, "1", ex=60)
    with redis.Redis.from_url(redis_url(servers.machine, in_features, "api")) as beside:
        for client in (api, beside):
            assert refused(client, "GET", FEATURE)
            assert refused(client, "SET", FEATURE, "2")


@pytest.mark.parametrize("call", ["'GET', ARGV[1]", "'KEYS', '*'", "'FLUSHALL'"])
def test_a_script_of_the_api_reaches_no_further(api: redis.Redis, call: str) -> None:
    script = api.register_script(f"return redis.call({call})")
    with pytest.raises(redis.ResponseError, match=r"user executing the script can't|ACL failure in script"):
        script(keys=[CACHED], args=[FEATURE])


def test_the_cache_and_the_limiter_work_as_the_api_s_user(settings_env: Settings, owner: redis.Redis) -> None:
    assert owner.dbsize() == 0
    owner.script_flush()  # the first of all machines to ask
    cache = ResponseCache(settings_env.redis_url, timeout_s=PATIENT_S)
    kept = Kept(200, "text/plain", (), b"kept")
    assert cache.put(CACHED, kept)
    assert cache.get(CACHED) == kept
    (tenant, *_) = tenants().values()
    limiter = Limiter(settings_env.redis_url, {tenant.tenant_id: {"export": 1}}, timeout_s=PATIENT_S)
    assert [limiter.hit(tenant.tenant_id, "ada", "export").is_allowed for _ in range(2)] == [True, False]
    assert (limiter.fallback_count, limiter.is_degraded, cache.is_degraded) == (0, False, False)
    assert {key.decode() for key in owner.scan_iter()} == {CACHED, *keys_of(tenant.tenant_id, "ada")}
    ask_health(settings_env.redis_url)


def test_the_api_s_address_names_its_own_user(settings_env: Settings) -> None:
    assert redis.connection.parse_url(settings_env.redis_url)["username"] == "api"


# A server that runs since before


@pytest.fixture
def machine(tmp_path: Path) -> Layout:
    return layout(tmp_path, ANY_PORTS)


@pytest.fixture
def start(machine: Layout) -> Iterator[Callable[[str], None]]:
    """Starts the machine's Redis with this configuration, and waits until it answers."""
    started: list[subprocess.Popen[bytes]] = []

    def with_configuration(text: str) -> None:
        path = machine.folder / "started.conf"
        path.write_text(text)
        started.append(subprocess.Popen(["redis-server", str(path)], stdout=subprocess.DEVNULL))
        patient = Retry(ConstantBackoff(0.02), 500)
        with redis.Redis.from_url(redis_url(machine, 0), retry=patient, retry_on_error=[redis.ConnectionError]) as client:
            client.ping()

    yield with_configuration
    for process in started:
        process.kill()
        process.wait()


def older(machine: Layout) -> str:
    """The configuration of a release without users."""
    said = {"port": machine.ports["redis"], "requirepass": machine.secrets["redis_password"], "databases": 64, "save": '""'}
    return "".join(f"{name} {value}\n" for name, value in {**said, "maxmemory": "256mb", "maxmemory-policy": "allkeys-lru"}.items())


def said_by(machine: Layout) -> tuple[list[str], dict[str, str]]:
    """The users and the bounds of the running server."""
    with redis.Redis.from_url(redis_url(machine, 0), decode_responses=True) as client:
        return client.acl_list(), {name: client.config_get(name)[name] for name in BOUNDS}


def names(users: list[str]) -> list[str]:
    return [user.split()[1] for user in users]


def test_a_running_server_is_told_what_its_configuration_says_and_nothing_else(machine: Layout, start: Callable[[str], None]) -> None:
    start(redis_server.configuration(machine))
    users, bounds = said_by(machine)
    assert (names(users), bounds) == (["api", "default", "features"], BOUNDS)
    redis_server.adapt(machine)
    assert said_by(machine) == (users, bounds)


def test_a_server_of_an_older_release_gets_users_and_bounds_and_keeps_what_it_holds(machine: Layout, start: Callable[[str], None]) -> None:
    start(older(machine))
    with redis.Redis.from_url(redis_url(machine, 0)) as connected:
        connected.set(CACHED, "kept")
        assert names(said_by(machine)[0]) == ["default"]
        for _ in range(2):
            redis_server.adapt(machine)
            assert said_by(machine)[1] == BOUNDS
            assert connected.get(CACHED) == b"kept"
    with redis.Redis.from_url(redis_url(machine, 0, "api")) as api:
        assert api.get(CACHED) == b"kept"
        assert refused(api, "GET", FEATURE)
    with redis.Redis.from_url(redis_url(machine, 32, "features")) as features:
        assert features.hset(FEATURE, "a", "1") == 1
        assert refused(features, "GET", CACHED)


def test_what_a_user_was_once_allowed_does_not_stay_and_nobody_is_cut_off(machine: Layout, start: Callable[[str], None]) -> None:
    start(older(machine))
    redis_server.adapt(machine)
    with redis.Redis.from_url(redis_url(machine, 0)) as own, redis.Redis.from_url(redis_url(machine, 0, "api")) as api:
        number = own.client_list()[-1]["id"]
        before = said_by(machine)
        own.execute_command("ACL", "SETUSER", "api", "~*", "+@all", ">another")
        assert api.set(FEATURE, "1")
        redis_server.adapt(machine)
        assert refused(api, "GET", FEATURE)
        assert said_by(machine) == before
        assert number in [client["id"] for client in own.client_list()]


def test_a_server_that_refuses_says_what_helps(machine: Layout) -> None:
    with pytest.raises(RuntimeError, match=r"Redis does not take its users and bounds .*make down"):
        redis_server.adapt(machine)


def test_a_machine_that_runs_since_before_is_not_restarted_and_has_its_users(tmp_path_factory: pytest.TempPathFactory) -> None:
    quiet = Progress(Console(quiet=True))
    machine = machines.start_stores(layout(tmp_path_factory.mktemp("machine"), ANY_PORTS), quiet)
    try:
        running = supervision.states(machine)["redis"]["pid"]
        with redis.Redis.from_url(redis_url(machine, 0)) as own:
            own.execute_command("ACL", "DELUSER", "api", "features")
            own.config_set("maxmemory-policy", "allkeys-lru")
            machines.start_stores(layout(machine.folder), quiet)
            assert names(own.acl_list()) == ["api", "default", "features"]
        assert said_by(machine)[1] == BOUNDS
        assert supervision.states(machine)["redis"]["pid"] == running
    finally:
        machines.clean(machine, quiet)
