"""Exceptions that end a job early:

    JobStopped              the job must stop; raised by its next call, and reported for you
    ├── JobCancelled        it was cancelled
    ├── LeaseLost           it is no longer this worker's: write nothing
    ├── WorkerRestarting    the worker must restart: the job returns for another attempt
    ├── WorkerInterrupted   the cloud takes the machine away: the same
    ├── WorkerLeaving       `Worker.stop` was called: the worker's exit releases the job
    └── JobStalled          it made no progress for too long, and has been reported as failed

    JobFailed               raise it to fail the job with a code of your own
    └── AudioError          the recording can't be fetched, or isn't one: `audio_not_found`, `not_audio`, …

Any other exception fails the job too, as `worker_error`, and another attempt follows.
"""

from __future__ import annotations

import re
from typing import ClassVar

from .._restored import Restored
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


class WorkerLeaving(JobStopped):
    pass


class JobStalled(JobStopped):
    pass


class JobFailed(Restored):
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
    """The recording can't be fetched, or is none."""

    #: The code alone decides whether another attempt can help.
    RETRYABLE: ClassVar[dict[str, bool]] = {
        "audio_unreachable": True,
        "disk_full": True,  # another worker may have space
        "engine_missing": True,  # another worker may have it
        "audio_not_found": False,
        "audio_forbidden": False,
        "audio_too_large": False,
        "audio_url_invalid": False,
        "audio_url_expired": False,  # a new URL is needed
        "audio_empty": False,  # no bytes, no samples
        "not_audio": False,  # text, a picture, an archive
        "no_audio_track": False,
        "audio_truncated": False,
        "audio_unreadable": False,
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


# What libraries and drivers say when the GPU can't be used at all.
_GPU_UNAVAILABLE = re.compile(
    r"no (cuda|rocm|hip)-capable (device|gpu)|no (cuda|hip) gpus are available|invalid device ordinal"
    r"|(cuda|nvidia) driver version is insufficient|found no nvidia driver|nvidia driver on your system is too old"
    r"|torch not compiled with cuda enabled|cuda is not available|-capable devices? (is|are) busy or unavailable"
    r"|lib(cublas|cudnn|cudart|nvrtc|cuda|amdhip64|rocblas)\w*\.so\S*.*(not found|cannot|can't|could not|unable)"
    r"|(could not|cannot|unable to) load\b.*\b(lib)?(cublas|cudnn|cudart|nvrtc)"
    r"|failed to initialize nvml|driver/library version mismatch|gpu is lost|uncorrectable ecc"
    r"|cuda_error_(no_device|system_driver_mismatch|not_initialized|device_unavailable)|hiperrornodevice"
    r"|mps backend is not available",
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
        full: Failure = {"code": "gpu_out_of_memory", "message": message, "retryable": True}
        if batch_size == 1:
            # It can't use less.
            return {**full, "fault": "worker"}, None
        return full, {"batch_size": batch_size // 2} if batch_size else None
    if _GPU_UNAVAILABLE.search(str(error)):
        return {"code": "gpu_unavailable", "message": message, "retryable": True}, None
    unreadable = _unreadable(error)
    if unreadable is not None:
        return {"code": unreadable[0], "message": _words(unreadable[1]), "retryable": False}, None
    return {"code": "worker_error", "message": message, "retryable": True}, None


def _unreadable(error: BaseException) -> tuple[str, str] | None:
    """The code and message if a decoder could not read it: PyAV, or ffmpeg as whisper and whisperX run it."""
    without_track = ("no_audio_track", "the recording has no audio track")
    if type(error).__module__.startswith("av."):
        return (
            "audio_unreadable",
            f"cannot decode the audio: {getattr(error, 'strerror', None) or type(error).__name__}",
        )
    if isinstance(error, IndexError) and _raised_in_decoder(error):
        return without_track
    if isinstance(error, RuntimeError) and "Failed to load audio" in str(error):
        if "does not contain any stream" in str(error) or "matches no streams" in str(error):
            return without_track
        return "audio_unreadable", f"ffmpeg cannot decode the audio: {str(error).strip().rpartition(': ')[2]}"
    return None


def _raised_in_decoder(error: BaseException) -> bool:
    """Whether the last frame is of faster-whisper's decoder or of PyAV, whose compiled frames have no module."""
    traceback = error.__traceback__
    if traceback is None:
        return False
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    frame = traceback.tb_frame
    module = frame.f_globals.get("__name__")
    return module == "faster_whisper.audio" or (module is None and frame.f_code.co_filename.startswith("av/"))


def _words(message: str) -> str:
    return message[:MESSAGE_MAX]
