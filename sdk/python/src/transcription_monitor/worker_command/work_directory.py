"""The directory of this worker's attempts, removed when it exits.

A killed worker can't remove its own: the next one on the same machine does, by the process id in the name. `tmon
worker` does the same.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir


@contextmanager
def work_directory(base: Path | None) -> Iterator[Path]:
    """Created in `base`, by default `tmon` in the system's temporary directory. Raises OSError."""
    parent = (base or Path(gettempdir()) / "tmon").absolute()
    # Several machines may share one disk: only this machine's are removed.
    prefix = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname()) + "."
    parent.mkdir(parents=True, exist_ok=True)
    for entry in list(parent.iterdir()):
        pid = entry.name[len(prefix) :] if entry.name.startswith(prefix) else ""
        if pid.isdigit() and int(pid) > 0 and not _runs(int(pid)):
            shutil.rmtree(entry, ignore_errors=True)
    path = parent / f"{prefix}{os.getpid()}"
    path.mkdir(exist_ok=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True
