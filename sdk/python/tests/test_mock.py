"""The mock for users' tests. test_operations.py proves that it responds like a monitor."""

from __future__ import annotations

import asyncio

import pytest

from transcription_monitor import (
    AsyncTranscriptionAPI,
    FeedUnavailableError,
    JobUpdate,
    LeaseLost,
    Transcript,
    TranscriptionAPI,
    UnavailableError,
    Worker,
)
from transcription_monitor.bodies import Output
from transcription_monitor.testing import MockMonitor


@pytest.fixture
def monitor() -> MockMonitor:
    return MockMonitor()


@pytest.fixture
def api(monitor: MockMonitor) -> TranscriptionAPI:
    return TranscriptionAPI(base_url="http://monitor.test", transport=monitor)


def test_a_program_that_submits_and_watches_is_tested_without_a_network(
    monitor: MockMonitor, api: TranscriptionAPI
) -> None:
    job = api.jobs.submit("s3://bucket/a.mp3")
    seen: list[JobUpdate] = []
    for update in api.jobs.watch(job.id, poll_seconds=0):
        seen.append(update)
        if update.state == "QUEUED":
            monitor.progress(job.id, 45)
        elif update.state == "PROCESSING":
            monitor.complete(job.id, text="hello")
    assert [(update.state, update.percentage) for update in seen] == [
        ("QUEUED", 0),
        ("PROCESSING", 45),
        ("COMPLETED", 100),
    ]
    assert api.jobs.transcript(job.id).text == "hello"
    assert api.jobs.transcript(job.id, "srt") == "1\n00:00:00,000 --> 00:00:01,000\nhello\n"


@pytest.mark.parametrize("suspect", [True, False])
def test_a_transcript_keeps_its_warnings_and_its_quality_and_the_job_shows_them(
    api: TranscriptionAPI, suspect: bool
) -> None:
    reason = {"code": "repetition", "message": "40 times", "start_seconds": 0, "end_seconds": 9}
    warning = {"code": "audio_truncated", "message": "cut"}
    transcript = Transcript.of_segments([{"start": 0, "end": 9, "text": "a"}], engine="by hand")
    assert "warnings" not in transcript.model_dump(mode="json"), "older monitors refuse unknown fields"
    assert "quality" not in transcript.model_dump(mode="json")
    quality = {"suspect": suspect, "reasons": [reason] if suspect else []}
    noted = Transcript.model_validate({**transcript.model_dump(), "warnings": [warning], "quality": quality})
    job = api.jobs.submit("s3://bucket/a.mp3")
    api.workers.register("worker-1", capabilities={})
    [claimed] = api.workers.claim("worker-1").jobs
    stored = api.jobs.put_transcript(job.id, claimed.lease.token, noted)
    codes = ["audio_truncated", "repetition"] if suspect else ["audio_truncated"]
    assert ([note.code for note in stored.warnings], stored.suspect) == (codes, suspect)
    output: Output = {
        "s3_path": stored.s3_path,
        "segments_count": 1,
        "warnings": [{"code": note.code, "message": note.message} for note in stored.warnings],
        "suspect": stored.suspect,
    }
    done = api.jobs.complete(job.id, claimed.lease.token, output)
    assert ([note.code for note in done.output.warnings], done.output.suspect) == (codes, suspect)
    assert api.jobs.transcript(job.id) == noted
    assert [found.id for found in api.jobs.list(suspect=suspect)] == [job.id]
    assert [found.id for found in api.jobs.list(suspect=not suspect)] == []


def test_asyncio_is_tested_the_same(monitor: MockMonitor) -> None:
    async def program() -> str:
        async with AsyncTranscriptionAPI("http://monitor.test", transport=monitor) as api:
            job = await api.jobs.submit("s3://bucket/a.mp3")
            monitor.fail(job.id, code="audio_unreadable")
            return [update.state async for update in api.jobs.watch(job.id)][-1]

    assert asyncio.run(program()) == "FAILED"


def test_trouble_is_made_on_demand(monitor: MockMonitor) -> None:
    api = TranscriptionAPI("http://monitor.test", transport=monitor, retries=0)
    monitor.refuse(503, "store_unavailable", retry_after=2)
    with pytest.raises(UnavailableError) as caught:
        api.jobs.submit("s3://bucket/a.mp3")
    assert (caught.value.code, caught.value.retry_after_seconds) == ("store_unavailable", 2)
    assert api.jobs.submit("s3://bucket/a.mp3").state == "QUEUED"
    assert [request.path for request in monitor.requests] == ["/jobs", "/jobs"]


def test_alerts_are_raised_shown_and_resolved(monitor: MockMonitor, api: TranscriptionAPI) -> None:
    alert_id = monitor.raise_alert("Queue depth growing")
    assert [alert.message for alert in api.system.health().alerts] == ["Queue depth growing"]
    assert api.system.health().status == "DEGRADED"
    assert api.system.acknowledge_alert(alert_id, by="ada").acknowledged
    [listed] = api.system.alerts()
    assert listed.suppressed is not None
    assert (listed.suppressed.by, listed.suppressed.id) == ("acknowledged", "ada")
    other = monitor.raise_alert("Store slow", rule="slow")
    api.system.create_silence(["alertname=sl*"], until_resolved=True, created_by="ada")
    assert [alert.suppressed is not None for alert in api.system.alerts()] == [True, True]
    api.system.resolve_alert(other)
    assert list(api.system.silences()) == []
    assert api.system.resolve_alert(alert_id).resolved_at
    assert api.system.health().alerts == []


def test_a_worker_is_tested_with_it_too(monitor: MockMonitor, api: TranscriptionAPI, tone: bytes) -> None:
    done = api.jobs.submit(api.uploads.create(tone, name="a.wav").audio_url)
    lost = api.jobs.submit("s3://bucket/b.mp3")
    worker = Worker(api, handle_signals=False)
    for job in worker.jobs():
        with job:
            if job.id == done.id:
                assert job.download().read_bytes() == tone
                job.complete({"segments": [{"start": 0, "end": 1, "text": "hello"}]})
            else:
                monitor.lose(lost.id)
                worker.drain()
                with pytest.raises(LeaseLost):
                    job.complete({"segments": []})
    assert [api.jobs.get(job.id).state for job in (done, lost)] == ["COMPLETED", "QUEUED"]
    assert api.workers.get(worker.worker_id).state == "TERMINATED"


def test_there_is_no_live_feed_of_the_fleet(api: TranscriptionAPI) -> None:
    with pytest.raises(FeedUnavailableError):
        next(api.feed.follow())
