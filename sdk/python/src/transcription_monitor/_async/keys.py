"""`api.keys`: API keys, for callers with an admin key."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from datetime import datetime

from typing_extensions import Unpack

from .._alert_matchers import moment
from .._call import Call, given, path
from ..bodies import CallOptions
from ..models import ApiKey, NewApiKey
from .pages import AsyncPages
from .transport import AsyncTransport


class AsyncKeys:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, **options: Unpack[CallOptions]) -> AsyncPages[ApiKey]:
        """All keys, oldest first, without their secrets; also those that were revoked or have expired."""
        return AsyncPages(self._transport, ApiKey, Call("GET", "/keys", given(), options=options))

    async def create(
        self,
        role: str,
        *,
        name: str | None = None,
        tags: Iterable[str] | None = None,
        worker_id: str | None = None,
        tenant: str | None = None,
        max_running: int | None = None,
        jobs_per_day: int | None = None,
        audio_hours_per_day: float | None = None,
        upload_bytes_per_day: int | None = None,
        expires_at: datetime | str | None = None,
        **options: Unpack[CallOptions],
    ) -> NewApiKey:
        """A new key. Its `key` is shown only now. With `tenant` it sees, submits and claims only jobs of this tenant.

        If the response is lost, a repeated call raises ConflictError `secret_shown_before`: revoke that key.
        """
        listed: builtins.list[str] | None = None if tags is None else [*tags]
        ends_at = moment(expires_at)
        body = given(
            role=role,
            name=name,
            tags=listed,
            worker_id=worker_id,
            tenant=tenant,
            max_running=max_running,
            jobs_per_day=jobs_per_day,
            audio_hours_per_day=audio_hours_per_day,
            upload_bytes_per_day=upload_bytes_per_day,
            expires_at=ends_at,
        )
        return await self._transport.model(NewApiKey, Call("POST", "/keys", body=body, options=options))

    async def rotate(
        self, key_id: str, *, overlap_seconds: int | None = None, **options: Unpack[CallOptions]
    ) -> NewApiKey:
        """Gives a key a new secret, shown only now.

        The present one is accepted beside it for a day, or for `overlap_seconds`.
        """
        body = given(overlap_seconds=overlap_seconds)
        call = Call("POST", path("keys", key_id, "rotate"), body=body, options=options)
        return await self._transport.model(NewApiKey, call)

    async def revoke(self, key_id: str, **options: Unpack[CallOptions]) -> ApiKey:
        """Revokes a key: it is refused from now on, and its open connections are closed."""
        return await self._transport.model(ApiKey, Call("DELETE", path("keys", key_id), options=options))
