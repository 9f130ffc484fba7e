"""A reporter never breaks a worker: events while the system is away, slow or refusing, and at the end."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import subprocess
import sys
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from transcription_monitor import Reporter, ReporterError
from transcription_monitor.reporter import words
from transcription_monitor.reporter.errors import Away, Refused
from transcription_monitor.reporter.event import Event
from transcription_monitor.reporter.lines import plain_line
from transcription_monitor.reporter.reported_id import id_of, job_name
from transcription_monitor.reporter.sink import Batch, show_url

from .processes import PATIENCE_SECONDS, ROOT
from .reports import WORKER, Kept, heard_of_trouble, reporter_to, tell_four_jobs

SDK = ROOT / "sdk" / "python" / "src"


def program(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text, *arguments],
        env={"PYTHONPATH": str(SDK), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_events_are_told_as_the_vocabulary_has_them_and_bad_values_are_left_out() -> None:
    kept = Kept()
    with reporter_to(kept) as reporter:
        reporter.job_start("job-1", audio_duration=float("inf"), audio_url="s3://a/b.mp3", note={"my": "own"})
        reporter.job_progress("job-1", "45")  # type: ignore[arg-type]
        reporter.job_failed("job-1", ValueError(), code="GPU out of memory!", worker_id="another", retryable=False)
        reporter.job_complete("job-2", duration=-1, segments=150.0, s3_path=None)  # type: ignore[arg-type]
        reporter.job_progress("job-2", 1000, stage="x" * 100, eta_seconds="soon")  # type: ignore[arg-type]
    for event in kept.events:
        assert event.pop("timestamp").endswith("Z")
        assert event.pop("worker_id") == WORKER
    assert kept.events == [
        {"event": "JOB_START", "job_id": "job-1", "audio_url": "s3://a/b.mp3", "note": {"my": "own"}},
        {"event": "JOB_PROGRESS", "job_id": "job-1", "percentage": 45},
        {
            "event": "JOB_FAILED",
            "job_id": "job-1",
            "error": "ValueError",
            "code": "gpu_out_of_memory_",
            "retryable": False,
        },
        {"event": "JOB_COMPLETE", "job_id": "job-2", "duration": 0, "segments": 150},
        {"event": "JOB_PROGRESS", "job_id": "job-2", "percentage": 100, "stage": "x" * 40},
    ]


def test_chunks_alone_say_how_far_it_is() -> None:
    kept = Kept()
    with reporter_to(kept) as reporter:
        reporter.job_progress("job-1", current_chunk=3, total_chunks=12)
        reporter.job_progress("job-2", current_chunk=3, total_chunks=0, stage="writing")
        reporter.job_progress("job-3", current_chunk=3, total_chunks=0)  # says nothing
    assert [event.get("percentage") for event in kept.events] == [25, None]
    assert reporter.dropped == 1


def test_events_of_great_size_lose_what_is_not_of_the_vocabulary() -> None:
    kept = Kept()
    with reporter_to(kept) as reporter:
        reporter.job_failed("job-1", "x" * 10_000, trace="y" * 1_000_000)
    [event] = kept.events
    assert (len(event["error"]), "trace" in event) == (4000, False)
    assert event["extra_left_out"].endswith(" bytes")


def test_a_system_that_is_away_gets_everything_in_order_once_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    back = threading.Event()
    tried = threading.Semaphore(0)

    def answer(_: Batch) -> Sequence[tuple[Event, str]]:
        if not back.is_set():
            tried.release()
            raise ConnectionRefusedError("nobody there")
        return []

    kept = Kept(answer)
    with reporter_to(kept, progress_seconds=0.0) as reporter:
        reporter.job_start("job-1")
        for _ in range(5):
            assert tried.acquire(timeout=PATIENCE_SECONDS)
        for percentage in range(100):
            reporter.job_progress("job-1", percentage)
        reporter.job_complete("job-1")
        back.set()
        assert reporter.flush(PATIENCE_SECONDS)
    told = [(event["event"], event.get("percentage")) for event in kept.events]
    assert told == [("JOB_START", None), ("JOB_PROGRESS", 99), ("JOB_COMPLETE", None)]
    assert len({batch.key for batch in kept.batches if len(batch.events) == 1}) == 1, "the same batch keeps its key"
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1, "once a minute, however often it was tried"
    assert "nobody there" in warnings[0]
    assert reporter.dropped == 0


def test_a_full_buffer_drops_the_oldest_says_so_once_and_counts(caplog: pytest.LogCaptureFixture) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def answer(_: Batch) -> Sequence[tuple[Event, str]]:
        entered.set()
        assert go_on.wait(PATIENCE_SECONDS)
        return []

    kept = Kept(answer)
    with reporter_to(kept, buffer_bytes=10_000) as reporter:
        reporter.job_start("job-first")
        assert entered.wait(PATIENCE_SECONDS)  # it is being sent: what follows waits
        for number in range(1000):
            reporter.job_start(f"job-{number}")
        go_on.set()
        assert reporter.flush(PATIENCE_SECONDS)
        told = [event["job_id"] for event in kept.events]
        assert told[0] == "job-first"
        assert told[1:] == [f"job-{number}" for number in range(1001 - len(told), 1000)]
        assert reporter.dropped == 1001 - len(told) > 900
    words = [record.getMessage() for record in caplog.records]
    assert len(words) == 1
    assert f"{reporter.dropped} the buffer is full" in words[0]


def test_what_is_refused_harms_nothing_beside_it(caplog: pytest.LogCaptureFixture) -> None:
    def answer(batch: Batch) -> Sequence[tuple[Event, str]]:
        if any(event.job_id == "job-poison" for event in batch.events):
            raise Refused("too strange")
        return [(event, "not mine") for event in batch.events if event.job_id == "job-odd"]

    kept = Kept(answer)
    with reporter_to(kept) as reporter:
        for job_id in ("job-1", "job-poison", "job-odd", "job-2"):
            reporter.job_start(job_id)
        assert reporter.flush(PATIENCE_SECONDS)
        assert reporter.dropped == 2
    assert [event["job_id"] for event in kept.events] == ["job-1", "job-odd", "job-2"]
    words = " ".join(record.getMessage() for record in caplog.records)
    assert "job-poison: too strange" in words
    assert "job-odd: not mine" in words


def test_any_text_names_a_job_and_so_do_integers_and_uuids(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    names: list[str | int | uuid.UUID] = ["meeting.mp3", "in/a b.wav", "🎧", "x" * 500, 7, 2**80, uuid.UUID(int=5)]
    with reporter_to(kept) as reporter:
        for name in names:
            reporter.job_start(name)
        for bad in ("", " \n", "x" * 1025, None, True, 1.5, object()):
            reporter.job_start(bad)  # type: ignore[arg-type]
    assert [event["job_id"] for event in kept.events] == [str(name) for name in names]
    assert reporter.dropped == 7
    assert "with the job id" in caplog.text


def test_a_name_has_the_same_id_as_in_typescript() -> None:
    cases = json.loads((ROOT / "protocol" / "reported-id.cases.json").read_text())
    for case in cases:
        name = job_name(case["name"])
        assert (None if name is None else id_of(name)) == case["job_id"], case


def test_the_plain_line_is_the_same_as_in_typescript() -> None:
    for case in json.loads((ROOT / "protocol" / "plain-line.cases.json").read_text()):
        assert plain_line(case["event"]) == case["line"]


def test_values_of_50_mb_are_cut_before_they_are_encoded() -> None:
    class Much(str):
        def encode(self, *_: object, **__: object) -> bytes:
            raise AssertionError("the whole text is encoded")

    kept = Kept()
    much = Much("x" * 50_000_000)
    with reporter_to(kept) as reporter:
        reporter.job_failed("job-1", much, trace=much, raw=b"y" * 50_000_000)
    [event] = kept.events
    assert len(event["error"]) == 4000
    assert event["extra_left_out"].endswith(" bytes")


def test_an_error_without_a_text_is_still_told() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError("no text")

    kept = Kept()
    with reporter_to(kept) as reporter:
        reporter.job_failed("job-1", Odd())
    assert [event["error"] for event in kept.events] == ["<Odd>"]


def test_close_ends_in_its_time_whatever_the_system_does_and_counts_what_is_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer(_: Batch) -> Sequence[tuple[Event, str]]:
        raise Away("no table", hint="tmon db init x")

    reporter = reporter_to(Kept(answer))
    tell_four_jobs(reporter)
    heard_of_trouble(reporter, caplog)
    assert reporter.close(0.05) is False
    assert reporter.close(0.05) is False
    assert reporter.dropped in (9, 10)  # one report of progress may have joined another
    dropped = reporter.dropped
    reporter.job_start("job-late")
    assert reporter.dropped == dropped + 1
    assert "not sent before the end" in caplog.text
    assert "(hint: tmon db init x)" in caplog.text


def test_a_system_that_hangs_keeps_nobody() -> None:
    never = threading.Event()

    def answer(_: Batch) -> Sequence[tuple[Event, str]]:
        never.wait(PATIENCE_SECONDS)
        return []

    reporter = reporter_to(Kept(answer))
    reporter.job_start("job-1")
    assert reporter.flush(0.01) is False
    assert reporter.close(0.01) is False
    assert reporter.dropped == 1
    never.set()


def test_an_empty_reporter_flushes_and_closes_at_once() -> None:
    kept = Kept()
    reporter = reporter_to(kept)
    assert reporter.flush(0.0)
    assert reporter.close(0.0)
    assert kept.closed.is_set()


def test_flush_waits_for_what_was_told_before_it_and_not_for_what_follows() -> None:
    kept = Kept()
    with reporter_to(kept, progress_seconds=3600.0) as reporter:
        reporter.job_progress("job-1", 1)
        reporter.job_progress("job-1", 2)  # held for an hour
        assert reporter.flush(PATIENCE_SECONDS)
        assert [event["percentage"] for event in kept.events] in ([1, 2], [2])


def test_threads_and_asyncio_may_share_one() -> None:
    kept = Kept()
    with reporter_to(kept, progress_seconds=0.0) as reporter:

        def work(worker: int) -> None:
            for number in range(50):
                job_id = f"job-{worker}-{number}"
                reporter.job_start(job_id)
                reporter.job_progress(job_id, 50)
                reporter.job_complete(job_id)

        async def works() -> bool:
            async def job(worker: int) -> None:
                work(worker)
                await asyncio.sleep(0)

            await asyncio.gather(*(job(worker) for worker in range(4)))
            return await asyncio.to_thread(reporter.flush, PATIENCE_SECONDS)

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4, 8)]
        for thread in threads:
            thread.start()
        assert asyncio.run(works())
        for thread in threads:
            thread.join()
    assert len(kept.events) == 8 * 50 * 3
    for job_id in {event["job_id"] for event in kept.events}:
        names = [event["event"] for event in kept.events if event["job_id"] == job_id]
        assert names == ["JOB_START", "JOB_PROGRESS", "JOB_COMPLETE"]


@pytest.mark.parametrize("seed", range(5))
def test_a_system_that_fails_at_random_gets_all_that_it_does_not_refuse_each_job_s_in_order(seed: int) -> None:
    draw = random.Random(seed)

    def answer(batch: Batch) -> Sequence[tuple[Event, str]]:
        chance = draw.random()
        if chance < 0.3:
            raise OSError("away")
        if chance < 0.4 and len(batch.events) > 1:
            raise Refused("one by one")
        return []

    kept = Kept(answer)
    kept.count_max = 7
    with reporter_to(kept, progress_seconds=0.0) as reporter:

        def work(worker: int) -> None:
            for number in range(20):
                job_id = f"job-{worker}-{number}"
                reporter.job_start(job_id)
                for percentage in range(0, 100, 20):
                    reporter.job_progress(job_id, percentage)
                reporter.job_complete(job_id)
                reporter.flush(0.0)

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert reporter.flush(PATIENCE_SECONDS)
        assert reporter.dropped == 0
    for job_id in {event["job_id"] for event in kept.events}:
        told = [(event["event"], event.get("percentage")) for event in kept.events if event["job_id"] == job_id]
        progress = [float(percentage or 0) for _, percentage in told[1:-1]]
        assert (told[0][0], told[-1][0]) == ("JOB_START", "JOB_COMPLETE")
        assert progress == sorted(set(progress))
        assert progress[-1] == 80
    assert sum(event["event"] != "JOB_PROGRESS" for event in kept.events) == 2 * 4 * 20


def test_a_log_handler_that_reports_what_the_reporter_logs_stops_nothing() -> None:
    failed = threading.Event()

    def answer(_: Batch) -> Sequence[tuple[Event, str]]:
        if not failed.is_set():
            failed.set()
            raise OSError("away")
        return []

    kept = Kept(answer)
    reporter = reporter_to(kept)

    class Reporting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            reporter.job_progress("job-log", 1, words=record.getMessage())

    handler = Reporting()
    words.log.addHandler(handler)
    try:
        reporter.job_start("job-1")
        assert failed.wait(PATIENCE_SECONDS)
        assert reporter.close(PATIENCE_SECONDS)
    finally:
        words.log.removeHandler(handler)
    assert kept.events[0]["event"] == "JOB_START"


def test_a_program_s_end_sends_what_waits() -> None:
    done = program(
        "from transcription_monitor import Reporter\n"
        "reporter = Reporter.from_url('log:', worker_id='worker-1', progress_seconds=3600)\n"
        "reporter.job_start('job-1')\n"
        "for percentage in range(100): reporter.job_progress('job-1', percentage)\n"
        "raise SystemExit(3)\n"
    )
    assert (done.returncode, done.stderr) == (3, "")
    events = [json.loads(line.removeprefix("TRANSCRIPTION_EVENT ")) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "JOB_START"
    assert events[-1]["percentage"] == 99


def test_a_reporter_that_nobody_holds_any_more_still_sends_at_the_end() -> None:
    done = program(
        "from transcription_monitor import Reporter\n"
        "def work():\n"
        "    reporter = Reporter.from_url('log:', worker_id='worker-1', progress_seconds=3600)\n"
        "    for percentage in range(100): reporter.job_progress('job-1', percentage)\n"
        "work()\n"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert '"percentage": 99' in done.stdout


def test_a_program_that_reports_only_as_it_ends_still_reports() -> None:
    done = program(
        "import atexit\n"
        "from transcription_monitor import Reporter\n"
        "reporter = Reporter.from_url('log:', worker_id='worker-1')\n"
        "atexit.register(lambda: reporter.job_failed('job-1', 'the end'))\n"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert '"error": "the end"' in done.stdout


def test_a_forked_child_reports_for_itself_and_nothing_twice(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    done = program(
        "import os, sys, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from transcription_monitor import Reporter\n"
        "reporter = Reporter.from_url('log:' + sys.argv[1], worker_id='worker-1', progress_seconds=3600)\n"
        "reporter.job_start('job-parent')\n"
        "reporter.job_progress('job-parent', 1)\n"
        "reporter.job_progress('job-parent', 2)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    reporter.job_start('job-child')\n"
        "    raise SystemExit(0 if reporter.close() else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "reporter.job_complete('job-parent')\n",
        str(log),
    )
    assert (done.returncode, done.stderr) == (0, "")
    events = [json.loads(line.removeprefix("TRANSCRIPTION_EVENT ")) for line in log.read_text().splitlines()]
    of: dict[str, list[Any]] = {}
    for event in events:
        of.setdefault(event["job_id"], []).append((event["event"], event.get("percentage")))
    assert of["job-child"] == [("JOB_START", None)]
    assert of["job-parent"][0] == ("JOB_START", None)
    assert of["job-parent"][-2:] == [("JOB_PROGRESS", 2), ("JOB_COMPLETE", None)]
    assert len(of["job-parent"]) == len(set(of["job-parent"]))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "not the URL of a supported system"),
        ("status-bucket", "not the URL of a supported system"),
        ("ftp://host/x", "unknown scheme ftp:"),
        ("s3://", "the bucket is missing"),
        ("dir:", "the path is missing"),
        ("sqlite:", "the path is missing"),
        ("sqs://", "the queue is missing"),
        ("dynamodb://a/b", "the table is missing"),
        ("cloudwatch-logs:///", "the group is missing"),
        ("log:?format=xml", "json or plain"),
        ("mysql://user:secret@host", "it has no host or no database"),
        ("mysql://user:secret@host:port/db", "mysql://user@host:port/db: the port 'port' is not a number"),
        ("postgres://user:secret@host:notaport/db", "the port 'notaport' is not a number"),
        ("postgres://user:secret@a:5432,b:99999/db", "the port '99999' is not a number from 0 to 65535"),
        ("https://host:99999", "the port '99999'"),
        ("http://[::1]:-1", "the port '-1'"),
        ("http://", "base_url"),
        ("https:///x?key=secret", "base_url"),
    ],
)
def test_an_address_that_can_t_be_used_is_said_at_once_with_those_that_can_and_without_its_secrets(
    url: str, words: str
) -> None:
    with pytest.raises(ReporterError) as caught:
        Reporter.from_url(url, worker_id="worker-1")
    assert words in caught.value.message
    assert caught.value.hint
    assert "user:secret" not in caught.value.message


def test_a_host_s_name_is_a_worker_s_name() -> None:
    with pytest.raises(ReporterError, match="worker_id is '--'"):
        Reporter.from_url("log:", worker_id="--")
    with Reporter.from_url("log:", worker_id="ip-10-0-0-1.ec2.internal") as reporter:
        assert reporter.worker_id == "ip-10-0-0-1-ec2-internal"
    with pytest.raises(ReporterError, match="more than the 50"):
        Reporter.from_url("sqlite:x.db", worker_id="w" * 51)


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("s3://bucket/prefix", "boto3", "aws"),
        ("sqs://queue", "boto3", "aws"),
        ("dynamodb://table", "boto3", "aws"),
        ("cloudwatch-logs://group/stream", "boto3", "aws"),
        ("postgres://host/db", "psycopg", "postgres"),
        ("mysql://host/db", "pymysql", "mysql"),
    ],
)
def test_a_driver_that_is_not_installed_is_named_with_the_extra_that_has_it(
    url: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ReporterError) as caught:
        Reporter.from_url(url, worker_id="worker-1")
    assert module in caught.value.message
    assert caught.value.hint == f"pip install 'transcription-monitor[{extra}]'"


def test_no_message_has_a_password() -> None:
    assert show_url("postgres://user:secret@host:5432/db?password=secret") == "postgres://user@host:5432/db"
    assert show_url("log:") == "log"
    assert show_url("sqlite:/a/b.db") == "sqlite:/a/b.db"
    assert "secret" not in show_url("http://user:secret@[::1/x")
