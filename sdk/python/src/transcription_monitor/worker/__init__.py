"""A worker around your own transcriber: `Worker`, and what its loop yields and raises."""

from .errors import (
    AudioError,
    JobCancelled,
    JobFailed,
    JobStalled,
    JobStopped,
    LeaseLost,
    WorkerInterrupted,
    WorkerLeaving,
    WorkerRestarting,
)
from .held_job import HeldJob
from .worker import Worker, WorkerEnd

__all__ = [
    "AudioError",
    "HeldJob",
    "JobCancelled",
    "JobFailed",
    "JobStalled",
    "JobStopped",
    "LeaseLost",
    "Worker",
    "WorkerEnd",
    "WorkerInterrupted",
    "WorkerLeaving",
    "WorkerRestarting",
]
