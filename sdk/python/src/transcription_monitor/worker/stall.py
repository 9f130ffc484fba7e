"""When a transcriber makes no progress for too long, by the rule of `tmon worker` (agent/stall.ts): it may be silent
for the longest of

    2 min
    ten times its longest silence so far, in this job and in completed ones
    three times what the rest of the recording should take, by its work per length so far

and, while nothing is known of its work, for 10 min and 20 times the recording (an hour, if its length is unknown).
"""

from __future__ import annotations

import time
from collections.abc import Callable

SILENCE_SECONDS_MIN = 120.0
SILENCES = 10.0
WORK = 3.0
FIRST_SECONDS = 600.0
FIRST_FACTOR = 20.0
AUDIO_SECONDS_MIN = 30.0
UNKNOWN_SECONDS = 3600.0
# Longer than between two heartbeats: this process was stopped, and the transcriber with it.
COUNTED_SECONDS_MAX = 20.0


class Pace:
    """What has been seen in the jobs that were completed."""

    def __init__(self) -> None:
        self.longest_silence: float = 0.0
        self.work_per_audio: float = 0.0


class StallWatch:
    def __init__(
        self,
        pace: Pace,
        audio_seconds: float | None,
        timeout_seconds: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pace = pace
        self._timeout = timeout_seconds
        self._now = now
        self.audio_seconds = audio_seconds
        self._counted_at = now()
        self._work = self._silent = self._longest = 0.0
        self._part = self._part_work = 0.0
        self._steps = 0
        self._shown: tuple[float, str] | None = None

    def step(self, percentage: float, stage: str) -> None:
        """A report; only one that differs from the last is progress."""
        if (percentage, stage) == self._shown:
            self._count()
            return
        self._shown = (percentage, stage)
        self.alive()
        self._steps += 1
        if stage != "DOWNLOADING":
            self._part, self._part_work = min(1.0, percentage / 100), self._work

    def alive(self) -> None:
        """It works, on something whose progress is not reported."""
        self._count()
        self._longest = max(self._longest, self._silent)
        self._silent = 0.0

    def done(self) -> None:
        self._count()
        if self._steps > 0:
            self._pace.longest_silence = max(self._pace.longest_silence, self._longest, self._silent)
        if self.audio_seconds is not None:
            work = self._work / max(self.audio_seconds, AUDIO_SECONDS_MIN)
            self._pace.work_per_audio = max(self._pace.work_per_audio, work)

    def excess(self) -> str | None:
        """Why it has been silent for too long; None if it has not."""
        self._count()
        limit = self._limit() if self._timeout is None else self._timeout
        if self._silent <= limit:
            return None
        shown = f"{self._silent:.0f} s" if self._silent < 120 else f"{self._silent / 60:.0f} min"
        return f"the transcriber made no progress for {shown}"

    def _limit(self) -> float:
        audio = self.audio_seconds or UNKNOWN_SECONDS
        here = self._part_work / (self._part * audio) if self._part > 0 else 0.0
        rate = max(here, self._pace.work_per_audio)
        if rate == 0:
            return FIRST_SECONDS + FIRST_FACTOR * audio
        rest = max(AUDIO_SECONDS_MIN, (1 - self._part) * audio)
        silence = max(self._longest, self._pace.longest_silence)
        return max(SILENCE_SECONDS_MIN, SILENCES * silence, WORK * rate * rest)

    def _count(self) -> None:
        now = self._now()
        passed = min(now - self._counted_at, COUNTED_SECONDS_MAX)
        self._counted_at = now
        self._work += passed
        self._silent += passed
