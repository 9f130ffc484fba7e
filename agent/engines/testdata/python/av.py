"""A stand-in for the part of PyAV that we use: a recording is one packet with one frame, of 70 seconds."""

import types

import stand_in


class FFmpegError(Exception):
    def __init__(self, code, message, filename=None, log=None):
        super().__init__(code, message, filename)
        self.errno, self.strerror, self.filename = code, message, filename

    def __str__(self):
        return "[Errno %d] %s: '%s'" % (self.errno, self.strerror, self.filename)


class InvalidDataError(FFmpegError, ValueError):
    pass


class EOFError(FFmpegError):
    pass


error = types.SimpleNamespace(FFmpegError=FFmpegError, InvalidDataError=InvalidDataError, EOFError=EOFError)


class Container:
    def __init__(self, path):
        self.path = path
        with __builtins__["open"](path, "rb") as file:
            head = file.read(4)
        if head not in (b"none", b"RIFF"):
            raise InvalidDataError(1094995529, "Invalid data found when processing input", path)
        self.streams = types.SimpleNamespace(audio=[] if head == b"none" else ["the first"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def demux(self, _stream):
        yield types.SimpleNamespace(decode=lambda: [Frame(stand_in.check_audio(self.path))])


def open(file, mode=None, *, metadata_errors="strict", options=None):
    return Container(file)


class Frame:
    format = types.SimpleNamespace(name="s16")
    layout = types.SimpleNamespace(name="mono")
    sample_rate = 16000

    def __init__(self, samples):
        self.values, self.samples = samples, len(samples)

    def to_ndarray(self):
        return self

    def reshape(self, _shape):
        return self.values


class AudioFifo:
    def __init__(self):
        self.samples = 0

    def write(self, frame):
        self.frame, self.samples = frame, self.samples + frame.samples

    def read(self):
        self.samples = 0
        return self.frame


class AudioResampler:
    def __init__(self, format=None, layout=None, rate=None):
        pass

    def resample(self, frame):
        return [] if frame is None else [frame]


audio = types.SimpleNamespace(
    fifo=types.SimpleNamespace(AudioFifo=AudioFifo), resampler=types.SimpleNamespace(AudioResampler=AudioResampler)
)
