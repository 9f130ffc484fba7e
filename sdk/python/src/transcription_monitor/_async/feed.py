"""`api.feed`: live changes. Reconnects and resumes from its position: no event is lost or repeated.

for message in api.feed.follow("jobs", filter={"state": "FAILED"}):
    print(message.job_id, message.details)
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from .._call import given
from .._feed import FeedReader, read_message
from ..bodies import FeedFilter, FeedResource
from ..models import FeedMessage, FeedPosition
from .feed_connection import AsyncFeedConnection
from .transport import AsyncTransport


class AsyncFeed:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

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
        """Yields the current state, then events in the journal's order, without end; survives restarts of the monitor.

        `resource` `job` and `worker` require their id; `filter` is for `jobs`. `since` is a message's `position`:
        yields the events after it, or a `reset` with the current state if they are no longer available. `on_away` is
        called each time the monitor goes away, and with None once it is back. Closing the client ends it. Raises
        FeedUnavailableError if no WebSocket reaches the monitor, NotFoundError, InvalidRequestError.
        """
        target = given(resource=resource, job_id=job_id, worker_id=worker_id, filter=filter)
        reader = FeedReader(target, None if since is None else {"seq": since.seq, "index": since.index})
        async with AsyncFeedConnection(self._transport, reader, on_away) as feed:
            while (message := await feed.next()) is not None:
                yield read_message(FeedMessage, message, self._transport.base_url)
