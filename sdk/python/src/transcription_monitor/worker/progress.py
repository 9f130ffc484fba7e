"""Reports a job's progress: at once if the stage changes, otherwise at most once a second, only the newest values.

Progress is soft: a report that can't be delivered is dropped; the next has newer values. It is sent on a thread of its
own, so that a slow network doesn't slow the transcriber.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

PAUSE_SECONDS = 1.0


class ProgressReports:
    def __init__(self, deliver: Callable[[dict[str, Any]], None]) -> None:
        self._deliver = deliver
        self._changed = threading.Condition()
        self._newest: dict[str, Any] | None = None
        self._sending = False
        self._hurried = False
        self._closed = False
        self._thread: threading.Thread | None = None
        self._stage_sent: str | None = None
        self._sent_at = float("-inf")

    def note(self, figures: dict[str, Any]) -> None:
        with self._changed:
            if self._closed:
                return
            self._newest = figures
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tmon-progress", daemon=True)
                self._thread.start()

    def flush(self, timeout: float = 2.0) -> None:
        """Sends the newest values before the job's end, without waiting long for a slow monitor."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._newest is None and not self._sending, timeout)
            self._hurried = False

    def close(self) -> None:
        """Sends nothing more."""
        with self._changed:
            self._closed = True
            self._newest = None
            self._changed.notify_all()

    def _run(self) -> None:
        while (figures := self._next()) is not None:
            self._deliver(figures)
            with self._changed:
                self._sending = False
                self._changed.notify_all()

    def _next(self) -> dict[str, Any] | None:
        with self._changed:
            while not self._closed:
                if self._newest is None:
                    self._changed.wait()
                    continue
                due_in = self._sent_at + PAUSE_SECONDS - time.monotonic()
                if due_in <= 0 or self._hurried or self._newest["stage"] != self._stage_sent:
                    figures, self._newest = self._newest, None
                    self._sending = True
                    self._stage_sent = figures["stage"]
                    self._sent_at = time.monotonic()
                    return figures
                self._changed.wait(due_in)
            return None
