"""`cloudwatch-logs://group/stream`: lines `TRANSCRIPTION_EVENT {json}`, as a log agent would bring them there.

The stream is made where it is missing; the group is yours, for it says how long lines are kept and what that costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..event import Event
from ..lines import log_line
from ..status import milliseconds
from ..transport import Batch
from .aws import AwsThing, code_of, meaning

#: CloudWatch takes no batch whose lines are more than 24 hours apart.
SPAN_MS_MAX = 23 * 3600 * 1000


class CloudWatchLogs:
    count_max = 1000

    def __init__(self, open_client: Callable[[], Any], group: str, stream: str) -> None:
        self._open_client = open_client
        self._client: Any = None
        self._names = {"logGroupName": group, "logStreamName": stream}
        self._thing = AwsThing(
            f"log group {group}",
            f"aws logs create-log-group --log-group-name {group}",
            "logs:PutLogEvents and logs:CreateLogStream",
        )

    def send(self, batch: Batch) -> Sequence[tuple[Event, str]]:
        # It wants them by time; a clock that was set back may have mixed them.
        lines = sorted(((milliseconds(event.timestamp) or 0, event) for event in batch.events), key=lambda at: at[0])
        refused: list[tuple[Event, str]] = []
        with meaning(self._thing):
            self._client = self._client or self._open_client()
            for near in _spans(lines):
                refused += self._put(near)
        return refused

    def close(self) -> None:
        if self._client:
            self._client.close()

    def _put(self, lines: list[tuple[int, Event]]) -> list[tuple[Event, str]]:
        events = [{"timestamp": at, "message": log_line(event.data)} for at, event in lines]
        try:
            answer = self._client.put_log_events(**self._names, logEvents=events)
        except Exception as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            self._make_stream()
            answer = self._client.put_log_events(**self._names, logEvents=events)
        told = answer.get("rejectedLogEventsInfo") or {}
        old = max(told.get("tooOldLogEventEndIndex", 0), told.get("expiredLogEventEndIndex", 0))
        new = told.get("tooNewLogEventStartIndex", len(lines))
        return [(event, "too old for CloudWatch Logs") for _, event in lines[:old]] + [
            (event, "in the future: is the clock right?") for _, event in lines[new:]
        ]

    def _make_stream(self) -> None:
        try:
            self._client.create_log_stream(**self._names)
        except Exception as error:
            if code_of(error) != "ResourceAlreadyExistsException":
                raise


def _spans(lines: list[tuple[int, Event]]) -> Iterator[list[tuple[int, Event]]]:
    span: list[tuple[int, Event]] = []
    for line in lines:
        if span and line[0] - span[0][0] > SPAN_MS_MAX:
            yield span
            span = []
        span.append(line)
    if span:
        yield span
