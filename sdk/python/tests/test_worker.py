"""A worker against a real monitor."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from transcription_monitor import (
    HeldJob,
    InvalidRequestError,
    JobCancelled,
    JobFailed,
    JobStalled,
    LeaseLost,
    Transcript,
    TranscriptionAPI,
    UnreachableError,
    Worker,
    WorkerRestarting,
)
from transcription_monitor.bodies import HealthReport
from transcription_monitor.models import Claimed, HeartbeatAnswer, WorkerCommand
from transcription_monitor.worker.timed_get import timed_get

from .processes import PATIENCE_SECONDS, Monitor, monitor

SPOKEN = {"segments": [{"start": 0, "end": 1, "text": "hello", "avg_logprob": -0.5}], "language": "en"}


@pytest.fixture(scope="module")
def server() -> Iterator[Monitor]:
    """With leases so short that a worker learns of a cancellation within a second."""
    with monitor(lease_ms=2_000) as running:
        yield running


@pytest.fixture
def worker(api: TranscriptionAPI, tmp_path: Path) -> Worker:
    return Worker(
        api,
        capabilities={"model": "test", "device": "cpu", "batch_size": 8},
        location={"region": "here", "spot_price": 0.5},
        work_directory=tmp_path / "work",
        handle_signals=False,
    )


def submit(api: TranscriptionAPI, tone: bytes, **more: Any) -> str:
    return api.jobs.submit(api.uploads.create(tone, name="tone.wav").audio_url, **more).id


def work_until(job: HeldJob, condition: Callable[[], bool]) -> None:
    """Acts like a transcriber: a piece of work, a report, the next piece."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        job.progress(percentage=10)
        time.sleep(0.01)


