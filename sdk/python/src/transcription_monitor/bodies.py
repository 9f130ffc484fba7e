"""Request bodies as typed dictionaries. The monitor chooses the values of omitted fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from typing_extensions import NotRequired, TypedDict

OutputFormat = Literal["json", "text", "srt", "vtt"]
TranscriptFormat = Literal["json", "verbose_json", "text", "srt", "vtt"]
Priority = Literal["high", "normal", "low"]
VerdictStatus = Literal["on_track", "slow", "hung", "dead", "starved", "blocked"]
JobStateName = Literal["SUBMITTED", "QUEUED", "PROCESSING", "CANCELLING", "COMPLETED", "FAILED", "CANCELLED"]
AnalyticsGroup = Literal["day", "hour", "model", "device", "instance_type", "worker", "tag", "priority", "error_code"]
FeedResource = Literal["job", "jobs", "worker", "workers", "queue", "alerts", "system"]
NotificationState = Literal["waiting", "sending", "delivered", "failed"]
LogEventName = Literal["JOB_START", "JOB_PROGRESS", "JOB_COMPLETE", "JOB_FAILED"]


class CallOptions(TypedDict, total=False):
    """Options of every method."""

    #: Your own key, to make a call repeatable across restarts of your program.
    idempotency_key: str
    #: Longest silence, seconds; overrides the client's. None for no limit.
    timeout: float | None
    #: Number of retries; overrides the client's.
    retries: int


class JobOptions(TypedDict, total=False):
    """How a recording is to be transcribed. What is omitted is the choice of the worker.

    An option that no worker knows is refused, or fails the job (`option_not_supported`).
    """

    #: What is spoken: `en`, `de`. By default it is detected.
    language: str
    #: The model that transcribes it; a worker with another one fails the job.
    model: str
    #: `translate`: the text is English.
    task: Literal["transcribe", "translate"]
    #: A text in the style of the recording, with its names and words.
    prompt: str
    #: Words to expect, separated by spaces.
    hotwords: str
    #: The segments of the transcript have `words`.
    word_timestamps: bool
    #: Only what a voice detector finds is transcribed.
    vad: bool
    #: 0 to 1.
    temperature: float
    #: `split`: each channel is transcribed by itself.
    channels: Literal["mix", "split"]
    #: The segments name their speakers.
    diarize: bool
    #: Options of the engine, under its own names.
    engine_options: dict[str, str | int | float | bool]


class JobSubmission(TypedDict):
    #: `s3://bucket/key`, `https://…`, or the `upload://…` returned by an upload. Workers fetch it.
    audio_url: str
    output_format: NotRequired[OutputFormat]
    priority: NotRequired[Priority]
    #: 1 to 20; default 3.
    max_attempts: NotRequired[int]
    #: Length and size of the recording, if you know them.
    duration_seconds: NotRequired[float]
    file_size_bytes: NotRequired[int]
    #: Fail a recording whose end is missing (`audio_truncated`); by default it is transcribed as far as it goes.
    require_complete: NotRequired[bool]
    #: Words to find the job by: at most 32, of at most 128 characters.
    tags: NotRequired[Sequence[str]]
    #: The tenant that it belongs to, for keys that belong to none (roles `operate` and `admin`). Default: the key's.
    tenant: NotRequired[str]
    #: Your own values, returned unchanged: at most 32.
    metadata: NotRequired[dict[str, str]]
    #: How the recording is to be transcribed.
    options: NotRequired[JobOptions]
    #: Gets a signed POST when the job ends.
    webhook_url: NotRequired[str]
    #: The ends that it gets; default: all.
    webhook_events: NotRequired[Sequence[Literal["completed", "failed", "cancelled"]]]
    #: The trace that the job belongs to, by W3C Trace Context.
    traceparent: NotRequired[str]


class JobFilter(TypedDict, total=False):
    """Which jobs a redrive or purge takes: those that match every field given."""

    job_ids: Sequence[str]
    priority: Priority
    tag: str
    tenant: str
    #: `retry_info.last_error.code`
    error_code: str
    worker_id: str
    #: RFC 3339.
    created_after: str
    created_before: str
    #: Matches id, input path, tags, metadata or last error; case-insensitive.
    q: str


class FeedFilter(TypedDict, total=False):
    """Which jobs to follow: those that match every field given."""

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
    #: The options of jobs that its engine knows.
    options: Sequence[str]
    #: The models that jobs may name, if there are more than `model`.
    models: Sequence[str]
    #: The languages that it transcribes: `en`.
    languages: Sequence[str]
    #: What jobs may require of it: `eu`.
    tags: Sequence[str]


class Location(TypedDict, total=False):
    """Where a worker runs, and the price."""

    region: str | None
    availability_zone: str | None
    #: `g4dn.xlarge`
    instance_type: str | None
    #: US dollars per hour.
    spot_price: float | None


class HealthReport(TypedDict, total=False):
    """Use in percent, 0 to 100; None if unknown."""

    #: The worker's own opinion; the monitor shows it unless its own is worse.
    status: Literal["HEALTHY", "DEGRADED", "UNHEALTHY"]
    cpu_usage: float | None
    memory_usage: float | None
    gpu_usage: float | None
    disk_usage: float | None
    #: Why the status is not HEALTHY: the worker takes no jobs for now. None: it takes jobs as usual.
    reason: str | None


class OutputWarning(TypedDict):
    #: Lower case, digits and `_`: `audio_truncated`.
    code: str
    #: For people; at most 1,000 characters.
    message: str


class Output(TypedDict):
    """Where the worker itself has stored the transcript."""

    s3_path: str
    segments_count: int
    confidence_score: NotRequired[float | None]
    #: What is wrong with the recording; at most 20.
    warnings: NotRequired[list[OutputWarning]]
    #: Whether the transcript can hardly be what was said.
    suspect: NotRequired[bool]


#: The recording, the worker itself, or what lies between.
Fault = Literal["audio", "worker", "service"]


class Failure(TypedDict):
    """Why an attempt failed."""

    #: Lower case, digits and `_`: `gpu_out_of_memory`.
    code: str
    #: For people; at most 4,000 characters.
    message: str
    #: Whether another attempt could succeed.
    retryable: bool
    #: Whose fault it is. Default: what the code means, if it is one of the worker's own.
    fault: NotRequired[Fault]


class RetryWith(TypedDict):
    """What the next attempt should change."""

    batch_size: int


class LogEvent(TypedDict):
    """A line of the log vocabulary. With a `lease_token` it acts under that lease, as the job's own calls do."""

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
    #: JOB_COMPLETE: processing time in seconds, and the result.
    duration: NotRequired[float]
    segments: NotRequired[int]
    s3_path: NotRequired[str]
    confidence_score: NotRequired[float | None]
    #: JOB_FAILED: the reason, a code, and whether another attempt could succeed.
    error: NotRequired[str]
    code: NotRequired[str]
    retryable: NotRequired[bool]


class SightingDetails(TypedDict, total=False):
    """What a system without a server may know of one job. Omitted fields are unknown."""

    worker_id: str | None
    #: Start of the last attempt, and its end. RFC 3339.
    started_at: str | None
    ended_at: str | None
    #: 0 to 100.
    percentage: float | None
    stage: str | None
    #: Length of the recording, and processing time of the attempt, in seconds.
    audio_duration: float | None
    duration: float | None
    #: Segments of the transcript, and where it is stored.
    segments: int | None
    s3_path: str | None
    #: FAILED: the reason, for people.
    error: str | None


class JobSighting(SightingDetails):
    """What a system without a server reports about one job."""

    job_id: str
    #: The name of the job in its system, if that is not an id; at most 1,024 characters.
    reported_id: NotRequired[str | None]
    #: The last reported state.
    state: Literal["QUEUED", "PROCESSING", "COMPLETED", "FAILED"]
    #: Time of the newest line, file, row or message in it. RFC 3339.
    told_at: str
