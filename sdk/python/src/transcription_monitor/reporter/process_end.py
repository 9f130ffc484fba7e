"""Ends reporters with their process, by whichever hook such a process runs:

    a program's end, sys.exit, a gunicorn worker       atexit
    a child of multiprocessing, or of billiard         their own finalizers; it ends by os._exit
    a child of Celery that is recycled                 Celery's signal worker_process_shutdown; the same
    os._exit (RQ's work-horse), SIGKILL, SIGTERM       none: what waits is in the spool

A child that is forked starts with reporters of its own, before it runs anything else.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from typing import Any, Protocol

#: All that a process's end may take.
EXIT_SECONDS = 5.0
#: After a pool has ended its children, and after everything of the program's own.
_LAST = -100

_LIBRARIES = ("multiprocessing", "billiard")


class Ending(Protocol):
    def flush(self, timeout: float) -> bool: ...

    def close(self, timeout: float) -> bool: ...

    def _start_anew_in_child(self) -> None: ...


#: Referenced until closed: an abandoned reporter may still have events to send.
_open: list[Ending] = []
#: Hooks of this process that have not run yet.
_hooks = {"atexit"}
_watched: set[str] = set()
_end_at: float | None = None


def end_with_process(ending: Ending) -> None:
    _open.append(ending)
    _watch()


def forget(ending: Ending) -> None:
    if ending in _open:
        _open.remove(ending)


class _Hook:
    """multiprocessing keeps hooks by weak references to such an object."""


_hook = _Hook()


def _watch() -> None:
    """Libraries are looked for with each new reporter, and in each child: they may be imported late."""
    for library in _LIBRARIES:
        util = sys.modules.get(f"{library}.util")
        process = sys.modules.get(f"{library}.process")
        if util is None or process is None or library in _watched:
            continue
        _watched.add(library)
        # A new child forgets the finalizers that it has inherited, and calls this after that.
        util.register_after_fork(_hook, lambda _, util=util: _finalize(util))
        if type(process.current_process()).__name__ != "_MainProcess":
            _finalize(util)
        elif library == "multiprocessing":
            # Its pools end their children after our own hook, if it was imported before: what those leave is sent here.
            _hooks.add(library)
            util.Finalize(None, _end, args=(library,), exitpriority=_LAST)
    signals = sys.modules.get("celery.signals")
    if signals is not None and "celery" not in _watched:
        _watched.add("celery")
        signals.worker_process_shutdown.connect(_close_all, weak=False)


def _finalize(util: Any) -> None:
    util.Finalize(None, _close_all, exitpriority=_LAST)


def _end(hook: str) -> None:
    """Sends what waits; the last hook closes."""
    _hooks.discard(hook)
    if not _hooks:
        _close_all()
        return
    for ending in list(_open):
        ending.flush(_seconds_left())


def _close_all(*_: object, **__: object) -> None:
    for ending in list(_open):
        ending.close(_seconds_left())


def _seconds_left() -> float:
    global _end_at
    _end_at = time.monotonic() + EXIT_SECONDS if _end_at is None else _end_at
    return max(0.0, _end_at - time.monotonic())


atexit.register(_end, "atexit")


def _after_fork_in_child() -> None:
    global _end_at
    _end_at = None
    _hooks.clear()
    _hooks.add("atexit")
    for ending in list(_open):
        ending._start_anew_in_child()
    if _open:
        _watch()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
