"""Keeps events on disk from the call that reports them until they are delivered, so that a killed worker loses none:
the next process of the same worker and system sends them.

    own        `keep` appends each start and end, before it is sent; emptied when nothing in it waits
    adopted    renamed to this process, hence by one process only; removed when nothing in it waits
    released   left for the next process, when this one ends

An append is one write and no flush to disk: it survives the process, not the machine. A full or absent folder costs the
protection, never an event: events are also in memory. Used under the sender's lock; a forked child has one of its own.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from .event import Event
from .spool_file import SPOOL_BYTES_MAX, SpoolFile
from .spool_format import Owner, read_spool_name, spool_name
from .spool_owner import is_gone, nobody, this_process

#: After so long nobody will come for them: a worker that gets another name with each start.
FORGOTTEN_SECONDS = 30 * 86_400.0


class Spool:
    """`on_trouble`: called when an event can't be kept."""

    def __init__(self, folder: Path, key: str, on_trouble: Callable[[Exception], None]) -> None:
        self.folder = folder
        self._key = key
        self._on_trouble = on_trouble
        self._own: SpoolFile | None = None
        self._adopted: list[SpoolFile] = []

    def keep(self, event: Event) -> None:
        try:
            if self._own is None:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._own = SpoolFile(self._path(this_process()))
            event.place = (self._own, self._own.append(event))
        except Exception as error:
            self._on_trouble(error)

    def settle(self, events: Iterable[Event]) -> None:
        """They are delivered, or dropped."""
        files: list[SpoolFile] = []
        for event in events:
            if event.place is None:
                continue
            file, number = event.place
            event.place = None
            file.waiting.pop(number, None)
            if file not in files:
                files.append(file)
        for file in files:
            with suppress(OSError):
                if file in self._adopted and not file.waiting:
                    self._adopted.remove(file)
                    file.remove()
                else:
                    file.advance()

    def adopt(self) -> list[Event]:
        """Takes what ended processes of this worker have left for this system, oldest file first."""
        taken: list[Event] = []
        size = 0
        for path in self._orphans():
            if size > SPOOL_BYTES_MAX:
                break
            with suppress(OSError):  # another process was faster
                mine = self._path(this_process())
                path.rename(mine)
                file = SpoolFile(mine)
                if not file.waiting:
                    file.remove()
                    continue
                self._adopted.append(file)
                for number, event in file.waiting.items():
                    event.place = (file, number)
                    taken.append(event)
                    size += event.size_bytes
        return taken

    def touch(self) -> None:
        """Shows other machines that this process lives, while events wait."""
        for file in self._files():
            with suppress(OSError):
                if file.waiting:
                    file.touch()

    def release(self) -> None:
        """Leaves what still waits to the next process."""
        for file in self._files():
            with suppress(OSError):
                if file.waiting:
                    file.move_to(self._path(nobody()))
                else:
                    file.remove()
        self._own = None
        self._adopted = []

    def _files(self) -> list[SpoolFile]:
        return [*self._adopted, *([self._own] if self._own else [])]

    def _path(self, owner: Owner) -> Path:
        return self.folder / spool_name(self._key, owner, secrets.token_hex(4))

    def _orphans(self) -> list[Path]:
        found: list[tuple[float, Path]] = []
        with suppress(OSError):
            for path in list(self.folder.iterdir()):
                named = read_spool_name(path.name)
                if named is None:
                    continue
                with suppress(OSError):
                    key, owner = named
                    modified_at = path.stat().st_mtime
                    if not is_gone(owner, modified_at):
                        continue
                    if key == self._key:
                        found.append((modified_at, path))
                    elif time.time() - modified_at > FORGOTTEN_SECONDS:
                        path.unlink()
        return [path for _, path in sorted(found)]
