# Generated from ../_async/events.py by scripts/generate_sync.py. Edit that file instead.
"""`api.events`: the log vocabulary (`JOB_START`, `JOB_PROGRESS`, …) in bulk, for workers that only report."""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import Unpack

from .._call import Call, lines_of
from ..bodies import CallOptions, LogEvent
from ..models import LogEventAnswer
from .feed import Feed
from .transport import Transport


class Events:
    def __init__(self, transport: Transport, feed: Feed) -> None:
        self._transport = transport
        #: The same as `feed.follow`.
        self.follow = feed.follow

    def report(self, events: Iterable[LogEvent], **options: Unpack[CallOptions]) -> LogEventAnswer:
        """Sends up to 1,000 events in one request; each line is accepted or refused by itself."""
        headers = {"content-type": "application/x-ndjson"}
        call = Call("POST", "/events", content=lines_of(events), headers=headers, options=options)
        return self._transport.model(LogEventAnswer, call)
