"""Lines and status files: `log:` and `dir:`, read back by the TypeScript readers."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from transcription_monitor import Reporter
from transcription_monitor.reporter.reported_id import id_of

from .processes import NODE, PATIENCE_SECONDS, ROOT
from .reports import ENDS, WORKER, heard_of_trouble, tell_four_jobs, typescript

#: Document B's four, as printed.
PLAIN = """\
logger.info(f"JOB_START job_id={job_id} worker_id={worker_id}")
logger.info(f"JOB_PROGRESS job_id={job_id} percentage={percentage}")
logger.info(f"JOB_COMPLETE job_id={job_id} duration={duration}")
logger.error(f"JOB_FAILED job_id={job_id} error={error}")
"""

READ_LINES = """
import { parseLogLine } from './protocol/log-line.ts';
console.log(JSON.stringify(given.map((line) => parseLogLine(line))));
"""

READ_FILES = """
import { readStatusFile } from './protocol/status-file.ts';
console.log(JSON.stringify(given.map((text) => readStatusFile(text, 0))));
"""


def report_to(url: str) -> None:
    with Reporter.from_url(url, worker_id=WORKER) as reporter:
        tell_four_jobs(reporter)
        assert reporter.flush(PATIENCE_SECONDS)
        assert reporter.dropped == 0


def said(read: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without unknown values and times."""
    return [
        {name: value for name, value in event.items() if value is not None and not name.endswith("_ms")}
        for event in read
    ]


def test_lines_in_a_file_read_back_as_they_were_told(tmp_path: Path) -> None:
    """[B118] [B126]"""
    log = tmp_path / "worker.log"
    log.write_text("a line that was cut")
    report_to(f"log:{log}")
    first, *lines = log.read_text().splitlines()
    assert first == "a line that was cut", "what follows it stands on a line of its own"
    read = typescript(READ_LINES, lines)
    assert all(event["timestamp_ms"] > 1.7e12 for event in read)
    done = [event for event in said(read) if event["job_id"] == "job-done"]
    who = {"job_id": "job-done", "worker_id": WORKER}
    assert done[0] == {"event": "JOB_START", **who, "audio_duration": 60}
    assert done[-2:] == [
        {"event": "JOB_PROGRESS", **who, "percentage": 97, "stage": "WRITING"},
        {"event": "JOB_COMPLETE", **who, "duration": 1200, "segments": 150, "s3_path": "s3://t/done.json"},
    ]
    [error] = [event["error"] for event in said(read) if event["event"] == "JOB_FAILED"]
    assert error == "GPU out of memory"


@pytest.mark.parametrize("form", ["json", "plain"])
def test_names_that_are_no_ids_read_back_from_both_forms(tmp_path: Path, form: str) -> None:
    names = [
        "meeting.mp3",
        "in/a b.wav",
        "🎧",
        'say "hi"',
        "it's",
        "a,b;",
        "null",
        "tab\there",
        "x" * 500,
        "JOB_FAILED b",
    ]
    log = tmp_path / "worker.log"
    with Reporter.from_url(f"log:{log}?format={form}", worker_id=WORKER) as reporter:
        for name in names:
            reporter.job_failed(name, "JOB_START of another job_id=b")
    read = typescript(READ_LINES, log.read_text().splitlines())
    assert [event.get("reported_id", event["job_id"]) for event in read] == names
    assert [event["job_id"] for event in read] == [id_of(name) for name in names]
    assert {event["error"] for event in read} == {"JOB_START of another job_id=b"}


def test_a_log_that_is_moved_away_is_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with Reporter.from_url(f"log://{log}", worker_id=WORKER) as reporter:
        reporter.job_start("job-1")
        assert reporter.flush(PATIENCE_SECONDS)
        log.rename(tmp_path / "worker.log.1")
        reporter.job_start("job-2")
        assert reporter.flush(PATIENCE_SECONDS)
    assert "job-1" in (tmp_path / "worker.log.1").read_text()
    assert [line.count("job-2") for line in log.read_text().splitlines()] == [1]


def test_a_folder_that_is_missing_is_named_with_the_command_that_makes_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reporter = Reporter.from_url(f"log:{tmp_path}/none/worker.log", worker_id=WORKER)
    reporter.job_start("job-1")
    heard_of_trouble(reporter, caplog)
    assert reporter.close(0.0) is False
    assert f"mkdir -p {tmp_path}/none" in caplog.text


def test_plain_lines_are_those_of_document_b(capsys: pytest.CaptureFixture[str]) -> None:
    """[B119] [B120] [B121] [B122]"""
    report_to("log:?format=plain")
    lines = capsys.readouterr().out.splitlines()
    expected = {
        "JOB_START job_id=job-done worker_id=worker-456": {"event": "JOB_START", "worker_id": WORKER},
        "JOB_PROGRESS job_id=job-done percentage=97": {"event": "JOB_PROGRESS", "percentage": 97},
        "JOB_COMPLETE job_id=job-done duration=1200": {"event": "JOB_COMPLETE", "duration": 1200},
        "JOB_FAILED job_id=job-fails error=GPU out of memory": {"event": "JOB_FAILED", "error": "GPU out of memory"},
    }
    assert set(expected) <= set(lines)
    for read, told in zip(said(typescript(READ_LINES, list(expected))), expected.values(), strict=True):
        assert read.pop("job_id") in ENDS
        assert read == told


