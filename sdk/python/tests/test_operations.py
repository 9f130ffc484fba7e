"""Every method of the client against a real monitor, and the monitor's own list of operations against the client.

What is not the live feed's is asked of the mock too, which users test with: it must answer as the real one does.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, get_origin

import httpx
import pytest
from pydantic import BaseModel

from transcription_monitor import (
    AsyncTranscriptionAPI,
    ConflictError,
    InvalidRequestError,
    Job,
    LeaseExpiredError,
    NotFoundError,
    StateManager,
    Transcript,
    TranscriptionAPI,
    WorkerTerminatedError,
    models,
)
from transcription_monitor.testing import MockMonitor

from .processes import Monitor

HELLO = Transcript.of_segments(
    [{"start_seconds": 0, "end_seconds": 3, "text": " hello ", "confidence": 0.75}], engine="test", language="en"
)


@pytest.fixture(scope="module")
def mock() -> MockMonitor:
    return MockMonitor()


@pytest.fixture(params=["monitor", "mock"])
def api(request: pytest.FixtureRequest) -> Iterator[TranscriptionAPI]:
    if request.param == "mock":
        mock: MockMonitor = request.getfixturevalue("mock")
        with TranscriptionAPI("http://monitor.test", transport=mock) as client:
            yield client
    else:
        server: Monitor = request.getfixturevalue("server")
        with TranscriptionAPI(server.url) as client:
            yield client


def claim_one(api: TranscriptionAPI, worker_id: str) -> tuple[str, str]:
    """Claims the one waiting job; returns its id and its lease's token."""
    api.workers.register(worker_id, capabilities={"model": "test"}, location={"region": "here"}, instance_id="i-1")
    [claimed] = api.workers.claim(worker_id, wait_seconds=5).jobs
    return claimed.job.id, claimed.lease.token


@pytest.fixture(scope="module")
def document(server: Monitor) -> Any:
    """The monitor's API document."""
    return httpx.get(f"{server.url}/api/v1/openapi.json").json()


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: "_" + found.group(1).lower(), name)


def test_every_operation_of_the_monitor_is_in_both_clients_under_its_name(document: Any) -> None:
    names = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    assert len(names) >= 30
    for client in (TranscriptionAPI("http://monitor.test"), AsyncTranscriptionAPI("http://monitor.test")):
        absent = []
        for name in sorted(names):
            noun, verb = name.split(".")
            method = getattr(getattr(client, noun, None), snake(verb), None)
            if not callable(method) or not inspect.getdoc(method):
                absent.append(name)
        assert absent == []


@pytest.mark.parametrize(
    "name",
    [
        "Alert",
        "AlertBacktest",
        "AttemptLogReceipt",
        "EffectiveAlertRules",
        "EffectivePolicies",
        "DecidedAction",
        "Silence",
        "Bottlenecks",
        "BulkAnswer",
        "Claimed",
        "CostReport",
        "CurrentMetrics",
        "DurationReport",
        "FailuresReport",
        "FollowedSource",
        "HeartbeatAnswer",
        "Job",
        "JobRow",
        "JobTimeline",
        "Lease",
        "LogEventAnswer",
        "MetricsGroups",
        "MetricsPeriod",
        "MetricsSeries",
        "MetricsShare",
        "Queue",
        "Reconciliation",
        "SqlResult",
        "StoredTranscript",
        "SystemHealth",
        "SystemSettings",
        "ThroughputReport",
        "Transcript",
        "Upload",
        "Worker",
        "WorkerJob",
        "WorkerUsage",
    ],
)
def test_every_field_that_the_monitor_tells_of_is_in_the_model(document: Any, name: str) -> None:
    schemas = document["components"]["schemas"]
    assert missing(schemas[name], getattr(models, name), schemas) == []


