"""A worker: a process beside a transcription engine that claims jobs."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, Field

from .action import ActionTaken
from .base import Document, Model
from .job import Job


class WorkerHealth(Model):
    #: HEALTHY, DEGRADED or UNHEALTHY.
    status: str
    #: Why it is not HEALTHY; None if it is, or the worker does not say why.
    reason: str | None = None
    #: Use in percent; None if unknown.
    cpu_usage: float | None
    memory_usage: float | None
    gpu_usage: float | None
    disk_usage: float | None


class WorkerCapabilities(Model):
    #: `large-v3`
    model: str | None
    #: `cuda`, `cpu`
    device: str | None
    gpu_optimized: bool | None
    #: Segments decoded at once.
    batch_size: int | None
    #: The options of jobs that its engine knows; None if unknown.
    options: list[str] | None = None


class CurrentJob(Model):
    job_id: str
    #: When it was assigned.
    started_at: AwareDatetime
    estimated_completion: AwareDatetime | None


class WorkerPerformance(Model):
    #: Attempts that completed a job, and attempts that failed.
    jobs_completed: int
    jobs_failed: int
    #: Time spent on attempts that have ended.
    total_runtime_seconds: float
    #: Mean time of the attempts that completed, seconds.
    average_job_time: float | None
    #: completed ÷ (completed + failed); None when both are 0.
    success_rate: float | None


class WorkerLocation(Model):
    region: str | None
    availability_zone: str | None
    #: `g4dn.xlarge`
    instance_type: str | None
    #: Price of the instance, US dollars per hour.
    spot_price: float | None


class WorkerVerdict(Model):
    """Whether a worker does what it is there for, and if not, why."""

    #: `ok`, `silent`, `suspended`, `idle`, `orphaned` or `missing`.
    status: str
    #: One sentence, for people.
    reason: str
    #: Since when it has been so.
    since: AwareDatetime
    #: The figures behind it; units are in the names.
    evidence: dict[str, Any]


class Worker(Document):
    """A worker as the monitor sees it. (To run one: `transcription_monitor.Worker`.)"""

    worker_id: str
    instance_id: str | None
    #: STARTING, IDLE, ACTIVE, DRAINING, RESTARTING or TERMINATED.
    state: str
    #: Why it is DRAINING or TERMINATED: `spot interruption at 2025-07-07T20:03:20Z`; None if unknown.
    reason: str | None = None
    created_at: AwareDatetime
    last_heartbeat: AwareDatetime | None
    health: WorkerHealth
    capabilities: WorkerCapabilities
    current_job: CurrentJob | None
    performance: WorkerPerformance
    location: WorkerLocation
    #: None of a TERMINATED worker, of one known from sightings, and from an older monitor.
    #: The only tenant whose jobs it gets; None: it gets those of all.
    tenant: str | None = None
    verdict: WorkerVerdict | None = None
    #: The last decisions of policies about it, oldest first.
    actions: list[ActionTaken] = Field(default_factory=list)

    @property
    def id(self) -> str:
        """The same as `worker_id`."""
        return self.worker_id


class WorkerJob(Document):
    """A job in a worker's history."""

    job_id: str
    worker_id: str
    attempt: int
    #: The job's state now.
    state: str
    #: When the last attempt on this worker began.
    assigned_at: AwareDatetime


class ReconciledWorker(Model):
    worker_id: str
    instance_id: str
    reason: str


class OrphanedWorker(ReconciledWorker):
    #: Its policy has terminated it; False in a dry run.
    terminated: bool = False


class UnconfirmedWorker(ReconciledWorker):
    #: `orphaned` or `missing`.
    kind: str
    #: A complete listing from then on confirms it.
    due_at: AwareDatetime


class Reconciliation(Model):
    """The monitor's workers compared with the instances of its fleet."""

    dry_run: bool
    #: Live workers that claim an instance which does not exist. A policy says what follows.
    orphaned: list[OrphanedWorker]
    #: Instances of the fleet without a known worker: known as STARTING, or would be in a dry run.
    missing: list[ReconciledWorker]
    #: Differences that another listing, after the grace time, has to confirm.
    unconfirmed: list[UnconfirmedWorker]


class Lease(Model):
    #: Proof that the job is still this worker's.
    token: str
    #: The job is the worker's until then; a heartbeat that names the token renews the lease.
    expires_at: AwareDatetime


class Attempt(Model):
    #: Counts from 1.
    number: int
    #: Batch size to use after an earlier attempt ran out of memory; None: the worker's own.
    batch_size: int | None


class ClaimedJob(Model):
    """A job that belongs to this worker until its lease expires."""

    job: Job
    lease: Lease
    #: The URL to fetch, as submitted: with its query string (often a signature), which no document shows.
    audio_url: str
    attempt: Attempt
    #: The trace that the work belongs to, by W3C Trace Context; None if there is none.
    traceparent: str | None = None


class Claimed(Model):
    #: Empty if none came in time.
    jobs: list[ClaimedJob]


class WorkerCommand(Model):
    #: `cancel_job`, `kill_engine` (with `job_id`), `drain` or `restart`.
    type: str
    job_id: str | None = None


class HeartbeatAnswer(Model):
    #: What the worker must do; repeated until done.
    commands: list[WorkerCommand]
    #: The leases that were renewed. A lease that is missing is lost: stop that job.
    leases: list[Lease]


class UsageSample(Model):
    at: AwareDatetime
    cpu_usage: float | None
    memory_usage: float | None
    gpu_usage: float | None
    disk_usage: float | None


class WorkerUsage(Document):
    """What a worker has used in the last hour, by the heartbeats that one instance of the monitor has seen."""

    worker_id: str
    #: Oldest first, at most one in 30 s.
    items: list[UsageSample]
