"""Tenants: those who share one fleet."""

from __future__ import annotations

from pydantic import AwareDatetime

from .base import Model


class TenantUsage(Model):
    #: The UTC day, by the time of the journal: `2026-11-27`.
    day: str
    #: Jobs submitted.
    jobs: int
    #: Of the recordings whose length is known.
    audio_hours: float
    upload_bytes: int
    #: When the next day begins.
    resets_at: AwareDatetime


class Tenant(Model):
    tenant: str
    #: Its part of the jobs of a class, in relation to the weights of the others that have waiting jobs.
    weight: int
    #: Jobs that workers may hold at once; None: no limit.
    max_running: int | None
    #: What may be submitted and uploaded a UTC day; None: no limit.
    jobs_per_day: int | None
    audio_hours_per_day: float | None
    upload_bytes_per_day: int | None
    #: Its waiting jobs are handed to no worker; running ones go on.
    paused: bool
    paused_at: AwareDatetime | None
    #: Its jobs that may be claimed, as far as limits and pauses do not forbid it.
    waiting: int
    #: Its jobs that workers hold.
    running: int
    #: What it has used today.
    usage: TenantUsage
    as_of_seq: int
