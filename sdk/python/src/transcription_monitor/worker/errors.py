"""Exceptions that end a job early:

    JobStopped              the job must stop; raised by its next call, and reported for you
    ├── JobCancelled        it was cancelled
    ├── LeaseLost           it is no longer this worker's: write nothing
    ├── WorkerRestarting    the worker must restart: the job returns for another attempt
    └── WorkerInterrupted   the cloud takes the machine away: the same

    JobFailed               raise it to fail the job with a code of your own
    └── AudioError          the recording can't be fetched: `audio_not_found`, `audio_unreachable`, …

Any other exception fails the job too, as `worker_error`, and another attempt follows.
"""

from __future__ import annotations

import re
from typing import ClassVar

from ..bodies import Failure, Fault, RetryWith
from ..errors import RefusedError

MESSAGE_MAX = 4000


class JobStopped(Exception):
    """The job must stop. Don't catch it: `with job:` does the rest."""


class JobCancelled(JobStopped):
    pass


class LeaseLost(JobStopped):
    pass


class WorkerRestarting(JobStopped):
    pass


class WorkerInterrupted(JobStopped):
    pass


class JobFailed(Exception):
    """The attempt failed. `code` is lower case, digits and `_`; `retryable`: whether another attempt could succeed.

    `fault`: `audio`, `worker` or `service`. A worker's own fault does not count as an attempt, and the job goes to
    another worker. None: what the code means, if it is one of the worker's own; otherwise unknown.
    """

    def __init__(
        self, message: str, *, code: str = "worker_error", retryable: bool = True, fault: Fault | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.fault = fault


class AudioError(JobFailed):
    """The recording can't be fetched."""

    #: The code alone decides whether another attempt can help.
    RETRYABLE: ClassVar[dict[str, bool]] = {
        "audio_unreachable": True,
        "disk_full": True,  # another worker may have space
        "engine_missing": True,  # another worker may have it
        "audio_not_found": False,
        "audio_forbidden": False,
        "audio_too_large": False,
        "audio_url_invalid": False,
    }

    def __init__(self, code: str, message: str, *, fault: Fault | None = None) -> None:
        super().__init__(message, code=code, retryable=self.RETRYABLE[code], fault=fault)


# torch: "CUDA out of memory. Tried to allocate"; CTranslate2: "CUDA failed with error out of memory"; and the
# constants of other libraries.
_OUT_OF_MEMORY = re.compile(
    r"\b(cuda|cublas|cudnn|hip|rocm|gpu|vram|mps|device)\b.*out of memory|out of memory.*\b(cuda|gpu|vram|device)\b"
    r"|CU(BLAS|DNN)_STATUS_(ALLOC_FAILED|NOT_ENOUGH_MEMORY)|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation",
    re.IGNORECASE | re.DOTALL,
)


def failure_of(error: BaseException, batch_size: int | None) -> tuple[Failure, RetryWith | None]:
    """The error to report for an exception. After GPU memory has run out, the next attempt is asked to halve its batch
    size.
    """
    if isinstance(error, JobFailed):
        failure: Failure = {
            "code": error.code,
            "message": _words(str(error) or error.code),
            "retryable": error.retryable,
        }
        if error.fault is not None:
            failure["fault"] = error.fault
        return failure, None
    message = _words(f"{type(error).__name__}: {error}")
    if isinstance(error, RefusedError):
        # The monitor would refuse it again.
        return {"code": "transcript_refused", "message": message, "retryable": False}, None
    if type(error).__name__ == "OutOfMemoryError" or _OUT_OF_MEMORY.search(str(error)):
        half: RetryWith | None = {"batch_size": max(1, batch_size // 2)} if batch_size else None
        return {"code": "gpu_out_of_memory", "message": message, "retryable": True}, half
    return {"code": "worker_error", "message": message, "retryable": True}, None


def _words(message: str) -> str:
    return message[:MESSAGE_MAX]
