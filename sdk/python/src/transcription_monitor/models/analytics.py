"""Analytics: reports over the jobs that ended in a time, jobs as rows of `job_states`, bottlenecks, results of SQL."""

from __future__ import annotations

from math import nan
from typing import Any

from pydantic import AwareDatetime, Field

from .base import Document, Model


class EndedJobs(Model):
    """Jobs that ended in the time, by how."""

    jobs_completed: int = 0
    #: For good.
    jobs_failed: int = 0
    jobs_cancelled: int = 0


class Costs(EndedJobs):
    #: US dollars of all attempts of these jobs.
    cost_usd: float = 0.0
    #: Of that, attempts without a transcript.
    wasted_usd: float = 0.0
    #: Attempts whose price is unknown, so that they are not in `cost_usd`.
    unpriced_attempts: int = 0
    #: Time of all attempts.
    instance_seconds: float = 0.0
    #: Length of the audio of the completed jobs.
    audio_seconds: float = 0.0
    #: `cost_usd` ÷ `jobs_completed`; None if there are none.
    cost_per_job_usd: float | None = None
    #: `cost_usd` ÷ minutes of audio; None if there are none.
    cost_per_audio_minute_usd: float | None = None


class Throughput(EndedJobs):
    #: completed ÷ (completed + failed); None when both are 0.
    success_rate: float | None = None
    #: Length of the audio of the completed jobs.
    audio_seconds: float = 0.0
    #: Last attempts of the completed jobs.
    processing_seconds: float = 0.0
    #: Audio seconds ÷ processing seconds, of completed jobs with a known length.
    throughput_factor: float | None = None


class Quantiles(Model):
    """Seconds; quantiles are interpolated between the two nearest values. None if `count` is 0."""

    #: Jobs in which it is known.
    count: int = 0
    #: The mean.
    average: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


class Durations(Model):
    """Of completed jobs."""

    jobs_completed: int = 0
    queue: Quantiles = Field(default_factory=Quantiles)
    download: Quantiles = Field(default_factory=Quantiles)
    processing: Quantiles = Field(default_factory=Quantiles)
    #: From submission to completion.
    turnaround: Quantiles = Field(default_factory=Quantiles)


class Failures(Model):
    jobs_failed: int = 0
    #: Attempts that ended with an error, those of jobs that were completed later included.
    attempts_failed: int = 0
    #: Jobs with such an attempt that were completed.
    jobs_recovered: int = 0
    #: US dollars of these attempts.
    wasted_usd: float = 0.0
    #: When the first and the last of these attempts ended.
    first_at: AwareDatetime | None = None
    last_at: AwareDatetime | None = None
    #: Up to five, the latest first.
    example_job_ids: list[str] = Field(default_factory=list)


class GroupOf(Model):
    #: The day (2025-07-07), the hour (2025-07-07T19:00:00Z), the model, …; None if unknown.
    group: str | None = None


class CostItem(Costs, GroupOf):
    """One group of the report."""


class ThroughputItem(Throughput, GroupOf):
    """One group of the report."""


class DurationItem(Durations, GroupOf):
    """One group of the report."""


class FailuresItem(Failures, GroupOf):
    """One group of the report."""


class Report(Document):
    """Over jobs that ended at or after `from_` and before `to`."""

    from_: AwareDatetime | None = Field(alias="from", default=None)
    to: AwareDatetime | None = None
    #: What the items are: day, hour, model, …
    group_by: str = ""


class CostReport(Report):
    #: In the order of the groups. A job with several tags is in several.
    items: list[CostItem] = Field(default_factory=list)
    total: Costs = Field(default_factory=Costs)


class ThroughputReport(Report):
    #: In the order of the groups. A job with several tags is in several.
    items: list[ThroughputItem] = Field(default_factory=list)
    total: Throughput = Field(default_factory=Throughput)


class DurationReport(Report):
    #: In the order of the groups. A job with several tags is in several.
    items: list[DurationItem] = Field(default_factory=list)
    total: Durations = Field(default_factory=Durations)


class FailuresReport(Report):
    #: In the order of the groups. A job with several tags is in several.
    items: list[FailuresItem] = Field(default_factory=list)
    total: Failures = Field(default_factory=Failures)


class JobRowWorker(Model):
    """The worker of the last attempt."""

    worker_id: str | None = None
    instance_id: str | None = None
    model: str | None = None
    device: str | None = None
    instance_type: str | None = None
    #: Mean of the last attempt in percent; NaN if unknown.
    gpu_usage: float = 0.0


