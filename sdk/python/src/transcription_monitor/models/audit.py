"""Who did what, from the journal."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from .base import Model


class AuditEntry(Model):
    #: Segment of the journal, and event within it, from 0.
    seq: int = 0
    index: int = 0
    at: AwareDatetime | None = None
    #: `key:` and an id; `user:` and the name of who signed in; `api` without keys;
    #: `monitor`; a command line that used the store itself.
    actor: str = ""
    key_id: str | None = None
    #: None if the key has been forgotten.
    key_name: str | None = None
    #: What happened: `JobCancelRequested`, `KeyCreated`, …
    event: str = ""
    #: To whom: the id of a job, worker, alert, key, …
    entity: str = ""
    request_id: str | None = None
    #: From which the request came.
    address: str | None = None


class AuditFinding(Model):
    #: What was looked at: `journal`, `segments`, …
    check: str = ""
    #: `pass`, `warn` or `fail`.
    verdict: str = ""
    #: For people.
    says: str = ""


class AuditVerification(Model):
    """Whether every byte of the record is as it was written."""

    #: Nothing that is kept was changed, removed or reordered.
    intact: bool
    findings: list[AuditFinding] = Field(default_factory=list)
