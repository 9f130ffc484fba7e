"""Recordings whose end is missing, made by ffmpeg where it is installed."""

from __future__ import annotations

import math
import shutil
import struct
import subprocess
from pathlib import Path
from random import Random

import pytest

from transcription_monitor.worker.recording import receive

FFMPEG = shutil.which("ffmpeg")
FORMS = {
    "a.mp3": [],
    "a.opus": ["-c:a", "libopus"],
    "a.ogg": ["-c:a", "libvorbis"],
    "a.flac": [],
    "a.webm": ["-c:a", "libopus"],
    "a.mka": ["-c:a", "pcm_s16le"],
    "faststart.m4a": ["-c:a", "aac", "-movflags", "+faststart"],
    "fragmented.mp4": ["-c:a", "aac", "-movflags", "+frag_keyframe+empty_moov"],
    "a.mov": ["-c:a", "pcm_s16le"],
    "a.3gp": ["-c:a", "aac"],
    "a.aiff": [],
    "a.wav": [],
}


def tone(seconds: float) -> bytes:
    samples = (round(9000 * math.sin(at / 6) * math.sin(at / 4001)) for at in range(round(seconds * 16000)))
    return b"".join(struct.pack("<h", sample) for sample in samples)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    if FFMPEG is None:
        pytest.skip("ffmpeg is not installed: apt-get install ffmpeg")
    folder = tmp_path_factory.mktemp("recordings")
    command = [FFMPEG, "-v", "error", "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "pipe:0"]
    for name, options in FORMS.items():
        command += ["-map", "0:a", *options, str(folder / name)]
    subprocess.run(command, input=tone(6), check=True)
    return {name: (folder / name).read_bytes() for name in FORMS}


def warnings_of(path: Path, content: bytes) -> list[str]:
    path.write_bytes(content)
    return [f"{warning.code}: {warning.message}" for warning in receive(path)[1]]


def test_a_recording_that_is_whole_has_no_warning(recordings: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in recordings.items():
        assert warnings_of(tmp_path / name, content) == [], name
    tagged = recordings["a.mp3"] + b"TAG" + bytes(125)
    assert warnings_of(tmp_path / "tagged.mp3", tagged) == []


def test_a_recording_that_is_cut_anywhere_has_a_warning(recordings: dict[str, bytes], tmp_path: Path) -> None:
    random = Random(5)
    for name, content in recordings.items():
        for _ in range(20):
            # Not missed: the last tenth of a second of a FLAC, the last frame of an MP3, whole pages of an Ogg.
            end = random.randint(len(content) // 3, len(content) - max(3000, len(content) // 20))
            found = warnings_of(tmp_path / name, content[:end])
            if name in ("a.opus", "a.ogg") and content[end : end + 4] == b"OggS":
                continue
            assert [one.split(":")[0] for one in found] == ["audio_truncated"], f"{name} at {end} of {len(content)}"
            assert "promises" in found[0]


def test_random_bytes_never_raise(tmp_path: Path) -> None:
    random = Random(11)
    heads = [
        b"fLaC",
        b"OggS\0\2",
        b"\x1aE\xdf\xa3",
        b"\0\0\0\x18ftypM4A ",
        b"\xff\xfb\x90\x64",
        b"FORM",
        b"ID3\4\0\0\0\0\0\5",
    ]
    for _ in range(500):
        content = random.choice(heads) + random.randbytes(random.randint(1, 400))
        path = tmp_path / "audio"
        path.write_bytes(content)
        receive(path)