def missing(schema: Any, annotation: Any, schemas: Any, path: str = "") -> list[str]:
    """Fields of the schema that the model lacks, each with its path."""
    if "$ref" in schema:
        return missing(schemas[schema["$ref"].rsplit("/", 1)[1]], annotation, schemas, path)
    for word in ("allOf", "anyOf"):
        if word in schema:
            return [name for one in schema[word] for name in missing(one, annotation, schemas, path)]
    model = model_in(annotation)
    if schema.get("type") == "array":
        return missing(schema["items"], model, schemas, f"{path}[]")
    if model is None:
        return []
    fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    # The names in a dictionary may be any.
    if get_origin(annotation) is dict:
        fields = dict.fromkeys(schema.get("properties", {}), annotation.__args__[1])
    lacking = []
    for name, field in schema.get("properties", {}).items():
        if name not in fields:
            lacking.append(f"{path}.{name}")
        else:
            lacking += missing(field, fields[name], schemas, f"{path}.{name}")
    return lacking


def model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (model_in(argument) for argument in getattr(annotation, "__args__", ()))
    return next((model for model in found if model is not None), None)


def test_a_jobs_life_as_its_owner_and_its_worker_see_it(api: TranscriptionAPI) -> None:
    job = api.jobs.submit(
        "https://bucket.test/a.mp3?sig=1",
        output_format="srt",
        priority="low",
        max_attempts=2,
        duration_seconds=3,
        file_size_bytes=100,
        tags=["one", "two"],
        metadata={"customer": "7"},
    )
    assert isinstance(job, Job)
    assert (job.state, job.priority, job.output_format, job.tags) == ("QUEUED", "low", "srt", ["one", "two"])
    assert (job.metadata, job.retry_info.max_attempts) == ({"customer": "7"}, 2)
    assert job.input.s3_path == "https://bucket.test/a.mp3"
    assert job.created_at is not None
    assert job.created_at.tzinfo is not None
    assert not job.finished
    job_id, token = claim_one(api, "worker-life")
    assert job_id == job.id
    answer = api.jobs.report_progress(
        job.id, token, percentage=45, stage="transcribing", current_chunk=1, total_chunks=2, eta_seconds=2
    )
    assert answer.state == "PROCESSING"
    next(update for update in api.jobs.watch(job.id) if update.percentage == 45)
    progress = api.jobs.progress(job.id)
    assert (progress.percentage, progress.stage, progress.current_chunk) == (45, "TRANSCRIBING", 1)
    assert api.jobs.put_attempt_log(job.id, 1, token, "loading\nreading\n", end_bytes=16).end_bytes == 16
    log = api.jobs.attempt_log(job.id, 1, after_bytes=8)
    assert (log.text, log.end_bytes, log.complete) == ("reading\n", 16, False)
    stored = api.jobs.put_transcript(job.id, token, HELLO)
    assert (stored.already_there, stored.segments_count, stored.confidence_score) == (False, 1, 0.75)
    assert api.jobs.put_transcript(job.id, token, HELLO).already_there
    output: Any = {"s3_path": stored.s3_path, "segments_count": 1, "confidence_score": 0.75}
    done = api.jobs.complete(job.id, token, output)
    assert done.finished
    assert api.jobs.get(job.id).output.confidence_score == 0.75
    assert [entry.state for entry in api.jobs.timeline(job.id).state_history] == [
        "SUBMITTED",
        "QUEUED",
        "PROCESSING",
        "COMPLETED",
    ]
    assert api.jobs.attempt_log(job.id, 1).complete
    assert api.jobs.transcript(job.id) == HELLO
    assert api.jobs.transcript(job.id, "text") == "hello\n"
    assert api.jobs.transcript(job.id, "vtt").startswith("WEBVTT")
    assert api.jobs.transcript(job.id, "verbose_json").segments[0].text == "hello"
    with pytest.raises(LeaseExpiredError):
        api.jobs.report_progress(job.id, "another.token", percentage=1)


