"""A job's changes, from now to its end, across restarts of the monitor: by the live feed or by polling."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from .._async_runtime import sleep
from .._call import Call, decode_json, path
from .._feed import FeedReader, JobView, delay_while_away, is_away
from ..errors import ApiError, FeedUnavailableError
from ..models import JobUpdate
from .feed_connection import follow_feed
from .transport import AsyncTransport

OnAway = Callable[[Exception | None], None] | None


async def watch_job(
    transport: AsyncTransport, job_id: str, *, poll_seconds: float, on_away: OnAway
) -> AsyncGenerator[JobUpdate, None]:
    """Ends after COMPLETED, FAILED or CANCELLED."""
    view = JobView()
    path(job_id)  # raises for an invalid id before anything is sent
    reader = FeedReader({"resource": "job", "job_id": job_id})
    try:
        async with aclosing(follow_feed(transport, reader, on_away)) as messages:
            async for message in messages:
                update = view.of_message(message)
                if update is None:
                    break  # it has left the monitor's memory: read it from the archive
                yield update
                if update.finished:
                    return
    except FeedUnavailableError:
        pass
    async for update in _poll(transport, job_id, view, poll_seconds, on_away):
        yield update


async def _poll(
    transport: AsyncTransport, job_id: str, view: JobView, poll_seconds: float, on_away: OnAway
) -> AsyncGenerator[JobUpdate, None]:
    """Polls with `If-None-Match`, so that an unchanged job costs an empty response."""
    etag = None
    away = 0
    while True:
        update = None
        try:
            headers = {"if-none-match": etag} if etag else dict[str, str]()
            answer = await transport.answer(Call("GET", path("jobs", job_id), headers=headers))
            if away > 0 and on_away:
                on_away(None)
            away = 0
            if answer.status_code != 304:
                etag = answer.headers.get("etag")
                update = view.of_job(decode_json(answer))
        except ApiError as error:
            if view.last is None or not is_away(error):
                raise
            if away == 0 and on_away:
                on_away(error)
            away += 1
        if update is not None:
            yield update
        if view.last is not None and view.last.finished:
            return
        await sleep(delay_while_away(away, random.random(), poll_seconds) if away else poll_seconds)
