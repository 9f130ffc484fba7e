"""Events on disk: what a process has left is sent by the next one of its worker, in either language."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from transcription_monitor import Reporter
from transcription_monitor.reporter.event import Event, make_event
from transcription_monitor.reporter.spool import Spool
from transcription_monitor.reporter.spool_folder import spool_folder
from transcription_monitor.reporter.spool_format import Owner, sent_line, spool_key, spool_line, spool_name
from transcription_monitor.reporter.spool_owner import nobody, this_process

from .processes import PATIENCE_SECONDS
from .reports import WORKER, typescript

OLD_MS = 1_751_846_400_000
KEY = spool_key("s3://bucket/prefix", WORKER)


def told(name: str, job_id: str, **more: object) -> Event:
    return make_event(name, job_id, WORKER, more, OLD_MS)


def ended() -> Owner:
    child = subprocess.Popen(["true"])
    child.wait()
    return Owner(this_process().host, child.pid, "1")


def leave(folder: Path, *events: Event, owner: Owner | None = None, key: str = KEY) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / spool_name(key, owner or ended(), "0a")
    path.write_bytes(b"".join(spool_line(number, event) for number, event in enumerate(events, 1)))
    return path


def opened(folder: Path, key: str = KEY) -> Spool:
    def fail(error: Exception) -> None:
        raise error

    return Spool(folder, key, fail)


def test_what_an_ended_process_has_left_is_taken_once_whole_and_in_order(spool: Path) -> None:
    start = told("JOB_START", "in/a b.wav", audio_duration=60, gpu="T4")
    failed = told("JOB_FAILED", "in/a b.wav", error="boom", code="oom")
    failed.started_ms, failed.known = OLD_MS, {"percentage": 30, "stage": "writing"}
    leave(spool, start, failed)
    first, second = opened(spool), opened(spool)
    taken = first.adopt()
    assert second.adopt() == []
    assert [(event.name, event.job_id, event.data, event.told_ms, event.late) for event in taken] == [
        (event.name, event.job_id, event.data, OLD_MS, True) for event in (start, failed)
    ]
    assert (taken[1].started_ms, taken[1].known) == (OLD_MS, failed.known)
    first.settle(taken[:1])
    assert len(list(spool.iterdir())) == 1
    first.settle(taken[1:])
    assert list(spool.iterdir()) == []


def test_what_a_running_process_keeps_is_its_own_until_it_ends_or_leaves_it(spool: Path) -> None:
    first, second = opened(spool), opened(spool)
    events = [told("JOB_START", "job-1"), told("JOB_COMPLETE", "job-1"), told("JOB_START", "job-2")]
    for event in events:
        first.keep(event)
    assert second.adopt() == []
    first.settle(events[:2])
    first.release()
    assert [event.job_id for event in second.adopt()] == ["job-2"]


def test_a_process_with_the_number_of_an_ended_one_is_another(spool: Path) -> None:
    mine = this_process()
    leave(spool, told("JOB_START", "job-1"), owner=Owner(mine.host, mine.pid, "1"))
    assert len(opened(spool).adopt()) == 1


def test_a_process_that_has_ended_is_gone_before_its_parent_notices(spool: Path) -> None:
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert child.stdin
    started = Path(f"/proc/{child.pid}/stat").read_text().rpartition(") ")[2].split(" ")[19]
    leave(spool, told("JOB_START", "job-1"), owner=Owner(this_process().host, child.pid, started))
    assert opened(spool).adopt() == []
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert len(opened(spool).adopt()) == 1
    child.wait()


def test_a_process_of_another_machine_is_gone_when_its_file_is_not_touched_for_ten_minutes(spool: Path) -> None:
    path = leave(spool, told("JOB_START", "job-1"), owner=Owner("elsewhere", 1, "1"))
    assert opened(spool).adopt() == []
    past = time.time() - 601
    os.utime(path, (past, past))
    adopting = opened(spool)
    assert len(adopting.adopt()) == 1
    [mine] = spool.iterdir()
    os.utime(mine, (past, past))
    adopting.touch()
    assert mine.stat().st_mtime > past + 500


def test_events_for_other_systems_are_left_alone_for_thirty_days(spool: Path) -> None:
    path = leave(spool, told("JOB_START", "job-1"), key=spool_key("s3://bucket/prefix", "another"))
    assert opened(spool).adopt() == []
    past = time.time() - 31 * 86_400
    os.utime(path, (past, past))
    assert opened(spool).adopt() == []
    assert list(spool.iterdir()) == []


def test_cut_and_unknown_lines_cost_only_themselves_and_what_was_sent_is_not_sent_again(spool: Path) -> None:
    lines = [spool_line(number, told("JOB_START", f"job-{number}")) for number in (1, 2, 3)]
    odd = [b'{"number":4,"event":{"event":"JOB_RESUME"}}\n', b"null\n", b'{"number":5,"event":{"event":"JOB_START"}}\n']
    path = leave(spool)
    path.write_bytes(b"".join([lines[0][:20], b"\n", *odd, *lines, sent_line(2), lines[2][:30]]))
    assert [event.job_id for event in opened(spool).adopt()] == ["job-3"]


def test_only_the_user_can_read_a_spool_and_it_has_no_secret(spool: Path) -> None:
    opened(spool).keep(told("JOB_START", "job-1", lease_token="secret"))
    [path] = spool.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"secret" not in path.read_bytes()


def test_a_spool_is_bounded_and_the_oldest_starts_leave_it_first_and_ends_last(spool: Path) -> None:
    kept = opened(spool)
    for number in range(600):
        kept.keep(told("JOB_START", f"job-{number}", note="x" * 20_000))
        kept.keep(told("JOB_FAILED", f"job-{number}", error="boom", note="x" * (0 if number < 400 else 20_000)))
    [path] = spool.iterdir()
    assert path.stat().st_size <= 8 * 1024 * 1024
    for number in range(12_000):
        kept.keep(told("JOB_FAILED", f"short-{number}", error="boom"))
    kept.release()
    left = [event.job_id for event in opened(spool).adopt()]
    assert 5000 <= len(left) <= 10_000
    assert left[-1] == "short-11999"


def test_a_file_of_either_language_is_read_by_the_other(spool: Path) -> None:
    program = """
