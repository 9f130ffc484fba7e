"""What policies say and have decided."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime, Field

from .alert import AlertMatcher
from .base import Model


class ActionTaken(Model):
    """What a policy decided about a job or worker."""

    #: When it was decided.
    at: AwareDatetime | None = None
    policy: str = ""
    #: Why: the verdict on the job or worker.
    verdict: str = ""
    #: `requeue`, `kill_engine`, `restart_worker`, `replace_worker`, `launch_worker`, `end_worker` or
    #: `terminate_instance`.
    action: str = ""
    #: `acted`, `dry_run`, `limited`, `paused` or `refused`.
    outcome: str = ""
    #: One sentence, for people.
    reason: str = ""


class MachineOutcome(Model):
    #: `pending`, `done` or `failed`.
    state: str = ""
    #: What the fleet did, or why it failed; None if unknown.
    details: str | None = None


class DecidedAction(ActionTaken):
    """A decision of a policy: done, or why not."""

    id: str
    #: The job that it is about; None if it is about a worker.
    job_id: str | None = None
    #: The worker that it is about, or that has or had the job; None without one.
    worker_id: str | None = None
    #: The worker that was launched; None if none was.
    launched_worker_id: str | None = None
    #: `dry_run` or `on`.
    mode: str = ""
    #: The figures behind it; units are in the names.
    evidence: dict[str, Any] = Field(default_factory=dict)
    #: What the fleet does with the machine; None if nothing.
    machine: MachineOutcome | None = None


class PolicyLastHour(Model):
    #: How often it acted, and would have acted, in the last hour.
    acted: int = 0
    dry_run: int = 0


class EffectivePolicy(Model):
    name: str = ""
    #: The verdict that it is for.
    verdict: str = ""
    where: list[AlertMatcher] = Field(default_factory=list)
    action: str = ""
    #: `off`, `dry_run` or `on`.
    mode: str = ""
    #: How long the verdict must have stood.
    after_seconds: float = 0.0
    #: How often it acts in any hour, at most.
    per_hour: int = 0
    last_hour: PolicyLastHour = Field(default_factory=PolicyLastHour)


class CircuitBreaker(Model):
    #: More actions than these at once pause all policies.
    actions: int = 0
    #: Part of the live workers or the running jobs.
    share: float = 0.0
    within_seconds: float = 0.0
    pause_seconds: float = 0.0


class PoliciesPause(Model):
    since: AwareDatetime | None = None
    #: When they go on by themselves.
    until: AwareDatetime | None = None
    reason: str = ""


class EffectivePolicies(Model):
    """The policies that apply, and what they did in the last hour."""

    #: In order: the first one for a verdict whose matchers select the job or worker decides.
    policies: list[EffectivePolicy] = Field(default_factory=list)
    circuit_breaker: CircuitBreaker = Field(default_factory=CircuitBreaker)
    #: None unless the circuit breaker has paused them.
    paused: PoliciesPause | None = None
    #: Why the file could not be reloaded, so that earlier policies apply; None if it could.
    problem: str | None = None
