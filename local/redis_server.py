"""Redis: its settings, and who may do what in it; told to a server when it starts, and to one that has been running since before."""

from __future__ import annotations

import hashlib

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from local.layout import Layout, write_private

# Everything here expires: counts of limits within minutes, kept answers within the hour, features after months. Where room is short, what
# would expire first goes first; least recently used would drop the features that nobody asked for today.
_BOUNDS = {"maxmemory-policy": "volatile-ttl", "maxmemory": "512mb"}

# Nobody but the server's own user lists all keys, drops all, or changes the server. The password of `name` is the secret
# `<name>_redis_password`.
_RULES = {
    # All that kept answers, limits (a script, whose every command is checked as well) and the question whether the server is there ask
    # for. redis-py also introduces itself (CLIENT SETINFO), and takes no for an answer.
    "api": "~estate:* +get +set +time +evalsha +script|load +ping +select",
    # Feast's keys end in the tenant's project.
    # SCAN and the like name keys whatever the patterns say, those of other databases too.
    "features": "~*estate_* +@all -@admin -@dangerous -scan -randomkey -dbsize -swapdb",
}


def configuration(machine: Layout) -> str:
    """The text of redis.conf. Holds a password."""
    settings = {
        "bind": "127.0.0.1",
        "port": str(machine.ports["redis"]),
        "requirepass": machine.secrets["redis_password"],
        "dir": str(machine["redis"]),
        "databases": "64",
        "save": '""',
        "appendonly": "no",
        **_BOUNDS,
        "set-proc-title": "no",  # a title of its own overwrites the environment by which a stop finds it
    }
    lines = [f"{name} {value}" for name, value in settings.items()]
    lines += [f"user {name} {' '.join(words)}" for name, words in _users(machine).items()]
    return "\n".join(lines) + "\n"


def command(machine: Layout) -> list[str]:
    """The server's command line; writes the file that it names."""
    path = machine["redis"] / "redis.conf"
    write_private(path, configuration(machine))
    return ["redis-server", str(path)]


def is_ready(machine: Layout) -> bool:
    """Whether it answers to its own user."""
    try:
        with _client(machine) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def adapt(machine: Layout) -> None:
    """Give the running server the users and bounds of `configuration`, which it lacks where an older release has started it.

    Safe to repeat: connections stay, and one that just started has nothing to change. Raises RuntimeError when it refuses.
    """
    try:
        with _client(machine) as client:
            for name, words in _users(machine).items():
                client.execute_command("ACL", "SETUSER", name, *words)
            for name, value in _BOUNDS.items():
                client.config_set(name, value)
    except redis.RedisError as error:
        raise RuntimeError(f"Redis does not take its users and bounds ({error}); stop it (make down) and start it again") from error


def _users(machine: Layout) -> dict[str, list[str]]:
    """Each user's rules, from nothing on: what an older release allowed or which password it knew does not stay."""
    return {
        name: ["reset", "resetchannels", "on", f"#{_digest(machine.secrets[f'{name}_redis_password'])}", *rules.split()]
        for name, rules in _RULES.items()
    }


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def _client(machine: Layout) -> redis.Redis:
    """As the server's own user."""
    # The client's own retries would sleep for seconds while the server is starting.
    once = Retry(NoBackoff(), 0)
    return redis.Redis(port=machine.ports["redis"], password=machine.secrets["redis_password"], socket_timeout=2, retry=once)
