"""`http://…` and `https://…`: the monitor, by POST /api/v1/events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from ..._sync.client import TranscriptionAPI
from ...bodies import LogEvent
from ...errors import ApiError, RefusedError
from ..errors import Away, Refused
from ..event import VOCABULARY, Event
from ..sink import Batch

TIMEOUT_SECONDS = 15.0

#: Statuses that a retry can't change. Not 401, 403 and 404: a key or an address can be fixed.
_FOR_EVER = frozenset({400, 409, 413, 415, 422})


class MonitorSink:
    count_max = 1000
    linger_seconds: float = 0.05

    def __init__(self, base_url: str, api_key: str | None) -> None:
        self._api = TranscriptionAPI(base_url, api_key, timeout=TIMEOUT_SECONDS, retries=0)

    def send(self, batch: Batch) -> Sequence[tuple[Event, str]]:
        lines = cast(list[LogEvent], [_line_of(event) for event in batch.events])
        try:
            answer = self._api.events.report(lines, idempotency_key=batch.key)
        except RefusedError as error:
            if error.status in _FOR_EVER:
                raise Refused(f"{error.message} ({error.code})") from error
            raise Away(f"{error.message} ({error.code})", hint=error.hint) from error
        except ApiError as error:
            raise Away(error.message, hint=error.hint) from error
        return [(batch.events[line.line - 1], f"{line.code}: {line.detail}") for line in answer.rejected]

    def close(self) -> None:
        self._api.close()


def _line_of(event: Event) -> dict[str, Any]:
    """Drops other fields, because a monitor refuses unknown ones."""
    return {**{name: value for name, value in event.data.items() if name in VOCABULARY}, "job_id": event.id}
