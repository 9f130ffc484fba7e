"""One file of a spool, and the events that wait in it."""

from __future__ import annotations

import os
from pathlib import Path

from .event import JOB_START, Event
from .spool_format import read_spool, sent_line, spool_line

SPOOL_BYTES_MAX = 8 * 1024 * 1024
EVENTS_MAX = 10_000

_OPEN = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)


class SpoolFile:
    """Created if it does not exist."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, _OPEN, 0o600)
        content = path.read_bytes()
        #: By number, ascending.
        self.waiting: dict[int, Event] = read_spool(content)
        self._bytes = len(content)
        self._lines = len(self.waiting)
        self._last = max(self.waiting, default=0)
        self._sent = 0

    def append(self, event: Event) -> int:
        self._last = number = self._last + 1
        line = spool_line(number, event)
        self.waiting[number] = event
        if self._bytes + len(line) > SPOOL_BYTES_MAX or self._lines >= EVENTS_MAX:
            self._shrink()
        else:
            self._write(line)
        self._lines += 1
        return number

    def advance(self) -> None:
        """Records what is sent: an empty file if nothing waits."""
        first = next(iter(self.waiting), None)
        if first is None:
            if self._bytes:
                os.ftruncate(self._descriptor, 0)
            self._bytes = self._lines = 0
        elif first - 1 > self._sent:
            self._sent = first - 1
            self._write(sent_line(self._sent))

    def touch(self) -> None:
        os.utime(self._path)

    def move_to(self, path: Path) -> None:
        self._path.rename(path)
        self._close()

    def remove(self) -> None:
        self._close()
        self._path.unlink()

    def _close(self) -> None:
        # Nothing may write to its number, which another file can have by then.
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _write(self, line: bytes) -> None:
        written = os.write(self._descriptor, line)
        self._bytes += written
        if written < len(line):
            # The next one writes the file anew, without the cut line.
            self._bytes = SPOOL_BYTES_MAX
            raise OSError(f"{self._path}: the disk is full")

    def _shrink(self) -> None:
        """Writes anew what waits; if that is too much, without the oldest starts, then without the oldest ends."""
        lines = {number: spool_line(number, event) for number, event in self.waiting.items()}
        size = sum(map(len, lines.values()))
        for starts in (True, False):
            for number, line in list(lines.items()):
                if size <= SPOOL_BYTES_MAX / 2 and len(lines) <= EVENTS_MAX / 2:
                    break
                if not starts or self.waiting[number].name == JOB_START:
                    del lines[number]
                    size -= len(line)
        aside = self._path.with_name(self._path.name + ".new")
        descriptor = os.open(aside, _OPEN | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.writelines(lines.values())
        aside.rename(self._path)
        self._close()
        self._descriptor = descriptor
        self._bytes, self._lines = size, len(lines)
