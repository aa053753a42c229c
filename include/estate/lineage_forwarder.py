"""Bring every event of the lineage file to Marquez, in the order of the file, however long that takes.

    python -m estate.lineage_forwarder

Tasks only ever append to the file, so no lineage server can delay or fail them; this process alone waits for it. The position
behind the last event that the server took lies beside the file and is replaced atomically after each one: killed at any point, the
forwarder sends at most one event again, and Marquez knows an event by its run and type. It waits while the server is away, hangs,
throttles, is in trouble or wants credentials. Only an event that the server calls invalid is passed over, with a line in the log;
it stays in the file.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

from estate.errors import SettingError
from estate.settings import settings

LOG = logging.getLogger(__name__)
# What speaks of this one event. 401, 403 and 404 would meet every event alike: a wrong address must not empty the queue.
_INVALID_STATUS = frozenset({400, 413, 422})
_CONNECT_SECONDS, _ANSWER_SECONDS = 3.0, 30.0


class _Away(Exception):
    """The server did not take the event, and may take it later."""


@dataclass
class Forwarder:
    """Sends the lines of `file`, one after the other, to Marquez at `url`.

    `poll_seconds` passes between two looks for new events; `answer_seconds` is how long one answer may take, and `longest_wait_seconds`
    the longest pause between two tries at a server that is away.
    """

    file: Path
    url: str
    poll_seconds: float = 0.5
    answer_seconds: float = _ANSWER_SECONDS
    longest_wait_seconds: float = 30.0
    session: requests.Session = field(default_factory=requests.Session)
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> None:
        """Forward for ever. A second forwarder of the same file waits here until the first has ended."""
        while True:
            with locked(self.file) as events:
                self.follow(events)

    def follow(self, events: BinaryIO) -> None:
        """Send what `events` holds and what is appended to it; returns when another file has taken its place."""
        position = self._position(events)
        LOG.info("forwarding %s from byte %s to %s", self.file, position, self.url)
        while True:
            events.seek(position)
            line = events.readline()
            if line.endswith(b"\n"):
                self._deliver(line, position)
                position += len(line)
                self._keep(position)
            # An unfinished line is a write in progress, or one cut off by a full disk: the next write then ends it.
            elif _is_another(events, self.file):
                self._keep(0)
                return
            else:
                self.sleep(self.poll_seconds)

    def _deliver(self, line: bytes, position: int) -> None:
        def say_once(state: RetryCallState) -> None:
            if state.attempt_number == 1 and state.outcome is not None:
                LOG.warning("waiting with the event at byte %s: %s", position, state.outcome.exception())

        waits = wait_exponential_jitter(initial=0.5, max=self.longest_wait_seconds, jitter=0.5)
        retrying = Retrying(retry=retry_if_exception_type(_Away), wait=waits, before_sleep=say_once, sleep=self.sleep)
        if (reason := retrying(self._post, line)) is not None:
            LOG.error("passed over the event at byte %s, which the server refuses: %s", position, reason)
        elif (tries := retrying.statistics["attempt_number"]) > 1:
            LOG.info("the event at byte %s went through at try %s", position, tries)

    def _post(self, line: bytes) -> str | None:
        """None when the server took the event, its own words when it calls it invalid. Raises _Away."""
        try:
            answer = self.session.post(
                self.url.rstrip("/") + "/api/v1/lineage",
                data=line,
                headers={"Content-Type": "application/json"},
                timeout=(_CONNECT_SECONDS, self.answer_seconds),
                allow_redirects=False,  # a POST that follows one arrives as a GET, which takes no event
            )
        except requests.RequestException as error:
            raise _Away(str(error)) from error
        if answer.status_code in _INVALID_STATUS:
            return f"{answer.status_code} {answer.text[:500]}"
        if not 200 <= answer.status_code < 300:
            raise _Away(f"{answer.status_code} {answer.text[:500]}")
        return None

    @property
    def _bookmark(self) -> Path:
        return self.file.with_name(self.file.name + ".position")

    def _position(self, events: BinaryIO) -> int:
        """Where to go on; the beginning when what is kept does not fit the file, since sending again does no harm."""
        text = self._bookmark.read_text() if self._bookmark.exists() else ""
        position = int(text) if text.strip().isdecimal() else 0
        if not 0 < position <= os.fstat(events.fileno()).st_size:
            return 0
        events.seek(position - 1)
        return position if events.read(1) == b"\n" else 0

    def _keep(self, position: int) -> None:
        part = self._bookmark.with_name(self._bookmark.name + ".part")
        part.write_text(f"{position}\n")
        part.replace(self._bookmark)


@contextmanager
def locked(file: Path) -> Iterator[BinaryIO]:
    """`file` open for reading, made if it is not there, with this process its only forwarder; waits for another one's end.

    The lock ends with its process, however that ends, and does not concern those who write.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    with file.open("rb") as events:
        fcntl.flock(events, fcntl.LOCK_EX)
        yield events


def is_forwarded(file: Path) -> bool:
    """Whether a forwarder is at work on `file`."""
    if not file.exists():
        return False
    with file.open("rb") as events:
        try:
            fcntl.flock(events, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _is_another(events: BinaryIO, file: Path) -> bool:
    """Whether `file` is no longer the file that is open as `events`, or has been cut."""
    try:
        now = file.stat()
    except FileNotFoundError:
        return True
    then = os.fstat(events.fileno())
    return not os.path.samestat(now, then) or now.st_size < events.tell()


def main() -> None:
    """Forward the configured lineage file to the configured Marquez."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if not settings().marquez_url:
        raise SettingError("ESTATE_MARQUEZ_URL: needed to forward lineage; without it, the file is all there is")
    Forwarder(settings().lineage_file, settings().marquez_url).run()


if __name__ == "__main__":
    main()
