"""Time limits as people type them: `90s`, `30m`, `2h`; `off`; and `10x`, a multiple of the recording's length."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class JobTimeout:
    """One of the two is None."""

    fixed: float | None = None
    times: float | None = None

    def seconds(self, audio_seconds: float | None) -> float | None:
        """None: there is no limit, or the length that it depends on is not known."""
        if self.times is None or audio_seconds is None:
            return self.fixed
        return self.times * audio_seconds


def read_time(text: str) -> float:
    """In seconds. Raises ValueError."""
    found = re.fullmatch(r"(\d{1,6})([smh])", text)
    if found is None or int(found[1]) == 0:
        raise ValueError("must be a time like 90s, 10m or 2h")
    return float(int(found[1]) * _UNITS[found[2]])


def read_stall_timeout(text: str) -> float:
    """In seconds; infinite if it is off. Raises ValueError."""
    if text == "off":
        return math.inf
    try:
        return read_time(text)
    except ValueError as error:
        raise ValueError(f"{error}, or off") from None


def read_job_timeout(text: str) -> JobTimeout:
    """Raises ValueError."""
    times = re.fullmatch(r"(\d{1,4}(?:\.\d{1,3})?)x", text)
    if times is not None and float(times[1]) > 0:
        return JobTimeout(times=float(times[1]))
    try:
        return JobTimeout(fixed=read_time(text))
    except ValueError as error:
        raise ValueError(f"{error}, or a multiple of the length of the recording like 10x") from None
