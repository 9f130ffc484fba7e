"""Messages of the live feed, apart from the connection: what to send, what a message means, where to resume.

The server sends the current state, then each change with its position `{seq, index}`. After a broken connection,
`since` requests exactly the missed events; if they are no longer available, a `reset` with the current state comes
instead. Acknowledgements and errors carry no position, so every position seen is a valid place to resume from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus, WebSocketException

from ._call import reason_of, unexpected
from .errors import ApiError, FeedUnavailableError, RefusedError, TimedOutError, UnreachableError, refusal_of
from .models import FINISHED_STATES, JobUpdate

#: What a connection may raise, when it is opened or read.
FEED_ERRORS = (OSError, EOFError, TimeoutError, WebSocketException)

#: The largest first message has 1,000 jobs, at about 400 bytes each.
MESSAGE_BYTES_MAX = 16 * 1024 * 1024

_STATUS = {"too_many_subscriptions": 429, "role_not_allowed": 403, "key_narrowed": 403}

_AWAY_CAP_SECONDS = 5.0


def feed_url(base_url: str) -> str:
    return "ws" + base_url.rstrip("/").removeprefix("http") + "/ws"


class FeedReader:
    """One subscription, over any number of connections."""

    def __init__(self, target: Mapping[str, Any], since: Mapping[str, int] | None = None) -> None:
        self._target = dict(target)
        self.position = dict(since) if since else None

    def subscription(self) -> str:
        since = {"since": self.position} if self.position else {}
        return json.dumps({"action": "subscribe", "id": "1", **self._target, **since})

    def receive(self, text: str | bytes) -> dict[str, Any] | None:
        """The event; None for acknowledgements. Raises RefusedError."""
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise unexpected(101, f"not a message of the feed: {text[:100]!r}")
        if message.get("type") == "error":
            code = str(message.get("code", ""))
            status = 404 if code.endswith("_not_found") else _STATUS.get(code, 400)
            raise refusal_of(status, json.dumps({"detail": code, **message}))
        if "seq" not in message or "index" not in message:
            return None
        self.position = {"seq": message["seq"], "index": message["index"]}
        return message


def feed_failure(error: BaseException, base_url: str) -> ApiError:
    """The error of a failed connection. Raises FeedUnavailableError if a retry can't help."""
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        if status in (401, 403, 429) or (status >= 500 and status != 501):
            body = (error.response.body or b"").decode("utf-8", "replace")
            return refusal_of(status, body, error.response.headers.get("retry-after"))
        raise FeedUnavailableError(base_url, f"status {status}") from error
    if isinstance(error, InvalidHandshake) and not isinstance(error, InvalidMessage):
        raise FeedUnavailableError(base_url, str(error)) from error
    if isinstance(error, TimeoutError):
        return TimedOutError(base_url)
    if isinstance(error, ConnectionClosed):
        code = error.rcvd.code if error.rcvd else "no close frame"
        return UnreachableError(base_url, f"the feed's connection was closed ({code})")
    return UnreachableError(base_url, reason_of(error))


def is_away(error: ApiError) -> bool:
    """Whether the monitor is away for now, as opposed to refusing."""
    return not isinstance(error, RefusedError) or error.status == 429 or (error.status or 0) >= 500


def delay_while_away(tries: int, draw: float, least: float = 0.0) -> float:
    """Full jitter, so that many watchers don't reconnect together. `draw` is in [0, 1)."""
    return draw * min(_AWAY_CAP_SECONDS, 0.25 * 2.0 ** min(tries, 10)) + least


class JobView:
    """The state of a watched job: fills in fields that an event omits."""

    def __init__(self) -> None:
        self.last: JobUpdate | None = None

    def of_message(self, message: Mapping[str, Any]) -> JobUpdate | None:
        """None if the message has no state of the job."""
        if "state" not in message:
            return None
        # `progress` is a report that is not in the journal yet: a change like any other.
        soft = message.get("type") == "progress"
        kind = "update" if soft else message.get("type") or "update"
        fields = {**message, "type": kind, "event": "JobProgressed" if soft else message.get("event")}
        untold = message.get("percentage") is None
        if untold:
            fields["percentage"] = self.last.percentage if self.last else 0
        if self.last and fields.get("stage") is None and (untold or message["state"] in FINISHED_STATES):
            fields["stage"] = self.last.stage
        return self._see(JobUpdate.model_validate({"stage": None, **fields}))

    def of_job(self, job: Mapping[str, Any]) -> JobUpdate | None:
        """None if no visible field has changed."""
        progress, retry = job["progress"], job["retry_info"]
        update = JobUpdate(
            type="update" if self.last else "state",
            job_id=job["job_id"],
            state=job["state"],
            percentage=progress["percentage"],
            stage=progress["stage"],
            at=job["updated_at"],
            eta_seconds=progress["eta_seconds"],
            worker_id=(job["worker"] or {}).get("worker_id"),
            attempt=retry["attempt"],
            error=retry["last_error"],
            output=job["output"] if job["state"] == "COMPLETED" else None,
        )
        return None if self.last and _shown(update) == _shown(self.last) else self._see(update)

    def _see(self, update: JobUpdate) -> JobUpdate:
        self.last = update
        return update


def _shown(update: JobUpdate) -> tuple[Any, ...]:
    return (update.state, update.percentage, update.stage)
