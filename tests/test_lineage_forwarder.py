"""Every lineage event reaches the server, in order, whatever the server does and whenever the forwarder is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from estate.lineage_forwarder import is_forwarded
from estate.settings import ROOT

Mood = Callable[[dict[str, object]], int]  # an event to the status of its answer; 0 hangs up without one


class Marquez(ThreadingHTTPServer):
    """A lineage server with moods: every event it took, in the order in which it took them."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        self.taken: list[dict[str, object]] = []
        self.asked: list[str] = []
        self.connections: list[socket.socket] = []
        self.mood: Mood = lambda _: 201
        super().__init__(("127.0.0.1", port), _Desk)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def numbers(self) -> list[object]:
        return [event["number"] for event in self.taken]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is no news."""

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def die(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Desk(BaseHTTPRequestHandler):
    server: Marquez
    protocol_version = "HTTP/1.1"  # which keeps connections, as Marquez does

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(self.path)
        if status := self.server.mood(event):
            if status < 300:
                self.server.taken.append(event)
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the base class calls it so
        pass


@pytest.fixture
def marquez() -> Iterator[Marquez]:
    server = Marquez()
    yield server
    with suppress(OSError):
        server.die()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def write(file: Path, *numbers: int, run: str = "r") -> None:
    with file.open("a") as events:
        events.writelines(json.dumps({"number": number, "run": run}) + "\n" for number in numbers)


_IMPATIENT = """
import logging, sys
from pathlib import Path
from estate.lineage_forwarder import Forwarder
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
Forwarder(Path(sys.argv[1]), sys.argv[2], poll_seconds=0.02, answer_seconds=0.3, longest_wait_seconds=0.2).run()
"""


def start(file: Path, url: str, *arguments: str) -> subprocess.Popen[str]:
    """A forwarder of its own process; one with little patience unless `arguments` say what to run."""
    variables = {
        "ESTATE_DATABASE_URL": "",
        "ESTATE_MARQUEZ_URL": url,
        "ESTATE_LINEAGE_FILE": str(file),
        "PYTHONPATH": str(ROOT / "include"),
    }
    command = [sys.executable, *(arguments or ("-c", _IMPATIENT, str(file), url))]
    return subprocess.Popen(command, env={**os.environ, **variables}, stderr=subprocess.PIPE, text=True)


@contextmanager
def forwarding(file: Path, url: str, *arguments: str) -> Iterator[list[str]]:
    """A forwarder at work; the list holds its log afterwards."""
    process, log = start(file, url, *arguments), list[str]()
    try:
        yield log
    finally:
        process.kill()
        log += process.communicate()[1].splitlines()


def until(is_true: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.01)


def test_what_is_in_the_file_and_what_is_appended_arrives_in_order(file: Path, marquez: Marquez) -> None:
    write(file, 1, 2)
    with forwarding(file, marquez.url, "-m", "estate.lineage_forwarder"):
        until(lambda: len(marquez.taken) == 2)
        write(file, 3, 4)
        until(lambda: len(marquez.taken) == 4)
    assert marquez.numbers == [1, 2, 3, 4]
    assert set(marquez.asked) == {"/api/v1/lineage"}


def test_an_unfinished_line_is_waited_for(file: Path, marquez: Marquez) -> None:
    with forwarding(file, marquez.url):
        write(file, 1)
        with file.open("a") as events:
            events.write('{"number"')
            events.flush()
            until(lambda: marquez.numbers == [1])
            time.sleep(0.2)
            assert len(marquez.asked) == 1
            events.write(": 2}\n")
        until(lambda: marquez.numbers == [1, 2])


def test_an_event_that_the_server_calls_invalid_is_passed_over_with_a_line_in_the_log(file: Path, marquez: Marquez) -> None:
    marquez.mood = lambda event: 422 if event["number"] == 2 else 201
    write(file, 1, 2, 3)
    with forwarding(file, marquez.url) as log:
        until(lambda: marquez.numbers == [1, 3])
    (passed_over,) = [line for line in log if "ERROR" in line]
    at = len(file.read_bytes().splitlines(keepends=True)[0])
    assert f"passed over the event at byte {at}, which the server refuses: 422" in passed_over


@pytest.mark.parametrize("status", [302, 401, 403, 404, 408, 429, 500, 503, 0])
def test_a_server_that_would_refuse_every_event_loses_none(file: Path, marquez: Marquez, status: int) -> None:
    marquez.mood = lambda _: status
    write(file, 1, 2)
    with forwarding(file, marquez.url) as log:
        until(lambda: len(marquez.asked) >= 2)
        marquez.mood = lambda _: 201
        until(lambda: marquez.numbers == [1, 2])
    assert len([line for line in log if "waiting with the event at byte 0" in line]) == 1


def test_a_server_that_takes_the_call_and_never_answers_is_asked_again(file: Path) -> None:
    write(file, 1, 2)
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        with forwarding(file, f"http://127.0.0.1:{port}"):
            held = [silent.accept(), silent.accept()]
            silent.close()
            server = Marquez(port)
            until(lambda: server.numbers == [1, 2])
            server.die()
    assert len(held) == 2


def test_a_server_that_is_dead_at_first_and_dies_again_gets_every_event(file: Path, marquez: Marquez) -> None:
    port = marquez.server_port
    marquez.die()
    write(file, 1, 2)
    with forwarding(file, marquez.url):
        time.sleep(0.5)
        back = Marquez(port)
        until(lambda: back.numbers == [1, 2])
        back.die()
        write(file, 3)
        time.sleep(0.3)
        again = Marquez(port)
        until(lambda: again.numbers == [3])
        again.die()


def test_a_forwarder_killed_at_any_point_sends_at_most_one_event_again_and_loses_none(file: Path, marquez: Marquez) -> None:
    numbers, kills = list(range(60)), 0
    write(file, *numbers)

    def slowly(_: dict[str, object]) -> int:
        time.sleep(0.01)
        return 201

    marquez.mood = slowly
    while marquez.numbers[-1:] != [59]:
        process, had = start(file, marquez.url), len(marquez.taken)
        until(lambda: len(marquez.taken) >= had + 12 or marquez.numbers[-1:] == [59])  # noqa: B023
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        time.sleep(0.05)  # what was on the wire is taken still
        kills += 1
        assert kills < 20
    assert kills >= 4
    assert sorted(set(marquez.numbers)) == numbers
    assert marquez.numbers == sorted(marquez.numbers)
    assert len(marquez.taken) - len(numbers) <= kills


def test_two_forwarders_of_one_file_send_each_event_once(file: Path, marquez: Marquez) -> None:
    write(file, *range(20))
    with forwarding(file, marquez.url):
        until(lambda: is_forwarded(file))
        with forwarding(file, marquez.url):
            until(lambda: len(marquez.taken) == 20)
            time.sleep(1)
            write(file, 20)
            until(lambda: len(marquez.taken) == 21)
    assert marquez.numbers == list(range(21))
    until(lambda: not is_forwarded(file))


def test_a_file_that_was_replaced_is_read_from_its_beginning(file: Path, marquez: Marquez) -> None:
    write(file, 1, 2, 3)
    with forwarding(file, marquez.url):
        until(lambda: len(marquez.taken) == 3)
        file.unlink()
        write(file, 4)
        until(lambda: marquez.numbers == [1, 2, 3, 4])


@pytest.mark.parametrize("kept", ["", "nonsense", "3", "1000000"])
def test_a_position_that_does_not_fit_the_file_sends_all_again_rather_than_too_little(file: Path, marquez: Marquez, kept: str) -> None:
    write(file, 1, 2)
    file.with_name("events.jsonl.position").write_text(kept)
    with forwarding(file, marquez.url):
        until(lambda: marquez.numbers == [1, 2])


_WRITER = """
import sys
from openlineage.client.transport import file
file.Serde.to_json = str
transport = file.FileTransport(file.FileConfig(sys.argv[1], append=True))
for size in map(int, sys.argv[3:]):
    transport.emit(sys.argv[2] * size)
"""


def test_openlineage_writes_each_event_as_one_whole_line_whoever_else_writes(file: Path) -> None:
    """Also where an event is longer than the buffers on its way; on this the forwarder builds."""
    sizes = [100, 8_191, 8_192, 8_193, 50_000, 400_000] * 20
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(file), letter, *map(str, sizes)]) for letter in "abcd"]
    assert [writer.wait(timeout=60) for writer in writers] == [0] * len(writers)
    lines = file.read_text().splitlines()
    assert sorted((line[0], len(line)) for line in lines) == sorted((letter, size) for letter in "abcd" for size in sizes)
    assert all(line == line[0] * len(line) for line in lines)
