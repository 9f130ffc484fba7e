"""The outbox: order, the interval of progress, bounds. Without a clock: times are arguments."""

from __future__ import annotations

import random

import pytest

from transcription_monitor.reporter.event import Event, make_event
from transcription_monitor.reporter.outbox import JOBS_MAX, Outbox


@pytest.fixture
def dropped() -> list[Event]:
    return []


@pytest.fixture
def outbox(dropped: list[Event]) -> Outbox:
    return Outbox(bytes_max=1_000_000, progress_seconds=1.0, on_drop=dropped.append)


def told(name: str, job_id: str = "job-1", told_ms: int = 1751916600000, **fields: object) -> Event:
    return make_event(f"JOB_{name}", job_id, "worker-1", fields, told_ms)


def taken(outbox: Outbox, now: float) -> list[tuple[str, object]]:
    events = [event for _, event in outbox.take(now, count_max=1000, bytes_max=1_000_000)]
    return [(event.name.removeprefix("JOB_"), event.data.get("percentage")) for event in events]


def test_progress_goes_out_once_in_its_time_and_then_the_newest(outbox: Outbox) -> None:
    outbox.put(told("START"), 0.0)
    outbox.put(told("PROGRESS", percentage=1, stage="download"), 0.0)
    assert taken(outbox, 0.0) == [("START", None), ("PROGRESS", 1)]
    for percentage in (2, 3, 4):
        outbox.put(told("PROGRESS", percentage=percentage), 0.5)
    assert taken(outbox, 0.9) == []
    assert outbox.wait_seconds(0.75) == pytest.approx(0.25)
    assert taken(outbox, 1.0) == [("PROGRESS", 4)]
    assert outbox.wait_seconds(1.0) is None
    outbox.put(told("PROGRESS", percentage=5), 2.5)
    assert taken(outbox, 2.5) == [("PROGRESS", 5)], "after a pause the next is not held"


def test_the_last_progress_goes_before_the_end_however_soon_that_is(outbox: Outbox) -> None:
    outbox.put(told("START"), 0.0)
    outbox.put(told("PROGRESS", percentage=1), 0.0)
    taken(outbox, 0.0)
    outbox.put(told("PROGRESS", percentage=99), 0.1)
    outbox.put(told("COMPLETE"), 0.1)
    assert taken(outbox, 0.1) == [("PROGRESS", 99), ("COMPLETE", None)]


def test_progress_that_could_not_be_sent_yet_is_joined_by_newer_but_never_past_a_transition(outbox: Outbox) -> None:
    outbox.put(told("START"), 0.0)
    for second in range(100):
        outbox.put(told("PROGRESS", percentage=second, stage="a" if second == 0 else None), float(second))
    outbox.put(told("FAILED"), 100.0)
    outbox.put(told("START"), 101.0)
    outbox.put(told("PROGRESS", percentage=1), 101.0)
    [first, progress, failed, second_start, second_progress] = outbox.take(101.0, count_max=10, bytes_max=10_000)
    assert (first[1].name, failed[1].name, second_start[1].name) == ("JOB_START", "JOB_FAILED", "JOB_START")
    assert (progress[1].data["percentage"], progress[1].data["stage"]) == (99, "a"), "of each figure the newest"
    assert second_progress[1].data["percentage"] == 1


def test_a_clock_that_is_put_back_takes_back_nothing_and_a_duration_is_counted_from_the_start(outbox: Outbox) -> None:
    outbox.put(told("START", told_ms=1751916600000), 0.0)
    outbox.put(told("PROGRESS", told_ms=1751916605500, percentage=1), 0.0)
    outbox.put(told("COMPLETE", told_ms=1751913000000), 0.0)
    [started, progress, completed] = [event for _, event in outbox.take(0.0, count_max=9, bytes_max=10_000)]
    assert (started.data["timestamp"], progress.data["timestamp"]) == (
        "2025-07-07T19:30:00Z",
        "2025-07-07T19:30:05.500Z",
    )
    assert (completed.data["timestamp"], completed.data["duration"]) == ("2025-07-07T19:30:05.500Z", 5.5)
    outbox.put(told("START"), 0.0)
    outbox.put(told("COMPLETE", duration=1200), 0.0)
    assert [event.data.get("duration") for _, event in outbox.take(0.0, count_max=9, bytes_max=10_000)] == [None, 1200]


