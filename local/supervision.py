"""The process manager (supervisor): its start, its questions, and a stop that leaves nothing behind."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, cast

import psutil
from supervisor.xmlrpc import SupervisorTransport

from local.environment import process_environment
from local.layout import ROOT, Layout, write_private
from local.programs import Program, inherited_variables
from local.supervisord import MARK, configuration

_STOP_SECONDS = 25
_FAILED = ("FATAL", "EXITED")


class NotRunning(Exception):
    """The process manager of this folder does not run."""


class StartFailed(Exception):
    """A program that did not come up; the message ends with the last lines of its log."""


def launch(machine: Layout, programs: Sequence[Program]) -> None:
    """Start the process manager with `programs` known and none of them started. Leftovers of a killed one are ended first."""
    halt(machine)
    path = machine.folder / "supervisord.conf"
    write_private(path, configuration(machine, programs))
    environment = process_environment({**inherited_variables(machine), MARK: str(machine.folder)})
    command = [sys.executable, "-m", "supervisor.supervisord", "--configuration", str(path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartFailed(f"supervisord: {done.stderr or done.stdout}")
    if not _until(lambda: is_running(machine), seconds=15):
        raise StartFailed(f"supervisord does not answer; see {machine['logs'] / 'supervisord.log'}")


def is_running(machine: Layout) -> bool:
    """Whether the process manager answers."""
    try:
        states(machine)
    except NotRunning:
        return False
    return True


def states(machine: Layout) -> dict[str, dict[str, Any]]:
    """Supervisor's process information by program. Raises NotRunning."""
    return {state["name"]: state for state in _ask(machine, "getAllProcessInfo")}


def start(machine: Layout, program: Program, seconds: float = 90) -> None:
    """Start one program unless it runs, and wait until it serves. Raises StartFailed with the end of its log."""
    if program.name not in (known := states(machine)):
        # What is configured decides which programs there are, when the process manager starts.
        raise StartFailed(f"{program.title} was not configured when this machine was started; stop it (make down) and start it again")
    if known[program.name]["statename"] not in ("RUNNING", "STARTING"):
        _ask(machine, "startProcess", f"{program.group}:{program.name}", False)

    def serves() -> bool:
        # Whoever answers at the port may be another machine's server.
        return program.is_ready() and (not program.server or _listens(states(machine)[program.name]["pid"], machine.ports[program.server]))

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and states(machine)[program.name]["statename"] not in _FAILED:
        if serves():
            return
        time.sleep(0.1)
    state = states(machine)[program.name]
    log = Path(state["stdout_logfile"])
    tail = log.read_text(errors="replace").splitlines()[-20:] if log.exists() else []
    raise StartFailed("\n".join([f"{program.title} is not ready ({state['statename'].lower()}); the end of {log}:", *tail]))


def halt(machine: Layout) -> int:
    """Stop every process of this folder, with all their children, and wait for them. Returns how many there were."""
    ours = processes(machine)
    with contextlib.suppress(NotRunning):
        _ask(machine, "shutdown")
        _until_gone(ours, _STOP_SECONDS)
    # Whatever the manager no longer knew: it was killed, or a wrapper left a child behind. First asked, then made to.
    for act in (psutil.Process.terminate, psutil.Process.kill):
        left = [process for process in {*ours, *processes(machine)} if is_alive(process)]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                act(process)
        _until_gone(left, seconds=5)
    if still := processes(machine):
        raise RuntimeError(f"could not stop the processes {sorted(process.pid for process in still)}")
    machine.socket.unlink(missing_ok=True)
    return len(ours)


def processes(machine: Layout) -> list[psutil.Process]:
    """The living processes that carry this folder's mark or descend from one that does, except this one and its parents."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        # Another user's environment may not be read; nor is that process ours.
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.pid not in own and process.environ().get(MARK) == str(machine.folder):
                found |= {process, *process.children(recursive=True)}
    return [process for process in found if process.pid not in own and is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs; a zombie that nobody reaps (a container without init) does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _ask(machine: Layout, method: str, *arguments: object) -> Any:
    """Call supervisor's remote interface. Raises NotRunning when nobody answers at the socket."""
    transport = SupervisorTransport(None, None, f"unix://{machine.socket}")
    proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=cast("xmlrpc.client.Transport", transport))
    try:
        return getattr(proxy.supervisor, method)(*arguments)
    except (OSError, http.client.HTTPException) as error:
        raise NotRunning(f"nothing runs in {machine.folder}") from error
    finally:
        transport.close()


def _listens(pid: int, port: int) -> bool:
    """Whether the process `pid` or one of its children listens on `port`."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            for member in family
            for connection in member.net_connections("inet")
        )
    except psutil.NoSuchProcess:
        return False


def _until(is_true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _until_gone(gone: Collection[psutil.Process], seconds: float) -> bool:
    return _until(lambda: not any(is_alive(process) for process in gone), seconds)
