"""Decodes a recording with PyAV (FFmpeg's libraries) into samples for a recogniser.

Common decoders stop at the first packet that can't be decoded, and lose the rest without a word: the second of two MP3s
in one file, everything behind a scratch. Here such packets are left out and counted.

FFmpeg opens playlists too, which name other files. Only formats that carry their own sound are let through.

Workers' engines and the Python SDK have the same copy of this file; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

DAMAGED_PACKETS_MAX = 2  # where recordings are joined or begin in the middle, a packet or two is never whole
FAILED_READS_MAX = 100
BLOCK_SAMPLES = 500_000


class UnreadableError(Exception):
    """`code`: `no_audio_track`, `audio_empty` or `audio_unreadable`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def decode_audio(
    path: str | Path, rate: int, formats: str, on_block: Callable[[], None] = lambda: None
) -> tuple[Any, str | None]:
    """Returns the samples, a NumPy array of 32-bit floats from -1 to 1, mono, and what is damaged; None if nothing is.

    `formats`: names of FFmpeg's demuxers that may be used, comma-separated. `on_block` is called now and then. Raises
    UnreadableError, and ImportError without PyAV or NumPy.
    """
    import av
    import numpy as np

    pieces: list[Any] = []
    damaged = 0
    try:
        for source in _links(Path(path)):
            damaged += _decode(av, source, rate, formats, pieces, on_block)
    except av.error.FFmpegError as error:
        raise UnreadableError("audio_unreadable", f"cannot decode the audio: {error.strerror}") from error
    if not pieces:
        if damaged > 0:
            raise UnreadableError("audio_unreadable", "cannot decode the audio: none of its packets is valid")
        raise UnreadableError("audio_empty", "the recording is empty: there is no sound in it")
    samples = np.concatenate(pieces).astype(np.float32) / 32768.0
    if damaged <= DAMAGED_PACKETS_MAX:
        return samples, None
    return samples, f"{damaged} packets of sound are damaged and were left out"


def _decode(av: Any, source: Any, rate: int, formats: str, pieces: list[Any], on_block: Callable[[], None]) -> int:
    """Appends the sound to `pieces`; returns the number of packets that can't be decoded."""
    damaged = 0
    options = {"format_whitelist": formats, "protocol_whitelist": "file"}
    with av.open(source, mode="r", metadata_errors="ignore", options=options) as container:
        if not container.streams.audio:
            raise UnreadableError("no_audio_track", "it has no audio track")
        resampler = _Resampler(av, rate, pieces, on_block)
        for packet in _packets(av, container, container.streams.audio[0]):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                damaged += 1
                continue
            for frame in frames:
                resampler.add(frame)
        resampler.end()
    return damaged


def _links(path: Path) -> list[Any]:
    """The recordings of a file: itself, or those of a chained Ogg, whose codecs and rates may differ."""
    starts = []
    with path.open("rb") as file:
        at, began = 0, False
        while True:
            file.seek(at)
            page = file.read(27)
            if len(page) < 27 or page[:4] != b"OggS":
                break
            first = page[5] & 2 != 0
            if first and not began:
                starts.append(at)
            began = first
            at += 27 + page[26] + sum(file.read(page[26]))
        size = file.seek(0, 2)
    if len(starts) < 2:
        return [str(path)]
    return [_Part(path, starts[place], end) for place, end in enumerate([*starts[1:], size])]


class _Part:
    """A part of a file, as a file."""

    def __init__(self, path: Path, start: int, end: int) -> None:
        self._file, self._start, self._end = path.open("rb"), start, end
        self._file.seek(start)

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._end - self._file.tell())
        return self._file.read(left if size < 0 else min(size, left))

    def seek(self, offset: int, whence: int = 0) -> int:
        base = {0: self._start, 1: self._file.tell(), 2: self._end}[whence]
        return self._file.seek(base + offset) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start


def _packets(av: Any, container: Any, stream: Any) -> Iterator[Any]:
    """Those of the stream. A read that fails is repeated, for FFmpeg then continues behind the fault."""
    failures = 0
    while failures < FAILED_READS_MAX:
        try:
            yield from container.demux(stream)
            return
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            failures += 1


class _Resampler:
    """Appends the sound of frames to `pieces` as 16-bit mono. In a chain of recordings the form changes midway."""

    def __init__(self, av: Any, rate: int, pieces: list[Any], on_block: Callable[[], None]) -> None:
        self._av, self._rate, self._pieces, self._on_block = av, rate, pieces, on_block
        self._form: tuple[Any, ...] | None = None
        self._fifo: Any = None
        self._resampler: Any = None

    def add(self, frame: Any) -> None:
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:
            self.end()
            self._form = form
            self._fifo = self._av.audio.fifo.AudioFifo()
            self._resampler = self._av.audio.resampler.AudioResampler(format="s16", layout="mono", rate=self._rate)
        frame.pts = None  # the times of joined recordings jump
        self._fifo.write(frame)
        if self._fifo.samples >= BLOCK_SAMPLES:
            self._resample(self._fifo.read())

    def end(self) -> None:
        if self._form is None:
            return
        self._form = None
        if self._fifo.samples > 0:
            self._resample(self._fifo.read())
        self._resample(None)

    def _resample(self, frame: Any) -> None:
        self._on_block()
        for resampled in self._resampler.resample(frame):
            self._pieces.append(resampled.to_ndarray().reshape(-1))
