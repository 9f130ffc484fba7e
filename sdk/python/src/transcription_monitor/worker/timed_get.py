"""Waits for an item of a queue that signal handlers put into, for a limited time."""

from __future__ import annotations

import queue
from typing import TypeVar

T = TypeVar("T")


def timed_get(items: queue.SimpleQueue[T], seconds: float) -> T:
    """Raises queue.Empty.

    The queue of Python 3.10 wakes once too often after an item was there at once, and if the time is over by then, it
    waits for ever. The first `get` takes that wake-up.
    """
    try:
        return items.get_nowait()
    except queue.Empty:
        if seconds <= 0:
            raise
        return items.get(timeout=seconds)
