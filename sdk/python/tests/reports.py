"""Shared by the reporter tests: the life of a job as in document B's usage, and failing sinks."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from transcription_monitor import Reporter
from transcription_monitor.reporter.event import JOB_START, Event, make_event
from transcription_monitor.reporter.sink import Batch
from transcription_monitor.reporter.spool_format import spool_key, spool_line, spool_name
from transcription_monitor.reporter.spool_owner import nobody

from .processes import NODE, PATIENCE_SECONDS, ROOT

WORKER = "worker-456"

#: Where each job of `tell_four_jobs` is in the end.
ENDS = {"job-runs": "PROCESSING", "job-done": "COMPLETED", "job-fails": "FAILED", "job-starts": "PROCESSING"}


def tell_four_jobs(reporter: Reporter) -> None:
    reporter.job_start("job-runs", audio_duration=4860)
    reporter.job_progress("job-runs", 45.7, stage="transcribing")
    reporter.job_start("job-done", audio_duration=60)
    reporter.job_progress("job-done", 10)
    reporter.job_progress("job-done", 97, stage="writing")
    reporter.job_complete("job-done", duration=1200, segments=150, s3_path="s3://t/done.json")
    reporter.job_start("job-fails")
    reporter.job_progress("job-fails", 30)
    reporter.job_failed("job-fails", RuntimeError("GPU out of memory"), code="GPU-OOM", retryable=True)
    reporter.job_start("job-starts")


class Kept:
    """A sink that keeps its events; `answer` may raise first, or return refused events."""

    count_max = 100
    linger_seconds = 0.0

    def __init__(self, answer: Callable[[Batch], Sequence[tuple[Event, str]]] = lambda _: []) -> None:
        self.answer = answer
        self.events: list[dict[str, Any]] = []
        self.batches: list[Batch] = []
        self.closed = threading.Event()

    def send(self, batch: Batch) -> Sequence[tuple[Event, str]]:
        self.batches.append(batch)
        refused = self.answer(batch)
        self.events += [event.data for event in batch.events]
        return refused

    def close(self) -> None:
        self.closed.set()


def reporter_to(transport: Any, **options: Any) -> Reporter:
    """Barely waits between attempts."""
    settings: dict[str, Any] = {"worker_id": WORKER, "backoff_seconds": 0.001, **options}
    return Reporter(lambda: transport, **settings)


def heard_of_trouble(reporter: Reporter, caplog: pytest.LogCaptureFixture) -> str:
    """The log, once it reports that the system is away."""
    end = time.monotonic() + PATIENCE_SECONDS
    while "retrying" not in caplog.text:
        assert time.monotonic() < end, caplog.text
        reporter.flush(0.01)
    return caplog.text


def leave_old_starts(folder: Path, url: str, *job_ids: str) -> None:
    """In a spool, as an earlier process of WORKER would."""
    folder.mkdir(exist_ok=True)
    path = folder / spool_name(spool_key(url, WORKER), nobody(), "0a")
    events = [make_event(JOB_START, job_id, WORKER, {}, 1_751_846_400_000) for job_id in job_ids]
    path.write_bytes(b"".join(spool_line(number, event) for number, event in enumerate(events, 1)))


def typescript(program: str, given: Any) -> Any:
    """The JSON printed by the body of a module at the repository's root, run with `given`."""
    words = [NODE, "--input-type=module-typescript", "-e", f"const given = {json.dumps(given)};\n{program}"]
    done = subprocess.run(
        [str(word) for word in words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
