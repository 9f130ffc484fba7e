"""Tenants: those who share one fleet."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from .base import Model


class TenantUsage(Model):
    #: The UTC day, by the time of the journal: `2026-11-27`.
    day: str = ""
    #: Jobs submitted.
    jobs: int = 0
    #: Of the recordings whose length is known.
    audio_hours: float = 0.0
    upload_bytes: int = 0
    #: When the next day begins.
    resets_at: AwareDatetime | None = None


class Tenant(Model):
    tenant: str
    #: Its part of the jobs of a class, in relation to the weights of the others that have waiting jobs.
    weight: int = 0
    #: Jobs that workers may hold at once; None: no limit.
    max_running: int | None = None
    #: What may be submitted and uploaded a UTC day; None: no limit.
    jobs_per_day: int | None = None
    audio_hours_per_day: float | None = None
    upload_bytes_per_day: int | None = None
    #: Its waiting jobs are handed to no worker; running ones go on.
    paused: bool = False
    paused_at: AwareDatetime | None = None
    #: Its jobs that may be claimed, as far as limits and pauses do not forbid it.
    waiting: int = 0
    #: Its jobs that workers hold.
    running: int = 0
    #: What it has used today.
    usage: TenantUsage = Field(default_factory=TenantUsage)
    as_of_seq: int = 0
