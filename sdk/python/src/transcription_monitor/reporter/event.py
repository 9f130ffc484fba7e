"""Turns a reporter's arguments into events that any system can store: plain JSON of a bounded size.

Nothing here raises, whatever the arguments: reporting must not make a worker fail.
"""

from __future__ import annotations

import datetime
import enum
import json
import math
import re
import time
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .reported_id import id_of

if TYPE_CHECKING:
    from .spool_file import SpoolFile

JOB_START = "JOB_START"
JOB_PROGRESS = "JOB_PROGRESS"
JOB_COMPLETE = "JOB_COMPLETE"
JOB_FAILED = "JOB_FAILED"

#: The job's state after each event.
STATUS_AFTER = {
    JOB_START: "PROCESSING",
    JOB_PROGRESS: "PROCESSING",
    JOB_COMPLETE: "COMPLETED",
    JOB_FAILED: "FAILED",
}

#: Below the 256 KiB limit of CloudWatch Logs and SQS, with room for their overhead.
EVENT_BYTES_MAX = 200 * 1024
DEPTH_MAX = 8
#: No monitor takes a greater one.
SECONDS_MAX = 1e9
COUNT_MAX = 2**53 - 1


@dataclass
class Event:
    """One thing that happened to a job."""

    #: The job's name as it was given, which need not be an id.
    job_id: str
    #: `JOB_START`, …
    name: str
    #: The JSON: `event`, `job_id`, `worker_id`, `timestamp` and the arguments.
    data: dict[str, Any]
    #: The `timestamp`, in milliseconds since 1970.
    told_ms: int
    #: Size of `data` as JSON.
    size_bytes: int
    #: When the job's attempt began; None if this reporter doesn't know.
    started_ms: int | None = None
    #: What was told of the job before: `percentage`, `stage`, `audio_duration`.
    known: Mapping[str, Any] = field(default_factory=dict)
    #: From a spool: the system may know something newer by now, which must stay.
    late: bool = False
    #: Where the spool keeps it.
    place: tuple[SpoolFile, int] | None = field(default=None, compare=False, repr=False)

    @property
    def id(self) -> str:
        """Stands for the name where only an id can: in file names, in requests to a monitor."""
        return id_of(self.job_id)

    @property
    def is_progress(self) -> bool:
        return self.name == JOB_PROGRESS

    @property
    def has_ended(self) -> bool:
        return self.name in (JOB_COMPLETE, JOB_FAILED)

    @property
    def status(self) -> str:
        return STATUS_AFTER[self.name]

    def told_at(self, told_ms: int) -> None:
        self.told_ms = told_ms
        self.data["timestamp"] = time_text(told_ms)


def make_event(name: str, job_id: str, worker_id: str, told: Mapping[str, Any], told_ms: int) -> Event:
    head = {"event": name, "job_id": job_id, "worker_id": worker_id, "timestamp": time_text(told_ms)}
    known: dict[str, Any] = {}
    more: dict[str, Any] = {}
    for given, value in told.items():
        if value is None or given in head:
            continue
        read = _FIELDS.get(given)
        if read is None:
            more[text(given)] = plain(value)
        elif (good := _tried(read, value)) is not None:
            known[given] = good
    done, of = known.get("current_chunk"), known.get("total_chunks")
    if name == JOB_PROGRESS and "percentage" not in known and done is not None and of:
        known["percentage"] = min(100, round(100 * done / of, 1))
    data = {**head, **known, **more}
    size = len(json.dumps(data))
    if size > EVENT_BYTES_MAX:
        data = {**head, **known, "extra_left_out": f"{size} bytes"}
        size = len(json.dumps(data))
    return Event(job_id, name, data, told_ms, size)


def merged(older: Event, newer: Event) -> Event:
    """Merges two progress reports: the newer value of each field."""
    data = {**older.data, **newer.data}
    return Event(newer.job_id, newer.name, data, newer.told_ms, len(json.dumps(data)), newer.started_ms)