@contextmanager
def beside(run: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def test_a_job_is_fetched_told_of_completed_and_left_nothing_behind(
    api: TranscriptionAPI, worker: Worker, tone: bytes, tmp_path: Path
) -> None:
    job_id = submit(api, tone)
    for job in worker.jobs():
        with job:
            assert (job.id, job.attempt, job.batch_size) == (job_id, 1, 8)
            path = job.download()
            assert (path.suffix, path.read_bytes()) == (".wav", tone)
            job.progress(current_chunk=1, total_chunks=4, stage="transcribing", duration_seconds=1)
            held = api.workers.get(worker.worker_id)
            assert held.current_job
            assert held.current_job.job_id == job_id
            assert job.complete(SPOKEN).state == "COMPLETED"
        worker.drain()
    assert worker.end == "drained"
    done = api.jobs.get(job_id)
    assert (done.state, done.input.duration_seconds, done.input.file_size_bytes) == ("COMPLETED", 1, len(tone))
    transcript = api.jobs.transcript(job_id)
    assert (transcript.text, transcript.language, transcript.engine) == ("hello", "en", "test")
    assert transcript.segments[0].confidence == pytest.approx(0.607)
    assert done.output.confidence_score == pytest.approx(0.607)
    left = api.workers.get(worker.worker_id)
    assert (left.state, left.location.spot_price, left.capabilities.batch_size) == ("TERMINATED", 0.5, 8)
    assert list((tmp_path / "work").iterdir()) == []


def test_a_job_has_the_trace_of_its_submitter(api: TranscriptionAPI, worker: Worker, tone: bytes) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    submit(api, tone, traceparent=trace)
    for job in worker.jobs():
        with job:
            assert job.traceparent == trace
            job.complete(SPOKEN)
        worker.drain()


def test_an_exception_in_the_body_fails_the_attempt_and_the_loop_goes_on(
    api: TranscriptionAPI, worker: Worker, tone: bytes
) -> None:
    job_id = submit(api, tone)
    for job in worker.jobs():
        with job:
            if job.attempt == 1:
                raise RuntimeError("the model is upset")
            assert job.job.retry_info.last_error
            assert job.job.retry_info.last_error.message == "RuntimeError: the model is upset"
            job.complete(SPOKEN)
            worker.drain()
    done = api.jobs.get(job_id)
    assert (done.state, done.retry_info.attempt) == ("COMPLETED", 2)


def test_an_error_with_a_code_of_its_own_is_told_as_it_is(api: TranscriptionAPI, worker: Worker, tone: bytes) -> None:
    job_id = submit(api, tone)
    for job in worker.jobs():
        worker.drain()
        with job:
            raise JobFailed("three hours of silence", code="nothing_said", retryable=False)
    failed = api.jobs.get(job_id)
    assert failed.state == "FAILED"
    assert failed.retry_info.last_error
    assert failed.retry_info.last_error.code == "nothing_said"


def test_a_recording_that_is_not_there_fails_for_good(
    server: Monitor, api: TranscriptionAPI, worker: Worker, tone: bytes
) -> None:
    upload = api.uploads.create(tone, name="a.wav")
    job_id = api.jobs.submit(upload.audio_url).id
    server.remove(f"uploads/{upload.upload_id}/manifest.json")

    def transcribe(job: HeldJob) -> None:
        worker.drain()
        job.download()

    assert worker.run(transcribe) == "drained"
    failed = api.jobs.get(job_id)
    assert failed.state == "FAILED"
    assert failed.retry_info.last_error
    assert failed.retry_info.last_error.code == "audio_not_found"


def test_after_full_gpu_memory_the_next_attempt_decodes_half_as_much(
    api: TranscriptionAPI, worker: Worker, tone: bytes
) -> None:
    submit(api, tone)
    seen = []
    for job in worker.jobs():
        with job:
            seen.append(job.batch_size)
            if job.attempt == 1:
                raise RuntimeError("CUDA failed with error out of memory")
            job.complete(SPOKEN)
            worker.drain()
    assert seen == [8, 4]


def test_a_body_that_ends_without_an_end_fails_the_attempt(api: TranscriptionAPI, worker: Worker, tone: bytes) -> None:
    job_id = submit(api, tone, max_attempts=1)
    for _ in worker.jobs():
        worker.drain()
    failed = api.jobs.get(job_id)
    assert failed.state == "FAILED"
    assert failed.retry_info.last_error
    assert "without complete or fail" in failed.retry_info.last_error.message


def test_without_with_an_exception_ends_the_loop_fails_the_attempt_and_the_worker_leaves(
    api: TranscriptionAPI, worker: Worker, tone: bytes, tmp_path: Path
) -> None:
    job_id = submit(api, tone, max_attempts=1)

    def loop() -> None:
        for job in worker.jobs():
            job.download()
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        loop()
    assert worker.end == "stopped"
    assert api.jobs.get(job_id).state == "FAILED"
    assert api.workers.get(worker.worker_id).state == "TERMINATED"
    assert list((tmp_path / "work").iterdir()) == []


def test_a_cancelled_job_stops_at_its_next_call_and_the_loop_goes_on(
    api: TranscriptionAPI, worker: Worker, tone: bytes
) -> None:
    first, second = submit(api, tone), submit(api, tone)
    for job in worker.jobs():
        with job:
            if job.id == second:
                job.complete(SPOKEN)
                worker.drain()
                continue
            assert api.jobs.cancel(first).state == "CANCELLING"
            with pytest.raises(JobCancelled):
                work_until(job, lambda: False)
            assert job.cancelled
            job.check()
    assert api.jobs.get(first).state == "CANCELLED"
    assert api.jobs.get(second).state == "COMPLETED"


def test_a_lost_lease_stops_the_job_and_nothing_is_written(api: TranscriptionAPI, tone: bytes) -> None:
    job_id = submit(api, tone)
    stuck = threading.Event()

    def read_health() -> HealthReport:
        stuck.wait(PATIENCE_SECONDS)  # a heartbeat that doesn't beat
        return {}

    worker = Worker(api, read_health=read_health, handle_signals=False)
    for job in worker.jobs():
        with job:
            states = (update.state for update in api.jobs.watch(job_id))
            assert next(state for state in states if state != "PROCESSING") == "QUEUED"
            with pytest.raises(LeaseLost):
                work_until(job, lambda: False)
            assert job.lost
            worker.drain()
            stuck.set()
    assert [entry.state for entry in api.jobs.timeline(job_id).state_history][-1] == "QUEUED"
    api.queues.purge("main")


def test_a_worker_that_the_monitor_terminates_loses_its_job_and_ends(
    api: TranscriptionAPI, worker: Worker, tone: bytes
) -> None:
    job_id = submit(api, tone)
    for job in worker.jobs():
        with job:
            api.workers.terminate(worker.worker_id)
            work_until(job, lambda: False)
    assert worker.end == "terminated"
    assert api.jobs.get(job_id).state == "QUEUED"
    api.queues.purge("main")


def test_a_drain_that_somebody_asks_for_lets_the_job_at_hand_finish(
    api: TranscriptionAPI, worker: Worker, tone: bytes
) -> None:
    first, second = submit(api, tone), submit(api, tone)
    for job in worker.jobs():
        with job:
            api.workers.drain(worker.worker_id)
            work_until(job, lambda: worker._ending is not None)
            job.complete(SPOKEN)
    assert worker.end == "drained"
    assert [api.jobs.get(job_id).state for job_id in (first, second)] == ["COMPLETED", "QUEUED"]
    api.queues.purge("main")


def test_an_idle_worker_is_drained_at_once_however_long_its_poll(api: TranscriptionAPI, worker: Worker) -> None:
    happening = api.feed.follow("workers")
    assert next(happening).type == "state"

    def drain() -> None:
        next(message for message in happening if message.event == "WorkerRegistered")
        worker.drain()

    with beside(drain):
        assert list(worker.jobs()) == []
    assert worker.end == "drained"


def test_a_restart_hands_the_job_back_and_the_worker_goes_on(
    api: TranscriptionAPI, worker: Worker, tone: bytes
) -> None:
    job_id = submit(api, tone)
    attempts = []
    for job in worker.jobs():
        with job:
            attempts.append(job.attempt)
            if len(attempts) == 1:
                api.workers.restart(worker.worker_id)
                with pytest.raises((WorkerRestarting, LeaseLost)):
                    work_until(job, lambda: False)
            else:
                job.complete(SPOKEN)
                worker.drain()
    assert len(attempts) == 2
    assert api.jobs.get(job_id).state == "COMPLETED"


def test_a_supervised_worker_ends_when_it_is_to_restart(api: TranscriptionAPI, tone: bytes) -> None:
    worker = Worker(api, supervised=True, handle_signals=False)
    submit(api, tone)
    for job in worker.jobs():
        with job:
            api.workers.restart(worker.worker_id)
            work_until(job, lambda: False)
    assert worker.end == "restart"
    api.queues.purge("main")


def test_a_transcript_that_an_earlier_attempt_stored_is_not_made_again(
    api: TranscriptionAPI, worker: Worker, tone: bytes
) -> None:
    job_id = submit(api, tone)
    api.workers.register("worker-before", capabilities={"model": "test"})
    [claimed] = api.workers.claim("worker-before", wait_seconds=5).jobs
    token = claimed.lease.token
    api.jobs.put_transcript(
        job_id, token, Transcript.of_segments([{"start": 0, "end": 1, "text": "before"}], engine="x")
    )
    api.jobs.fail(job_id, token, {"code": "crashed", "message": "it did", "retryable": True})
    other = submit(api, tone)
    for job in worker.jobs():
        with job:
            assert job.id == other
            job.complete(SPOKEN)
        if api.jobs.get(job_id).finished:
            worker.drain()
        else:
            other = submit(api, tone)
    assert api.jobs.get(job_id).state == "COMPLETED"
    assert api.jobs.transcript(job_id).text == "before"


def test_a_job_that_is_completed_while_the_monitor_is_away_is_told_when_it_is_back(tone: bytes) -> None:
    with monitor() as away, TranscriptionAPI(base_url=away.url) as api:
        job_id = submit(api, tone)
        worker = Worker(api, handle_signals=False)
        for job in worker.jobs():
            with job:
                away.kill()
                with beside(away.start):
                    assert job.complete(SPOKEN).state == "COMPLETED"
            worker.drain()
        assert api.jobs.get(job_id).state == "COMPLETED"


def test_a_claim_whose_answer_was_lost_is_sent_again_with_its_key(
    api: TranscriptionAPI, worker: Worker, tone: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = api.workers.claim
    keys: list[str] = []

    def lossy(*args: Any, **more: Any) -> Claimed:
        keys.append(more["idempotency_key"])
        answer = claim(*args, **more)
        if len(keys) == 1 and answer.jobs:
            raise UnreachableError("the monitor", "the connection was reset")
        return answer

    monkeypatch.setattr(api.workers, "claim", lossy)
    job_id = submit(api, tone)
    for job in worker.jobs():
        with job:
            assert (job.id, job.attempt) == (job_id, 1)
            job.complete(SPOKEN)
        worker.drain()
    assert keys[0] == keys[1]
    assert len(keys) == 2


def test_a_worker_that_the_monitor_refuses_says_why(api: TranscriptionAPI) -> None:
    worker = Worker(api, capabilities={"batch_size": 0}, handle_signals=False)
    with pytest.raises(InvalidRequestError, match="batch_size"):
        list(worker.jobs())


def test_what_is_no_transcript_is_refused_before_anything_is_sent(
    api: TranscriptionAPI, worker: Worker, tone: bytes
) -> None:
    submit(api, tone)
    for job in worker.jobs():
        with job:
            with pytest.raises(ValueError, match="a segment has start, end and text"):
                job.complete({"segments": [{"text": "when?"}]})
            with pytest.raises(ValueError, match="a transcript is"):
                job.complete({"text": "hello"})
            with pytest.raises(ValueError, match="complete requires"):
                job.complete()
            with pytest.raises(ValueError, match="percentage"):
                job.progress()
            job.complete(output={"s3_path": "s3://mine/transcript.json", "segments_count": 3})
        worker.drain()
    [done] = api.jobs.list(state="COMPLETED", limit=1).page().items
    assert done.output.s3_path == "s3://mine/transcript.json"


def test_a_heartbeat_tells_of_the_machine(api: TranscriptionAPI, worker: Worker, tone: bytes) -> None:
    pytest.importorskip("psutil")
    submit(api, tone)
    for job in worker.jobs():
        with job:
            work_until(job, lambda: api.workers.get(worker.worker_id).health.memory_usage is not None)
            health = api.workers.get(worker.worker_id).health
            assert health.cpu_usage is not None
            assert health.disk_usage is not None
            job.complete(SPOKEN)
        worker.drain()


@pytest.fixture
def patient() -> Iterator[TranscriptionAPI]:
    """Of a monitor whose leases do not end while the machine is busy."""
    with monitor(lease_ms=12_000) as running, TranscriptionAPI(running.url) as api:
        yield api


def test_run_works_on_several_jobs_at_once_and_stop_hands_them_back(
    patient: TranscriptionAPI, tone: bytes, tmp_path: Path
) -> None:
    api = patient
    worker = Worker(api, worker_id="worker-many", work_directory=tmp_path / "many", handle_signals=False)
    ids = [submit(api, tone) for _ in range(3)]
    both = threading.Barrier(2, timeout=PATIENCE_SECONDS)

    def transcribe(job: HeldJob) -> dict[str, Any]:
        if job.id == ids[2]:
            work_until(job, lambda: all(api.jobs.get(job_id).state == "COMPLETED" for job_id in ids[:2]))
            worker.stop()
            work_until(job, lambda: False)
        both.wait()
        return SPOKEN

    assert worker.run(transcribe, max_jobs=2) == "stopped"
    assert [api.jobs.get(job_id).state for job_id in ids] == ["COMPLETED", "COMPLETED", "QUEUED"]
    assert api.jobs.get(ids[2]).retry_info.attempt == 1


def test_a_transcriber_that_hangs_is_reported_and_its_worker_claims_nothing_until_it_returns(
    patient: TranscriptionAPI, tone: bytes, tmp_path: Path
) -> None:
    api = patient
    hung = Worker(
        api, worker_id="worker-hung", work_directory=tmp_path / "hung", handle_signals=False, stall_timeout=0.2
    )
    job_id = submit(api, tone, max_attempts=1)
    begun, go_on = threading.Event(), threading.Event()
    raised: list[type[BaseException]] = []

    def hang() -> None:
        for job in hung.jobs():
            with job:
                begun.set()
                assert go_on.wait(PATIENCE_SECONDS)
                try:
                    job.progress(percentage=50)
                except JobStalled as error:
                    raised.append(type(error))
                    hung.drain()
                    raise

    with beside(hang):
        assert begun.wait(PATIENCE_SECONDS)
        other = Worker(api, work_directory=tmp_path / "other", handle_signals=False)
        for job in other.jobs():
            with job:
                job.complete(SPOKEN)
                other.drain()
        done = api.jobs.get(job_id)
        assert (done.state, done.retry_info.attempt) == ("COMPLETED", 1)
        assert any("engine_stalled" in entry.details for entry in done.state_history), done.state_history
        end = time.monotonic() + PATIENCE_SECONDS
        while (health := api.workers.get("worker-hung").health).reason is None:
            assert time.monotonic() < end
        assert health.status == "DEGRADED"
        assert f"{job_id} makes no progress" in health.reason
        go_on.set()
    assert raised == [JobStalled]


def test_a_transcriber_that_the_monitor_finds_hanging_is_reported_like_one_that_hangs(
    patient: TranscriptionAPI, tone: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = patient
    hung = Worker(api, worker_id="worker-hung", work_directory=tmp_path / "hung", handle_signals=False)
    job_id = submit(api, tone, max_attempts=1)
    begun, go_on = threading.Event(), threading.Event()
    ask = api.workers.heartbeat

    def heartbeat(worker_id: str, **given: Any) -> HeartbeatAnswer:
        answer = ask(worker_id, **given)
        if not begun.is_set():
            return answer
        return answer.model_copy(update={"commands": [WorkerCommand(type="kill_engine", job_id=job_id)]})

    monkeypatch.setattr(api.workers, "heartbeat", heartbeat)

    def hang() -> None:
        for job in hung.jobs():
            with job:
                begun.set()
                hung._hurry()
                assert go_on.wait(PATIENCE_SECONDS)
                hung.drain()
                job.check()

    with beside(hang):
        assert begun.wait(PATIENCE_SECONDS)
        end = time.monotonic() + PATIENCE_SECONDS
        while (job := api.jobs.get(job_id)).state != "QUEUED":
            assert time.monotonic() < end
        assert job.retry_info.last_error is not None
        assert job.retry_info.last_error.code == "engine_stalled"
        assert job.retry_info.last_error.message == "the monitor found that it made no progress"
        go_on.set()


def test_a_worker_whose_self_check_fails_is_degraded_and_another_completes_its_job(
    api: TranscriptionAPI, tone: bytes, tmp_path: Path
) -> None:
    def gone() -> None:
        raise RuntimeError("no CUDA-capable device is detected")

    broken = Worker(
        api, worker_id="worker-broken", work_directory=tmp_path / "broken", handle_signals=False, self_check=gone
    )
    job_id = submit(api, tone, max_attempts=1)
    failed = threading.Event()

    def fail() -> None:
        for job in broken.jobs():
            with job:
                failed.set()
                raise RuntimeError("it crashed")

    with beside(fail):
        try:
            assert failed.wait(PATIENCE_SECONDS)
            other = Worker(api, work_directory=tmp_path / "other", handle_signals=False)
            for job in other.jobs():
                with job:
                    job.complete(SPOKEN)
                    # Jobs of the tests before may come first.
                    if job.id == job_id:
                        other.drain()
            done = api.jobs.get(job_id)
            assert (done.state, done.retry_info.attempt) == ("COMPLETED", 1)
            end = time.monotonic() + PATIENCE_SECONDS
            while (health := api.workers.get("worker-broken").health).reason is None:
                assert time.monotonic() < end
            assert (health.status, "no CUDA-capable" in health.reason) == ("DEGRADED", True)
        finally:
            broken.drain()


def test_waiting_for_a_word_ends_when_the_time_is_over() -> None:
    words: queue.SimpleQueue[str] = queue.SimpleQueue()
    for seconds in (0.0, 1e-9, 0.001):
        for _ in range(100):
            words.put("hurry")
            assert timed_get(words, seconds) == "hurry"
            with pytest.raises(queue.Empty):
                timed_get(words, seconds)
