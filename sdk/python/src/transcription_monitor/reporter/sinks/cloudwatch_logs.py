"""`cloudwatch-logs://group/stream`: lines `TRANSCRIPTION_EVENT {json}`, as a log agent would deliver them.

The stream is created if it does not exist; the group is not, because its owner sets how long lines are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..event import Event
from ..lines import log_line
from ..sink import Batch
from .aws import AwsThing, code_of, meaning

#: CloudWatch refuses a batch whose lines are more than 24 hours apart.
SPAN_MS_MAX = 23 * 3600 * 1000


class CloudWatchLogs:
    count_max = 1000
    linger_seconds: float = 0.2

    def __init__(self, open_client: Callable[[], Any], group: str, stream: str) -> None:
        self._open_client = open_client
        self._client: Any = None
        # Characters that a stream name can't have.
        self._names = {"logGroupName": group, "logStreamName": re.sub("[:*]", "-", stream)[:512]}
        self._thing = AwsThing(
            f"log group {group}",
            f"aws logs create-log-group --log-group-name {group}",
            "logs:PutLogEvents and logs:CreateLogStream",
        )

    def send(self, batch: Batch) -> Sequence[tuple[Event, str]]:
        # PutLogEvents requires them ordered by time; a clock set back may have mixed them.
        events = sorted(batch.events, key=lambda event: event.told_ms)
        refused: list[tuple[Event, str]] = []
        with meaning(self._thing):
            self._client = self._client or self._open_client()
            for near in _spans(events):
                refused += self._put(near)
        return refused

    def close(self) -> None:
        if self._client:
            self._client.close()

    def _put(self, events: list[Event]) -> list[tuple[Event, str]]:
        lines = [{"timestamp": event.told_ms, "message": log_line(event.data)} for event in events]
        try:
            answer = self._client.put_log_events(**self._names, logEvents=lines)
        except Exception as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            self._make_stream()
            answer = self._client.put_log_events(**self._names, logEvents=lines)
        told = answer.get("rejectedLogEventsInfo") or {}
        old = max(told.get("tooOldLogEventEndIndex", 0), told.get("expiredLogEventEndIndex", 0))
        new = told.get("tooNewLogEventStartIndex", len(lines))
        return [(event, "too old for CloudWatch Logs") for event in events[:old]] + [
            (event, "in the future: is the clock right?") for event in events[new:]
        ]

    def _make_stream(self) -> None:
        try:
            self._client.create_log_stream(**self._names)
        except Exception as error:
            if code_of(error) != "ResourceAlreadyExistsException":
                raise


def _spans(events: list[Event]) -> Iterator[list[Event]]:
    span: list[Event] = []
    for event in events:
        if span and event.told_ms - span[0].told_ms > SPAN_MS_MAX:
            yield span
            span = []
        span.append(event)
    if span:
        yield span
