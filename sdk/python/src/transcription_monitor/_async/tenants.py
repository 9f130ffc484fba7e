"""`api.tenants`: those who share the fleet, what they may have, and what they have used today."""

from __future__ import annotations

from typing_extensions import Unpack

from .._call import Call, given, path
from ..bodies import CallOptions
from ..models import Tenant
from .pages import AsyncPages
from .transport import AsyncTransport


class AsyncTenants:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, **options: Unpack[CallOptions]) -> AsyncPages[Tenant]:
        """All tenants, by id. With a key of a tenant: its own."""
        return AsyncPages(self._transport, Tenant, Call("GET", "/tenants", given(), options=options))

    async def get(self, tenant: str, **options: Unpack[CallOptions]) -> Tenant:
        """Raises NotFoundError."""
        return await self._transport.model(Tenant, Call("GET", path("tenants", tenant), options=options))

    async def put(
        self,
        tenant: str,
        *,
        weight: int | None = None,
        max_running: int | None = None,
        jobs_per_day: int | None = None,
        audio_hours_per_day: float | None = None,
        upload_bytes_per_day: int | None = None,
        **options: Unpack[CallOptions],
    ) -> Tenant:
        """Replaces all settings: what is left out has no limit, and the weight 1."""
        body = given(
            weight=weight,
            max_running=max_running,
            jobs_per_day=jobs_per_day,
            audio_hours_per_day=audio_hours_per_day,
            upload_bytes_per_day=upload_bytes_per_day,
        )
        return await self._transport.model(Tenant, Call("PUT", path("tenants", tenant), body=body, options=options))

    async def delete(self, tenant: str, **options: Unpack[CallOptions]) -> Tenant:
        """Removes the settings and the pause; jobs and keys stay."""
        return await self._transport.model(Tenant, Call("DELETE", path("tenants", tenant), options=options))

    async def pause(self, tenant: str, **options: Unpack[CallOptions]) -> Tenant:
        """Hands its waiting jobs to no worker until it is resumed; running ones go on."""
        return await self._transport.model(Tenant, Call("POST", path("tenants", tenant, "pause"), options=options))

    async def resume(self, tenant: str, **options: Unpack[CallOptions]) -> Tenant:
        """Hands out its jobs again, by its share from now on."""
        return await self._transport.model(Tenant, Call("POST", path("tenants", tenant, "resume"), options=options))
