"""Sends what the engine prints during an attempt to the monitor: the end of it, as it is now, a second after the first
new line, and with more of them after twice as long each time, up to PAUSE_SECONDS_MAX. A report that can't be delivered
is dropped; the next has its lines, too.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

from ..errors import ApiError, LeaseExpiredError, NotFoundError
from .redact import redactor_of

PAUSE_SECONDS = 1.0
PAUSE_SECONDS_MAX = 10.0
FLUSH_SECONDS = 2.0
BYTES_MAX = 64 * 1024
LINE_CHARACTERS_MAX = 2000

_redact = redactor_of(os.environ)


class AttemptLog:
    """`send(text, end_bytes)`: `text` is the end of the log, which ends at `end_bytes`."""

    def __init__(self, send: Callable[[str, int], object]) -> None:
        self._send = send
        self._changed = threading.Condition()
        self._lines: deque[bytes] = deque()
        self._kept_bytes = self._end_bytes = self._sent_bytes = 0
        self._closing = False
        self._thread: threading.Thread | None = None

    def line(self, line: str) -> None:
        text = f"{_redact(line[:LINE_CHARACTERS_MAX])}\n".encode()
        with self._changed:
            if self._closing:
                return
            self._lines.append(text)
            self._kept_bytes += len(text)
            self._end_bytes += len(text)
            while self._kept_bytes > BYTES_MAX:
                self._kept_bytes -= len(self._lines.popleft())
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tmon-log", daemon=True)
                self._thread.start()

    def flush(self) -> None:
        """Sends the rest at the attempt's end, and waits for it, but not for a slow or absent monitor."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(FLUSH_SECONDS)

    def _run(self) -> None:
        pause = PAUSE_SECONDS
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing, pause)
                last = self._closing
                end = self._end_bytes
                text = b"".join(self._lines).decode()
            if end > self._sent_bytes:
                try:
                    self._send(text, end)
                    self._sent_bytes = end
                except (NotFoundError, LeaseExpiredError):
                    # Lost, or a monitor of an older version: nobody would read more.
                    return
                except ApiError:
                    pass
            if last:
                return
            pause = min(PAUSE_SECONDS_MAX, pause * 2)
