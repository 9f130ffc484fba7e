"""The records of the mock monitor, and their REST documents."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

FINISHED = ("COMPLETED", "FAILED", "CANCELLED")


def now(*, later_seconds: float = 0) -> str:
    time = datetime.now(timezone.utc) + timedelta(seconds=later_seconds)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class MockJob:
    job_id: str
    submission: dict[str, Any]
    created_at: str = field(default_factory=now)
    state: str = "SUBMITTED"
    history: list[dict[str, str]] = field(default_factory=list)
    attempt: int = 1
    version: int = 0
    lease_token: str | None = None
    worker_id: str | None = None
    assigned_at: str | None = None
    completed_at: str | None = None
    #: The workers that have held it, newest last, each with its attempt and time.
    had_by: list[tuple[str, int, str]] = field(default_factory=list)
    percentage: float = 0
    stage: str | None = None
    current_chunk: int | None = None
    total_chunks: int | None = None
    eta_seconds: float | None = None
    duration_seconds: float | None = None
    file_size_bytes: int | None = None
    batch_size: int | None = None
    output: dict[str, Any] | None = None
    last_error: dict[str, Any] | None = None
    transcript: dict[str, Any] | None = None
    #: What the engine printed, by attempt.
    logs: dict[int, str] = field(default_factory=dict)
    dead: bool = False
    #: For a job reported by a source.
    told_at: str | None = None

    def enter(self, state: str, details: str) -> None:
        self.state = state
        self.history.append({"state": state, "timestamp": now(), "details": details})
        self.version += 1
        self.completed_at = now() if state in FINISHED else None

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    def progress(self) -> dict[str, Any]:
        names = ("percentage", "stage", "current_chunk", "total_chunks", "eta_seconds")
        return {name: getattr(self, name) for name in names}

    def verdict(self) -> dict[str, Any] | None:
        if self.state in ("COMPLETED", "FAILED", "CANCELLED", "CANCELLING"):
            return None
        return {"status": "on_track", "reason": "On track.", "since": self.history[-1]["timestamp"], "evidence": {}}

    def document(self) -> dict[str, Any]:
        given = self.submission
        worker = {"worker_id": self.worker_id, "instance_id": None, "assigned_at": self.assigned_at, "gpu_usage": None}
        nothing: dict[str, Any] = {
            "s3_path": None,
            "segments_count": 0,
            "confidence_score": None,
            "warnings": [],
            "suspect": False,
        }
        shown = given["audio_url"] if given["audio_url"].startswith("s3:") else given["audio_url"].split("?")[0]
        return {
            "job_id": self.job_id,
            "state": self.state,
            "created_at": self.created_at,
            "updated_at": self.history[-1]["timestamp"],
            "started_at": self.assigned_at,
            "completed_at": self.completed_at,
            "estimated_completion": None,
            "priority": given.get("priority", "normal"),
            "output_format": given.get("output_format", "json"),
            "tags": given.get("tags", []),
            "metadata": given.get("metadata", {}),
            **({"options": given["options"]} if given.get("options") else {}),
            **({"requires": given["requires"]} if given.get("requires") else {}),
            "input": {
                "s3_path": shown,
                "duration_seconds": self.duration_seconds or given.get("duration_seconds"),
                "file_size_bytes": self.file_size_bytes or given.get("file_size_bytes"),
                "audio_url_expires_at": None,
                "require_complete": given.get("require_complete", False),
            },
            "output": {**nothing, **(self.output or {})},
            "worker": worker if self.worker_id else None,
            "progress": self.progress(),
            "performance": {
                "queue_time_seconds": None,
                "processing_time_seconds": None,
                "throughput_factor": None,
                "download_time_seconds": None,
            },
            "state_history": self.history,
            "retry_info": {
                "attempt": self.attempt,
                "max_attempts": given.get("max_attempts", 3),
                "last_error": self.last_error,
                "next_attempt_at": None,
            },
            "cost_tracking": {"estimated_cost_usd": None, "actual_cost_usd": None, "instance_time_seconds": 0},
            "verdict": self.verdict(),
            "actions": [],
            "expected_percentage": None,
            "queue_position": None,
            "expected_start": None,
            "expected_completion": None,
            "as_of_seq": self.version,
        }


@dataclass
class MockWorker:
    worker_id: str
    registration: dict[str, Any]
    created_at: str = field(default_factory=now)
    state: str = "IDLE"
    reason: str | None = None
    last_heartbeat: str | None = None
    health: dict[str, Any] = field(default_factory=dict)
    jobs_completed: int = 0
    jobs_failed: int = 0

    def document(self, held: list[MockJob]) -> dict[str, Any]:
        usages = ("cpu_usage", "memory_usage", "gpu_usage", "disk_usage")
        capabilities, location = self.registration.get("capabilities", {}), self.registration.get("location", {})
        done = self.jobs_completed + self.jobs_failed
        current = {"job_id": held[0].job_id, "started_at": held[0].assigned_at} if held else {}
        return {
            "worker_id": self.worker_id,
            "instance_id": self.registration.get("instance_id"),
            "state": "ACTIVE" if held and self.state == "IDLE" else self.state,
            "reason": self.reason if self.state in ("DRAINING", "TERMINATED") else None,
            "created_at": self.created_at,
            "last_heartbeat": self.last_heartbeat,
            "health": {
                "status": self.health.get("status") or "HEALTHY",
                "reason": self.health.get("reason"),
                **{name: self.health.get(name) for name in usages},
            },
            "capabilities": {
                name: capabilities.get(name) for name in ("model", "device", "gpu_optimized", "batch_size")
            },
            "current_job": {**current, "estimated_completion": None} if current else None,
            "performance": {
                "jobs_completed": self.jobs_completed,
                "jobs_failed": self.jobs_failed,
                "total_runtime_seconds": 0,
                "average_job_time": None,
                "success_rate": self.jobs_completed / done if done else None,
            },
            "location": {
                name: location.get(name) for name in ("region", "availability_zone", "instance_type", "spot_price")
            },
            "verdict": self.verdict(),
            "actions": [],
            "as_of_seq": 1,
        }

    def verdict(self) -> dict[str, Any] | None:
        if self.state == "TERMINATED":
            return None
        return {"status": "ok", "reason": "Nothing is wrong.", "since": self.created_at, "evidence": {}}


def rendered(transcript: dict[str, Any], form: str) -> str:
    """A transcript as `text`, `srt`, `vtt` or `verbose_json`."""
    if form == "verbose_json":
        return json.dumps(_verbose(transcript)) + "\n"
    if form == "text":
        return "".join(f"{segment['text']}\n" for segment in transcript["segments"])
    mark = "," if form == "srt" else "."
    cues = [
        f"{_clock(segment['start_seconds'], mark)} --> {_clock(segment['end_seconds'], mark)}\n{segment['text']}\n"
        for segment in transcript["segments"]
    ]
    if form == "vtt":
        return "\n".join(["WEBVTT\n", *cues])
    return "\n".join(f"{number}\n{cue}" for number, cue in enumerate(cues, 1))


def _verbose(transcript: dict[str, Any]) -> dict[str, Any]:
    segments = [
        {"id": segment["id"], "start": segment["start_seconds"], "end": segment["end_seconds"], "text": segment["text"]}
        for segment in transcript["segments"]
    ]
    known = {"task": "transcribe", "language": transcript["language"] or "unknown", "text": transcript["text"]}
    return {**known, "duration": transcript["duration_seconds"], "segments": segments}


def _clock(seconds: float, mark: str) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{mark}{milliseconds:03}"