def test_one_job_s_pace_is_no_other_s(outbox: Outbox) -> None:
    for job_id in ("job-1", "job-2"):
        outbox.put(told("PROGRESS", job_id, percentage=1), 0.0)
        outbox.put(told("PROGRESS", job_id, percentage=2), 0.0)
    assert len(taken(outbox, 0.0)) == 2


def test_over_the_bound_the_oldest_progress_goes_first_and_transitions_last(dropped: list[Event]) -> None:
    outbox = Outbox(bytes_max=10_000, progress_seconds=0.0, on_drop=dropped.append)
    for number in range(6):
        outbox.put(told("START", f"job-{number}"), 0.0)
        outbox.put(told("PROGRESS", f"job-{number}", percentage=number), 0.0)
    for number in range(6, 40):
        outbox.put(told("START", f"job-{number}"), 0.0)
    kinds = [event.name for event in dropped]
    last_progress = len(kinds) - 1 - kinds[::-1].index("JOB_PROGRESS")
    assert set(kinds[: last_progress + 1]) == {"JOB_PROGRESS"}
    assert kinds.count("JOB_PROGRESS") == 6
    transitions = [event.job_id for event in dropped if event.name == "JOB_START"]
    assert transitions == [f"job-{number}" for number in range(len(transitions))], "the oldest first"
    left = [event.job_id for _, event in outbox.take(0.0, count_max=100, bytes_max=1_000_000)]
    assert left == [f"job-{number}" for number in range(len(transitions), 40)]


def test_a_batch_is_bounded_by_count_and_bytes_but_is_never_empty(outbox: Outbox) -> None:
    for number in range(5):
        outbox.put(told("FAILED", f"job-{number}", error="x" * 1000), 0.0)
    assert len(outbox.take(0.0, count_max=2, bytes_max=1_000_000)) == 2
    assert len(outbox.take(0.0, count_max=2, bytes_max=1)) == 1
    assert len(outbox.take(0.0, count_max=9, bytes_max=1_000_000)) == 2


def test_jobs_that_never_end_are_forgotten_and_what_they_told_last_is_not(dropped: list[Event]) -> None:
    outbox = Outbox(bytes_max=100_000_000, progress_seconds=1.0, on_drop=dropped.append)
    outbox.put(told("PROGRESS", "job-first", percentage=1), 0.0)
    assert taken(outbox, 0.0) == [("PROGRESS", 1)]
    outbox.put(told("PROGRESS", "job-first", percentage=2), 0.0)
    for number in range(JOBS_MAX):
        outbox.put(told("START", f"job-{number}"), 0.0)
    waiting = [event for _, event in outbox.take(0.0, count_max=2 * JOBS_MAX, bytes_max=100_000_000)]
    assert [event.data["percentage"] for event in waiting if event.is_progress] == [2]
    assert len(outbox._jobs) == JOBS_MAX


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_each_job_s_events_keep_their_order_and_nothing_is_counted_wrong(seed: int) -> None:
    draw = random.Random(seed)
    dropped: list[Event] = []
    outbox = Outbox(bytes_max=draw.choice([8_000, 100_000]), progress_seconds=1.0, on_drop=dropped.append)
    sent: list[Event] = []
    transitions = 0
    now = 0.0
    for step in range(600):
        now += draw.random()
        job_id = f"job-{draw.randrange(4)}"
        name = draw.choice(["START", "PROGRESS", "PROGRESS", "PROGRESS", "COMPLETE"])
        transitions += name != "PROGRESS"
        outbox.put(told(name, job_id, percentage=step / 6, step=step), now)
        if draw.random() < 0.2:
            sent += [event for _, event in outbox.take(now, count_max=draw.randrange(1, 20), bytes_max=50_000)]
    outbox.release_all(now)
    while batch := outbox.take(now, count_max=50, bytes_max=50_000):
        sent += [event for _, event in batch]
    assert (len(outbox), outbox.wait_seconds(now), outbox._bytes) == (0, None, 0)
    for number in range(4):
        steps = [event.data["step"] for event in sent if event.job_id == f"job-{number}"]
        assert steps == sorted(set(steps))
    assert sum(not event.is_progress for event in sent + dropped) == transitions
