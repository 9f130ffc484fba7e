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
    s3_path: str = ""
    #: Length of the recording; None until known.
    duration_seconds: float | None = None
    #: Bytes; None until known.
    file_size_bytes: int | None = None
    #: Until when the URL is valid, as its query says; None if it does not.
    audio_url_expires_at: AwareDatetime | None = None
    #: A recording that is cut short fails.
    require_complete: bool = False


class JobOutput(Model):
    #: Where the transcript is; None before completion.
    s3_path: str | None = None
    segments_count: int = 0
    #: Mean confidence of the segments, 0 to 1, as reported by the engine; None if it reports none.
    confidence_score: float | None = None
    #: What is wrong with the recording, then why the transcript is suspect; one of each code.
    warnings: list[TranscriptWarning] = Field(default_factory=list)
    #: The transcript can hardly be what was said; its `quality.reasons` say why and where.
    suspect: bool = False


class JobWorker(Model):
    worker_id: str
    #: The machine the worker runs on.
    instance_id: str | None = None
    #: When this attempt began.
    assigned_at: AwareDatetime | None = None
    #: Mean GPU use over the attempt, percent; None without a GPU.
    gpu_usage: float | None = None


class JobProgress(Model):
    #: Part of the recording that has been transcribed, 0 to 100.
    percentage: int | float = 0
    #: `DOWNLOADING`, `TRANSCRIBING`, `UPLOADING`, or the stage the worker reports, upper case; None before a worker
    #: reports and once the job is COMPLETED.
    stage: str | None = None
    #: Chunks done, and chunks in all.
    current_chunk: int | None = None
    total_chunks: int | None = None
    #: Time left, from the rate of the last chunks.
    eta_seconds: float | None = None


class JobPerformance(Model):
    #: Time spent waiting, over all attempts; None until the first attempt begins.
    queue_time_seconds: float | None = None
    #: Time of the current or last attempt.
    processing_time_seconds: float | None = None
    #: Audio seconds transcribed so far ÷ processing seconds.
    throughput_factor: float | None = None
    #: From assignment to the first report of a stage after DOWNLOADING.
    download_time_seconds: float | None = None


class StateHistoryEntry(Model):
    state: str = ""
    #: When it entered the state.
    timestamp: AwareDatetime | None = None
    #: For people: `Assigned to worker-123`.
    details: str = ""


class JobError(Model):
    #: Stable, for programs: `gpu_out_of_memory`, `audio_unreadable`, `lease_expired`, …
    code: str = ""
    message: str = ""
    #: Whether another attempt could succeed.
    retryable: bool = False
    #: `audio`, `worker` or `service`; None if unknown.
    fault: str | None = None


class RetryInfo(Model):
    #: The current attempt, or the next one while the job waits; counts from 1.
    attempt: int = 0
    max_attempts: int = 0
    last_error: JobError | None = None
    #: When a waiting retry may be claimed; None if it may be claimed now.
    next_attempt_at: AwareDatetime | None = None


class CostTracking(Model):
    #: US dollars; None until duration, pace and price are known.
    estimated_cost_usd: float | None = None
    #: US dollars, over all attempts that have ended; None until one has on a worker with a price.
    actual_cost_usd: float | None = None
    #: Worker time spent on the job over all attempts.
    instance_time_seconds: float = 0.0


class Verdict(Model):
    """Whether a job that is not finished goes as it should, and if not, why."""

    #: `on_track`, `slow`, `hung`, `dead`, `starved` or `blocked`.
    status: str = ""
    #: One sentence, for people.
    reason: str = ""
    #: Since when it has been so.
    since: AwareDatetime | None = None
    #: The figures behind it; units are in the names.
    evidence: dict[str, Any] = Field(default_factory=dict)


class Estimate(Model):
    """When something is expected to happen."""

    #: In one of two cases it has happened by then.
    p50: AwareDatetime | None = None
    #: In nine of ten cases it has happened by then.
    p90: AwareDatetime | None = None


class Job(Document):
    """One recording to transcribe."""

    job_id: str
    #: SUBMITTED, QUEUED, PROCESSING, CANCELLING, COMPLETED, FAILED or CANCELLED.
    state: str = ""
    #: It can change no more by itself; None from older monitors.
    final: bool | None = None
    created_at: AwareDatetime | None = None
    #: When anything shown here last changed.
    updated_at: AwareDatetime | None = None
    #: When the current or last attempt began.
    started_at: AwareDatetime | None = None
    #: When it reached COMPLETED, FAILED or CANCELLED.
    completed_at: AwareDatetime | None = None
    estimated_completion: AwareDatetime | None = None
    #: `high`, `normal` or `low`.
    priority: str = ""
    #: `json`, `text`, `srt` or `vtt`.
    output_format: str = ""
    tags: list[str] = Field(default_factory=list)
    #: The tenant that it belongs to; None: the default.
    tenant: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    #: As submitted; None if there were none.
    options: dict[str, Any] | None = None
    #: What its worker must have: `device`, `tags`; None if nothing.
    requires: dict[str, Any] | None = None
    input: JobInput = Field(default_factory=JobInput)
    output: JobOutput = Field(default_factory=JobOutput)
    worker: JobWorker | None = None
    progress: JobProgress = Field(default_factory=JobProgress)
    performance: JobPerformance = Field(default_factory=JobPerformance)
    state_history: list[StateHistoryEntry] = Field(default_factory=list)
    retry_info: RetryInfo = Field(default_factory=RetryInfo)
    cost_tracking: CostTracking = Field(default_factory=CostTracking)
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
        """Whether it is COMPLETED, FAILED or CANCELLED, or in a final state of a newer monitor."""
        return self.final is True or self.state in FINISHED_STATES


class BatchItem(Model):
    #: None if the submission was refused.
    job: Job | None = None
    #: Why it was: a problem document.
    error: dict[str, Any] | None = None


class BatchAnswer(Model):
    #: One for each submission, in order.
    jobs: list[BatchItem]


class JobProgressDocument(Document, JobProgress):
    """The progress of a job."""

    job_id: str
    state: str = ""
    #: When it was last reported.
    updated_at: AwareDatetime | None = None


class JobTimeline(Document):
    """Every state that the job has been in."""

    job_id: str
    state: str = ""
    state_history: list[StateHistoryEntry] = Field(default_factory=list)


class QueuePlace(Model):
    """The place of a job that may be claimed."""

    #: Counts from 1; an estimate beyond 10,000.
    position: int | None = None
    #: None until the pace is known.
    expected_start: Estimate | None = None


class Remedy(Model):
    """A call that helps."""

    what: str = ""
    method: str = ""
    path: str = ""
    body: dict[str, Any] | None = None


class JobWhy(Document):
    """Why a job waits, is slow, has failed or costs what it costs."""

    job_id: str
    state: str = ""
    #: Why it is where it is, in one sentence.
    answer: str = ""
    #: Why it costs what it costs, in one sentence.
    cost: str = ""
    verdict: Verdict | None = None
    evidence: dict[str, Any] = Field(default_factory=dict)
    queue: QueuePlace | None = None
    remedy: Remedy | None = None


class JobAcknowledgement(Model):
    """The result of a progress report: the job's current state."""

    job_id: str
    state: str = ""


class JobUpdate(Model):
    """What `jobs.watch` yields: the job now, then each change."""

    job_id: str
    #: As `Job.state`.
    state: str
    #: As `Job.final`.
    final: bool | None = None
    #: Part of the recording done, 0 to 100.
    percentage: int | float = 0
    #: As `JobProgress.stage`.
    stage: str | None = None
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
        return self.final is True or self.state in FINISHED_STATES
