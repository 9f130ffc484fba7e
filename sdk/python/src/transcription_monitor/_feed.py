"""Messages of the live feed, apart from the connection: what to send, what a message means, where to resume.

The server sends the current state, then each change with its position `{seq, index}`. After a broken connection,
`since` requests exactly the missed events; if they are no longer available, a `reset` with the current state comes
instead. Acknowledgements and errors carry no position, so every position seen is a valid place to resume from.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from pydantic import BaseModel, ValidationError
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, WebSocketException

from ._address import Proxy
from ._call import RETRIED_STATUSES, reason_of, why_of
from ._hints import hint_of_silence
from .errors import (
    ApiError,
    FeedUnavailableError,
    RefusedError,
    TimedOutError,
    UnexpectedResponseError,
    UnreachableError,
    error_of,
)
from .models import FINISHED_STATES, Job, JobUpdate

ModelT = TypeVar("ModelT", bound=BaseModel)


class HandshakeRefused(Exception):
    """An HTTP response instead of a WebSocket."""

    def __init__(self, response: Any) -> None:
        super().__init__(f"status {response.status_code}")
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.body: str = (response.body or b"").decode("utf-8", "replace")


#: What a connection may raise, when it is opened or read.
FEED_ERRORS = (OSError, EOFError, TimeoutError, WebSocketException, HandshakeRefused, ImportError)

#: For the WebSocket library, which logs broken connections with tracebacks. The feed reports them by itself.
FEED_LOGGER = logging.getLogger("transcription_monitor.feed.websockets")
FEED_LOGGER.setLevel(logging.CRITICAL)

#: How often a feed that has worked tries to get through, if something else than the monitor responds: a minute or so.
UNAVAILABLE_TRIES_MAX = 30

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

    def receive(self, text: str | bytes, url: str) -> dict[str, Any] | None:
        """The event; None for acknowledgements. Raises RefusedError, UnexpectedResponseError."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise UnexpectedResponseError(url, 101, repr(text[:100]), why="not a message of the feed")
        if message.get("type") == "error":
            code = str(message.get("code", ""))
            status = 404 if code.endswith("_not_found") else _STATUS.get(code, 400)
            raise error_of(status, json.dumps({"detail": code, **message}), url=url, headers={})
        if "seq" not in message or "index" not in message:
            return None
        position = {"seq": message["seq"], "index": message["index"]}
        if not all(type(part) is int for part in position.values()):
            raise UnexpectedResponseError(url, 101, str(text), why="seq and index are not integers")
        self.position = position
        return message


def read_message(model: type[ModelT], message: Mapping[str, Any], base_url: str) -> ModelT:
    """Raises UnexpectedResponseError."""
    try:
        return model.model_validate(message)
    except ValidationError as error:
        raise UnexpectedResponseError(feed_url(base_url), 101, json.dumps(message), why=why_of(error)) from error


def redirected_feed(url: str, refused: HandshakeRefused) -> str | None:
    """As for calls: 307 and 308, to the same host or its TLS."""
    location = refused.headers.get("location")
    if refused.status not in (307, 308) or location is None:
        return None
    # `urljoin` knows no `ws:`.
    target = "ws" + urljoin("http" + url.removeprefix("ws"), location).removeprefix("http")
    before, after = urlsplit(url), urlsplit(target)
    secure = after.scheme in ("wss", before.scheme)
    return target if after.hostname == before.hostname and secure else None


def feed_failure(error: BaseException, base_url: str, proxy: Proxy | None = None) -> ApiError:
    """The error of a failed connection; FeedUnavailableError if there is no way for a WebSocket."""
    if isinstance(error, HandshakeRefused):
        return _failure_of_refusal(error, feed_url(base_url))
    if isinstance(error, ImportError) or (
        isinstance(error, InvalidHandshake) and not isinstance(error, InvalidMessage)
    ):
        return FeedUnavailableError(base_url, f"{proxy}: {error}" if proxy else str(error))
    if isinstance(error, ConnectionClosed):
        code = error.rcvd.code if error.rcvd else "no close frame"
        return UnreachableError(base_url, f"the feed's connection was closed ({code})")
    if isinstance(error, TimeoutError) and not error.errno:
        return TimedOutError(base_url)
    if proxy and isinstance(error, ConnectionRefusedError | socket.gaierror):
        return UnreachableError(base_url, f"{proxy} does not respond: {reason_of(error)}")
    return UnreachableError(base_url, reason_of(error), hint=hint_of_silence(error))


def _failure_of_refusal(refused: HandshakeRefused, url: str) -> ApiError:
    status = refused.status
    error = error_of(status, refused.body, url=url, headers=refused.headers)
    if isinstance(error, RefusedError):
        # Older monitors have no feed, and say so as they say it of any path.
        passes = status in (401, 403, 429) or (status >= 500 and status != 501)
    else:
        passes = status in RETRIED_STATUSES or status == 500
    if passes:
        return error
    # What a monitor without a feed, or a proxy without WebSockets, returns has the usual hint.
    hint = error.hint if 300 <= status < 400 or status in (401, 403, 407) else None
    return FeedUnavailableError(url, f"status {status}", hint=hint)


def is_away(error: ApiError) -> bool:
    """Whether the monitor is away for now, as opposed to refusing."""
    return not isinstance(error, RefusedError) or error.status == 429 or (error.status or 0) >= 500


def delay_while_away(tries: int, draw: float, least: float = 0.0) -> float:
    """Full jitter, so that many watchers don't reconnect together. `draw` is in [0, 1)."""
    return draw * min(_AWAY_CAP_SECONDS, 0.25 * 2.0 ** min(tries, 10)) + least


class JobView:
    """The state of a watched job: fills in fields that an event omits."""

    def __init__(self, base_url: str) -> None:
        self.last: JobUpdate | None = None
        self._base_url = base_url

    def of_message(self, message: Mapping[str, Any]) -> JobUpdate | None:
        """None if the message has no state of the job. Raises UnexpectedResponseError."""
        if "state" not in message:
            return None
        # `progress` is a report that is not in the journal yet: a change like any other.
        soft = message.get("type") == "progress"
        kind = "update" if soft else message.get("type") or "update"
        fields = {**message, "type": kind, "event": "JobProgressed" if soft else message.get("event")}
        untold = message.get("percentage") is None
        if untold:
            fields["percentage"] = self.last.percentage if self.last else 0
        ends = message["state"] in FINISHED_STATES or message.get("final") is True
        if self.last and fields.get("stage") is None and (untold or ends):
            fields["stage"] = self.last.stage
        return self._see(read_message(JobUpdate, fields, self._base_url))

    def of_job(self, job: Job) -> JobUpdate | None:
        """None if no visible field has changed."""
        progress, retry = job.progress, job.retry_info
        update = JobUpdate(
            type="update" if self.last else "state",
            job_id=job.job_id,
            state=job.state,
            final=job.final,
            percentage=progress.percentage,
            stage=progress.stage,
            at=job.updated_at,
            eta_seconds=progress.eta_seconds,
            worker_id=job.worker.worker_id if job.worker else None,
            attempt=retry.attempt,
            error=retry.last_error,
            output=job.output.model_dump(mode="json") if job.state == "COMPLETED" else None,
        )
        return None if self.last and _shown(update) == _shown(self.last) else self._see(update)

    def _see(self, update: JobUpdate) -> JobUpdate:
        self.last = update
        return update


def _shown(update: JobUpdate) -> tuple[Any, ...]:
    return (update.state, update.final, update.percentage, update.stage)
