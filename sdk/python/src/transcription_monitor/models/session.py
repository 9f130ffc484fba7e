"""What a key is exchanged for: sessions, tickets, tokens for one job."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from .base import Model


class SignInProvider(Model):
    #: For people: `Sign in with …`.
    name: str = ""
    #: Where a browser goes to sign in; `?to=` has the page to return to.
    path: str = ""


class Session(Model):
    #: False: the monitor has no keys, and everybody may do everything.
    keys_required: bool = False
    #: Whether the request had a key, a session or a token.
    signed_in: bool = False
    role: str | None = None
    #: What the caller may do: the words that operations have as `x-permission` in the API document.
    permissions: list[str] = Field(default_factory=list)
    key_id: str | None = None
    #: Of the key.
    name: str | None = None
    #: The caller sees and submits only jobs with one of these.
    tags: list[str] | None = None
    #: The tenant of the key; None: it belongs to none.
    tenant: str | None = None
    #: When the session ends.
    expires_at: AwareDatetime | None = None
    #: The identity provider at which people sign in; None: there is none.
    provider: SignInProvider | None = None


class OpenSession(Model):
    """A browser that is signed in."""

    id: str
    #: Of who signed in at the identity provider, or of the key.
    name: str = ""
    role: str = ""
    #: Whose jobs it sees; None: all.
    tenant: str | None = None
    #: The key that was exchanged; None: an identity provider.
    key_id: str | None = None
    #: The identity provider; None: a key.
    issuer: str | None = None
    #: When it began; None if an earlier version began it.
    signed_in_at: AwareDatetime | None = None
    #: When it ends by itself.
    expires_at: AwareDatetime | None = None
    #: Whether this request came with it.
    own: bool = False


class Ticket(Model):
    #: For `/ws?ticket=…` or `GET /events?ticket=…`, once.
    ticket: str
    #: Until then it opens a connection, which may last longer.
    expires_at: AwareDatetime | None = None


class JobToken(Model):
    #: For `Authorization: Bearer tmt_…`: reads and follows this job, and nothing else.
    token: str
    job_id: str = ""
    #: Until then it counts, unless its key ends before.
    expires_at: AwareDatetime | None = None
