"""`StateManager`, with a real monitor, and the documents' program as printed there."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from transcription_monitor import (
    ConflictError,
    InvalidRequestError,
    Job,
    NotFoundError,
    StateManager,
    TranscriptionAPI,
)

from .processes import monitor

#: As printed in the documents.
PROGRAM = """\
class StateManager:
    def update_job_state(self, job_id, new_state, details=None):
        # Read current state
        current_state = self.get_job_state(job_id)
        
        # Update state with transition
        current_state['state'] = new_state
        current_state['updated_at'] = datetime.utcnow().isoformat() + 'Z'
        current_state['state_history'].append({
            'state': new_state,
            'timestamp': current_state['updated_at'],
            'details': details or f'Transitioned to {new_state}'
        })
        
        # Write atomically to S3
        self.write_state(f'jobs/active/{job_id}/state.json', current_state)
        
        # Update system-level aggregates
        self.update_system_metrics()
        
        # Trigger alerts if needed
        self.check_alert_conditions(job_id, new_state)
"""  # noqa: W293

NOW = datetime.now(timezone.utc)


def seconds(count: int) -> datetime:
    """So many seconds from the start of the tests."""
    return NOW + timedelta(seconds=count)


def states(job: Job) -> list[str]:
    return [entry.state for entry in job.state_history]


@pytest.fixture
def manager(api: TranscriptionAPI) -> StateManager:
    return StateManager(api)


def test_each_state_is_that_of_the_job_from_then_on(manager: StateManager) -> None:
    """[A48] [A49] [A50] [A51]"""
    for end in ("COMPLETED", "FAILED"):
        job_id = f"job-{end.lower()}"
        with pytest.raises(NotFoundError):
            manager.get_job_state(job_id)
        submitted = manager.update_job_state(job_id, "SUBMITTED", "Job submitted to queue")
        assert (submitted.id, submitted.state, submitted.worker) == (job_id, "QUEUED", None)
        assert submitted.tags == ["source:state-manager"]
        assert manager.update_job_state(job_id, "QUEUED", "Message in SQS queue").state == "QUEUED"
        running = manager.update_job_state(job_id, "PROCESSING", "Assigned to worker-123")
        assert running.state == "PROCESSING"
        assert running.worker is not None
        assert running.worker.worker_id == "worker-123"
        assert running.updated_at is not None
        assert submitted.updated_at is not None
        assert running.updated_at > submitted.updated_at
        ended = manager.update_job_state(job_id, end)
        assert ended.state == end
        assert ended.completed_at == ended.updated_at
        assert states(ended) == ["QUEUED", "PROCESSING", end]
        state = manager.get_job_state(job_id)
        assert Job.model_validate(state) == ended
        assert (state["state"], state["state_history"][-1]["state"]) == (end, end)


def test_details_are_fields_of_the_job(api: TranscriptionAPI) -> None:
    manager = StateManager(api, source="s3://status-bucket")
    at = seconds(0)
    running = manager.update_job_state(
        "job-fields", "PROCESSING", {"worker_id": "worker-7", "percentage": 45, "stage": "TRANSCRIBING"}, at=at
    )
    assert (running.progress.percentage, running.progress.stage) == (45, "TRANSCRIBING")
    assert running.worker is not None
    assert running.worker.assigned_at is not None
    assert abs(running.worker.assigned_at - at) < timedelta(milliseconds=1)
    assert running.tags == ["source:s3://status-bucket"]
    done = manager.update_job_state(
        "job-fields", "COMPLETED", {"segments": 150, "s3_path": "s3://transcripts/a.json", "audio_duration": 4860}
    )
    assert (done.output.segments_count, done.output.s3_path) == (150, "s3://transcripts/a.json")
    assert done.input.duration_seconds == 4860


def test_the_text_of_a_failure_is_its_error_and_stands_in_the_history(manager: StateManager) -> None:
    """[A51]"""
    failed = manager.update_job_state("job-oom", "FAILED", "GPU out of memory")
    assert failed.retry_info.last_error is not None
    assert failed.retry_info.last_error.message == "GPU out of memory"
    assert failed.state_history[-1].details == "GPU out of memory, as told by state-manager"


def test_a_repeated_update_changes_nothing(manager: StateManager) -> None:
    for state in ("QUEUED", "PROCESSING", "FAILED"):
        first = manager.update_job_state("job-twice", state, "Assigned to worker-1", at=seconds(1))
        assert manager.update_job_state("job-twice", state, "Assigned to worker-1", at=seconds(1)) == first
    again = manager.update_job_state("job-twice", "FAILED", "Assigned to worker-1", at=seconds(60))
    assert again == first


def test_a_late_update_changes_nothing_and_a_later_start_begins_another_attempt(manager: StateManager) -> None:
    done = manager.update_job_state("job-late", "COMPLETED", {"worker_id": "worker-1"}, at=seconds(20))
    for state in ("PROCESSING", "QUEUED"):
        for at in (seconds(10), seconds(30)):
            late = manager.update_job_state("job-late", state, at=at)
            assert (late.state, late.completed_at, states(late)) == ("COMPLETED", done.completed_at, states(done))
    started_at = seconds(40).isoformat()
    second = manager.update_job_state("job-late", "PROCESSING", {"started_at": started_at}, at=seconds(40))
    assert (second.state, second.retry_info.attempt) == ("PROCESSING", 2)


def test_a_job_of_the_monitors_queue_is_left_to_its_worker(api: TranscriptionAPI, manager: StateManager) -> None:
    job_id = api.jobs.submit("s3://bucket/a.mp3").id
    for expected in ("QUEUED", "PROCESSING"):
        if expected == "PROCESSING":
            api.workers.register("worker-of-the-queue", capabilities={})
            api.workers.claim("worker-of-the-queue", wait_seconds=5)
        before = manager.get_job_state(job_id)
        with pytest.raises(ConflictError, match="only the worker that holds its lease can change its state") as raised:
            manager.update_job_state(job_id, "COMPLETED")
        assert (raised.value.code, raised.value.status, raised.value.state) == ("job_of_this_queue", 409, expected)
        assert manager.get_job_state(job_id) == before
    assert manager.update_job_state(job_id, "CANCELLED").state == "CANCELLING"


def test_cancelled_cancels_the_job(manager: StateManager) -> None:
    manager.update_job_state("job-unwanted", "QUEUED")
    cancelled = manager.update_job_state("job-unwanted", "CANCELLED", "nobody needs it")
    assert cancelled.state == "CANCELLED"
    assert manager.update_job_state("job-unwanted", "CANCELLED") == cancelled
    assert manager.update_job_state("job-unwanted", "PROCESSING").state == "CANCELLED"

    manager.update_job_state("job-stopping", "PROCESSING")
    assert manager.update_job_state("job-stopping", "CANCELLED").state == "CANCELLING"

    manager.update_job_state("job-done", "COMPLETED")
    with pytest.raises(ConflictError) as raised:
        manager.update_job_state("job-done", "CANCELLED")
    assert raised.value.state == "COMPLETED"
    with pytest.raises(NotFoundError):
        manager.update_job_state("job-nowhere", "CANCELLED")


def test_what_can_not_be_reported_is_refused_with_what_can(manager: StateManager) -> None:
    for state in ("RUNNING", "processing", "CANCELLING", ""):
        with pytest.raises(ValueError, match="SUBMITTED, QUEUED, PROCESSING, COMPLETED, FAILED, CANCELLED"):
            manager.update_job_state("job-bad", state)
    unknown: Any = {"percent": 45, "state": "FAILED"}
    for state in ("PROCESSING", "CANCELLED"):
        with pytest.raises(ValueError, match=r"'percent', 'state' can't be reported of a job: .*percentage, stage"):
            manager.update_job_state("job-bad", state, unknown)
    with pytest.raises(InvalidRequestError) as raised:
        manager.update_job_state("job-bad", "PROCESSING", {"percentage": 101})
    assert {error["field"] for error in raised.value.errors} == {"/jobs/0/percentage"}
    with pytest.raises(InvalidRequestError):
        manager.update_job_state("job/../bad", "PROCESSING")
    with pytest.raises(NotFoundError):
        manager.get_job_state("job-bad")


def test_metrics_have_a_transition_as_soon_as_it_is_made(manager: StateManager) -> None:
    """[A53]"""
    before = manager.update_system_metrics()
    manager.update_job_state("job-counted", "PROCESSING")
    running = manager.update_system_metrics()
    assert running.jobs["PROCESSING"] == before.jobs["PROCESSING"] + 1
    manager.update_job_state("job-counted", "COMPLETED")
    done = manager.update_system_metrics()
    assert done.jobs["PROCESSING"] == before.jobs["PROCESSING"]
    assert done.throughput_jobs_per_hour == before.throughput_jobs_per_hour + 1


def test_a_permanent_failure_raises_an_alert() -> None:
    """[A54]"""
    with monitor() as server, TranscriptionAPI(server.url) as api:
        manager = StateManager(api)
        assert manager.check_alert_conditions() == []
        job_id = api.jobs.submit("s3://bucket/noise.mp3", max_attempts=1).id
        api.workers.register("worker-1", capabilities={})
        [claimed] = api.workers.claim("worker-1", wait_seconds=5).jobs
        with closing(api.feed.follow("alerts")) as messages:
            assert next(messages).type == "state"
            api.jobs.fail(job_id, claimed.lease.token, {"code": "noise", "message": "noise", "retryable": False})
            assert next(messages).event == "AlertRaised"
        [alert] = manager.check_alert_conditions(job_id, "FAILED")
        assert (alert.rule, alert.severity) == ("jobs_dead_lettered", "WARNING")


def test_the_printed_program_runs_with_these_methods_as_its_own(api: TranscriptionAPI, manager: StateManager) -> None:
    """[A48] [A49] [A52]"""
    program: dict[str, Any] = {"datetime": datetime}
    exec(PROGRAM, program)

    printed = type("Printed", (program["StateManager"], StateManager), {})(api)
    manager.update_job_state("job-printed", "QUEUED")
    printed.update_job_state("job-printed", "PROCESSING", "Assigned to worker-123")
    printed.update_job_state("job-printed", "FAILED")
    job = api.jobs.get("job-printed")
    assert (job.state, states(job)) == ("FAILED", ["QUEUED", "PROCESSING", "FAILED"])
    assert job.worker is not None
    assert job.worker.worker_id == "worker-123"
    assert job.state_history[-1].details == "Transitioned to FAILED, as told by state-manager"
    assert printed.get_job_state("job-printed")["state"] == "FAILED"


def test_a_document_is_written_only_under_the_key_of_its_job(manager: StateManager) -> None:
    state = manager.update_job_state("job-keyed", "QUEUED").model_dump(mode="json")
    for key in ("jobs/active/job-other/state.json", "jobs/active/job-keyed/progress.json", "jobs/job-keyed.json"):
        with pytest.raises(ValueError, match=r"the key of job-keyed: jobs/active/job-keyed/state\.json"):
            manager.write_state(key, state)
    assert manager.write_state("jobs/active/job-keyed/state.json", state).state == "QUEUED"
