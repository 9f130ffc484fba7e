"""Decodes a recording with PyAV (FFmpeg's libraries) into samples for a Whisper model.

faster-whisper's own decoder stops at the first packet that can't be decoded, and loses the rest without a word: the
second of two MP3s in one file, everything behind a scratch. Here such packets are left out and counted.

FFmpeg opens playlists too, which name other files. Only formats that carry their own sound are let through.
"""

import json
from pathlib import Path

import worker_protocol

FORMATS = ",".join(json.loads((Path(__file__).parents[2] / "audio/ffmpeg-formats.json").read_text()))
DAMAGED_PACKETS_MAX = 2  # where recordings are joined or begin in the middle, a packet or two is never whole
FAILED_READS_MAX = 100
BLOCK_SAMPLES = 500_000


def read_audio(path, rate):
    """Returns the samples as 32-bit floats, mono, and the warnings about the recording."""
    import av
    import numpy

    pieces = []
    damaged = 0
    try:
        for source in links(path):
            damaged += decode(av, source, rate, pieces)
    except av.error.FFmpegError as error:
        raise worker_protocol.Failure("audio_unreadable", "cannot decode the audio: %s" % error.strerror) from error
    if not pieces:
        if damaged > 0:
            raise worker_protocol.Failure("audio_unreadable", "cannot decode the audio: none of its packets is valid")
        raise worker_protocol.Failure("audio_empty", "the recording is empty: there is no sound in it")
    samples = numpy.concatenate(pieces).astype(numpy.float32) / 32768.0
    warnings = []
    if damaged > DAMAGED_PACKETS_MAX:
        message = "%d packets of sound are damaged and were left out" % damaged
        warnings.append({"code": "audio_damaged", "message": message})
    return samples, warnings


def decode(av, source, rate, pieces):
    """Appends the sound to `pieces`; returns the number of packets that can't be decoded."""
    damaged = 0
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    with av.open(source, mode="r", metadata_errors="ignore", options=options) as container:
        if not container.streams.audio:
            raise worker_protocol.Failure("no_audio_track", "it has no audio track")
        resampler = Resampler(av, rate, pieces)
        for packet in packets(av, container, container.streams.audio[0]):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                damaged += 1
                continue
            for frame in frames:
                resampler.add(frame)
        resampler.end()
    return damaged


def links(path):
    """The recordings of a file: itself, or those of a chained Ogg, whose codecs and rates may differ."""
    starts = []
    with open(path, "rb") as file:
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
        return [path]
    return [Part(path, start, end) for start, end in zip(starts, starts[1:] + [size])]


class Part:
    """A part of a file, as a file."""

    def __init__(self, path, start, end):
        self._file, self._start, self._end = open(path, "rb"), start, end
        self._file.seek(start)

    def read(self, size=-1):
        left = max(0, self._end - self._file.tell())
        return self._file.read(left if size < 0 else min(size, left))

    def seek(self, offset, whence=0):
        base = {0: self._start, 1: self._file.tell(), 2: self._end}[whence]
        return self._file.seek(base + offset) - self._start

    def tell(self):
        return self._file.tell() - self._start


def packets(av, container, stream):
    """Those of the stream. A read that fails is repeated, for FFmpeg then continues behind the fault."""
    failures = 0
    while failures < FAILED_READS_MAX:
        try:
            for packet in container.demux(stream):
                yield packet
            return
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            failures += 1


class Resampler:
    """Appends the sound of frames to `pieces` as 16-bit mono. In a chain of recordings the form changes midway."""

    def __init__(self, av, rate, pieces):
        self._av, self._rate, self._pieces = av, rate, pieces
        self._form = None

    def add(self, frame):
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

    def end(self):
        if self._form is None:
            return
        self._form = None
        if self._fifo.samples > 0:
            self._resample(self._fifo.read())
        self._resample(None)

    def _resample(self, frame):
        for resampled in self._resampler.resample(frame):
            self._pieces.append(resampled.to_ndarray().reshape(-1))
