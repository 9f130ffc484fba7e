"""What the process with the model reports as failed, as an exception of a job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..worker.errors import AudioError, JobFailed, failure_of

#: Whether another attempt can help, by code; of others it can. Those of recordings are known to AudioError.
RETRYABLE = {"option_not_supported": False}
INSTALL_HINT = "pip install 'transcription-monitor[faster-whisper]'"
_DISK_FULL = re.compile(r"No space left on device|ENOSPC|Disk quota exceeded", re.IGNORECASE)
TAIL_CHARACTERS = 2000


def error_of(failed: Mapping[str, Any], batch_size: int | None) -> Exception:
    """Of a message `error` of the process: one with a code, or the trace of an exception without."""
    if "code" in failed:
        return with_code(failed["code"], failed["message"], failed.get("hint"))
    trace: str = failed["trace"]
    return _classified(trace.strip().rpartition("\n")[2], trace, batch_size)


def with_code(code: str, message: str, hint: str | None = None) -> JobFailed:
    if hint is None and code == "engine_missing":
        hint = INSTALL_HINT
    text = f"faster-whisper: {message}" + ("" if hint is None else f"; {hint}")
    if code in AudioError.RETRYABLE:
        return AudioError(code, text)
    return JobFailed(text, code=code, retryable=RETRYABLE.get(code, True))


def crash(how: str, tail: str, batch_size: int | None) -> Exception:
    """The process has ended by itself; `tail` is what it printed last."""
    said = tail.strip()[-TAIL_CHARACTERS:]
    return _classified(f"the process with the model {how}" + (f": {said}" if said else ""), tail, batch_size)


def _classified(message: str, signs: str, batch_size: int | None) -> Exception:
    if _DISK_FULL.search(signs):
        return AudioError("disk_full", f"faster-whisper: {message}")
    failure, _ = failure_of(RuntimeError(signs), batch_size)
    if failure["code"] == "worker_error":
        return JobFailed(f"faster-whisper: {message}", code="engine_crashed")
    # The GPU: classified again where it is reported, with the batch size of the next attempt.
    recognised = failure_of(RuntimeError(message), batch_size)[0]["code"] == failure["code"]
    return RuntimeError(f"faster-whisper: {message}" if recognised else signs[-TAIL_CHARACTERS:])
