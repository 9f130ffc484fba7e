"""What a reporter logs: dropped events and failures, at most once a minute each."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from .errors import Away

log: logging.Logger = logging.getLogger("transcription_monitor.reporter")

WORDS_SECONDS = 60.0


class Words:
    """Collected under the sender's lock and logged without it: a logging handler may wait for a thread that reports."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.dropped: int = 0
        self._unsaid: Counter[str] = Counter()
        self._collected: list[str] = []
        self._dropped_said_at = float("-inf")
        self._away_said_at = float("-inf")
        self.away: bool = False
        self._unspooled = False

    def __len__(self) -> int:
        return len(self._collected)

    def say(self, words: str) -> None:
        self._collected.append(words)

    def say_away(self, error: Exception, waiting: int) -> None:
        now = self._clock()
        if now - self._away_said_at >= WORDS_SECONDS:
            self._away_said_at = now
            self.away = True
            self.say(f"{_words_of(error)}; retrying, {waiting} events waiting")

    def say_unspooled(self, error: Exception) -> None:
        """Once."""
        if not self._unspooled:
            self._unspooled = True
            self.say(f"events that wait are lost if the process is killed: {error}")

    def note_dropped(self, why: str, count: int = 1) -> None:
        self.dropped += count
        # Reasons contain event names; a few are enough.
        known = why in self._unsaid or len(self._unsaid) < 5
        self._unsaid[why if known else "other reasons"] += count

    def say_dropped(self, *, at_once: bool = False) -> None:
        """If it is time to."""
        now = self._clock()
        if not self._unsaid or (now - self._dropped_said_at < WORDS_SECONDS and not at_once):
            return
        self._dropped_said_at = now
        reasons = "; ".join(f"{count} {why}" for why, count in self._unsaid.items())
        self.say(f"not delivered: {reasons}")
        self._unsaid.clear()

    def wait_seconds(self, now: float) -> float | None:
        return max(0.0, self._dropped_said_at + WORDS_SECONDS - now) if self._unsaid else None

    def take(self) -> list[str]:
        words, self._collected = self._collected, []
        return words


def _words_of(error: Exception) -> str:
    if isinstance(error, Away):
        return str(error)
    first = (str(error).strip().splitlines() or [""])[0][:300]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
