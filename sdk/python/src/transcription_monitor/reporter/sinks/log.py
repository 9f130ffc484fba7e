"""`log:` and `log:/path`: lines on standard output, or appended to a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import Away
from ..event import Event
from ..sink import Batch

#: Formats an event as a line.
Line = Callable[[Mapping[str, Any]], str]


class StandardOutput:
    count_max = 100
    linger_seconds: float = 0.0
    direct = True

    def __init__(self, line: Line) -> None:
        self._line = line

    def send(self, batch: Batch) -> Sequence[tuple[Event, str]]:
        stream = sys.stdout
        if stream is None or stream.closed:
            raise Away("standard output is closed")
        # One write per line, so that the output of others does not end up inside it.
        for event in batch.events:
            stream.write(self._line(event.data) + "\n")
        stream.flush()
        return []

    def close(self) -> None:
        """The stream belongs to the program."""


class LogFile:
    """Opened for each batch, so that the file can be rotated."""

    count_max = 1000
    linger_seconds: float = 0.0
    direct = True

    def __init__(self, path: str, line: Line) -> None:
        self._path = path
        self._line = line

    def send(self, batch: Batch) -> Sequence[tuple[Event, str]]:
        lines = "".join(self._line(event.data) + "\n" for event in batch.events).encode()
        try:
            file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
            try:
                if _ends_within_a_line(file):
                    lines = b"\n" + lines
                while lines:
                    lines = lines[os.write(file, lines) :]
            finally:
                os.close(file)
        except FileNotFoundError as error:
            folder = os.path.dirname(os.path.abspath(self._path))  # noqa: PTH100, PTH120
            raise Away(f"folder {folder} does not exist", hint=f"mkdir -p {folder}") from error
        return []

    def close(self) -> None:
        """Nothing stays open."""


def _ends_within_a_line(file: int) -> bool:
    """A full disk may cut a line; the next one must start on a line of its own."""
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"
