"""A job's changes, from now to its end, across restarts of the monitor: by the live feed or by polling."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator

from .._async_runtime import sleep
from .._call import Call, decode, path
from .._feed import FeedReader, JobView, delay_while_away, is_away
from ..errors import ApiError, FeedUnavailableError
from ..models import Job, JobUpdate
from .feed_connection import AsyncFeedConnection, OnAway
from .transport import AsyncTransport


async def watch_job(
    transport: AsyncTransport, job_id: str, *, poll_seconds: float, on_away: OnAway
) -> AsyncGenerator[JobUpdate, None]:
    """Ends after the job's final state, or when the client is closed."""
    view = JobView(transport.base_url)
    path(job_id)  # raises for an invalid id before anything is sent
    reader = FeedReader({"resource": "job", "job_id": job_id})
    try:
        async with AsyncFeedConnection(transport, reader, on_away) as feed:
            while (message := await feed.next()) is not None:
                update = view.of_message(message)
                if update is None:
                    break  # it has left the monitor's memory: read it from the archive
                yield update
                if update.finished:
                    return
    except FeedUnavailableError:
        pass
    # Not a generator of its own: see AsyncFeedConnection.
    poll = _Poll(transport, job_id, view, on_away)
    while not transport.closed:
        update = await poll.next()
        if update is not None:
            yield update
        if view.last is not None and view.last.finished:
            return
        await sleep(poll.delay(poll_seconds))


class _Poll:
    """Polls with `If-None-Match`, so that an unchanged job costs an empty response."""

    def __init__(self, transport: AsyncTransport, job_id: str, view: JobView, on_away: OnAway) -> None:
        self._transport = transport
        self._path = path("jobs", job_id)
        self._view = view
        self._on_away = on_away
        self._etag: str | None = None
        self._failures = 0

    async def next(self) -> JobUpdate | None:
        """None if nothing that is shown has changed, or the monitor is away."""
        headers = {"if-none-match": self._etag} if self._etag else dict[str, str]()
        try:
            response = await self._transport.answer(Call("GET", self._path, headers=headers))
            if response.status_code == 304:
                job = None
            else:
                job = decode(Job, response)
                self._etag = response.headers.get("etag")
        except ApiError as error:
            if self._transport.closed:
                return None
            if self._view.last is None or not is_away(error):
                raise
            if self._failures == 0 and self._on_away:
                self._on_away(error)
            self._failures += 1
            return None
        if self._failures > 0 and self._on_away:
            self._on_away(None)
        self._failures = 0
        return None if job is None else self._view.of_job(job)

    def delay(self, poll_seconds: float) -> float:
        return delay_while_away(self._failures, random.random(), poll_seconds) if self._failures else poll_seconds
