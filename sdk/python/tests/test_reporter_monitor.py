"""`http://`: a real monitor, with reports of jobs that it did not hand out."""

from __future__ import annotations

import logging

import pytest

from transcription_monitor import Reporter, TranscriptionAPI
from transcription_monitor.reporter.reported_id import id_of

from .processes import PATIENCE_SECONDS, Monitor
from .reports import ENDS, WORKER, heard_of_trouble, tell_four_jobs


def test_the_monitor_shows_each_job_where_it_is(server: Monitor, api: TranscriptionAPI) -> None:
    """[B146]"""
    with Reporter.from_url(server.url, worker_id=WORKER) as reporter:
        tell_four_jobs(reporter)
        assert reporter.flush(PATIENCE_SECONDS)
        assert reporter.dropped == 0
    for job_id, state in ENDS.items():
        assert api.jobs.get(job_id).state == state
    done = api.jobs.get("job-done")
    assert (done.input.duration_seconds, done.output.segments_count) == (60, 150)
    error = api.jobs.get("job-fails").retry_info.last_error
    assert error
    assert (error.code, error.message) == ("gpu_oom", "GPU out of memory")


def test_fields_that_the_monitor_has_no_place_for_stay_away_from_it(server: Monitor, api: TranscriptionAPI) -> None:
    with Reporter.from_url(server.url, worker_id=WORKER) as reporter:
        reporter.job_start("job-extra", machine={"gpu": "T4"}, note=object())
        assert reporter.flush(PATIENCE_SECONDS)
        assert reporter.dropped == 0
    assert api.jobs.get("job-extra").state == "PROCESSING"


def test_a_job_with_any_name_is_known_to_the_monitor_by_its_id(server: Monitor, api: TranscriptionAPI) -> None:
    with Reporter.from_url(server.url, worker_id=WORKER) as reporter:
        reporter.job_start("in/meeting 1.mp3")
        assert reporter.flush(PATIENCE_SECONDS)
        assert reporter.dropped == 0
    assert api.jobs.get(id_of("in/meeting 1.mp3")).state == "PROCESSING"


def test_what_the_monitor_refuses_is_counted_with_its_reason(
    server: Monitor, api: TranscriptionAPI, caplog: pytest.LogCaptureFixture
) -> None:
    job = api.jobs.submit("s3://bucket/a.mp3")
    held = api.workers.register("worker-holds", capabilities={"model": "large-v3"})
    [claimed] = api.workers.claim(held.worker_id, max_jobs=1, wait_seconds=0).jobs
    assert claimed.job.id == job.id
    with Reporter.from_url(server.url, worker_id=WORKER) as reporter:
        reporter.job_start("job-beside")
        reporter.job_complete(job.id)  # another worker's, under a lease
        assert reporter.flush(PATIENCE_SECONDS)
        assert reporter.dropped == 1
    assert f"JOB_COMPLETE of {job.id}: lease_required" in caplog.text
    assert api.jobs.get("job-beside").state == "PROCESSING"


def test_a_monitor_that_restarts_misses_nothing_and_hears_nothing_twice(
    server: Monitor, api: TranscriptionAPI, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with Reporter.from_url(server.url, worker_id=WORKER) as reporter:
        reporter.job_start("job-1")
        assert reporter.flush(PATIENCE_SECONDS)
        server.kill()
        reporter.job_progress("job-1", 50)
        reporter.job_complete("job-1", duration=5, segments=7)
        reporter.job_start("job-2")
        heard_of_trouble(reporter, caplog)
        server.start()
        assert reporter.flush(PATIENCE_SECONDS)
        assert reporter.dropped == 0
    history = [entry.state for entry in api.jobs.timeline("job-1").state_history]
    assert (history[-1], history.count("COMPLETED")) == ("COMPLETED", 1)
    assert api.jobs.get("job-2").state == "PROCESSING"
    assert "is back" in caplog.text
