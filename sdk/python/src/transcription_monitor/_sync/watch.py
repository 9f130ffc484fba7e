# Generated from ../_async/watch.py by scripts/generate_sync.py. Edit that file instead.
"""A job's changes, from now to its end, across restarts of the monitor: by the live feed or by polling."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from contextlib import closing

from .._call import Call, decode_json, path
from .._feed import FeedReader, JobView, delay_while_away, is_away
from .._sync_runtime import sleep
from ..errors import ApiError, FeedUnavailableError
from ..models import JobUpdate
from .feed_connection import follow_feed
from .transport import Transport

OnAway = Callable[[Exception | None], None] | None


def watch_job(
    transport: Transport, job_id: str, *, poll_seconds: float, on_away: OnAway
) -> Generator[JobUpdate, None, None]:
    """Ends after COMPLETED, FAILED or CANCELLED."""
    view = JobView()
    path(job_id)  # raises for an invalid id before anything is sent
    reader = FeedReader({"resource": "job", "job_id": job_id})
    try:
        with closing(follow_feed(transport, reader, on_away)) as messages:
            for message in messages:
                update = view.of_message(message)
                if update is None:
                    break  # it has left the monitor's memory: read it from the archive
                yield update
                if update.finished:
                    return
    except FeedUnavailableError:
        pass
    for update in _poll(transport, job_id, view, poll_seconds, on_away):
        yield update


def _poll(
    transport: Transport, job_id: str, view: JobView, poll_seconds: float, on_away: OnAway
) -> Generator[JobUpdate, None, None]:
    """Polls with `If-None-Match`, so that an unchanged job costs an empty response."""
    etag = None
    away = 0
    while True:
        update = None
        try:
            headers = {"if-none-match": etag} if etag else dict[str, str]()
            answer = transport.answer(Call("GET", path("jobs", job_id), headers=headers))
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
        sleep(delay_while_away(away, random.random(), poll_seconds) if away else poll_seconds)
