"""Sends a call until the monitor answers it: finished work is not thrown away because the monitor restarts.

It is sent with the same idempotency key each time, so that one whose answer was lost takes effect once. An answer
that is a refusal ends it. An internal fault is the same on every try, more often than not, so its patience is short.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections.abc import Callable
from typing import TypeVar

from ..bodies import CallOptions
from ..errors import ApiError, BusyError, NoAnswerError, ServerFaultError, UnavailableError

T = TypeVar("T")

FAULTS_MAX = 5
PAUSE_CAP_SECONDS = 5.0
PAUSE_BASE_SECONDS = 0.25

log = logging.getLogger("transcription_monitor.worker")


def is_away(error: Exception) -> bool:
    """Whether the monitor is away for now, rather than refusing."""
    return isinstance(error, NoAnswerError | UnavailableError | BusyError)


def pause_seconds(tries: int) -> float:
    """Full jitter, so that a fleet doesn't come back in step."""
    return 0.05 + random.random() * min(PAUSE_CAP_SECONDS, PAUSE_BASE_SECONDS * 2.0 ** min(tries, 10))


def until_answered(send: Callable[[CallOptions], T], check: Callable[[], None]) -> T:
    """`check` is called between tries, and raises to end the waiting."""
    options: CallOptions = {"idempotency_key": secrets.token_hex(16), "retries": 0}
    tries = faults = 0
    while True:
        try:
            answer = send(options)
        except ApiError as error:
            faults += isinstance(error, ServerFaultError)
            if faults > FAULTS_MAX or not (is_away(error) or isinstance(error, ServerFaultError)):
                raise
            if tries == 0:
                log.warning("the monitor is away, waiting: %s", error.message)
        else:
            if tries > 0:
                log.info("the monitor is back")
            return answer
        check()
        time.sleep(pause_seconds(tries))
        check()
        tries += 1
