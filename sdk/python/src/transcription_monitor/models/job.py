"""A job: one recording to transcribe, from submission to end."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, Field

from .action import ActionTaken
from .base import Document, Model
from .transcript import TranscriptWarning

#: States that end a job. FAILED and CANCELLED can be left again, by a retry or a redrive.
FINISHED_STATES = ("COMPLETED", "FAILED", "CANCELLED")


class JobInput(Model):
    #: The submitted `audio_url`, whatever its scheme, without a query string.
    s3_path: str
    #: Length of the recording; None until known.
    duration_seconds: float | None
    #: Bytes; None until known.
    file_size_bytes: int | None
    #: Until when the URL is valid, as its query says; None if it does not.
    audio_url_expires_at: AwareDatetime | None = None
    #: A recording that is cut short fails.
    require_complete: bool = False


class JobOutput(Model):
    #: Where the transcript is; None before completion.
    s3_path: str | None
    segments_count: int
    #: Mean confidence of the segments, 0 to 1, as reported by the engine; None if it reports none.
    confidence_score: float | None
    #: What is wrong with the recording, then why the transcript is suspect; one of each code.
    warnings: list[TranscriptWarning] = Field(default_factory=list)
    #: The transcript can hardly be what was said; its `quality.reasons` say why and where.
    suspect: bool = False


class JobWorker(Model):
    worker_id: str
    #: The machine the worker runs on.
    instance_id: str | None
    #: When this attempt began.
    assigned_at: AwareDatetime
    #: Mean GPU use over the attempt, percent; None without a GPU.
    gpu_usage: float | None


class JobProgress(Model):
    #: Part of the recording that has been transcribed, 0 to 100.
    percentage: int | float
    #: `DOWNLOADING`, `TRANSCRIBING`, `UPLOADING`, or the stage the worker reports, upper case; None before a worker
    #: reports and once the job is COMPLETED.
    stage: str | None
    #: Chunks done, and chunks in all.
    current_chunk: int | None
    total_chunks: int | None
    #: Time left, from the rate of the last chunks.
    eta_seconds: float | None


class JobPerformance(Model):
    #: Time spent waiting, over all attempts; None until the first attempt begins.
    queue_time_seconds: float | None
    #: Time of the current or last attempt.
    processing_time_seconds: float | None
    #: Audio seconds transcribed so far ÷ processing seconds.
    throughput_factor: float | None
    #: From assignment to the first report of a stage after DOWNLOADING.
    download_time_seconds: float | None


class StateHistoryEntry(Model):
    state: str
    #: When it entered the state.
    timestamp: AwareDatetime
    #: For people: `Assigned to worker-123`.
    details: str


class JobError(Model):
    #: Stable, for programs: `gpu_out_of_memory`, `audio_unreadable`, `lease_expired`, …
    code: str
    message: str
    #: Whether another attempt could succeed.
    retryable: bool
    #: `audio`, `worker` or `service`; None if unknown.
    fault: str | None = None


class RetryInfo(Model):
    #: The current attempt, or the next one while the job waits; counts from 1.
    attempt: int
    max_attempts: int
    last_error: JobError | None
    #: When a waiting retry may be claimed; None if it may be claimed now.
    next_attempt_at: AwareDatetime | None


class CostTracking(Model):
    #: US dollars; None until duration, pace and price are known.
    estimated_cost_usd: float | None
    #: US dollars, over all attempts that have ended; None until one has on a worker with a price.
    actual_cost_usd: float | None
    #: Worker time spent on the job over all attempts.
    instance_time_seconds: float


class Verdict(Model):
    """Whether a job that is not finished goes as it should, and if not, why."""

    #: `on_track`, `slow`, `hung`, `dead`, `starved` or `blocked`.
    status: str
    #: One sentence, for people.
    reason: str
    #: Since when it has been so.
    since: AwareDatetime
    #: The figures behind it; units are in the names.
    evidence: dict[str, Any] = Field(default_factory=dict)


class Estimate(Model):
    """When something is expected to happen."""

    #: In one of two cases it has happened by then.
    p50: AwareDatetime
    #: In nine of ten cases it has happened by then.
    p90: AwareDatetime


class Job(Document):
    """One recording to transcribe."""

    job_id: str
    #: SUBMITTED, QUEUED, PROCESSING, CANCELLING, COMPLETED, FAILED or CANCELLED.
    state: str
    created_at: AwareDatetime
    #: When anything shown here last changed.
    updated_at: AwareDatetime
    #: When the current or last attempt began.
    started_at: AwareDatetime | None
    #: When it reached COMPLETED, FAILED or CANCELLED.
    completed_at: AwareDatetime | None
    estimated_completion: AwareDatetime | None
    #: `high`, `normal` or `low`.
    priority: str
    #: `json`, `text`, `srt` or `vtt`.
    output_format: str
    tags: list[str]
    #: The tenant that it belongs to; None: the default.
    tenant: str | None = None
    metadata: dict[str, str]
    #: As submitted; None if there were none.
    options: dict[str, Any] | None = None
    input: JobInput
    output: JobOutput
    worker: JobWorker | None
    progress: JobProgress
    performance: JobPerformance
    state_history: list[StateHistoryEntry]
    retry_info: RetryInfo
    cost_tracking: CostTracking
    #: None once it is finished or being cancelled, and from older monitors.
    verdict: Verdict | None = None
    #: The last decisions of policies about it, oldest first.
    actions: list[ActionTaken] = Field(default_factory=list)
    #: Where its progress should be at `updated_at`; None unless it is PROCESSING and its duration is known.
    expected_percentage: float | None = None
    #: Its place among the jobs that may be claimed, from 1; None unless it may be, and from older monitors.
    queue_position: int | None = None
    expected_start: Estimate | None = None
    expected_completion: Estimate | None = None

    @property
    def id(self) -> str:
        """The same as `job_id`."""
        return self.job_id

    @property
    def finished(self) -> bool:
        """Whether it is COMPLETED, FAILED or CANCELLED."""
        return self.state in FINISHED_STATES


class JobProgressDocument(Document, JobProgress):
    """The progress of a job."""

    job_id: str
    state: str
    #: When it was last reported.
    updated_at: AwareDatetime


class JobTimeline(Document):
    """Every state that the job has been in."""

    job_id: str
    state: str
    state_history: list[StateHistoryEntry]


class QueuePlace(Model):
    """The place of a job that may be claimed."""

    #: Counts from 1; an estimate beyond 10,000.
    position: int | None
    #: None until the pace is known.
    expected_start: Estimate | None


class Remedy(Model):
    """A call that helps."""

    what: str
    method: str
    path: str
    body: dict[str, Any] | None = None


class JobWhy(Document):
    """Why a job waits, is slow, has failed or costs what it costs."""

    job_id: str
    state: str
    #: Why it is where it is, in one sentence.
    answer: str
    #: Why it costs what it costs, in one sentence.
    cost: str
    verdict: Verdict | None
    evidence: dict[str, Any]
    queue: QueuePlace | None
    remedy: Remedy | None


class JobAcknowledgement(Model):
    """The result of a progress report: the job's current state."""

    job_id: str
    state: str


class JobUpdate(Model):
    """What `jobs.watch` yields: the job now, then each change."""

    job_id: str
    #: As `Job.state`.
    state: str
    #: Part of the recording done, 0 to 100.
    percentage: int | float
    #: As `JobProgress.stage`.
    stage: str | None
    #: `state`: current state; `update`: a change; `reset`: current state, after events that are no longer available.
    type: str = "update"
    #: When it happened; None if the update comes from polling.
    at: AwareDatetime | None = None
    #: The journal event behind it: `JobProgressed`. None in a current state.
    event: str | None = None
    #: For people, as in the history.
    details: str | None = None
    eta_seconds: float | None = None
    worker_id: str | None = None
    attempt: int | None = None
    #: Why it failed, or why it will be retried.
    error: JobError | None = None
    output: Any = None
    #: In updates about it; None if the event does not include it.
    verdict: Verdict | None = None
    #: Position in the journal: segment, and event within it. None if the update comes from polling.
    seq: int | None = None
    index: int | None = None

    @property
    def finished(self) -> bool:
        """Whether this is the last update."""
        return self.state in FINISHED_STATES
