# Generated from ../_async/client.py by scripts/generate_sync.py. Edit that file instead.
"""The client: one object with a noun for each part of the API."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import TracebackType

import httpx

from .. import _call
from .analytics import Analytics
from .audit import Audit
from .events import Events
from .feed import Feed
from .jobs import Jobs
from .keys import Keys
from .links import Links
from .queues import Queues
from .session import OpenSessions, Sessions, Tickets
from .sources import Sources
from .system import System
from .tenants import Tenants
from .transport import Transport
from .uploads import Uploads
from .workers import Workers


class TranscriptionAPI:
    """The monitor's client; `AsyncTranscriptionAPI` is the same for asyncio. Threads may share one.

        with TranscriptionAPI(base_url="http://127.0.0.1:8080") as api:
            job = api.jobs.submit(audio_url="s3://bucket/audio.mp3", priority="high")
            for update in api.jobs.watch(job.id):
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
        transport: httpx.BaseTransport | None = None,
        headers: Mapping[str, str] | None = None,
        verify: ssl.SSLContext | str | bool = True,
    ) -> None:
        self._transport = Transport(
            base_url=base_url,
            api_key=api_key,
            timeout=timeout,
            retries=retries,
            transport=transport,
            headers=headers,
            verify=verify,
        )
        self.jobs: Jobs = Jobs(self._transport)
        self.workers: Workers = Workers(self._transport)
        self.queues: Queues = Queues(self._transport)
        self.system: System = System(self._transport)
        self.uploads: Uploads = Uploads(self._transport)
        self.sources: Sources = Sources(self._transport)
        self.feed: Feed = Feed(self._transport)
        self.events: Events = Events(self._transport, self.feed)
        self.analytics: Analytics = Analytics(self._transport)
        self.keys: Keys = Keys(self._transport)
        self.tenants: Tenants = Tenants(self._transport)
        self.audit: Audit = Audit(self._transport)
        self.session: Sessions = Sessions(self._transport)
        self.sessions: OpenSessions = OpenSessions(self._transport)
        self.tickets: Tickets = Tickets(self._transport)
        self.links: Links = Links(self._transport)

    @property
    def base_url(self) -> str:
        """Without credentials."""
        return self._transport.base_url

    def close(self) -> None:
        """Closes the connections, and ends the feeds and watches that are open. `with` does so automatically."""
        self._transport.close()

    def __enter__(self) -> TranscriptionAPI:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"TranscriptionAPI(base_url={self.base_url!r})"
