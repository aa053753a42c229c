"""A Redis server of one test's own, to be stopped, frozen and filled without disturbing the others."""

from __future__ import annotations

import signal
import subprocess
import uuid
from pathlib import Path
from tempfile import gettempdir

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry


class OwnRedis:
    """Listens to a socket file and nothing else; several may run at once. Keeps nothing on disk."""

    def __init__(self) -> None:
        """Not started yet. The path is short, because the kernel takes no more than 107 characters."""
        self._path = Path(gettempdir()) / f"estate-redis-{uuid.uuid4().hex[:12]}.sock"
        self.url = f"unix://{self._path}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start it, and wait until it answers."""
        command = ["redis-server", "--port", "0", "--unixsocket", str(self._path), "--save", "", "--dir", gettempdir(), *options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with self.client() as client:
            client.ping()

    def client(self) -> redis.Redis:
        """A client that waits for the server to come up."""
        errors = [redis.ConnectionError, FileNotFoundError]
        return redis.Redis.from_url(self.url, retry=Retry(ConstantBackoff(0.02), 500, tuple(errors)), retry_on_error=errors)

    def freeze(self) -> None:
        """It accepts connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It answers again."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it, whatever state it is in."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._path.unlink(missing_ok=True)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
