"""The API with two routes more, one that takes as long as it is told and one that does not end; and a real gunicorn that serves it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from flask import Flask, Response, current_app
from psycopg import sql

from api import create_app as create_api
from api import exports
from api.edge import caller
from api.services import services
from estate.settings import ROOT

SLEEP = sql.Composed([sql.SQL("SELECT pg_backend_pid()::text || pg_sleep(%(seconds)s::float8)")])
ENDLESS = sql.Composed([sql.SQL("SELECT n, repeat('x', 100) AS filling FROM generate_series(1, 50000000) AS n")])
CONFIG = ROOT / "api" / "gunicorn_conf.py"


def create_app() -> Flask:
    """The API, /api/v1/slow/<milliseconds>, which answers the process that served, and /api/v1/endless, an export of gigabytes."""
    app = create_api()

    def slow(milliseconds: int) -> Response:
        services(current_app).database.read_one(caller().tenant_id, SLEEP, {"seconds": milliseconds / 1000})
        return Response(str(os.getpid()))

    app.add_url_rule("/api/v1/slow/<int:milliseconds>", "slow", slow)

    def endless() -> Response:
        return exports.response(services(current_app).database, caller().tenant_id, ENDLESS, {}, "csv", "endless")

    app.add_url_rule("/api/v1/endless", "endless", endless)
    return app


@dataclass
class Server:
    """A running gunicorn."""

    process: subprocess.Popen[str]
    port: int
    folder: Path

    def get(self, path: str, **how: Any) -> requests.Response:
        """One request on a connection of its own."""
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=60, **how)

    def out(self) -> str:
        """What it has written to standard output so far."""
        return (self.folder / "out").read_text()

    def errors(self) -> str:
        """What it has written to standard error so far."""
        return (self.folder / "err").read_text()

    def ended(self, how: int = signal.SIGTERM) -> int:
        """Its exit code after that signal."""
        self.process.send_signal(how)
        return self.process.wait(60)


def start(folder: Path, variables: Mapping[str, str], port: int, config: Path = CONFIG) -> Server:
    """Start gunicorn as the machine does, with the configuration of the API."""
    environment = {name: word for name, word in os.environ.items() if not name.startswith(("ESTATE_", "PROMETHEUS_"))}
    environment |= {"TMPDIR": str(folder), "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}", **variables}
    command = [
        sys.executable, "-m", "gunicorn", "--config", str(config), "--bind", f"127.0.0.1:{port}",
        "served:create_app()",
    ]  # fmt: skip
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        return Server(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=err, text=True), port, folder)


def free_port() -> int:
    """A port that nobody listens to."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def serving(folder: Path, variables: Mapping[str, str], config: Path = CONFIG) -> Iterator[Server]:
    """A gunicorn that answers; ended afterwards if the test has not."""
    server = start(folder, variables, free_port(), config)
    try:
        deadline = time.monotonic() + 60
        while True:
            if server.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(server.out() + server.errors())
            try:
                if server.get("/health/live").ok:
                    break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait(30)