def test_the_lines_that_document_b_s_f_strings_print_are_read(caplog: pytest.LogCaptureFixture) -> None:
    """[B119] [B120] [B121] [B122]"""
    caplog.set_level(logging.INFO)
    told = {
        "job_id": "job-123",
        "worker_id": WORKER,
        "percentage": 45,
        "duration": 1200,
        "error": "GPU: no memory, x=1",
    }
    exec(PLAIN, {"logger": logging.getLogger("worker"), **told})
    formatted = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s").format
    read = typescript(READ_LINES, [formatted(record) for record in caplog.records])
    assert all(event["timestamp_ms"] for event in read)
    assert said(read) == [
        {"event": "JOB_START", "job_id": "job-123", "worker_id": WORKER},
        {"event": "JOB_PROGRESS", "job_id": "job-123", "percentage": 45},
        {"event": "JOB_COMPLETE", "job_id": "job-123", "duration": 1200},
        {"event": "JOB_FAILED", "job_id": "job-123", "error": "GPU: no memory, x=1"},
    ]
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO", "INFO", "ERROR"]


def test_an_error_with_line_breaks_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = 'Traceback:\n  "x"\r\n\u2028end'
    for url in ("log:", "log:?format=plain"):
        with Reporter.from_url(url, worker_id=WORKER) as reporter:
            reporter.job_failed("job-1", words)
    lines = capsys.readouterr().out.split("\n")
    assert [len(lines), lines[-1]] == [3, ""]
    assert [event["error"] for event in typescript(READ_LINES, lines[:-1])] == [words, words]


def test_a_status_file_says_where_its_job_is(tmp_path: Path) -> None:
    """[B132] [B133]"""
    report_to(f"dir:{tmp_path}")
    files = {path.name: path.read_text() for path in (tmp_path / "jobs").iterdir()}
    assert set(files) == {f"{job_id}.json" for job_id in ENDS}, "and nothing that was written aside"
    written = {name: json.loads(text) for name, text in files.items()}
    for name, file in written.items():
        assert list(file)[:5] == ["job_id", "worker_id", "status", "started_at", "percentage"]
        assert file["status"] == ENDS[name.removesuffix(".json")]
        assert file["started_at"] <= file["updated_at"]
    assert {file["percentage"] for file in written.values()} == {45.7, 100, 30, 0}
    read = {sighting["job_id"]: sighting for sighting in typescript(READ_FILES, list(files.values()))}
    done = {name: value for name, value in read["job-done"].items() if not name.endswith("_ms")}
    assert done == {
        "job_id": "job-done",
        "state": "COMPLETED",
        "worker_id": WORKER,
        "percentage": 100,
        "stage": "WRITING",
        "audio_duration": 60,
        "duration": 1200,
        "segments": 150,
        "s3_path": "s3://t/done.json",
        "error": None,
    }
    assert read["job-fails"]["error"] == "GPU out of memory"
    assert read["job-fails"]["ended_ms"] >= read["job-fails"]["started_ms"] > 1.7e12


def test_another_attempt_begins_a_job_s_file_anew(tmp_path: Path) -> None:
    with Reporter.from_url(f"dir:{tmp_path}", worker_id=WORKER) as reporter:
        reporter.job_start("job-1")
        reporter.job_progress("job-1", 80, stage="writing")
        reporter.job_failed("job-1", "no")
        assert reporter.flush(PATIENCE_SECONDS)
        reporter.job_start("job-1")
    file = json.loads((tmp_path / "jobs" / "job-1.json").read_text())
    assert (file["status"], file["percentage"]) == ("PROCESSING", 0)
    assert not {"stage", "error", "completed_at"} & set(file)


def test_progress_of_a_job_that_began_elsewhere_tells_what_it_knows(tmp_path: Path) -> None:
    with Reporter.from_url(f"dir:{tmp_path}", worker_id=WORKER) as reporter:
        reporter.job_progress("job-1", 45)
    file = json.loads((tmp_path / "jobs" / "job-1.json").read_text())
    assert (file["status"], file["started_at"], file["percentage"]) == ("PROCESSING", None, 45)


def test_tmon_reads_of_each_what_python_wrote(tmp_path: Path) -> None:
    """[B110] [B136]"""

    def tmon(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(NODE), str(ROOT / "cli" / "main.ts"), *words]
        environment = {**os.environ, "NO_COLOR": "1", "XDG_STATE_HOME": str(tmp_path)}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )

    table = f"sqlite:{tmp_path}/jobs.db"
    made = tmon("db", "init", table)
    assert made.returncode == 0, made.stderr
    for url in (f"log:{tmp_path}/worker.log", f"dir:{tmp_path}/status", table):
        report_to(url)
        checked = tmon("check", "--json", url)
        document = json.loads(checked.stdout)
        assert (checked.returncode, document["verdict"], document["warnings"]) == (1, "wrong", []), checked.stderr
        assert [problem["subject"] for problem in document["problems"]] == ["job-fails"]
        assert {job["job_id"]: job["worker_id"] for job in document["running"]} == dict.fromkeys(
            ["job-runs", "job-starts"], WORKER
        )
        assert (document["counts"]["completed"], document["counts"]["failed"]) == (1, 1)
        assert document["sources"][0]["unreadable_count"] == 0
