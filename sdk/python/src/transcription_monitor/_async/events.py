"""`api.events`: what happens, live; and the log vocabulary (`JOB_START`, `JOB_PROGRESS`, …), for workers that only
report.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing

from typing_extensions import Unpack

from .._call import Call, given, lines_of
from .._feed import FeedAbsent, FeedReader
from ..bodies import CallOptions, FeedFilter, FeedResource, LogEvent
from ..errors import ApiError
from ..models import FeedMessage, FeedPosition, LogEventAnswer
from .feed import follow_feed
from .transport import AsyncTransport


class AsyncEvents:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def report(self, events: Iterable[LogEvent], **options: Unpack[CallOptions]) -> LogEventAnswer:
        """One request for all of them, 1,000 at most; each line stands or falls by itself."""
        headers = {"content-type": "application/x-ndjson"}
        call = Call("POST", "/events", content=lines_of(events), headers=headers, options=options)
        return await self._transport.model(LogEventAnswer, call)

    async def follow(
        self,
        resource: FeedResource = "jobs",
        *,
        job_id: str | None = None,
        worker_id: str | None = None,
        filter: FeedFilter | None = None,
        since: FeedPosition | None = None,
        on_away: Callable[[Exception | None], None] | None = None,
    ) -> AsyncGenerator[FeedMessage, None]:
        """What is now, then what happens, in the journal's order and for ever; over restarts of the monitor.

        `resource` `job` and `worker` need their id; `filter` is for `jobs`. `since` is a message's `position`: what
        came after it is told, or `reset` with what is now where that is no longer known. `on_away` is told once each
        time the monitor goes, and with None when it is back. Raises ApiError `feed_absent` where no WebSocket reaches
        the monitor.
        """
        target = given(resource=resource, job_id=job_id, worker_id=worker_id, filter=filter)
        reader = FeedReader(target, None if since is None else {"seq": since.seq, "index": since.index})
        try:
            if self._transport.replaced:
                raise FeedAbsent("this client's transport is not the network")
            async with aclosing(follow_feed(self._transport, reader, on_away)) as messages:
                async for message in messages:
                    yield FeedMessage.model_validate(message)
        except FeedAbsent as absent:
            hint = "Does what stands between pass WebSockets on? jobs.watch works without them."
            raise ApiError(
                f"no live feed at {self._transport.base_url}: {absent}", code="feed_absent", hint=hint
            ) from absent
