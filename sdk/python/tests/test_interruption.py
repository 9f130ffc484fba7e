"""A worker whose machine is being taken away, against a real monitor and a metadata service."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from transcription_monitor import HeldJob, TranscriptionAPI, Worker, WorkerInterrupted
from transcription_monitor.worker import notices, worker

from .processes import PATIENCE_SECONDS

SPOKEN = {"segments": [{"start": 0, "end": 1, "text": "hello"}], "language": "en"}
PATHS = {
    "/latest/meta-data/spot/instance-action": "interruption",
    "/latest/meta-data/events/recommendations/rebalance": "rebalance",
}


class Metadata:
    """IMDSv2, with notices that a test gives."""

    def __init__(self) -> None:
        self.given: dict[str, str] = {}
        self.tokens = 0
        self.status = 200
        #: Set after each GET.
        self.polled = threading.Event()
        metadata = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                if self.path != "/latest/api/token" or "X-aws-ec2-metadata-token-ttl-seconds" not in self.headers:
                    self.respond(400)
                else:
                    metadata.tokens += 1
                    self.respond(metadata.status, f"token-{metadata.tokens}==")

            def do_GET(self) -> None:
                body = metadata.given.get(PATHS.get(self.path, ""))
                if self.headers["X-aws-ec2-metadata-token"] != f"token-{metadata.tokens}==":
                    self.respond(401)
                elif metadata.status != 200:
                    self.respond(metadata.status)
                else:
                    self.respond(404 if body is None else 200, body or "")
                metadata.polled.set()

            def respond(self, status: int, body: str = "") -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def interrupt(self, in_seconds: float = 120) -> str:
        """Returns the reason that the worker gives."""
        at = (datetime.now(timezone.utc) + timedelta(seconds=in_seconds)).isoformat(timespec="seconds")
        self.given["interruption"] = f'{{"action": "terminate", "time": "{at.replace("+00:00", "Z")}"}}'
        return f"spot interruption at {at.replace('+00:00', 'Z')}"

    def recommend(self, at: str) -> None:
        self.given["rebalance"] = f'{{"noticeTime": "{at}"}}'

    def wait_for_polls(self, count: int) -> None:
        for _ in range(count):
            self.polled.clear()
            assert self.polled.wait(PATIENCE_SECONDS)


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metadata]:
    metadata = Metadata()
    thread = threading.Thread(target=metadata.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url)
    monkeypatch.setattr(notices, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(notices, "TIMEOUT_SECONDS", PATIENCE_SECONDS)
    yield metadata
    metadata.server.shutdown()
    metadata.server.server_close()
    thread.join()


def submit(api: TranscriptionAPI, tone: bytes) -> str:
    return api.jobs.submit(api.uploads.create(tone, name="tone.wav").audio_url, max_attempts=1).id


def work_until_stopped(job: HeldJob, percentage: float) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        job.progress(percentage=percentage)
        time.sleep(0.01)


def test_an_interruption_hands_the_job_back_and_the_attempt_does_not_count(
    api: TranscriptionAPI, metadata: Metadata, tone: bytes
) -> None:
    job_id = submit(api, tone)
    interrupted = Worker(api, handle_signals=False)
    reason = ""
    for job in interrupted.jobs():
        with job:
            reason = metadata.interrupt()
            with pytest.raises(WorkerInterrupted):
                work_until_stopped(job, percentage=0)
    assert interrupted.end == "drained"
    back = api.jobs.get(job_id)
    assert (back.state, back.retry_info.attempt) == ("QUEUED", 1)
    left = api.workers.get(interrupted.worker_id)
    assert (left.state, left.reason, left.performance.jobs_failed) == ("TERMINATED", reason, 0)
    metadata.given.clear()
    other = Worker(api, handle_signals=False)
    for job in other.jobs():
        with job:
            job.complete(SPOKEN)
            other.drain()
    assert api.jobs.get(job_id).state == "COMPLETED"


def test_a_job_that_ends_well_before_the_machine_goes_on(
    api: TranscriptionAPI, metadata: Metadata, tone: bytes
) -> None:
    job_id = submit(api, tone)
    ending = Worker(api, handle_signals=False)
    for job in ending.jobs():
        with job:
            job.progress(percentage=50, eta_seconds=10)
            metadata.interrupt()
            while api.workers.get(ending.worker_id).state != "DRAINING":
                job.check()
            job.complete(SPOKEN)
    assert ending.end == "drained"
    assert api.jobs.get(job_id).state == "COMPLETED"


def test_a_job_that_stalls_is_handed_back_while_there_is_time(
    api: TranscriptionAPI, metadata: Metadata, tone: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HAND_BACK_SECONDS", worker.NOTICE_SECONDS_MAX - 0.5)
    job_id = submit(api, tone)
    for job in Worker(api, handle_signals=False).jobs():
        with job:
            job.progress(percentage=99.9, eta_seconds=0)
            metadata.interrupt(in_seconds=3600)
            with pytest.raises(WorkerInterrupted):
                work_until_stopped(job, percentage=99.9)
    assert api.jobs.get(job_id).state == "QUEUED"
    api.jobs.cancel(job_id)


def test_a_transcript_that_exists_is_delivered(api: TranscriptionAPI, metadata: Metadata, tone: bytes) -> None:
    job_id = submit(api, tone)
    for job in Worker(api, handle_signals=False).jobs():
        with job:
            metadata.interrupt(in_seconds=1)
            with pytest.raises(WorkerInterrupted):
                work_until_stopped(job, percentage=0)
            # As if the transcriber had not called before it was done.
            job.complete(SPOKEN)
    assert api.jobs.get(job_id).state == "COMPLETED"


def test_a_recommendation_drains_without_a_deadline_unless_it_is_older_than_the_worker(
    api: TranscriptionAPI, metadata: Metadata, tone: bytes
) -> None:
    metadata.recommend("2025-07-07T19:00:00Z")
    job_id = submit(api, tone)
    drained = Worker(api, handle_signals=False)
    for job in drained.jobs():
        with job:
            metadata.wait_for_polls(4)
            assert api.workers.get(drained.worker_id).state == "ACTIVE"
            metadata.recommend("2025-07-07T20:00:00Z")
            while (shown := api.workers.get(drained.worker_id)).state != "DRAINING":
                job.progress(percentage=0)
            assert shown.reason == "rebalance recommendation at 2025-07-07T20:00:00Z"
            job.complete(SPOKEN)
    assert drained.end == "drained"
    assert api.jobs.get(job_id).state == "COMPLETED"


def test_an_idle_worker_leaves_at_once(api: TranscriptionAPI, metadata: Metadata) -> None:
    reason = metadata.interrupt()
    idle = Worker(api, handle_signals=False)
    assert list(idle.jobs()) == []
    assert idle.end == "drained"
    left = [(one.state, one.reason) for one in api.workers.list() if one.id == idle.worker_id]
    # None if it had not registered yet.
    assert left in ([], [("TERMINATED", reason)])


def test_failures_are_logged_once_and_a_refused_token_is_replaced(
    metadata: Metadata, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[notices.Notice] = []
    done = threading.Event()

    def tell(notice: notices.Notice) -> None:
        told.append(notice)
        done.set()

    watch = notices.NoticeWatch(tell)
    with caplog.at_level(logging.INFO):
        watch.start()
        metadata.wait_for_polls(2)
        for status, body in ((503, ""), (429, ""), (200, "<html>"), (200, '{"action": "terminate"}'), (200, "[]")):
            metadata.status, metadata.given["interruption"] = status, body
            metadata.wait_for_polls(3)
        metadata.tokens += 1
        reason = metadata.interrupt()
        assert done.wait(PATIENCE_SECONDS)
    assert [notice.reason for notice in told] == [reason]
    # Workers of earlier tests may still be ending, and log it.
    logged = [record.getMessage() for record in caplog.records if record.filename == "notices.py"]
    assert len(logged) == 1
    assert "interruption notices cannot be read now" in logged[0]


def test_elsewhere_than_on_ec2_it_asks_once_and_logs_nothing(
    metadata: Metadata, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata.status = 404
    watch = notices.NoticeWatch(lambda _: None)
    watch._run()
    assert metadata.tokens == 1
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    notices.NoticeWatch(lambda _: None).start()
    assert (metadata.tokens, caplog.text) == (1, "")
