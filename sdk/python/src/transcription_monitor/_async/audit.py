"""`api.audit`: who did what, for callers with an admin key."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import Unpack

from .._alert_matchers import moment
from .._call import Call, given
from ..bodies import CallOptions
from ..models import AuditEntry, AuditVerification
from .pages import AsyncPages
from .transport import AsyncTransport


class AsyncAudit:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        actor: str | None = None,
        key_id: str | None = None,
        event: str | None = None,
        entity: str | None = None,
        after: datetime | str | None = None,
        before: datetime | str | None = None,
        limit: int | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncPages[AuditEntry]:
        """Newest first, as far back as the audit is kept. A page may be empty and have a next one."""
        times = given(after=moment(after), before=moment(before))
        query = given(actor=actor, key_id=key_id, event=event, entity=entity, limit=limit, **times)
        return AsyncPages(self._transport, AuditEntry, Call("GET", "/audit", query, options=options))

    async def verify(self, **options: Unpack[CallOptions]) -> AuditVerification:
        """Walks the hash chain of the journal: whether anything that is kept was changed, removed or reordered."""
        return await self._transport.model(AuditVerification, Call("POST", "/audit/verify", options=options))