def worker_name(value: object) -> str | None:
    """An id unchanged; in a host name (`ip-10-0-0-1.ec2.internal`), characters that ids can't have become hyphens."""
    name = re.sub(r"[^A-Za-z0-9_-]", "-", text(value)).lstrip("_-")[:64]
    return name or None


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def time_text(time_ms: int) -> str:
    """Milliseconds since 1970 → `2025-07-07T19:30:00Z`; milliseconds only where they are not zero."""
    moment = datetime.datetime.fromtimestamp(time_ms // 1000, datetime.timezone.utc).replace(tzinfo=None)
    rest = time_ms % 1000
    return moment.isoformat() + (f".{rest:03d}Z" if rest else "Z")


def text(value: object, characters_max: int = EVENT_BYTES_MAX + 1) -> str:
    """A text that any encoding and any database accepts, cut before it is encoded: it may be very long."""
    try:
        words = value if isinstance(value, str) else str(value)
        return words[:characters_max].encode("utf-8", "replace").decode().replace("\0", "")
    except Exception:
        return f"<{type(value).__name__}>"


def plain(value: object, depth: int = 0) -> Any:
    """The value if JSON can represent it, otherwise its text."""
    try:
        return _plain(value, depth)
    except Exception:
        return f"<{type(value).__name__}>"


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value, depth)
    if isinstance(value, int):
        # Beyond 2**53 other languages lose digits.
        return int(value) if abs(value) <= 2**53 else str(int(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (bytes, bytearray)):
        return text(bytes(value[: EVENT_BYTES_MAX + 1]).decode("utf-8", "replace"))
    if isinstance(value, datetime.datetime):
        return value.isoformat() if value.tzinfo is None else time_text(round(value.timestamp() * 1000))
    if isinstance(value, (Mapping, list, tuple, Set)):
        if depth == DEPTH_MAX:
            return "…"
        if isinstance(value, Mapping):
            return {text(name): plain(inner, depth + 1) for name, inner in value.items()}
        return [plain(inner, depth + 1) for inner in value]
    # A numpy or torch number.
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "size", 1) == 1:
        inner = item()
        if isinstance(inner, (bool, int, float, str)):
            return plain(inner, depth)
    return text(value)


def _tried(read: Callable[[Any], Any], value: object) -> Any:
    try:
        return read(value)
    except Exception:
        return None


def _finite(value: Any) -> float | int | None:
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number


def _at_least_0(value: Any) -> float | int | None:
    number = _finite(value)
    return None if number is None else max(0, number)


def _seconds(value: Any) -> float | int | None:
    number = _at_least_0(value)
    return None if number is None or number > SECONDS_MAX else number


def _percent(value: Any) -> float | int | None:
    number = _at_least_0(value)
    return None if number is None else min(100, number)


def _count(value: Any) -> int | None:
    number = _at_least_0(value)
    return None if number is None or number > COUNT_MAX else int(number)


def _share(value: Any) -> float | int | None:
    number = _at_least_0(value)
    return None if number is None else min(1, number)


def _words(most: int) -> Callable[[Any], str | None]:
    return lambda value: text(value, most) or None


def _error(value: Any) -> str:
    words = text(value, 4000) or (type(value).__name__ if isinstance(value, BaseException) else "")
    return words or "the error has no message"


def _code(value: Any) -> str | None:
    return re.sub(r"[^a-z0-9_]", "_", text(value).lower())[:64] or None


#: The fields of the vocabulary with their converters; None omits the field.
_FIELDS: dict[str, Callable[[Any], Any]] = {
    "percentage": _percent,
    "stage": _words(40),
    "current_chunk": _count,
    "total_chunks": _count,
    "eta_seconds": _seconds,
    "audio_url": _words(2048),
    "audio_duration": _seconds,
    "duration": _seconds,
    "segments": _count,
    "s3_path": _words(2048),
    "confidence_score": _share,
    "error": _error,
    "code": _code,
    "retryable": bool,
    "lease_token": _words(200),
}

#: All fields of an event that a monitor accepts.
VOCABULARY = frozenset({"event", "job_id", "worker_id", "timestamp", *_FIELDS})
