"""Links: URLs that open one transcript, or take one upload, without a key."""

from __future__ import annotations

from pydantic import AwareDatetime

from .base import Model


class Link(Model):
    #: Revokes it: `api.links.revoke(link_id)`.
    link_id: str
    kind: str = ""
    #: With its secret, which is shown only now: whoever has it needs no key.
    url: str
    job_id: str | None = None
    #: Of an upload, bytes.
    bytes_max: int | None = None
    #: Until then it counts, unless it is revoked, or its key ends before.
    expires_at: AwareDatetime | None = None


class EndedLink(Model):
    link_id: str
    revoked: bool = False