import { readSpool, spoolKey, spoolLine } from './sdk/typescript/reporter/spool-format.ts';
import { ReportWriter } from './sdk/typescript/reporter/write-report.ts';
const write = new ReportWriter('worker-456', () => given.told_ms);
const start = write.start('in/a b.wav', { audioDuration: 60, extra: { gpu: 'T4' } });
const reports = [start, write.fail('in/a b.wav', 'boom', {})];
console.log(JSON.stringify({
  keys: given.urls.map((url) => spoolKey(url, 'worker-456')),
  read: [...readSpool(given.text).values()],
  written: reports.map((report, at) => spoolLine(at + 1, report)).join(''),
}));
"""
    urls = [
        "s3://bucket/prefix/",
        "postgres://u:secret@h:1/db?sslmode=require",
        "sqlite:jobs.db",
        "dir:///a/../b",
        "sqs://q",
    ]
    start = told("JOB_START", "in/a b.wav", audio_duration=60, gpu="T4")
    failed = told("JOB_FAILED", "in/a b.wav", error="boom")
    failed.started_ms, failed.known = OLD_MS, {"percentage": 30, "stage": "WRITING", "audio_duration": 60}
    text = (spool_line(1, start) + spool_line(2, failed)).decode()
    answer = typescript(program, {"told_ms": OLD_MS, "urls": urls, "text": text})
    here = Path.cwd()
    os.chdir(Path(__file__).parents[3])
    try:
        assert answer["keys"] == [spool_key(url, WORKER) for url in urls]
    finally:
        os.chdir(here)
    theirs = answer["read"][1]["sighting"]
    assert (theirs["state"], theirs["started_ms"], theirs["percentage"], theirs["stage"], theirs["audio_duration"]) == (
        "FAILED",
        OLD_MS,
        30,
        "WRITING",
        60,
    )
    assert answer["read"][0]["extra"] == {"gpu": "T4"}
    leave(spool).write_text(answer["written"])
    read_start, read_failed = opened(spool).adopt()
    assert read_start.data == start.data
    assert (read_failed.data, read_failed.started_ms) == (failed.data, OLD_MS)
    assert read_failed.known == {"percentage": 0, "audio_duration": 60}


def test_a_late_event_replaces_no_newer_status_file(tmp_path: Path, spool: Path) -> None:
    url = f"dir:{tmp_path}/status"
    with Reporter.from_url(url, worker_id=WORKER) as reporter:
        reporter.job_complete("job-newer")
    old = [told("JOB_START", "job-newer"), told("JOB_START", "job-older")]
    leave(spool, *old, owner=nobody(), key=spool_key(url, WORKER))
    with Reporter.from_url(url, worker_id=WORKER) as reporter:
        assert reporter.flush(PATIENCE_SECONDS)
    states = {path.stem: json.loads(path.read_text())["status"] for path in (tmp_path / "status" / "jobs").iterdir()}
    assert states == {"job-newer": "COMPLETED", "job-older": "PROCESSING"}
    assert list(spool.iterdir()) == []


def test_close_leaves_what_it_could_not_send_to_the_next_process(
    tmp_path: Path, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "status").write_text("no folder")
    reporter = Reporter.from_url(f"dir:{tmp_path}/status", worker_id=WORKER)
    reporter.job_failed("job-1", "boom")
    reporter.job_progress("job-2", 1)
    assert reporter.close(0.01) is False
    assert reporter.dropped == 1
    assert f"1 events are not sent; the worker's next process sends them, from {spool}" in caplog.text
    (tmp_path / "status").unlink()
    with Reporter.from_url(f"dir:{tmp_path}/status", worker_id=WORKER) as reporter:
        assert reporter.flush(PATIENCE_SECONDS)
    assert json.loads((tmp_path / "status" / "jobs" / "job-1.json").read_text())["status"] == "FAILED"
    assert "sends 1 events that an ended process of the worker had left" in caplog.text


def test_a_spool_that_can_t_be_written_is_said_once_and_costs_no_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    with Reporter.from_url(f"dir:{tmp_path}", worker_id=WORKER, spool=tmp_path / "file" / "spool") as reporter:
        reporter.job_start("job-1")
        reporter.job_complete("job-1")
    assert (tmp_path / "jobs" / "job-1.json").exists()
    assert caplog.text.count("events that wait are lost if the process is killed") == 1


def test_a_line_of_a_log_is_written_in_the_call(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    reporter = Reporter.from_url(f"log:{log}", worker_id=WORKER)
    for number in range(3):
        reporter.job_start(f"job-{number}")
        assert log.read_text().count("\n") == number + 1
    reporter.close()


def test_the_folder_is_the_variable_s_else_the_state_folder_s_else_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert spool_folder(None) == tmp_path / "spool"
    assert spool_folder("/given") == Path("/given")
    assert spool_folder(False) is None
    monkeypatch.setenv("TMON_SPOOL", "off")
    assert spool_folder(None) is None
    monkeypatch.delenv("TMON_SPOOL")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert spool_folder(None) == tmp_path / "state" / "transcription-monitor" / "spool"
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert spool_folder(None) == tmp_path / f"transcription-monitor-spool-{os.getuid()}"
    (tmp_path / f"transcription-monitor-spool-{os.getuid()}").chmod(0o777)
    with pytest.raises(OSError, match="set TMON_SPOOL"):
        spool_folder(None)
