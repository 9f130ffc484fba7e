"""The client of transcription-monitor.

    from transcription_monitor import TranscriptionAPI

    api = TranscriptionAPI(base_url="http://127.0.0.1:8080", api_key="your-api-key")
    job = api.jobs.submit(audio_url="s3://bucket/audio.mp3", output_format="json", priority="high")
    for update in api.jobs.watch(job.id):
        print(f"{update.percentage}% - {update.stage}")
    print(api.jobs.transcript(job.id).text)

`AsyncTranscriptionAPI` is the same for asyncio. `Worker` turns your own transcriber into a worker. `Reporter` and
`StructuredLogger` report what a worker does to systems without a monitor. `StateAPI` reads jobs from the monitor's
cache and store, `StateManager` reports jobs that run elsewhere. `StateReconciler` compares workers with EC2 instances,
`PerformanceAnalyzer` finds what slows jobs down, `AggregationManager` reads the figures of the hour.
`transcription_monitor.testing` has a monitor for your tests. `models` defines the results, `errors` the exceptions.
"""

from ._async.client import AsyncTranscriptionAPI
from ._async.pages import AsyncPages
from ._async.performance_analyzer import AsyncPerformanceAnalyzer
from ._call import VERSION
from ._sync.client import TranscriptionAPI
from ._sync.pages import Pages
from ._sync.performance_analyzer import PerformanceAnalyzer
from .aggregation_manager import AggregationManager, HourlyMetrics
from .errors import (
    ApiError,
    BusyError,
    ConflictError,
    FeedUnavailableError,
    ForbiddenError,
    InvalidRequestError,
    LeaseExpiredError,
    NoAnswerError,
    NotFoundError,
    OutcomeUnknownError,
    RefusedError,
    ServerFaultError,
    TimedOutError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnexpectedResponseError,
    UnreachableError,
    WorkerTerminatedError,
)
from .models import Alert, Job, JobUpdate, Queue, SystemHealth, Transcript
from .pages import Page
from .reporter import Reporter, ReporterError
from .state import StateAPI
from .state_manager import StateManager
from .state_reconciler import Ec2Instance, StateReconciler
from .structured_logger import StructuredLogger
from .worker import (
    AudioError,
    HeldJob,
    JobCancelled,
    JobFailed,
    JobStalled,
    JobStopped,
    LeaseLost,
    Worker,
    WorkerInterrupted,
    WorkerLeaving,
    WorkerRestarting,
)

__version__ = VERSION

__all__ = [
    "AggregationManager",
    "Alert",
    "ApiError",
    "AsyncPages",
    "AsyncPerformanceAnalyzer",
    "AsyncTranscriptionAPI",
    "AudioError",
    "BusyError",
    "ConflictError",
    "Ec2Instance",
    "FeedUnavailableError",
    "ForbiddenError",
    "HeldJob",
    "HourlyMetrics",
    "InvalidRequestError",
    "Job",
    "JobCancelled",
    "JobFailed",
    "JobStalled",
    "JobStopped",
    "JobUpdate",
    "LeaseExpiredError",
    "LeaseLost",
    "NoAnswerError",
    "NotFoundError",
    "OutcomeUnknownError",
    "Page",
    "Pages",
    "PerformanceAnalyzer",
    "Queue",
    "RefusedError",
    "Reporter",
    "ReporterError",
    "ServerFaultError",
    "StateAPI",
    "StateManager",
    "StateReconciler",
    "StructuredLogger",
    "SystemHealth",
    "TimedOutError",
    "TooLargeError",
    "Transcript",
    "TranscriptionAPI",
    "UnauthenticatedError",
    "UnavailableError",
    "UnexpectedResponseError",
    "UnreachableError",
    "Worker",
    "WorkerInterrupted",
    "WorkerLeaving",
    "WorkerRestarting",
    "WorkerTerminatedError",
    "__version__",
]
