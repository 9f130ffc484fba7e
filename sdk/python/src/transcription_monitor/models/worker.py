"""A worker: a process beside a transcription engine that claims jobs."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, Field

from .action import ActionTaken
from .base import Document, Model
from .job import Job


class WorkerHealth(Model):
    #: HEALTHY, DEGRADED or UNHEALTHY.
    status: str = ""
    #: Why it is not HEALTHY; None if it is, or the worker does not say why.
    reason: str | None = None
    #: Use in percent; None if unknown.
    cpu_usage: float | None = None
    memory_usage: float | None = None
    gpu_usage: float | None = None
    disk_usage: float | None = None


class WorkerCapabilities(Model):
    #: `large-v3`
    model: str | None = None
    #: `cuda`, `cpu`
    device: str | None = None
    gpu_optimized: bool | None = None
    #: Segments decoded at once.
    batch_size: int | None = None
    #: The options of jobs that its engine knows; None if unknown.
    options: list[str] | None = None
    #: The models that jobs may name, besides `model`; None if there is no other.
    models: list[str] | None = None
    #: The languages that it transcribes; None if unknown.
    languages: list[str] | None = None
    #: What jobs may require of it; None if nothing.
    tags: list[str] | None = None


class CurrentJob(Model):
    job_id: str = ""
    #: When it was assigned.
    started_at: AwareDatetime | None = None
    estimated_completion: AwareDatetime | None = None


class WorkerPerformance(Model):
    #: Attempts that completed a job, and attempts that failed.
    jobs_completed: int = 0
    jobs_failed: int = 0
    #: Time spent on attempts that have ended.
    total_runtime_seconds: float = 0.0
    #: Mean time of the attempts that completed, seconds.
    average_job_time: float | None = None
    #: completed ÷ (completed + failed); None when both are 0.
    success_rate: float | None = None


class WorkerLocation(Model):
    region: str | None = None
    availability_zone: str | None = None
    #: `g4dn.xlarge`
    instance_type: str | None = None
    #: Price of the instance, US dollars per hour.
    spot_price: float | None = None


class WorkerVerdict(Model):
    """Whether a worker does what it is there for, and if not, why."""

    #: `ok`, `silent`, `suspended`, `idle`, `orphaned` or `missing`.
    status: str = ""
    #: One sentence, for people.
    reason: str = ""
    #: Since when it has been so.
    since: AwareDatetime | None = None
    #: The figures behind it; units are in the names.
    evidence: dict[str, Any] = Field(default_factory=dict)


class Worker(Document):
    """A worker as the monitor sees it. (To run one: `transcription_monitor.Worker`.)"""

    worker_id: str
    instance_id: str | None = None
    #: STARTING, IDLE, ACTIVE, DRAINING, RESTARTING or TERMINATED.
    state: str = ""
    #: Why it is DRAINING or TERMINATED: `spot interruption at 2025-07-07T20:03:20Z`; None if unknown.
    reason: str | None = None
    created_at: AwareDatetime | None = None
    last_heartbeat: AwareDatetime | None = None
    health: WorkerHealth = Field(default_factory=WorkerHealth)
    capabilities: WorkerCapabilities = Field(default_factory=WorkerCapabilities)
    current_job: CurrentJob | None = None
    performance: WorkerPerformance = Field(default_factory=WorkerPerformance)
    location: WorkerLocation = Field(default_factory=WorkerLocation)
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
    attempt: int = 0
    #: The job's state now.
    state: str = ""
    #: When the last attempt on this worker began.
    assigned_at: AwareDatetime | None = None


class ReconciledWorker(Model):
    worker_id: str = ""
    instance_id: str = ""
    reason: str = ""


class OrphanedWorker(ReconciledWorker):
    #: Its policy has terminated it; False in a dry run.
    terminated: bool = False


class UnconfirmedWorker(ReconciledWorker):
    #: `orphaned` or `missing`.
    kind: str = ""
    #: A complete listing from then on confirms it.
    due_at: AwareDatetime | None = None


class Reconciliation(Model):
    """The monitor's workers compared with the instances of its fleet."""

    dry_run: bool = False
    #: Live workers that claim an instance which does not exist. A policy says what follows.
    orphaned: list[OrphanedWorker] = Field(default_factory=list)
    #: Instances of the fleet without a known worker: known as STARTING, or would be in a dry run.
    missing: list[ReconciledWorker] = Field(default_factory=list)
    #: Differences that another listing, after the grace time, has to confirm.
    unconfirmed: list[UnconfirmedWorker] = Field(default_factory=list)


class Lease(Model):
    #: Proof that the job is still this worker's.
    token: str
    #: The job is the worker's until then; a heartbeat that names the token renews the lease.
    expires_at: AwareDatetime


class Attempt(Model):
    #: Counts from 1.
    number: int = 0
    #: Batch size to use after an earlier attempt ran out of memory; None: the worker's own.
    batch_size: int | None = None


class ClaimedJob(Model):
    """A job that belongs to this worker until its lease expires."""

    job: Job
    lease: Lease
    #: The URL to fetch, as submitted: with its query string (often a signature), which no document shows.
    audio_url: str
    attempt: Attempt = Field(default_factory=Attempt)
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
    commands: list[WorkerCommand] = Field(default_factory=list)
    #: The leases that were renewed. A lease that is missing is lost: stop that job.
    leases: list[Lease]


class UsageSample(Model):
    at: AwareDatetime | None = None
    cpu_usage: float | None = None
    memory_usage: float | None = None
    gpu_usage: float | None = None
    disk_usage: float | None = None


class WorkerUsage(Document):
    """What a worker has used in the last hour, by the heartbeats that one instance of the monitor has seen."""

    worker_id: str = ""
    #: Oldest first, at most one in 30 s.
    items: list[UsageSample] = Field(default_factory=list)
