"""Live progress: one line per finished step with the seconds since the beginning, and on a terminal what is being waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status


class Progress:
    """Lines of what was done and when, for one command."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = 160  # a file or a pipe has no width; 80 would cut the tables
        self._began = time.monotonic()
        self._waiting: list[str] = []
        self._status: Status | None = None

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def line(self, text: str) -> None:
        """Say one thing that is done."""
        self.console.print(f"[dim]{self.seconds:6.1f} s[/dim]  {text}", soft_wrap=True)

    def waiting_for(self, text: str) -> None:
        """Show what is being waited for; on a terminal only, replaced by the next."""
        if self._status is not None:
            self._status.update(f"[dim]{self.seconds:6.1f} s  {text}[/dim]")

    @contextmanager
    def live(self) -> Iterator[None]:
        """Within, waiting_for shows a moving line below the others."""
        if not self.console.is_terminal:
            yield
            return
        with self.console.status("") as self._status:
            yield
        self._status = None

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """One step: shown while it lasts on a terminal, and as a line when it is done."""
        self._waiting.append(text)
        self.waiting_for(", ".join(self._waiting))
        try:
            yield
        finally:
            self._waiting.remove(text)
            self.waiting_for(", ".join(self._waiting))
        self.line(text)
