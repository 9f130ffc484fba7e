"""Whose spool it is, and whether that process still runs: if not, another process of the worker sends what it left."""

from __future__ import annotations

import os
import re
import socket
import time
from pathlib import Path

from .spool_format import Owner

#: A process of another machine that shares the folder is judged by its file, which it touches while events wait.
QUIET_SECONDS = 600.0

_imported_at = time.time()


def this_process() -> Owner:
    pid = os.getpid()
    return Owner(_host(), pid, _start_of(pid) or "0")


def nobody() -> Owner:
    """For what a process leaves behind on purpose."""
    return Owner(_host(), 0, "0")


def is_gone(owner: Owner, modified_at: float) -> bool:
    mine = this_process()
    if owner.pid == 0:
        return True
    if owner.host != mine.host:
        return time.time() - modified_at > QUIET_SECONDS
    # The start tells a process from a later one with its number: in a container each first process is number 1.
    if mine.started != "0":
        return _start_of(owner.pid) != owner.started
    if owner.pid == mine.pid:
        return modified_at < _imported_at
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _host() -> str:
    return re.sub("[^A-Za-z0-9-]", "-", socket.gethostname()) or "localhost"


def _start_of(pid: int) -> str | None:
    """None if no such process runs, or without /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("latin-1")
        fields = stat[stat.rindex(")") + 2 :].split(" ")
        # Z: one that has ended, and that its parent has not noticed yet.
        return None if fields[0] == "Z" else fields[19]
    except (OSError, ValueError, IndexError):
        return None