def test_a_batch_is_answered_in_its_order_each_by_itself(api: TranscriptionAPI) -> None:
    first, second, third = api.jobs.submit_batch(
        [
            {"audio_url": "s3://bucket/1.mp3", "tags": ["batch"]},
            {"audio_url": "nonsense"},
            {"audio_url": "s3://bucket/3.mp3", "tags": ["batch"]},
        ]
    )
    assert isinstance(first, Job)
    assert isinstance(third, Job)
    assert isinstance(second, InvalidRequestError)
    assert second.errors[0]["field"] == "/audio_url"
    assert third.input.s3_path == "s3://bucket/3.mp3"
    purged = api.queues.purge("main", filter={"tag": "batch"}).job_ids
    assert sorted(purged) == sorted([first.id, third.id])


def test_the_same_idempotency_key_is_one_job_however_often_it_is_sent(api: TranscriptionAPI) -> None:
    first = api.jobs.submit("s3://bucket/once.mp3", idempotency_key="once")
    assert api.jobs.submit("s3://bucket/once.mp3", idempotency_key="once").id == first.id
    with pytest.raises(ConflictError, match="idempotency_key_reused"):
        api.jobs.submit("s3://bucket/another.mp3", idempotency_key="once")
    assert api.jobs.cancel(first.id).state == "CANCELLED"


def test_a_list_goes_over_all_its_pages_or_one_by_hand(api: TranscriptionAPI) -> None:
    before = datetime.now(timezone.utc) - timedelta(minutes=1)
    for number in range(5):
        api.jobs.submit(f"s3://bucket/{number}.mp3", tags=["paged"])
    listed = api.jobs.list(tag="paged", limit=2, created_after=before)
    assert [job.input.s3_path for job in listed] == [f"s3://bucket/{number}.mp3" for number in (4, 3, 2, 1, 0)]
    first = listed.page()
    assert len(first.items) == 2
    assert listed.page(first.next_cursor).items[0].input.s3_path == "s3://bucket/2.mp3"
    assert list(api.jobs.list(tag="paged", created_before=before)) == []
    api.queues.purge("main", filter={"tag": "paged"})


def test_a_failed_job_is_a_dead_letter_redriven_or_given_up_each_first_tried_dry(api: TranscriptionAPI) -> None:
    for number in range(2):
        api.jobs.submit(f"s3://bucket/bad-{number}.mp3", tags=["dead"])
        job_id, token = claim_one(api, "worker-failing")
        error: Any = {"code": "audio_unreadable", "message": "noise", "retryable": False}
        assert api.jobs.fail(job_id, token, error, retry_with={"batch_size": 1}).state == "FAILED"
    assert api.queues.dlq().messages_visible == 2
    assert api.queues.main().messages_visible == 0
    filter: Any = {"error_code": "audio_unreadable", "job_ids": [job_id]}
    dry = api.queues.redrive(filter=filter, dry_run=True)
    assert (dry.job_ids, dry.dry_run) == ([job_id], True)
    assert api.jobs.get(job_id).state == "FAILED"
    assert api.queues.redrive(filter=filter).job_ids == [job_id]
    assert api.jobs.get(job_id).state == "QUEUED"
    assert len(api.queues.purge_dlq(filter={"tag": "dead"}).job_ids) == 1
    api.jobs.cancel(job_id)
    assert api.jobs.retry(job_id).state == "QUEUED"
    assert api.queues.purge(filter={"tag": "dead"}).job_ids == [job_id]


