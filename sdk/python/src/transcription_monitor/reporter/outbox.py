"""Events waiting to be sent: in order per job, at most one progress report per job, and of a bounded size.

    put ──▶ transition ────────────────────▶ line ──▶ take
        └─▶ progress ─▶ held until it is due ─▶┘

Progress waits in one of two places. *Held*: the job's last progress is less than `progress_seconds` old; it moves to
the line when that time is over, or before its job's next transition, whichever comes first. *In line*: it is due to be
sent. In both places newer progress of the same job is merged into it, so that a slow or absent system gets the newest
values, and the line grows with the number of jobs, not with time.

Beyond `bytes_max` the oldest progress is dropped first, transitions last. No thread, no clock: the caller passes times
in seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .event import JOB_COMPLETE, JOB_START, Event, merged

#: Memory of an event besides its JSON: measured with tracemalloc on Python 3.11.
OVERHEAD_BYTES = 1100
#: Maximum number of jobs remembered; a worker has a few at a time, but some never end.
JOBS_MAX = 10_000


#: What the state of a job has besides its events.
_KNOWN = ("percentage", "stage", "audio_duration")


@dataclass
class _Job:
    started_ms: int | None = None
    told_ms: int = 0
    known: dict[str, Any] = field(default_factory=dict)
    #: When its next progress may join the line.
    due_at: float = float("-inf")
    held: Event | None = None
    #: Its progress in the line, into which a newer one may still be merged.
    joinable: int | None = None


class Outbox:
    def __init__(self, *, bytes_max: int, progress_seconds: float, on_drop: Callable[[Event], None]) -> None:
        self._bytes_max = bytes_max
        self._progress_seconds = progress_seconds
        self._on_drop = on_drop
        self._line: OrderedDict[int, Event] = OrderedDict()
        self._progress_in_line: OrderedDict[int, None] = OrderedDict()
        self._jobs: OrderedDict[str, _Job] = OrderedDict()
        self._holding: OrderedDict[str, _Job] = OrderedDict()
        self._bytes = 0
        #: The number of the newest event in the line, counted from 1.
        self.last_number: int = 0

    def __len__(self) -> int:
        return len(self._line) + len(self._holding)

    @property
    def first_number(self) -> int | None:
        """The number of the oldest event in the line."""
        return next(iter(self._line), None)

    def put(self, event: Event, now: float) -> None:
        job = self._jobs.setdefault(event.job_id, _Job())
        self._jobs.move_to_end(event.job_id)
        if event.told_ms < job.told_ms:
            event.told_at(job.told_ms)  # a clock set back must not make an event older than the last
        job.told_ms = event.told_ms
        if event.name == JOB_START:
            self._release(event.job_id, now)
            job.started_ms = event.told_ms
            job.due_at = float("-inf")
            job.known = {
                "percentage": 0,
                **{name: job.known[name] for name in ("audio_duration",) if name in job.known},
            }
        elif event.name == JOB_COMPLETE and job.started_ms is not None:
            event.data.setdefault("duration", (event.told_ms - job.started_ms) / 1000)
        event.started_ms = job.started_ms
        job.known.update((name, event.data[name]) for name in _KNOWN if name in event.data)
        event.known = dict(job.known)
        if event.is_progress:
            self._put_progress(event, job, now)
        else:
            self._release(event.job_id, now)
            self._append(event)
            job.joinable = None
            if event.has_ended:
                del self._jobs[event.job_id]
        self._keep_bounds(now)

    def put_late(self, events: Iterable[Event], now: float) -> None:
        """From a spool: as they are, whatever this process knows of their jobs."""
        for event in events:
            self._append(event)
        self._keep_bounds(now)

    def take(self, now: float, *, count_max: int, bytes_max: int) -> list[tuple[int, Event]]:
        """The next events to send, with their numbers."""
        for job_id in [job_id for job_id, job in self._holding.items() if job.due_at <= now]:
            self._release(job_id, now)
        taken: list[tuple[int, Event]] = []
        size = 0
        while self._line and len(taken) < count_max:
            number, event = next(iter(self._line.items()))
            size += event.size_bytes
            if taken and size > bytes_max:
                break
            self._remove(number)
            taken.append((number, event))
        return taken

    def release_all(self, now: float) -> None:
        """Moves held progress into the line."""
        for job_id in list(self._holding):
            self._release(job_id, now)

    def wait_seconds(self, now: float) -> float | None:
        """Seconds until something is due; None if nothing waits."""
        if self._line:
            return 0.0
        if not self._holding:
            return None
        return max(0.0, min(job.due_at for job in self._holding.values()) - now)

    def clear(self) -> list[Event]:
        """Drops everything; returns the events."""
        events = [*self._line.values(), *(job.held for job in self._holding.values() if job.held)]
        self._line.clear()
        self._progress_in_line.clear()
        self._jobs.clear()
        self._holding.clear()
        self._bytes = 0
        return events

    def _put_progress(self, event: Event, job: _Job, now: float) -> None:
        if job.joinable is not None:
            before = self._line[job.joinable]
            self._line[job.joinable] = joined = merged(before, event)
            self._bytes += joined.size_bytes - before.size_bytes
        elif job.held is not None:
            self._bytes -= _weight(job.held)
            job.held = merged(job.held, event)
            self._bytes += _weight(job.held)
        else:
            job.held = event
            self._holding[event.job_id] = job
            self._bytes += _weight(event)
            if job.due_at <= now:
                self._release(event.job_id, now)

    def _release(self, job_id: str, now: float) -> None:
        job = self._holding.pop(job_id, None)
        if job is None or job.held is None:
            return
        event, job.held = job.held, None
        self._bytes -= _weight(event)
        job.due_at = now + self._progress_seconds
        job.joinable = self._append(event)

    def _append(self, event: Event) -> int:
        self.last_number += 1
        self._line[self.last_number] = event
        if event.is_progress:
            self._progress_in_line[self.last_number] = None
        self._bytes += _weight(event)
        return self.last_number

    def _remove(self, number: int) -> Event:
        event = self._line.pop(number)
        self._bytes -= _weight(event)
        if event.is_progress:
            del self._progress_in_line[number]
            job = self._jobs.get(event.job_id)
            if job is not None and job.joinable == number:
                job.joinable = None
        return event

    def _keep_bounds(self, now: float) -> None:
        while len(self._jobs) > JOBS_MAX:
            oldest = next(iter(self._jobs))
            self._release(oldest, now)
            del self._jobs[oldest]
        while self._bytes > self._bytes_max:
            if self._progress_in_line:
                self._on_drop(self._remove(next(iter(self._progress_in_line))))
            elif self._holding:
                _, job = self._holding.popitem(last=False)
                assert job.held is not None
                self._bytes -= _weight(job.held)
                self._on_drop(job.held)
                job.held = None
            else:
                self._on_drop(self._remove(next(iter(self._line))))


def _weight(event: Event) -> int:
    return event.size_bytes + OVERHEAD_BYTES
