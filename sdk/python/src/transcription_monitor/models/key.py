"""API keys, without their secrets."""

from __future__ import annotations

from pydantic import AwareDatetime

from .base import Model


class ApiKey(Model):
    #: The part of the key that is not secret.
    id: str
    #: `read`, `submit`, `worker`, `operate` or `admin`.
    role: str = ""
    name: str = ""
    #: The key sees and submits only jobs with one of these tags; None: all.
    tags: list[str] | None = None
    #: The only worker that the key acts as; None: any.
    worker_id: str | None = None
    #: The key sees, submits and claims only jobs of this tenant; None: it may act for all.
    tenant: str | None = None
    #: Of its jobs: how many workers may hold at once, and what may be submitted and uploaded a UTC day; None: no limit.
    max_running: int | None = None
    jobs_per_day: int | None = None
    audio_hours_per_day: float | None = None
    upload_bytes_per_day: int | None = None
    created_at: AwareDatetime | None = None
    #: `key:` and an id, `api` without keys, `tmon keys`.
    created_by: str = ""
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None
    #: When it got its present secret, if that is not its first.
    rotated_at: AwareDatetime | None = None
    #: Until then its previous secret is accepted, too.
    previous_until: AwareDatetime | None = None
    #: When the instance that responds last accepted it; None: not since that instance started.
    last_used_at: AwareDatetime | None = None
    as_of_seq: int = 0


class NewApiKey(ApiKey):
    #: The key itself: `tmk_…`. It is shown only now; the monitor keeps a hash.
    key: str
