"""The monitor as a whole: queues, health, metrics."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from .base import Document, Model


class QueuePriorities(Model):
    """Claimable jobs, by priority."""

    high: int = 0
    normal: int = 0
    low: int = 0


class SqsFigures(Model):
    """What SQS itself says about the main queue. The counts are None if they can't be read."""

    #: The setting `queue`.
    url: str = ""
    #: Messages that can be received, those of other senders included.
    messages_visible: int | None = None
    messages_inflight: int | None = None
    messages_delayed: int | None = None
    #: Messages of others that this instance could not understand since it started.
    messages_not_understood: int = 0
    #: Why the figures can't be read; None if they were.
    problem: str | None = None
    #: When the figures were read; at most every 10 s.
    read_at: AwareDatetime | None = None


class Queue(Document):
    #: `main`, where jobs wait, or `dlq`, the dead-letter queue of jobs that failed permanently.
    queue: str = ""
    #: Jobs that may be claimed now (dlq: all of its jobs).
    messages_visible: int = 0
    #: Jobs that workers hold.
    messages_inflight: int = 0
    #: Jobs waiting out a retry delay.
    messages_delayed: int = 0
    #: Seconds that the oldest claimable job has waited; None if none waits.
    age_oldest_message: float | None = None
    by_priority: QueuePriorities = Field(default_factory=QueuePriorities)
    updated_at: AwareDatetime | None = None
    #: None unless SQS carries the jobs; only of `main`.
    sqs: SqsFigures | None = None


class BulkAnswer(Model):
    """What a purge or a redrive took, or would take."""

    #: Exactly those jobs; at most 10,000 per call.
    job_ids: list[str] = Field(default_factory=list)
    dry_run: bool = False


class Notification(Document):
    """A message to somebody outside, about the end of a job or about alerts, and the state of its delivery."""

    #: The `webhook-id`: the same for each attempt, and for a replay.
    id: str
    #: `job.completed`, `job.failed`, `job.cancelled`, …
    type: str = ""
    #: The notifier, or the webhook without its secret part.
    destination: str = ""
    #: The job that it is about.
    job_id: str | None = None
    #: `waiting`, `sending`, `delivered` or `failed`.
    state: str = ""
    #: Deliveries begun.
    attempts: int = 0
    created_at: AwareDatetime | None = None
    #: None while it is being sent, and once it has ended.
    next_attempt_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    #: Why the last attempt failed.
    last_error: str | None = None


class HealthAlert(Model):
    """An active alert, in short."""

    id: str
    severity: str = ""
    message: str = ""
    created_at: AwareDatetime | None = None


class QueueHealth(Model):
    status: str = ""
    messages_visible: int = 0
    messages_inflight: int = 0
    age_oldest_message: float | None = None


class WorkersHealth(Model):
    status: str = ""
    #: Workers that are not TERMINATED; of these HEALTHY, holding a job, IDLE.
    total_count: int = 0
    healthy_count: int = 0
    active_count: int = 0
    idle_count: int = 0


class JobsHealth(Model):
    status: str = ""
    #: Jobs that have not ended.
    total_active: int = 0
    #: completed ÷ (completed + failed); None when both are 0.
    success_rate_24h: float | None = None
    #: Mean seconds from submission to completion, last 24 hours.
    average_completion_time: float | None = None


class SourcesHealth(Model):
    status: str = ""
    #: Sources that the instance follows; of these, FAILING: `sources.list` says why.
    total_count: int = 0
    failing_count: int = 0


class HealthComponents(Model):
    queue: QueueHealth = Field(default_factory=QueueHealth)
    workers: WorkersHealth = Field(default_factory=WorkersHealth)
    jobs: JobsHealth = Field(default_factory=JobsHealth)
    #: None if none is followed.
    sources: SourcesHealth | None = None


class SystemMetrics(Model):
    #: Jobs completed in the last 60 minutes.
    throughput_jobs_per_hour: int = 0
    #: Sum of the live workers' hourly prices, US dollars.
    cost_per_hour_usd: float = 0.0
    #: Worker-seconds on attempts that completed ÷ paid worker-seconds, last hour.
    efficiency_score: float | None = None


class ClockHealth(Model):
    #: How far log time is ahead of the clock of the monitor's machine, ms.
    offset_ms: int = 0


class SystemHealth(Document):
    timestamp: AwareDatetime | None = None
    #: The worst of the components: HEALTHY, DEGRADED or UNHEALTHY.
    overall_status: str = ""
    components: HealthComponents = Field(default_factory=HealthComponents)
    #: Active alerts.
    alerts: list[HealthAlert] = Field(default_factory=list)
    metrics: SystemMetrics = Field(default_factory=SystemMetrics)
    #: None unless that clock was set while the monitor ran, or is behind the journal.
    clock: ClockHealth | None = None
    #: Version of the monitor that responds.
    version: str | None = None

    @property
    def status(self) -> str:
        """The same as `overall_status`."""
        return self.overall_status