def test_a_worker_is_registered_beats_drains_and_ends(api: TranscriptionAPI) -> None:
    api.jobs.submit("s3://bucket/held.mp3")
    job_id, token = claim_one(api, "worker-held")
    beat = api.workers.heartbeat("worker-held", health={"cpu_usage": 50}, leases=[token, "not.a.lease"])
    assert [lease.token for lease in beat.leases] == [token]
    assert beat.leases[0].expires_at > datetime.now(timezone.utc)
    assert "worker-held" in [worker.id for worker in api.workers.list()]
    worker = api.workers.get("worker-held")
    assert worker.current_job
    assert (worker.current_job.job_id, worker.instance_id) == (job_id, "i-1")
    assert [one.job_id for one in api.workers.jobs("worker-held", limit=1)] == [job_id]
    assert api.workers.drain("worker-held").state == "DRAINING"
    assert api.workers.drain("worker-held", reason="spot interruption", replace=True).reason == "spot interruption"
    assert [command.type for command in api.workers.heartbeat("worker-held", leases=[token]).commands] == ["drain"]
    assert api.workers.restart("worker-held").state == "RESTARTING"
    assert api.workers.terminate("worker-held").state == "TERMINATED"
    with pytest.raises(WorkerTerminatedError):
        api.workers.claim("worker-held")
    with pytest.raises(ConflictError, match="no_fleet"):
        api.workers.launch(capabilities={"model": "test"})
    with pytest.raises(ConflictError, match="fleet_not_listed"):
        api.workers.reconcile(dry_run=True)
    api.jobs.cancel(job_id)


def test_what_a_heartbeat_tells_is_shown(server: Monitor) -> None:
    with TranscriptionAPI(server.url) as api:
        api.workers.register("worker-beating", capabilities={})
        happening = api.feed.follow("worker", worker_id="worker-beating")
        assert next(happening).type == "state"
        api.workers.heartbeat("worker-beating", health={"cpu_usage": 50, "gpu_usage": None})
        next(message for message in happening if message.event == "WorkerBeat")
        assert api.workers.get("worker-beating").health.cpu_usage == 50
        api.workers.terminate("worker-beating")


def test_the_system_tells_its_health_metrics_and_alerts(api: TranscriptionAPI) -> None:
    """[A96]"""
    health = api.system.health()
    assert health.status == health.overall_status
    assert health.components.queue.status in ("HEALTHY", "DEGRADED", "UNHEALTHY")
    assert api.system.metrics().throughput_jobs_per_hour >= 0
    api.jobs.submit("s3://bucket/counted.mp3")
    series = api.system.metrics_series(from_=datetime(2026, 1, 1, tzinfo=timezone.utc), step="day")
    assert (series.step, series.items[-1].jobs_submitted > 0, series.unreadable) == ("day", True, [])
    for alert in list(api.system.alerts()):
        assert api.system.resolve_alert(alert.id).resolved_by == "api"
    assert list(api.system.alerts()) == []
    assert all(alert.status == "resolved" for alert in api.system.alerts(status="resolved"))
    with pytest.raises(NotFoundError):
        api.system.resolve_alert("alert-none")


def test_alerts_are_acknowledged_and_silenced(api: TranscriptionAPI) -> None:
    assert isinstance(api.system.alert_rules().rules, list)
    assert isinstance(api.system.policies().policies, list)
    assert api.system.resume_policies(by="ada").paused is None
    assert list(api.system.actions(outcome="acted")) == []
    for call in (api.system.alert, api.system.acknowledge_alert):
        with pytest.raises(NotFoundError):
            call("alert-none")
    ends_at = datetime.now(timezone.utc) + timedelta(hours=1)
    silence = api.system.create_silence(["worker=gpu-*", "severity!=CRITICAL"], ends_at=ends_at, created_by="ada")
    assert [(one.name, one.op, one.value) for one in silence.matchers] == [
        ("worker", "=", "gpu-*"),
        ("severity", "!=", "CRITICAL"),
    ]
    assert [one.id for one in api.system.silences()] == [silence.id]
    assert api.system.end_silence(silence.id).id == silence.id
    assert list(api.system.silences()) == []
    with pytest.raises(NotFoundError):
        api.system.end_silence(silence.id)
    with pytest.raises(InvalidRequestError) as raised:
        api.system.create_silence(["worker=gpu-*"], created_by="ada")
    assert raised.value.code == "silence_without_end"
    with pytest.raises(ConflictError) as conflict:
        api.system.create_silence(["worker=none"], until_resolved=True, created_by="ada")
    assert conflict.value.code == "nothing_to_silence"
    with pytest.raises(ValueError, match="is not a matcher"):
        api.system.create_silence(["gpu-1"], ends_at=ends_at, created_by="ada")
    with pytest.raises(ValueError, match="no time zone"):
        api.system.create_silence(["worker=a"], ends_at=datetime(2030, 1, 1), created_by="ada")  # noqa: DTZ001


