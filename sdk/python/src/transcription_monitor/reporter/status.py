"""The state of each job, for systems that keep states and not events: status files, tables."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from .event import JOB_COMPLETE, JOB_FAILED, JOB_START, Event, time_text

JOBS_MAX = 10_000


@dataclass(frozen=True)
class JobStatus:
    """None: unknown. Times are milliseconds since 1970."""

    job_id: str
    worker_id: str
    status: str
    told_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    percentage: float | None = None
    stage: str | None = None
    audio_duration: float | None = None
    duration: float | None = None
    segments: int | None = None
    s3_path: str | None = None
    error: str | None = None
    #: Only if the system knows nothing newer.
    late: bool = False

    @property
    def whole_percentage(self) -> int | None:
        """Rounds down: a job at 99.7 % is not done."""
        return None if self.percentage is None else int(self.percentage)


class Statuses:
    """The states of a reporter's jobs. Applying the same events again changes nothing."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, JobStatus] = OrderedDict()

    def after(self, events: Iterable[Event]) -> dict[str, JobStatus]:
        """The state of each job after the last of its events."""
        changed: dict[str, JobStatus] = {}
        for event in events:
            known = self._known.get(event.job_id)
            if event.late and known is not None and known.told_ms > event.told_ms:
                continue
            changed[event.job_id] = self._known[event.job_id] = _after(known, event)
            self._known.move_to_end(event.job_id)
        while len(self._known) > JOBS_MAX:
            self._known.popitem(last=False)
        return changed

    def forget_ended(self, written: Iterable[JobStatus]) -> None:
        for status in written:
            if status.ended_ms is not None:
                self._known.pop(status.job_id, None)


def _after(known: JobStatus | None, event: Event) -> JobStatus:
    data = event.data
    if known is None or event.name == JOB_START:
        known = JobStatus(
            job_id=event.job_id,
            worker_id=data["worker_id"],
            status="PROCESSING",
            told_ms=event.told_ms,
            started_ms=event.started_ms,
            percentage=0 if event.name == JOB_START else event.known.get("percentage"),
            stage=None if event.name == JOB_START else event.known.get("stage"),
            audio_duration=known.audio_duration if known else event.known.get("audio_duration"),
        )
    told: dict[str, Any] = {
        name: data[name] for name in ("percentage", "audio_duration", "duration", "segments", "s3_path") if name in data
    }
    if "stage" in data:
        told["stage"] = data["stage"].upper()
    if event.name == JOB_COMPLETE:
        told["percentage"] = 100
    if event.name == JOB_FAILED:
        told["error"] = data.get("error")
    ended_ms = event.told_ms if event.has_ended else None
    return replace(known, status=event.status, told_ms=event.told_ms, ended_ms=ended_ms, late=event.late, **told)


def status_file(status: JobStatus) -> str:
    """The text of `jobs/{job_id}.json`, as in protocol/status-file.ts."""
    more = {
        "completed_at": _time(status.ended_ms),
        "stage": status.stage,
        "audio_duration": status.audio_duration,
        "duration": status.duration,
        "segments": status.segments,
        "s3_path": status.s3_path,
        "error": status.error,
    }
    return json.dumps(
        {
            "job_id": status.job_id,
            "worker_id": status.worker_id,
            "status": status.status,
            "started_at": _time(status.started_ms),
            "percentage": status.percentage,
            "updated_at": _time(status.told_ms),
            **{name: value for name, value in more.items() if value is not None},
        }
    )


def _time(time_ms: int | None) -> str | None:
    return None if time_ms is None else time_text(time_ms)
