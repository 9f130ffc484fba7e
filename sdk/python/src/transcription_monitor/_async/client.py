"""The client: one object with a noun for each part of the API."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import TracebackType

import httpx

from .. import _call
from .analytics import AsyncAnalytics
from .audit import AsyncAudit
from .events import AsyncEvents
from .feed import AsyncFeed
from .jobs import AsyncJobs
from .keys import AsyncKeys
from .links import AsyncLinks
from .queues import AsyncQueues
from .session import AsyncOpenSessions, AsyncSessions, AsyncTickets
from .sources import AsyncSources
from .system import AsyncSystem
from .tenants import AsyncTenants
from .transport import AsyncTransport
from .uploads import AsyncUploads
from .workers import AsyncWorkers


class AsyncTranscriptionAPI:
    """The monitor's client, for asyncio; `TranscriptionAPI` is the same for programs without it.

        async with AsyncTranscriptionAPI(base_url="http://127.0.0.1:8080") as api:
            job = await api.jobs.submit(audio_url="s3://bucket/audio.mp3", priority="high")
            async for update in api.jobs.watch(job.id):
                print(update.percentage, update.stage)

    `base_url` is the monitor's address, without `/api/v1`; `api_key` is sent as `Authorization: Bearer …`. `timeout`
    is the longest silence in seconds before an attempt times out, None for no limit; `retries` is how often a call is
    retried before it raises. `transport` replaces the network:
    `transcription_monitor.testing.MockMonitor()`, or any httpx transport.

    For a proxy that wants credentials, `base_url` may be `http://user:password@host`, or `headers` has what goes with
    each request. `verify` is a file with the certificates of your own authority, an `ssl.SSLContext`, or False to trust
    any certificate. HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY are respected. All of it applies to the live feed
    too.

    Every method also takes its own `idempotency_key`, `timeout` and `retries`. `errors.py` lists the exceptions.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: float | None = _call.TIMEOUT_SECONDS,
        retries: int = _call.RETRIES,
        transport: httpx.AsyncBaseTransport | None = None,
        headers: Mapping[str, str] | None = None,
        verify: ssl.SSLContext | str | bool = True,
    ) -> None:
        self._transport = AsyncTransport(
            base_url=base_url,
            api_key=api_key,
            timeout=timeout,
            retries=retries,
            transport=transport,
            headers=headers,
            verify=verify,
        )
        self.jobs: AsyncJobs = AsyncJobs(self._transport)
        self.workers: AsyncWorkers = AsyncWorkers(self._transport)
        self.queues: AsyncQueues = AsyncQueues(self._transport)
        self.system: AsyncSystem = AsyncSystem(self._transport)
        self.uploads: AsyncUploads = AsyncUploads(self._transport)
        self.sources: AsyncSources = AsyncSources(self._transport)
        self.feed: AsyncFeed = AsyncFeed(self._transport)
        self.events: AsyncEvents = AsyncEvents(self._transport, self.feed)
        self.analytics: AsyncAnalytics = AsyncAnalytics(self._transport)
        self.keys: AsyncKeys = AsyncKeys(self._transport)
        self.tenants: AsyncTenants = AsyncTenants(self._transport)
        self.audit: AsyncAudit = AsyncAudit(self._transport)
        self.session: AsyncSessions = AsyncSessions(self._transport)
        self.sessions: AsyncOpenSessions = AsyncOpenSessions(self._transport)
        self.tickets: AsyncTickets = AsyncTickets(self._transport)
        self.links: AsyncLinks = AsyncLinks(self._transport)

    @property
    def base_url(self) -> str:
        """Without credentials."""
        return self._transport.base_url

    async def aclose(self) -> None:
        """Closes the connections, and ends the feeds and watches that are open. `async with` does so automatically."""
        await self._transport.aclose()

    async def __aenter__(self) -> AsyncTranscriptionAPI:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"AsyncTranscriptionAPI(base_url={self.base_url!r})"
