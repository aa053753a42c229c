"""The API's log: one JSON object a line on standard output, whoever writes it."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

from api.representations import to_json

access_log = logging.getLogger("api.access")


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the record's own `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return to_json(line).decode()


class CutOff(logging.Filter):
    """A client that was too slow and was cut off is no fault of ours: one line says so, without a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record of such a client; every record is written."""
        if record.exc_info and isinstance(record.exc_info[1], BlockingIOError | TimeoutError):
            record.levelno, record.levelname, record.exc_info = logging.WARNING, "WARNING", None
            record.msg, record.args = "a client was too slow and was cut off", ()
        return True


class Stdout(logging.StreamHandler[Any]):
    """Standard output as it is when the line is written, whoever has replaced it since."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        """The stream of this moment."""
        return sys.stdout


def log_to_stdout() -> None:
    """Send the API's log to standard output as JSON lines, once a process."""
    logger = logging.getLogger("api")
    if not logger.handlers:
        handler = Stdout()
        handler.setFormatter(JsonLines())
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        # A host that logs too (a test, a notebook) must not print each line twice.
        logger.propagate = False
