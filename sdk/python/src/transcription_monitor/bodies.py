"""What callers give: the bodies of requests, as typed dictionaries. Left-out fields are the monitor's to choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from typing_extensions import NotRequired, TypedDict

OutputFormat = Literal["json", "text", "srt", "vtt"]
Priority = Literal["high", "normal", "low"]
JobStateName = Literal["SUBMITTED", "QUEUED", "PROCESSING", "CANCELLING", "COMPLETED", "FAILED", "CANCELLED"]
FeedResource = Literal["job", "jobs", "worker", "workers", "queue", "alerts", "system"]
LogEventName = Literal["JOB_START", "JOB_PROGRESS", "JOB_COMPLETE", "JOB_FAILED"]


class CallOptions(TypedDict, total=False):
    """What every method takes beside its own arguments."""

    #: One of your own, to make a call repeatable over a restart of your program.
    idempotency_key: str
    #: Longest silence, seconds, where it differs from the client's; None waits for ever.
    timeout: float | None
    #: Times the call is sent again, where it differs from the client's.
    retries: int


class JobSubmission(TypedDict):
    #: `s3://bucket/key`, `https://…`, or the `upload://…` that an upload answered. Workers fetch it.
    audio_url: str
    output_format: NotRequired[OutputFormat]
    priority: NotRequired[Priority]
    #: 1 to 20; 3 when left out.
    max_attempts: NotRequired[int]
    #: Length and size of the recording, if you know them.
    duration_seconds: NotRequired[float]
    file_size_bytes: NotRequired[int]
    #: Words to find the job by: at most 32, of at most 128 characters.
    tags: NotRequired[Sequence[str]]
    #: Texts of your own, kept and given back untouched: at most 32.
    metadata: NotRequired[dict[str, str]]
    #: Told when the job ends.
    webhook_url: NotRequired[str]


class JobFilter(TypedDict, total=False):
    """Which jobs a redrive or purge takes: all of these that are given must hold."""

    job_ids: Sequence[str]
    priority: Priority
    tag: str
    #: `retry_info.last_error.code`
    error_code: str
    worker_id: str
    #: RFC 3339.
    created_after: str
    created_before: str
    #: Found in id, input path, tags, metadata or last error, in any case.
    q: str


class FeedFilter(TypedDict, total=False):
    """Which jobs to follow: all of these that are given must hold."""

    state: JobStateName
    worker_id: str
    priority: Priority
    tag: str


class Capabilities(TypedDict, total=False):
    """What a worker can do."""

    #: `large-v3`
    model: str
    #: `cuda`, `cpu`
    device: str
    gpu_optimized: bool
    #: Segments decoded at once.
    batch_size: int


class Location(TypedDict, total=False):
    """Where a worker runs and what that costs."""

    region: str | None
    availability_zone: str | None
    #: `g4dn.xlarge`
    instance_type: str | None
    #: US dollars an hour.
    spot_price: float | None


class HealthReport(TypedDict, total=False):
    """In use, percent, 0 to 100; None where it can't be told."""

    cpu_usage: float | None
    memory_usage: float | None
    gpu_usage: float | None
    disk_usage: float | None


class Output(TypedDict):
    """Where a transcript is that the worker keeps itself."""

    s3_path: str
    segments_count: int
    confidence_score: NotRequired[float | None]


class Failure(TypedDict):
    """Why an attempt failed."""

    #: Lower case, digits and `_`: `gpu_out_of_memory`.
    code: str
    #: For people; at most 4,000 characters.
    message: str
    #: Whether another attempt could succeed.
    retryable: bool


class RetryWith(TypedDict):
    """What the next attempt should change."""

    batch_size: int


class LogEvent(TypedDict):
    """A line of the log vocabulary. With a `lease_token` it acts for that lease, as the job's own calls do."""

    event: LogEventName
    job_id: str
    worker_id: NotRequired[str]
    lease_token: NotRequired[str]
    #: RFC 3339.
    timestamp: NotRequired[str]
    percentage: NotRequired[float]
    stage: NotRequired[str]
    current_chunk: NotRequired[int | None]
    total_chunks: NotRequired[int | None]
    eta_seconds: NotRequired[float | None]
    #: JOB_START, and the length of the recording.
    audio_url: NotRequired[str]
    audio_duration: NotRequired[float]
    #: JOB_COMPLETE: seconds it took, and what came of it.
    duration: NotRequired[float]
    segments: NotRequired[int]
    s3_path: NotRequired[str]
    confidence_score: NotRequired[float | None]
    #: JOB_FAILED: in words, a code, and whether another attempt could succeed.
    error: NotRequired[str]
    code: NotRequired[str]
    retryable: NotRequired[bool]


class JobSighting(TypedDict):
    """What a system without a server tells of one job. What is left out is not told."""

    job_id: str
    #: The last that was told.
    state: Literal["QUEUED", "PROCESSING", "COMPLETED", "FAILED"]
    #: When: of the newest line, file, row or message in it. RFC 3339.
    told_at: str
    worker_id: NotRequired[str | None]
    #: Start of the last attempt, and its end. RFC 3339.
    started_at: NotRequired[str | None]
    ended_at: NotRequired[str | None]
    #: 0 to 100.
    percentage: NotRequired[float | None]
    stage: NotRequired[str | None]
    #: Seconds of the recording, and that the attempt took.
    audio_duration: NotRequired[float | None]
    duration: NotRequired[float | None]
    #: Of the transcript, and where it is.
    segments: NotRequired[int | None]
    s3_path: NotRequired[str | None]
    #: FAILED: in words.
    error: NotRequired[str | None]