def test_a_notification_is_sent_listed_and_replayed(server: Monitor) -> None:
    with TranscriptionAPI(server.url) as api:
        # No domain ends in `.invalid`: it is never delivered.
        sent = api.system.test_notification(webhook_url="https://webhook.invalid/hook")
        assert (sent.type, sent.job_id, sent.destination) == (
            "notification.test",
            None,
            "https://webhook.invalid/…hook",
        )
        assert sent.id in [one.id for one in api.system.notifications(limit=1)]
        assert api.system.replay_notification(sent.id).id == sent.id
        assert api.system.notification(sent.id).state in ("waiting", "sending")
        assert list(api.system.notifications(job_id="job-none", state="failed")) == []
        with pytest.raises(NotFoundError):
            api.system.replay_notification("notification-none")
        with pytest.raises(InvalidRequestError, match="this machine"):
            api.jobs.submit("s3://bucket/a.mp3", webhook_url="http://localhost/hook", webhook_events=["failed"])


def test_an_upload_comes_back_byte_for_byte_given_as_bytes_or_as_a_file(api: TranscriptionAPI, tmp_path: Path) -> None:
    content = secrets.token_bytes(600_000)
    path = tmp_path / "a recording (1).wav"
    path.write_bytes(content)
    for upload in (api.uploads.create(path), api.uploads.create(content, name=path.name, content_type="audio/wav")):
        assert (upload.file_name, upload.file_size_bytes) == (path.name, len(content))
        with api.uploads.open(upload.audio_url) as audio:
            assert audio.size_bytes == len(content)
            assert b"".join(audio) == content
        with api.uploads.open(upload.upload_id) as audio:
            audio.save(tmp_path / "copy.wav")
        assert (tmp_path / "copy.wav").read_bytes() == content
    with pytest.raises(NotFoundError), api.uploads.open("upload-none"):
        pass
    with pytest.raises(InvalidRequestError, match="no bytes"):
        api.uploads.create(b"")
    with pytest.raises(FileNotFoundError):
        api.uploads.create(tmp_path / "absent.wav")


def test_events_are_reported_in_bulk_each_line_by_itself(api: TranscriptionAPI) -> None:
    answer = api.events.report(
        [
            {"event": "JOB_START", "job_id": "job-logged", "worker_id": "worker-log", "audio_duration": 60},
            {"event": "JOB_PROGRESS", "job_id": "job-logged", "percentage": 45, "stage": "transcribing"},
            {"event": "JOB_COMPLETE", "job_id": "job-logged", "duration": 12, "segments": 3},
            {"event": "JOB_PROGRESS", "job_id": "../x"},
        ]
    )
    assert answer.accepted == 3
    assert [(line.line, line.code) for line in answer.rejected] == [(4, "invalid_event")]
    assert api.jobs.get("job-logged").state == "COMPLETED"


def test_what_a_source_tells_of_jobs_is_taken_once(api: TranscriptionAPI) -> None:
    source = "s3://status-bucket/some where"
    told_at = datetime.now(timezone.utc).isoformat()
    mine = api.jobs.submit("s3://bucket/mine.mp3")
    jobs: Any = [
        {"job_id": "job-sighted", "state": "PROCESSING", "told_at": told_at, "worker_id": "worker-9", "percentage": 45},
        {"job_id": mine.id, "state": "FAILED", "told_at": told_at},
    ]
    first, again = api.sources.observe(source, jobs), api.sources.observe(source, jobs)
    assert (first.taken, first.known, again.taken, again.known) == (1, 0, 0, 1)
    assert [(one.job_id, one.code) for one in first.refused] == [(mine.id, "job_of_this_queue")]
    job = api.jobs.get("job-sighted")
    assert (job.state, job.progress.percentage, job.metadata["source"]) == ("PROCESSING", 45, source)
    assert list(api.sources.list()) == []
    api.jobs.cancel(mine.id)


