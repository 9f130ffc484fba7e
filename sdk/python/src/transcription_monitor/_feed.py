"""The live feed's messages, without the connection they come over: what to send, what a message means, where to take
up again.

The server says the state now, then each change with its position `{seq, index}`. After a broken connection `since`
asks for exactly what was missed; a `reset` with the state now comes instead where that is no longer known.
Acknowledgements and errors carry no position. A position that has been seen is always one to come back with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus, WebSocketException

from ._call import reason_of, unexpected
from .errors import ApiError, FeedUnavailableError, RefusedError, TimedOutError, UnreachableError, refusal_of
from .models import FINISHED_STATES, JobUpdate

#: What a connection may raise, as it is opened and while it is read.
FEED_ERRORS = (OSError, EOFError, TimeoutError, WebSocketException)

#: The largest first message has 1,000 jobs, at about 400 bytes each.
MESSAGE_BYTES_MAX = 16 * 1024 * 1024

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
        """What happened; None for what is only said to us. Raises RefusedError."""
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise unexpected(101, f"not a message of the feed: {text[:100]!r}")
        if message.get("type") == "error":
            code = str(message.get("code", ""))
            status = 404 if code.endswith("_not_found") else 429 if code == "too_many_subscriptions" else 400
            raise refusal_of(status, json.dumps({"detail": code, **message}))
        if "seq" not in message or "index" not in message:
            return None
        self.position = {"seq": message["seq"], "index": message["index"]}
        return message


def feed_failure(error: BaseException, base_url: str) -> ApiError:
    """What a failed connection is to the caller. Raises FeedUnavailableError where trying again can't help."""
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
        code = error.rcvd.code if error.rcvd else "without a word"
        return UnreachableError(base_url, f"the feed's connection was closed ({code})")
    return UnreachableError(base_url, reason_of(error))


def is_away(error: ApiError) -> bool:
    """Whether the monitor is away for now, rather than refusing."""
    return not isinstance(error, RefusedError) or error.status == 429 or (error.status or 0) >= 500


def delay_while_away(tries: int, draw: float, least: float = 0.0) -> float:
    """Full jitter, so that a crowd of watchers doesn't come back in step. `draw` is in [0, 1)."""
    return draw * min(_AWAY_CAP_SECONDS, 0.25 * 2.0 ** min(tries, 10)) + least


class JobView:
    """A job as its watcher has seen it: fills in what an event does not tell."""

    def __init__(self) -> None:
        self.last: JobUpdate | None = None

    def of_message(self, message: Mapping[str, Any]) -> JobUpdate | None:
        """None where the message says nothing of the job's state."""
        if "state" not in message:
            return None
        fields = {**message, "type": message.get("type") or "update"}
        untold = message.get("percentage") is None
        if untold:
            fields["percentage"] = self.last.percentage if self.last else 0
        if self.last and fields.get("stage") is None and (untold or message["state"] in FINISHED_STATES):
            fields["stage"] = self.last.stage
        return self._see(JobUpdate.model_validate({"stage": None, **fields}))

    def of_job(self, job: Mapping[str, Any]) -> JobUpdate | None:
        """None where nothing that is shown has changed."""
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
