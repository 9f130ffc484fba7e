"""Whether this worker can be trusted with jobs.

trusted ──► suspended ──► on trial ──► trusted
                ▲             │            by a completed job
                └─────────────┘            by another fault of its own

It is suspended, and claims nothing, if its self-check fails after a failed job, or after three faults in a row that
were, or may have been, its own. It checks itself again after 30 s, 1 min, 2 min, … 10 min, and then claims one job. The
heartbeats say why it claims nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ..bodies import Failure, HealthReport
from .faults import fault_of
from .until_answered import log

FAULTS_MAX = 3
PAUSE_SECONDS = 30.0
PAUSE_SECONDS_MAX = 600.0
REASON_MAX = 500


class SelfCheck:
    def __init__(
        self,
        check: Callable[[], object] | None,
        changed: Callable[[], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._check = check
        self._changed = changed
        self._now = now
        self._own = 0
        self._jobs: set[str] = set()
        self._pauses = 0
        self._suspended_until: float | None = None
        self._on_trial = False
        self._reason: str | None = None
        self._hang: str | None = None

    @property
    def on_trial(self) -> bool:
        """Its next job shows whether it can be trusted: there should be one at a time."""
        return self._on_trial

    def health(self) -> HealthReport:
        """For the heartbeats."""
        reason = self._hang or self._reason
        return {"status": "DEGRADED", "reason": reason[:REASON_MAX]} if reason else {}

    def examine(self, failure: Failure) -> Failure:
        """The failure to report: one of unknown fault is the worker's if its self-check fails, too."""
        fault = fault_of(failure)
        if self._check is None or not (fault == "worker" or (fault is None and failure["retryable"])):
            return failure
        broken = self._run()
        if broken is None:
            return failure
        self._suspend(f"its self-check fails: {broken}")
        if fault == "worker":
            return failure
        message = f"{failure['message']}\nand its self-check fails: {broken}"
        return {"code": failure["code"], "message": message[:4000], "retryable": True, "fault": "worker"}

    def failed(self, job_id: str, failure: Failure) -> None:
        fault = fault_of(failure)
        if fault in ("audio", "service") or (fault is None and not failure["retryable"]):
            return
        if fault == "worker":
            self._own += 1
        else:
            self._jobs.add(job_id)
        row = self._own + len(self._jobs)
        if self._on_trial or row >= FAULTS_MAX:
            first = failure["message"].split("\n", 1)[0]
            self._suspend(f"{row} failed attempts in a row, the last {failure['code']}: {first}")

    def completed(self) -> None:
        self._own = self._pauses = 0
        self._jobs.clear()
        self._suspended_until = self._reason = None
        self._on_trial = False

    def hangs(self, why: str) -> None:
        """Its transcriber makes no progress: until that returns, it can't do anything."""
        self._hang = why
        self._changed()

    def returned(self) -> None:
        self._hang = None

    def seconds_left(self) -> float:
        """Until it may claim, or may check itself again. 0: now."""
        return 0.0 if self._suspended_until is None else max(0.0, self._suspended_until - self._now())

    def may_claim(self) -> bool:
        """Once no time is left: checks itself, if it was suspended."""
        if self._suspended_until is None:
            return True
        broken = None if self._check is None else self._run()
        if broken is not None:
            self._reason = f"its self-check fails: {broken}"
            self._pause()
            return False
        log.info("claiming one job on trial")
        self._suspended_until = self._reason = None
        self._on_trial = True
        self._changed()
        return True

    def _run(self) -> str | None:
        assert self._check is not None
        try:
            passed = self._check()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return "it returned False" if passed is False else None

    def _suspend(self, reason: str) -> None:
        if self._suspended_until is not None:
            return
        log.warning("claiming no jobs: %s", reason)
        self._reason = reason
        self._on_trial = False
        self._pause()
        self._changed()

    def _pause(self) -> None:
        seconds = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * 2.0**self._pauses)
        self._pauses += 1
        self._suspended_until = self._now() + seconds
