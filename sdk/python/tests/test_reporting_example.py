"""examples/python/reporting_worker.py: one program, five systems, the same jobs in the same states."""

from __future__ import annotations

import io
import json
import signal
import sqlite3
import sys
import wave
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import boto3
import pytest

from transcription_monitor import TranscriptionAPI

from .processes import ROOT, Monitor, started
from .reports import typescript
from .servers import aws

EXAMPLE = ROOT / "examples" / "python" / "reporting_worker.py"
SDK = ROOT / "sdk" / "python" / "src"

CREATE = """
import { JOB_STATUS_SQL } from './protocol/job-status-table.ts';
console.log(JSON.stringify(JOB_STATUS_SQL.sqlite.create));
"""

STATUSES = {
    "JOB_START": "PROCESSING",
    "JOB_PROGRESS": "PROCESSING",
    "JOB_COMPLETE": "COMPLETED",
    "JOB_FAILED": "FAILED",
}


def test_one_worker_tells_five_systems_the_same(
    server: Monitor,
    api: TranscriptionAPI,
    tmp_path: Path,
    tone: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """[B118] [B132] [B136] [B146]"""
    pytest.importorskip("pocketsphinx")
    log, jobs = tmp_path / "worker.log", tmp_path / "jobs.db"

    def last_of(texts: list[str]) -> dict[str, str]:
        events = sorted(map(json.loads, texts), key=lambda event: str(event["timestamp"]))
        return {event["job_id"]: STATUSES[event["event"]] for event in events}

    def in_log() -> dict[str, str]:
        return last_of([line.removeprefix("TRANSCRIPTION_EVENT ") for line in log.read_text().splitlines()])

    def in_bucket() -> dict[str, str]:
        s3 = boto3.client("s3")
        found = s3.list_objects_v2(Bucket="status-bucket", Prefix="jobs/")["Contents"]
        files = [json.load(s3.get_object(Bucket="status-bucket", Key=one["Key"])["Body"]) for one in found]
        return {file["job_id"]: file["status"] for file in files}

    def in_table() -> dict[str, str]:
        connection = sqlite3.connect(jobs)
        try:
            return dict(connection.execute("SELECT job_id, status FROM job_status").fetchall())
        finally:
            connection.close()

    def in_queue() -> dict[str, str]:
        sqs, bodies = boto3.client("sqs"), []
        url = sqs.get_queue_url(QueueName="transcription")["QueueUrl"]
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            bodies += [message["Body"] for message in found]
        return last_of(bodies)

    def in_monitor() -> dict[str, str]:
        return {job.id: job.state for job in api.jobs.list()}

    systems: dict[str, Callable[[], dict[str, str]]] = {
        f"log:{log}": in_log,
        "s3://status-bucket": in_bucket,
        f"sqlite:{jobs}": in_table,
        "sqs://transcription": in_queue,
        server.url: in_monitor,
    }
    recordings = [tmp_path / "a tone.wav", tmp_path / "noise.wav"]
    recordings[0].write_bytes(tone)
    recordings[1].write_bytes(b"noise" * 100)
    sqlite3.connect(jobs).execute(typescript(CREATE, None)).connection.close()
    with aws() as environment, ExitStack() as workers:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="status-bucket")
        boto3.client("sqs").create_queue(QueueName="transcription")
        command: list[str | Path] = [sys.executable, EXAMPLE, *recordings]
        running = [
            workers.enter_context(started(command, {**environment, "PYTHONPATH": str(SDK), "TMON_REPORT": url}))
            for url in systems
        ]
        for worker in running:
            assert worker.wait() == 0, worker.said
        for url, read in systems.items():
            assert read() == {"job-a-tone": "COMPLETED", "job-noise": "FAILED"}, url
    assert (tmp_path / "a tone.heard.txt").exists()


def test_a_worker_that_is_stopped_says_so_of_the_job_at_hand(tmp_path: Path, tone: bytes) -> None:
    pytest.importorskip("pocketsphinx")
    recording = tmp_path / "long.wav"
    with wave.open(io.BytesIO(tone), "rb") as second, wave.open(str(recording), "wb") as sound:
        sound.setparams(second.getparams())
        sound.writeframes(second.readframes(second.getnframes()) * 3600)
    environment = {"PYTHONPATH": str(SDK), "TMON_REPORT": "log:"}
    with started([sys.executable, EXAMPLE, recording], environment) as worker:
        worker.line('"JOB_PROGRESS"')
        worker.signal(signal.SIGTERM)
        worker.line('"JOB_FAILED".*"the worker was stopped"')
        assert worker.wait() == 143
