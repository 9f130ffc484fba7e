"""The workers of examples/python and `tmon-worker` as processes, against a real monitor."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from transcription_monitor import TranscriptionAPI
from transcription_monitor.bodies import JobOptions

from .processes import ROOT, Monitor, Process, started

AUDIO = ROOT / "examples" / "audio"
STAND_INS = ROOT / "agent" / "engines" / "testdata" / "python"
SDK = ROOT / "sdk" / "python" / "src"


@contextmanager
def example(name: str, server: Monitor, *paths: Path) -> Iterator[Process]:
    environment = {"TMON_SERVER": server.url, "PYTHONPATH": ":".join(map(str, [SDK, *paths]))}
    with started([sys.executable, ROOT / "examples" / "python" / name], environment) as process:
        yield process


def submit(api: TranscriptionAPI, recording: Path) -> str:
    return api.jobs.submit(api.uploads.create(recording).audio_url).id


def states(api: TranscriptionAPI, job_id: str) -> list[str]:
    return [entry.state for entry in api.jobs.timeline(job_id).state_history]


def test_the_pocketsphinx_worker_hears_what_was_said_and_drains_on_sigterm(
    server: Monitor, api: TranscriptionAPI
) -> None:
    pytest.importorskip("pocketsphinx")
    first, second = submit(api, AUDIO / "lost-keys.wav"), submit(api, AUDIO / "house-viewing.wav")
    watching = iter(api.jobs.watch(first))
    updates = [next(watching)]  # from before it starts, so that nothing it does goes unseen
    with example("pocketsphinx_worker.py", server) as worker:
        updates += watching
        assert updates[-1].state == "COMPLETED"
        assert any(update.stage == "TRANSCRIBING" and 0 < update.percentage < 100 for update in updates)
        next(update for update in api.jobs.watch(second) if update.stage == "TRANSCRIBING")
        worker.signal(signal.SIGTERM)  # in the middle of the second
        assert worker.wait() == 0
    assert api.jobs.get(second).state == "COMPLETED"
    heard = api.jobs.transcript(first)
    said = (AUDIO / "lost-keys.txt").read_text().lower().replace(".", "").split()
    assert len(set(said) & set(heard.text.split())) > len(set(said)) / 2, heard.text
    assert heard.duration_seconds == pytest.approx(15.9, abs=0.5)


@pytest.mark.thorough
def test_a_file_that_is_no_wav_fails_once_and_the_second_signal_hands_back_what_is_at_hand(
    server: Monitor, api: TranscriptionAPI, tmp_path: Path
) -> None:
    pytest.importorskip("pocketsphinx")
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"noise\0\1" * 100)
    bad, good = submit(api, noise), submit(api, AUDIO / "broken-computer.wav")
    with example("pocketsphinx_worker.py", server) as worker:
        next(update for update in api.jobs.watch(good) if update.stage == "TRANSCRIBING")
        error = api.jobs.get(bad).retry_info.last_error
        assert error
        assert (error.code, states(api, bad)[-1]) == ("audio_unreadable", "FAILED")
        worker.signal(signal.SIGTERM)
        worker.line("draining")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 143
    assert states(api, good)[-1] == "QUEUED"
    api.queues.purge("main")


def test_the_faster_whisper_worker_calls_the_library_as_it_is(server: Monitor, api: TranscriptionAPI) -> None:
    job_id = submit(api, AUDIO / "lost-keys.wav")
    with example("faster_whisper_worker.py", server, STAND_INS) as worker:
        last = list(api.jobs.watch(job_id))[-1]
        assert last.state == "COMPLETED", last.error
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
    transcript = api.jobs.transcript(job_id)
    assert (transcript.engine, transcript.language, len(transcript.segments)) == ("faster-whisper base", "de", 3)
    assert transcript.segments[0].text == "batches of 4, times"


def test_tmon_worker_transcribes_with_the_options_of_the_job_and_says_what_it_can_do(
    server: Monitor, api: TranscriptionAPI, tone: bytes, tmp_path: Path
) -> None:
    def submit(recording: bytes, options: JobOptions) -> str:
        return api.jobs.submit(api.uploads.create(recording, name="tone.wav").audio_url, job_options=options).id

    good = submit(tone, {"prompt": "me", "word_timestamps": True, "engine_options": {"beam_size": 2}})
    text = submit(b"no sound at all", {})
    unknown = submit(tone, {"engine_options": {"beams": 2}})
    loop = submit(tone, {"prompt": "no " * 12})
    words = ["--server", server.url, "--id", "worker-1", "--model", "base", "--tag", "eu", "--hourly-price", "0.5"]
    more = ["--work-dir", str(tmp_path), "--defaults", "hotwords=you&temperature=0", "--log-format", "json"]
    command = [sys.executable, "-m", "transcription_monitor.worker_command", *words, *more]
    with started(command, {"PYTHONPATH": f"{SDK}:{STAND_INS}"}) as worker:
        states = [list(api.jobs.watch(job_id))[-1].state for job_id in (good, text, unknown, loop)]
        assert states == ["COMPLETED", "FAILED", "FAILED", "COMPLETED"]
        found = api.workers.get("worker-1")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
    lines = [json.loads(line) for line in worker.said]
    assert "SIGTERM: finishing the current jobs; repeat to stop at once" in [line["message"] for line in lines]
    assert (found.capabilities.model, found.capabilities.device, found.capabilities.tags) == ("base", "cpu", ["eu"])
    assert "hotwords" in (found.capabilities.options or [])
    assert (found.location.spot_price, found.health.disk_usage is None) == (0.5, False)
    transcript = api.jobs.transcript(good)
    assert (transcript.engine, transcript.language, transcript.duration_seconds) == ("faster-whisper base", "de", 70)
    assert (transcript.model, "language_probability" in transcript.extra) == ("base", True)
    first = transcript.segments[0]
    assert (first.text, first.no_speech) == ("transcribe as me, you at 0 with 2 beams", 0.25)
    assert first.words is not None
    assert (first.words[0].text, first.words[0].probability) == ("one", 0.9)
    assert "a line of the library's own" in api.jobs.attempt_log(good, 1).text
    quality = api.jobs.transcript(loop).quality
    assert quality is not None
    assert [reason.code for reason in quality.reasons] == ["repetition"] * 3
    assert any("a second try, with a voice detector" in line["message"] for line in lines)
    codes = [error.code for job_id in (text, unknown) if (error := api.jobs.get(job_id).retry_info.last_error)]
    assert codes == ["not_audio", "option_not_supported"]
    assert list(tmp_path.iterdir()) == []
