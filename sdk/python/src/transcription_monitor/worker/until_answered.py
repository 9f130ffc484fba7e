"""Retries a call until the monitor responds, so that finished work is not lost because the monitor restarts.

Retries keep the idempotency key, so that a call whose response was lost takes effect once. A refusal by the monitor
ends it; what a proxy or another program says never does. An internal error is mostly the same on every attempt, so it
is retried only a few times.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections.abc import Callable
from typing import TypeVar

from ..bodies import CallOptions
from ..errors import ApiError, BusyError, NoAnswerError, ServerFaultError, UnavailableError, UnexpectedResponseError

T = TypeVar("T")

FAULTS_MAX = 5
PAUSE_CAP_SECONDS = 5.0
PAUSE_BASE_SECONDS = 0.25
#: Somebody has to change a setting first.
UNEXPECTED_PAUSE_CAP_SECONDS = 30.0
#: How soon a pause notices that it is to stop.
CHECK_SECONDS = 1.0

log: logging.Logger = logging.getLogger("transcription_monitor.worker")


def is_away(error: Exception) -> bool:
    """Whether the monitor is away for now, as opposed to refusing."""
    return isinstance(error, NoAnswerError | UnavailableError | BusyError)


def what_is_away(error: ApiError) -> str:
    """For the log: what stands in the way, and what helps."""
    if isinstance(error, UnexpectedResponseError):
        return f"the monitor can't be reached, waiting: {error.message}\nhint: {error.hint}"
    return f"the monitor is away, waiting: {error.message}"


def pause_seconds(tries: int, error: Exception | None = None) -> float:
    """Full jitter, so that a fleet doesn't retry together."""
    cap = UNEXPECTED_PAUSE_CAP_SECONDS if isinstance(error, UnexpectedResponseError) else PAUSE_CAP_SECONDS
    return 0.05 + random.random() * min(cap, PAUSE_BASE_SECONDS * 2.0 ** min(tries, 10))


def until_answered(send: Callable[[CallOptions], T], check: Callable[[], None]) -> T:
    """`check` is called between attempts and may raise to stop."""
    options: CallOptions = {"idempotency_key": secrets.token_hex(16), "retries": 0}
    tries = faults = 0
    said: tuple[str, int | None] | None = None
    while True:
        try:
            answer = send(options)
        except ApiError as error:
            pause = pause_seconds(tries, error)
            faults += isinstance(error, ServerFaultError)
            if faults > FAULTS_MAX or not (is_away(error) or isinstance(error, ServerFaultError)):
                raise
            if said != (error.code, error.status):
                said = (error.code, error.status)
                log.warning(what_is_away(error))
        else:
            if tries > 0:
                log.info("the monitor is back")
            return answer
        check()
        while pause > 0:
            time.sleep(min(pause, CHECK_SECONDS))
            pause -= CHECK_SECONDS
            check()
        tries += 1
