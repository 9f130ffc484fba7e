"""Erasure: a job and everything personal about it are deleted, on request or by the rules of retention."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from .base import Model


class Erasure(Model):
    job_id: str = ""
    #: Since then no request shows it.
    erased_at: AwareDatetime | None = None
    #: The actor, as in the audit; `monitor` for the rules of retention.
    erased_by: str = ""
    reason: str = ""
    #: `cleaned`: recording, transcript, views, archive and analytics have nothing of it.
    #: `ended`: neither has the journal.
    stage: str = ""
    #: Until then the journal may hold its fields, which no request shows; later if no monitor runs.
    journal_until: AwareDatetime | None = None
    #: Recordings and transcripts outside the store of the monitor, from the call that erased the job.
    not_deleted: list[str] | None = None


class ErasureAnswer(Model):
    #: The jobs that were, or would be, erased.
    job_ids: list[str] = Field(default_factory=list)
    #: Jobs that workers hold, which were left: cancel them, and repeat the request.
    running_ids: list[str] = Field(default_factory=list)
    dry_run: bool = False
    journal_until: AwareDatetime | None = None
    #: Recordings and transcripts outside the store of the monitor.
    not_deleted: list[str] = Field(default_factory=list)
    #: For the next request with the same filter; None: all jobs have been examined.
    next_cursor: str | None = None


class TagRetention(Model):
    tag: str = ""
    #: After its end a job with the tag is erased; None: never.
    keep_seconds: float | None = None


class TenantRetention(Model):
    tenant: str = ""
    #: After its end a job of the tenant is erased; None: never.
    keep_seconds: float | None = None


class RetiringJob(Model):
    job_id: str = ""
    ended_at: AwareDatetime | None = None
    #: When it is erased.
    due_at: AwareDatetime | None = None
    #: `default`, or `tag:` or `tenant:` and its name.
    rule: str = ""


class Retention(Model):
    #: Of a job without a rule by tag or tenant; None: never.
    default_seconds: float | None = None
    tags: list[TagRetention] = Field(default_factory=list)
    tenants: list[TenantRetention] = Field(default_factory=list)
    #: The jobs that are erased next, at most 100.
    next: list[RetiringJob] = Field(default_factory=list)
    #: Jobs that were erased, for whatever reason, and of which something is left.
    erasing: int = 0
