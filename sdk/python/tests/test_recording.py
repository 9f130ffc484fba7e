"""What a worker does with a downloaded recording before its engine reads it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from transcription_monitor import AudioError
from transcription_monitor.worker.errors import failure_of
from transcription_monitor.worker.recording import receive
from transcription_monitor.worker.wav import read_wav

ID3 = bytes.fromhex("49443304000000000010") + bytes(16)


def chunk(name: bytes, body: bytes, size: int | None = None, *, padded: bool = True) -> bytes:
    padding = b"\0" * (len(body) % 2) if padded else b""
    return name + struct.pack("<I", len(body) if size is None else size) + body + padding


def wav(samples: bytes, size: int | None = None, *, before: bytes = b"", after: bytes = b"") -> bytes:
    """16 kHz mono 16-bit; `size` is what its header says."""
    fmt = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16))
    rest = b"WAVE" + fmt + before + chunk(b"data", samples, size) + after
    return b"RIFF" + struct.pack("<I", len(rest)) + rest


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[bytes], Path]:
    def store(content: bytes) -> Path:
        path = tmp_path / "audio.mp3"
        path.write_bytes(content)
        return path

    return store


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"<!doctype html><title>Sign in", "a document"),
        (b'\n {"error": "not found"}', "a document"),
        (b"Dear Sir or Madam", "a text file"),
        ("Grüße aus München, wie geht es?".encode("latin-1"), "a text file"),
        ("Meeting notes".encode("utf-16"), "a text file"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        (b"PK\x03\x04\x14\0", "a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG picture"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n", "a playlist"),
        (ID3 + b"#EXTM3U\nfile:///etc/hostname\n\0", "a playlist"),
        (b"ffconcat version 1.0\nfile a.wav", "a playlist"),
    ],
)
def test_what_is_no_recording_is_refused_without_a_path(
    stored: Callable[[bytes], Path], content: bytes, what: str
) -> None:
    path = stored(content)
    with pytest.raises(AudioError, match=what) as caught:
        receive(path)
    assert (caught.value.code, caught.value.retryable) == ("not_audio", False)
    assert str(path.parent) not in str(caught.value)


@pytest.mark.parametrize("content", [b"", wav(b""), wav(b"ab")[:43], wav(b"", after=chunk(b"LIST", b"INFO"))])
def test_a_recording_without_samples_is_empty(stored: Callable[[bytes], Path], content: bytes) -> None:
    with pytest.raises(AudioError) as caught:
        receive(stored(content))
    assert caught.value.code == "audio_empty"


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF, 3200, 32001, 32002])
def test_the_header_of_a_wav_is_repaired_and_its_name_fits(stored: Callable[[bytes], Path], size: int) -> None:
    samples = bytes(range(250)) * 128
    path, warnings = receive(stored(wav(samples, size, after=chunk(b"LIST", b"INFO"))))
    assert (path.name, warnings) == ("audio.wav", [])
    found = read_wav(path)
    assert found is not None
    assert path.read_bytes()[found.data_offset :] == samples
    assert found.promised == found.data_bytes == len(samples)


def test_zeros_that_fill_the_last_block_of_a_file_are_no_samples(stored: Callable[[bytes], Path]) -> None:
    samples = bytes(range(1, 251)) * 128
    found = read_wav(receive(stored(wav(samples) + bytes(4000)))[0])
    assert found is not None
    assert found.data_bytes == len(samples)
    silence = read_wav(receive(stored(wav(samples) + bytes(16_000)))[0])
    assert silence is not None
    assert silence.data_bytes == len(samples) + 16_000


def test_a_wav_behind_an_id3_tag_begins_with_its_header(stored: Callable[[bytes], Path]) -> None:
    path, _ = receive(stored(ID3 + wav(b"ab" * 800)))
    assert path.read_bytes() == wav(b"ab" * 800)


def test_random_headers_never_cost_a_sample(stored: Callable[[bytes], Path]) -> None:
    random = Random(7)
    for _ in range(200):
        samples = random.randbytes(2 * random.randint(1, 3000))
        size = random.choice([0, 0xFFFFFFFF, random.randrange(len(samples)), len(samples) + random.randint(0, 10**6)])
        before = b"".join(
            chunk(b"LIST", random.randbytes(random.randint(4, 50)), padded=random.random() < 0.5) for _ in range(2)
        )
        after = chunk(b"id3 ", b"x" * random.randint(0, 40)) if random.random() < 0.5 else b""
        path, _ = receive(stored(wav(samples, size, before=before, after=after)))
        found = read_wav(path)
        assert found is not None
        assert path.read_bytes()[found.data_offset : found.data_offset + found.data_bytes] == samples


def test_a_recording_that_is_cut_short_has_a_warning_or_is_refused(stored: Callable[[bytes], Path]) -> None:
    cut = wav(bytes(32000), 64000)
    _, warnings = receive(stored(cut))
    assert [warning.code for warning in warnings] == ["audio_truncated"]
    with pytest.raises(AudioError) as caught:
        receive(stored(cut), require_complete=True)
    assert (caught.value.code, caught.value.retryable) == ("audio_truncated", False)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"fLaC\0\0\0\x22" + bytes(40), "audio.flac"),
        (b"\0\0\0\x20ftypM4A \0\0", "audio.m4a"),
        (b"\0\0\0\x14ftypqt  \0\0", "audio.mov"),
        (b"OggS\0\2" + bytes(22) + b"OpusHead\1", "audio.opus"),
        (b"\xff\xfb\x90\x64" + bytes(50), "audio.mp3"),
        (bytes(range(256)), "audio.mp3"),  # unknown bytes keep the name of the URL
    ],
)
def test_a_file_is_named_after_its_bytes(stored: Callable[[bytes], Path], content: bytes, name: str) -> None:
    assert receive(stored(content))[0].name == name


def test_a_decoder_that_cannot_read_it_fails_the_job_at_once() -> None:
    invalid = type("InvalidDataError", (ValueError,), {"__module__": "av.error", "strerror": "Invalid data found"})
    ffmpeg = "Failed to load audio: ffmpeg version 6.1\n/tmp/x/audio.mp3: %s\n"
    cases: list[tuple[BaseException, str]] = [
        (invalid(1, "Invalid data found", "/tmp/x/audio.mp3"), "audio_unreadable"),
        (RuntimeError(ffmpeg % "Invalid data found when processing input"), "audio_unreadable"),
        (RuntimeError(ffmpeg % "Output file #0 does not contain any stream"), "no_audio_track"),
    ]
    # As PyAV's compiled frames look, which have no module; and the library's own.
    for file, module in (("av/container/streams.py", {}), ("audio.py", {"__name__": "faster_whisper.audio"})):
        with pytest.raises(IndexError) as caught:
            exec(compile("()[0]", file, "exec"), dict(module))
        cases.append((caught.value, "no_audio_track"))
    for raised, code in cases:
        failure, _ = failure_of(raised, None)
        assert (failure["code"], failure["retryable"]) == (code, False)
        assert "/tmp" not in failure["message"]
    assert failure_of(IndexError("list index out of range"), None)[0]["code"] == "worker_error"
