"""The worker's log on standard error: a line an event, as text or JSON."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import datetime, timezone
from typing import Literal

from ..worker.errors import JobFailed, JobStopped

LogFormat = Literal["text", "json"]


def start_log(form: LogFormat) -> None:
    """Only this package's: what libraries say is theirs to show."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(form))
    logger = logging.getLogger("transcription_monitor")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


class _Lines(logging.Formatter):
    def __init__(self, form: LogFormat) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        time = time.replace("+00:00", "Z")
        error = _shown(record.exc_info[1]) if record.exc_info else None
        message = record.getMessage()
        if self._form == "json":
            line = {"time": time, "level": record.levelname.lower(), "message": message, "error": error}
            return json.dumps({name: value for name, value in line.items() if value is not None})
        return f"{time} {message}" + ("" if error is None else f": {error}")


def _shown(error: BaseException | None) -> str | None:
    if error is None:
        return None
    if isinstance(error, JobFailed):
        return f"{error.code}: {error}"
    if isinstance(error, JobStopped):
        return type(error).__name__
    return "".join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip()
