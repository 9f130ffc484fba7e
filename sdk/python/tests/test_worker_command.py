"""`tmon-worker`, with a stand-in for faster-whisper; test/kill-table has it with the real one, test_examples.py
with a monitor."""

from __future__ import annotations

import json
import math
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from transcription_monitor import JobCancelled, JobFailed
from transcription_monitor.worker_command import model_process
from transcription_monitor.worker_command.job_options import options_of
from transcription_monitor.worker_command.limits import JobTimeout
from transcription_monitor.worker_command.main import main
from transcription_monitor.worker_command.model_process import ModelProcess
from transcription_monitor.worker_command.options import read_options
from transcription_monitor.worker_command.redact import redactor_of

from .processes import PATIENCE_SECONDS, ROOT

STAND_INS = ROOT / "agent" / "engines" / "testdata" / "python"
PATH = f"{ROOT / 'sdk' / 'python' / 'src'}:{STAND_INS}"


class View:
    """A job for the process; `check` does what the test wants."""

    batch_size: int | None = 1

    def __init__(self, process: ModelProcess, check: Callable[[], None] = lambda: None) -> None:
        self.first = threading.Event()
        #: At each begin, how many jobs the process then has.
        self.jobs: list[int] = []
        self.events: list[str] = []
        self._process = process
        self._check = check

    def waiting(self, stage: str) -> None:
        assert stage in ("LOADING_MODEL", "WAITING_FOR_ENGINE")

    def begun(self) -> None:
        assert self._process._child is not None
        self.jobs.append(len(self._process._child.runs))
        self.first.set()

    def message(self, message: Mapping[str, Any]) -> None:
        self.events.append(message["event"])

    def check(self) -> None:
        self._check()

    def printed(self, line: str) -> None:
        pass


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelProcess]:
    monkeypatch.setenv("PYTHONPATH", PATH)
    monkeypatch.setattr(model_process, "GRACE_SECONDS", 0.5)
    one = ModelProcess({"model": "base"}, parallel=2)
    yield one
    one.close()


def transcribe(process: ModelProcess, folder: Path, name: str, view: View) -> Any:
    audio = folder / f"{name}.wav"
    audio.write_bytes(b"RIFF")
    output = folder / f"{name}.json"
    process.transcribe(audio, output, {"batch_size": 1, "job": {}}, view)
    return json.loads(output.read_text())


def test_a_crash_costs_only_the_job_that_causes_it(process: ModelProcess, tmp_path: Path) -> None:
    go = tmp_path / "waits.wav.go"
    beside = View(process, lambda: go.touch() if len(beside.jobs) == 2 else None)
    deadly = View(process)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(transcribe(process, tmp_path, "waits", beside)))
    thread.start()
    assert beside.first.wait(PATIENCE_SECONDS)
    with pytest.raises(JobFailed, match="was ended by SIGABRT") as crash:
        transcribe(process, tmp_path, "dies", deadly)
    assert crash.value.code == "engine_crashed"
    thread.join(PATIENCE_SECONDS)
    assert len(found[0]["segments"]) == 3
    # Each was tried again by itself.
    assert (beside.jobs, deadly.jobs) == ([1, 1], [2, 1])


def test_a_cancelled_job_that_does_not_let_go_is_killed_and_the_model_is_loaded_again(
    process: ModelProcess, tmp_path: Path
) -> None:
    def cancel() -> None:
        if "progress" in hung.events:  # from then on it hangs
            raise JobCancelled("job-1")

    hung = View(process, cancel)
    with pytest.raises(JobCancelled):
        transcribe(process, tmp_path, "hangs", hung)
    good = View(process)
    assert len(transcribe(process, tmp_path, "good", good)["segments"]) == 3
    assert process._number == 2
    process.verify()


def test_a_gpu_that_is_lost_fails_the_self_check_and_a_full_one_does_not(process: ModelProcess, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        transcribe(process, tmp_path, "huge", View(process))
    process.verify()
    with pytest.raises(JobFailed, match="unspecified launch failure"):
        transcribe(process, tmp_path, "lost", View(process))
    with pytest.raises(RuntimeError, match="unspecified launch failure"):
        process.verify()
    process.verify()


def test_without_the_library_it_says_what_to_install(capfd: pytest.CaptureFixture[str]) -> None:
    if "faster_whisper" in sys.modules:
        pytest.skip("it is there")
    assert main([]) == 5
    assert "pip install 'transcription-monitor[faster-whisper]'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--max-jobs", "0"], "whole number"),
        (["--stall-timeout", "5"], "90s, 10m or 2h, or off"),
        (["--job-timeout", "x"], "like 10x"),
        (["--hourly-price", "-1"], "0 or more"),
        (["--defaults", "vad=1"], "vad must be true or false"),
        (["--defaults", "diarize=true"], "diarize is no option that can be set here"),
        (["--header", "no header"], "not of the form 'Name: value'"),
        (["--ca", "/nowhere/ca.pem"], "no file /nowhere/ca.pem"),
        (["--api-key-file", "/nowhere/key"], "/nowhere/key, cannot be read"),
    ],
)
def test_wrong_options_are_named_at_the_start(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        read_options(words, {})
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_options_come_from_the_environment_too() -> None:
    given = {"TMON_SERVER": "10.0.0.5:8080", "TMON_MODEL": "small", "TMON_MAX_JOBS": "2", "TMON_STALL_TIMEOUT": "off"}
    given["TMON_HEADERS"] = "A: 1\nb-c:  2 "
    options = read_options(["--model", "tiny", "--job-timeout", "10x"], given)
    assert (options.server, options.engine, options.max_jobs) == ("http://10.0.0.5:8080", {"model": "tiny"}, 2)
    assert (options.stall_timeout, options.job_timeout) == (math.inf, JobTimeout(times=10))
    assert options.headers == {"A": "1", "b-c": "2"}
    assert options.job_timeout is not None
    assert options.job_timeout.seconds(60) == 600


def test_a_job_for_another_model_or_with_an_option_that_is_not_known_fails_and_names_it() -> None:
    assert options_of({"model": "base", "vad": True}, {"vad": False, "task": "translate"}, "base") == {
        "vad": True,
        "task": "translate",
    }
    for given, name in (({"model": "large-v3"}, "large-v3"), ({"diarize": True}, "diarize")):
        with pytest.raises(JobFailed, match=name) as failed:
            options_of(given, {}, "base")
        assert (failed.value.code, failed.value.retryable) == ("option_not_supported", False)


def test_secrets_do_not_leave_the_machine() -> None:
    redact = redactor_of({"MY_TOKEN": "abcdefgh", "SHORT_KEY": "abc"})
    assert (
        redact("abcdefgh of https://me:pw@host/a?sig=1 abc") == "[redacted] of https://[redacted]@host/a?[redacted] abc"
    )
    assert redact("Bearer 12345678") == "Bearer [redacted]"
