"""How gunicorn serves the API: `gunicorn --config api/gunicorn_conf.py`.

The address, the number of workers and whatever else differs between machines come from gunicorn's own --bind, WEB_CONCURRENCY and
GUNICORN_CMD_ARGS. gunicorn runs this file before anything of the API is imported.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

wsgi_app = "api:create_app()"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# Threads wait for PostgreSQL; each process' pool has a connection for every one of them.
threads = 8
# A worker whose main thread hangs is replaced after this. What its other threads do is not looked at: a statement ends by PostgreSQL's
# timeout and the client's own (api/database.py), and an answer that nobody takes by SEND_TIMEOUT_S.
timeout = 30
# A client that takes nothing of an answer for this long is cut off, and its thread, connection and place are free again.
SEND_TIMEOUT_S = 30
# A client that stops in the middle of its header or body holds a thread no longer than this.
RECEIVE_TIMEOUT_S = 5
# What is in flight when SIGTERM comes may finish. Shorter than the ten seconds after which a process manager kills.
graceful_timeout = 8
# Longer than a proxy or a browser pauses between two requests; a thread is not held by a connection that waits.
keepalive = 15
# Workers are never recycled: nothing grows in them, and each would leave its files of metrics behind.
max_requests = 0

# A token of 8000 characters and a query of 4096 bytes pass, so that the answer to longer ones is the API's own.
limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 8190

# The API writes its own line for each request. What gunicorn has to say goes the same way, in the same form.
accesslog = None
logconfig_dict: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"cut_off": {"()": "api.access_log.CutOff"}},
    "formatters": {"json": {"()": "api.access_log.JsonLines"}},
    "handlers": {"stdout": {"()": "api.access_log.Stdout", "formatter": "json"}},
    "loggers": {"gunicorn.error": {"handlers": ["stdout"], "filters": ["cut_off"], "level": "INFO", "propagate": False}},
    "root": {"handlers": [], "level": "WARNING"},
}
control_socket_disable = True
# Who runs gunicorn sees which process is which, where it was allowed to say so.
proc_name = "estate-api"

_OWNER = "PROMETHEUS_MULTIPROC_DIR_OWNER"


def _remove_folder() -> None:
    """Take the folder of metrics away with the process that made it; its workers end before, and take nothing."""
    if os.environ[_OWNER] == str(os.getpid()):
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


# Each worker writes its metrics to files here, so that any of them can answer for all. prometheus_client looks at its import.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="estate-metrics-")
    os.environ[_OWNER] = str(os.getpid())
    atexit.register(_remove_folder)
elif _OWNER not in os.environ:
    # A folder that somebody else chose may hold the numbers of an earlier run, and of processes whose ids come again.
    _folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    _folder.mkdir(parents=True, exist_ok=True)
    for _file in _folder.glob("*.db"):
        _file.unlink()
    os.environ[_OWNER] = "another"


def on_starting(_server: Any) -> None:
    """Refuse wrong settings once, by name, before any worker starts and fails over and over."""
    from api import create_app
    from estate.errors import SettingError

    try:
        create_app()
    except SettingError as refusal:
        sys.stderr.write(f"{refusal}\n")
        sys.exit(2)


def post_fork(_server: Any, worker: Any) -> None:
    """Give every connection that this worker will accept a timeout of sending and of receiving.

    Linux hands the option down from the listening socket, and it holds for a socket that blocks, as gthread's do: Python's own
    timeout is lost when gthread calls setblocking. What times out is an OSError, after which gunicorn closes the connection. Between two
    requests nobody receives. Who sends a byte every few seconds is a matter for the proxy in front.
    """
    for listener in worker.sockets:
        for option, seconds in ((socket.SO_SNDTIMEO, SEND_TIMEOUT_S), (socket.SO_RCVTIMEO, RECEIVE_TIMEOUT_S)):
            listener.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", seconds, 0))


def child_exit(_server: Any, worker: Any) -> None:
    """What a worker was doing when it ended, nobody does any more; what it has counted stays counted."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)


def worker_exit(_server: Any, worker: Any) -> None:
    """After the last request of a worker: write what waits to be written, and give connections back."""
    from api.services import services

    if getattr(worker, "wsgi", None) is not None:  # a worker that failed to start has none
        services(worker.wsgi).close()
