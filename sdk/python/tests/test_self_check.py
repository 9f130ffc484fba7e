"""When a worker stops claiming, and when a transcriber counts as hanging: by a clock that the test turns."""

from __future__ import annotations

import math

import pytest

from transcription_monitor import JobFailed
from transcription_monitor.bodies import Failure
from transcription_monitor.worker.errors import failure_of
from transcription_monitor.worker.faults import fault_of
from transcription_monitor.worker.self_check import SelfCheck
from transcription_monitor.worker.stall import Pace, StallWatch

CRASH: Failure = {"code": "worker_error", "message": "RuntimeError: it crashed", "retryable": True}
GONE: Failure = {"code": "gpu_unavailable", "message": "no CUDA-capable device", "retryable": True}


class Turned:
    """A clock, and what a self-check by it says."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.broken: Exception | None = None
        self.checks = 0

    def __call__(self) -> float:
        return self.now

    def check(self) -> None:
        self.checks += 1
        if self.broken:
            raise self.broken


def watched(
    clock: Turned, pace: Pace | None = None, audio: float | None = 60, timeout: float | None = None
) -> StallWatch:
    return StallWatch(pace or Pace(), audio, timeout, now=clock)


def silent_until(clock: Turned, watch: StallWatch) -> float:
    """The seconds after which a silent transcriber hangs."""
    began = clock.now
    while watch.excess() is None:
        clock.now += 10
    return clock.now - began


def test_a_failed_check_suspends_at_once_and_makes_the_failure_the_workers() -> None:
    clock = Turned()
    clock.broken = RuntimeError("no CUDA-capable device is detected")
    check = SelfCheck(clock.check, lambda: None, clock)
    examined = check.examine(CRASH)
    assert (examined["fault"], examined["retryable"]) == ("worker", True)
    assert "its self-check fails: RuntimeError: no CUDA" in examined["message"]
    assert check.seconds_left() == 30
    assert check.health() == {
        "status": "DEGRADED",
        "reason": "its self-check fails: RuntimeError: no CUDA-capable device is detected",
    }


def test_three_faults_in_a_row_suspend_and_a_completed_job_ends_the_row() -> None:
    for failure, jobs in [(GONE, ["a", "a", "a"]), (CRASH, ["a", "b", "c"])]:
        clock = Turned()
        check = SelfCheck(None, lambda: None, clock)
        for job_id in jobs[:2]:
            check.failed(job_id, failure)
        check.completed()
        for job_id in jobs:
            assert check.seconds_left() == 0
            check.failed(job_id, failure)
        assert check.seconds_left() == 30
        clock.now += 30
        assert check.may_claim()
        check.failed("d", failure)
        assert check.seconds_left() == 60
        clock.now += 60
        assert check.may_claim()
        check.completed()
        check.failed("e", failure)
        assert check.seconds_left() == 0


def test_what_says_nothing_of_the_worker_does_not_count() -> None:
    check = SelfCheck(None, lambda: None)
    for job_id in "abcd":
        check.failed(job_id, {"code": "audio_unreadable", "message": "", "retryable": False})
        check.failed(job_id, {"code": "audio_unreachable", "message": "", "retryable": True})
        check.failed(job_id, {"code": "nothing_said", "message": "", "retryable": False})
        check.failed("the same", CRASH)
    assert check.seconds_left() == 0


def test_a_suspended_worker_checks_itself_again_and_again() -> None:
    clock = Turned()
    clock.broken = RuntimeError("gone")
    check = SelfCheck(clock.check, lambda: None, clock)
    check.examine(GONE)
    for seconds in [30, 60, 120, 240, 480, 600, 600]:
        assert check.seconds_left() == seconds
        clock.now += seconds
        assert not check.may_claim()
    clock.broken = None
    clock.now += 600
    assert check.may_claim()
    assert check.health() == {}


@pytest.mark.parametrize(
    ("error", "code", "fault"),
    [
        (RuntimeError("CUDA failed with error no CUDA-capable device is detected"), "gpu_unavailable", "worker"),
        (RuntimeError("Library libcublas.so.12 is not found or cannot be loaded"), "gpu_unavailable", "worker"),
        (RuntimeError("Found no NVIDIA driver on your system."), "gpu_unavailable", "worker"),
        (RuntimeError("CUDA failed with error out of memory"), "gpu_out_of_memory", None),
        (RuntimeError("tensor shapes differ"), "worker_error", None),
        (JobFailed("no licence", code="licence", fault="worker"), "licence", "worker"),
    ],
)
def test_what_an_exception_says_of_the_worker(error: Exception, code: str, fault: str | None) -> None:
    failure, _ = failure_of(error, 8)
    assert (failure["code"], fault_of(failure)) == (code, fault)


def test_a_full_gpu_with_a_batch_size_of_1_is_the_workers_fault() -> None:
    failure, retry_with = failure_of(RuntimeError("CUDA out of memory"), 1)
    assert (failure.get("fault"), retry_with) == ("worker", None)


def test_a_transcriber_hangs_after_two_minutes_if_it_reported_quickly() -> None:
    clock = Turned()
    watch = watched(clock)
    for percentage in range(5, 55, 5):
        clock.now += 1
        watch.step(percentage, "TRANSCRIBING")
    assert 120 < silent_until(clock, watch) <= 130


def test_the_same_report_again_is_no_progress() -> None:
    clock = Turned()
    watch = watched(clock, timeout=60)
    for _ in range(5):
        clock.now += 10
        watch.step(10, "TRANSCRIBING")
    assert silent_until(clock, watch) <= 30


def test_one_that_reports_nothing_is_given_the_time_of_earlier_jobs() -> None:
    clock = Turned()
    pace = Pace()
    assert silent_until(clock, watched(clock, pace)) > 1800
    first = watched(clock, pace, audio=600)
    for _ in range(6):
        clock.now += 10
        first.excess()
    first.done()
    assert 600 < silent_until(clock, watched(clock, pace, audio=2000)) <= 610


def test_a_time_limit_of_ones_own_is_kept_and_infinity_is_none() -> None:
    clock = Turned()
    assert 30 < silent_until(clock, watched(clock, timeout=30)) <= 40
    watch = watched(clock, timeout=math.inf)
    for _ in range(1000):
        clock.now += 10
        assert watch.excess() is None