class MetricsPeriod(Document):
    """One hour or one day of the time series."""

    period_start: AwareDatetime
    jobs_submitted: int = 0
    jobs_completed: int = 0
    jobs_failed: int = 0
    jobs_cancelled: int = 0
    #: Mean seconds of the attempts that completed; mean seconds that completed jobs had waited.
    average_processing_time: float | None = None
    average_queue_time: float | None = None
    #: Audio transcribed.
    audio_seconds: float = 0.0
    #: US dollars of attempts that ended.
    cost_total: float = 0.0
    #: completed ÷ (completed + failed); None when both are 0.
    success_rate: float | None = None
    #: `audio_seconds` ÷ 3600.
    audio_hours: float = 0.0
    #: Jobs that could be claimed at the end; None until the period is over. Their maximum, and their mean over time.
    queue_depth: int | None = None
    queue_depth_max: int | None = None
    queue_depth_mean: float | None = None
    #: The longest that the oldest claimable job had waited, seconds; None if none waited.
    age_oldest_message_max: float | None = None
    #: Time of workers that were not TERMINATED, seconds; of this, holding a job, and IDLE. None if not measured.
    worker_seconds_paid: float | None = None
    worker_seconds_busy: float | None = None
    worker_seconds_idle: float | None = None
    #: The part of the period that the figures of the queue and the workers cover.
    measured_seconds: float = 0.0


class UnreadableObject(Model):
    """An object of the archive that is missing or damaged."""

    key: str = ""
    problem: str = ""


class MetricsSeries(Document):
    """Hours or days of a range, oldest first; those in which nothing happened are left out."""

    #: `hour` or `day`.
    step: str = ""
    #: The whole periods of the range; `to` is excluded.
    from_: AwareDatetime | None = Field(alias="from", default=None)
    to: AwareDatetime | None = None
    items: list[MetricsPeriod] = Field(default_factory=list)
    #: Objects whose periods are missing from `items`.
    unreadable: list[UnreadableObject] = Field(default_factory=list)


class MetricsShare(Model):
    """What a worker or a model did in one hour or day."""

    period_start: AwareDatetime
    #: Id of the worker, or the model; None: all beyond the first 500 workers or 50 models of the period.
    group: str | None = None
    jobs_completed: int = 0
    #: Except those that were handed back or cancelled.
    attempts_failed: int = 0
    success_rate: float | None = None
    average_processing_time: float | None = None
    #: Time of all attempts that ended in the period.
    busy_seconds: float = 0.0
    audio_seconds: float = 0.0
    #: Time of the attempts that completed ÷ `audio_seconds`.
    realtime_factor: float | None = None
    cost_total: float = 0.0


class MetricsGroups(Document):
    """Hours or days of a range, divided by worker or model; oldest first."""

    #: `hour` or `day`.
    step: str = ""
    #: `worker` or `model`.
    group_by: str = ""
    from_: AwareDatetime | None = Field(alias="from", default=None)
    to: AwareDatetime | None = None
    #: Shares of earlier periods are not kept.
    kept_from: AwareDatetime | None = None
    items: list[MetricsShare] = Field(default_factory=list)


class InTime(Model):
    #: Jobs that this is known of: the last 1,000 at most.
    jobs: int = 0
    #: Parts of them that were in time by P50 and by P90; None if there are none.
    within_p50: float | None = None
    within_p90: float | None = None


class EstimateAccuracy(Model):
    """How often jobs began and completed when they were expected to."""

    start: InTime = Field(default_factory=InTime)
    completion: InTime = Field(default_factory=InTime)
    run_completion: InTime = Field(default_factory=InTime)


class CurrentMetrics(Document, SystemMetrics):
    timestamp: AwareDatetime | None = None
    #: Jobs in memory, by state.
    jobs: dict[str, int] = Field(default_factory=dict)
    #: The current hour and day, UTC.
    hour: MetricsPeriod
    day: MetricsPeriod
    #: None from older monitors.
    estimates: EstimateAccuracy | None = None


class Setting(Model):
    #: `lease_ms`: the option `--lease-ms`, the variable `TMON_LEASE_MS`.
    name: str = ""
    #: Of one that may contain a secret only `set`, or empty. None: it depends on the store.
    value: str | float | None = None
    default: str | float | None = None
    meaning: str = ""


class SystemSettings(Model):
    """What a monitor was started with."""

    version: str = ""
    store: str = ""
    #: Names of those who can be notified of alerts.
    destinations: list[str] = Field(default_factory=list)
    settings: list[Setting] = Field(default_factory=list)
