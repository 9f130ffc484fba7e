"""A stand-in for PyAV's errors."""

import types


class FFmpegError(Exception):
    def __init__(self, code, message, filename=None, log=None):
        super().__init__(code, message, filename)
        self.errno, self.strerror, self.filename = code, message, filename

    def __str__(self):
        return "[Errno %d] %s: '%s'" % (self.errno, self.strerror, self.filename)


class InvalidDataError(FFmpegError, ValueError):
    pass


error = types.SimpleNamespace(FFmpegError=FFmpegError, InvalidDataError=InvalidDataError)