class JobRow(Model):
    """A row of `job_states`. A column is None if its value is unknown.

    The same numbers have shorter names, as in filters: `file_size`, `processing_time`, … Those are NaN if unknown, and
    every comparison with NaN is False: `job.download_time > 300` needs no check for None.
    """

    job_id: str = ""
    #: COMPLETED, FAILED, CANCELLED; of today's jobs any other state, too.
    state: str = ""
    #: high, normal or low.
    priority: str | None = None
    #: json, text, srt or vtt.
    output_format: str | None = None
    #: When it was submitted.
    created_at: AwareDatetime | None = None
    #: When it last changed.
    updated_at: AwareDatetime | None = None
    #: When the last attempt began; null before the first.
    started_at: AwareDatetime | None = None
    #: When it ended, however; null while it has not.
    completed_at: AwareDatetime | None = None
    #: Without credentials and query string.
    audio_url: str | None = None
    #: The bucket or host of audio_url and its first folder.
    audio_source: str | None = None
    #: Length of the audio.
    duration_seconds: float | None = None
    #: Size of the audio.
    file_size_bytes: int | None = None
    #: Number of the last attempt; 2 and more: it was retried.
    attempt: int | None = None
    #: How often it was handed to a worker; one that hands it back ends no attempt.
    runs: int | None = None
    #: After so many it fails.
    max_attempts: int | None = None
    #: Of the last attempt.
    worker_id: str | None = None
    #: Of the last attempt.
    instance_id: str | None = None
    #: Of the worker, when the last attempt began.
    model: str | None = None
    #: cuda, cpu, …
    device: str | None = None
    #: g4dn.xlarge, …
    instance_type: str | None = None
    #: Mean of the last attempt in percent.
    gpu_usage: float | None = None
    #: Time in the queue.
    queue_time_seconds: float | None = None
    #: Length of the last attempt.
    processing_time_seconds: float | None = None
    #: Download within the last attempt.
    download_time_seconds: float | None = None
    #: Length of all ended attempts.
    instance_time_seconds: float | None = None
    #: Audio seconds per processing second.
    throughput_factor: float | None = None
    #: Of all attempts, to the micro-dollar; null if no price is known.
    cost_usd: float | None = None
    #: As estimated before it ran.
    estimated_cost_usd: float | None = None
    #: Of the transcript.
    segments_count: int | None = None
    #: 0 to 1.
    confidence_score: float | None = None
    #: Where the transcript is.
    transcript_url: str | None = None
    #: Of the last attempt that failed; null once the job is completed.
    error_code: str | None = None
    #: The same in words.
    error_message: str | None = None
    #: As submitted: a JSON object.
    metadata: str | None = None
    #: Which source reported it last; null for a job of this queue.
    source: str | None = None
    #: The last segment that changed it.
    version: int | None = None
    #: As submitted.
    tags: list[str] = Field(default_factory=list)

    @property
    def id(self) -> str:
        """The same as `job_id`."""
        return self.job_id

    @property
    def worker(self) -> JobRowWorker:
        """The worker of the last attempt; its `gpu_usage` is NaN if unknown."""
        return JobRowWorker(
            worker_id=self.worker_id,
            instance_id=self.instance_id,
            model=self.model,
            device=self.device,
            instance_type=self.instance_type,
            gpu_usage=_number(self.gpu_usage),
        )

    @property
    def file_size(self) -> float:
        """Bytes of the audio; NaN if unknown."""
        return _number(self.file_size_bytes)

    @property
    def duration(self) -> float:
        """Seconds of audio; NaN if unknown."""
        return _number(self.duration_seconds)

    @property
    def queue_time(self) -> float:
        """Seconds in the queue; NaN if unknown."""
        return _number(self.queue_time_seconds)

    @property
    def download_time(self) -> float:
        """Seconds of the download in the last attempt; NaN if unknown."""
        return _number(self.download_time_seconds)

    @property
    def processing_time(self) -> float:
        """Seconds of the last attempt; NaN if unknown."""
        return _number(self.processing_time_seconds)

    @property
    def cost(self) -> float:
        """US dollars of all attempts; NaN if no price is known."""
        return _number(self.cost_usd)


class SuspectJob(JobRow):
    """A job that shows a pattern."""

    #: Why it is here, in words and figures.
    evidence: str = ""


class Bottlenecks(Document):
    from_: AwareDatetime | None = Field(alias="from", default=None)
    to: AwareDatetime | None = None
    jobs_completed: int = 0
    #: Mean processing time of the completed jobs.
    average_processing_seconds: float | None = None
    #: Of these, the ones that took more than twice as long.
    slow_jobs: int = 0
    #: How many jobs show each pattern: `large_files`, `gpu_issues`, `network_issues`, `cold_starts`, `cpu_fallback`,
    #: `bad_workers`, `bad_sources`, `retries`.
    counts: dict[str, int] = Field(default_factory=dict)
    #: The slowest of them.
    patterns: dict[str, list[SuspectJob]] = Field(default_factory=dict)


class SqlColumn(Model):
    name: str = ""
    #: In DuckDB.
    type: str = ""


class SqlResult(Document):
    columns: list[SqlColumn] = Field(default_factory=list)
    #: One dictionary for each row. Times are texts: RFC 3339.
    items: list[dict[str, Any]] = Field(default_factory=list)


def _number(value: float | None) -> float:
    return nan if value is None else value
