"""Retries a call until the monitor responds, so that finished work is not lost because the monitor restarts.

Retries keep the idempotency key, so that a call whose response was lost takes effect once. A refusal ends it. An
internal error is mostly the same on every attempt, so it is retried only a few times.
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

log: logging.Logger = logging.getLogger("transcription_monitor.worker")


def is_away(error: Exception) -> bool:
    """Whether the monitor is away for now, as opposed to refusing."""
    return isinstance(error, NoAnswerError | UnavailableError | BusyError)


def pause_seconds(tries: int) -> float:
    """Full jitter, so that a fleet doesn't retry together."""
    return 0.05 + random.random() * min(PAUSE_CAP_SECONDS, PAUSE_BASE_SECONDS * 2.0 ** min(tries, 10))


def until_answered(send: Callable[[CallOptions], T], check: Callable[[], None]) -> T:
    """`check` is called between attempts and may raise to stop."""
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