def test_transitions_of_a_job_that_runs_elsewhere_make_its_state(api: TranscriptionAPI) -> None:
    manager = StateManager(api)
    assert manager.update_job_state("job-elsewhere", "QUEUED").state == "QUEUED"
    manager.update_job_state("job-elsewhere", "PROCESSING", "Assigned to worker-9")
    assert manager.update_job_state("job-elsewhere", "PROCESSING", {"percentage": 45}).progress.percentage == 45
    failed = manager.update_job_state("job-elsewhere", "FAILED", "GPU out of memory")
    assert failed.retry_info.last_error is not None
    assert failed.retry_info.last_error.message == "GPU out of memory"
    assert manager.update_job_state("job-elsewhere", "PROCESSING").state == "FAILED"
    started_at = datetime.now(timezone.utc) + timedelta(seconds=1)
    again: Any = {"started_at": started_at.isoformat()}
    assert manager.update_job_state("job-elsewhere", "PROCESSING", again, at=started_at).state == "PROCESSING"
    ended_at = started_at + timedelta(seconds=1)
    done = manager.update_job_state("job-elsewhere", "COMPLETED", {"segments": 150}, at=ended_at)
    states = [entry.state for entry in done.state_history]
    assert states == ["QUEUED", "PROCESSING", "FAILED", "PROCESSING", "COMPLETED"]
    assert (done.progress.percentage, done.output.segments_count) == (100, 150)
    mine = api.jobs.submit("s3://bucket/mine.mp3")
    with pytest.raises(ConflictError) as raised:
        manager.update_job_state(mine.id, "FAILED")
    assert (raised.value.code, raised.value.state) == ("job_of_this_queue", "QUEUED")
    assert manager.update_job_state(mine.id, "CANCELLED").state == "CANCELLED"


def test_the_client_of_asyncio_does_the_same(server: Monitor, tmp_path: Path) -> None:
    async def life() -> None:
        async with AsyncTranscriptionAPI(base_url=server.url) as api:
            path = tmp_path / "a.wav"
            path.write_bytes(b"sound" * 100_000)
            upload = await api.uploads.create(path)
            async with api.uploads.open(upload.audio_url) as audio:
                assert b"".join([chunk async for chunk in audio]) == path.read_bytes()
            async with api.uploads.open(upload.audio_url) as audio:
                await audio.save(tmp_path / "copy.wav")
            assert (tmp_path / "copy.wav").read_bytes() == path.read_bytes()
            jobs = [await api.jobs.submit(upload.audio_url, tags=["async"]) for _ in range(3)]
            listed = [job.id async for job in api.jobs.list(tag="async", limit=2)]
            assert listed == [job.id for job in reversed(jobs)]
            await api.workers.register("worker-async", capabilities={})
            claimed = (await api.workers.claim("worker-async", max_jobs=3, wait_seconds=5)).jobs
            assert len(claimed) == 3
            for one in claimed:
                stored = await api.jobs.put_transcript(one.job.id, one.lease.token, HELLO)
                output: Any = {"s3_path": stored.s3_path, "segments_count": 1}
                assert (await api.jobs.complete(one.job.id, one.lease.token, output)).state == "COMPLETED"
                assert (await api.jobs.transcript(one.job.id)).text == "hello"
            assert (await api.system.health()).status
            assert [update.state async for update in api.jobs.watch(jobs[0].id)] == ["COMPLETED"]
            await api.workers.terminate("worker-async")

    asyncio.run(life())
