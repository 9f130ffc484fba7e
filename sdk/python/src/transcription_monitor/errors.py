"""Errors of calls to the monitor. Catch as broadly as you can act:

    ApiError                       every one has `code` (stable), `message`, `hint`, `status`, `request_id`
    ├── NoAnswerError              no response of the monitor: the same call may be sent again
    │   ├── UnreachableError       refused, reset, no such host                          `unreachable`
    │   ├── TimedOutError          silent for longer than `timeout`                      `timed_out`
    │   ├── UnexpectedResponseError  a proxy or another program responded                `unexpected_response`
    │   └── FeedUnavailableError   no live feed: no WebSocket reaches it                 `feed_unavailable`
    └── RefusedError               the monitor responded with an error; `problem` has all of it
        ├── InvalidRequestError    400  fix the request; `errors` names every invalid field
        ├── UnauthenticatedError   401  send a key
        ├── ForbiddenError         403  ask for permission
        ├── NotFoundError          404  no such thing
        ├── ConflictError          409  look at `state`, its current state
        │   ├── LeaseExpiredError        the job is no longer this worker's: stop, write nothing
        │   └── WorkerTerminatedError    the worker must exit
        ├── TooLargeError          413  send less
        ├── BusyError              429  wait `retry_after_seconds`
        ├── UnavailableError       502, 503, 504  wait, then send the same request again
        │   └── OutcomeUnknownError      it may have taken effect: send it again with `idempotency_key`
        └── ServerFaultError       any other status

ApiError itself: nothing was sent, because the call or the client is invalid (`bad_base_url`, `bad_credentials`,
`bad_id`, `client_closed`, `proxy_unsupported`). Calls are retried before they raise (see `TranscriptionAPI`). Every
error can be pickled, so it comes out of process pools.
"""

from __future__ import annotations

import datetime
import email.utils
import json
import math
from collections.abc import Mapping
from typing import Any

from ._hints import NOT_RUNNING, excerpt_of, hint_of_response
from ._restored import Restored


class ApiError(Restored):
    """Every failure of a call. `str(error)` has the message, the hint and the request's id."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        hint: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        #: Stable, for programs: `job_not_found`, `lease_expired`, `unreachable`, …
        self.code = code
        #: What to do next, if the monitor says so.
        self.hint = hint
        #: HTTP status; None if there was no response.
        self.status = status
        #: Finds the request in the monitor's log.
        self.request_id = request_id

    def __str__(self) -> str:
        words = f"{self.message} ({self.code})"
        if self.hint:
            words += f"\nhint: {self.hint}"
        if self.request_id:
            words += f"\nrequest: {self.request_id}"
        return words


class NoAnswerError(ApiError):
    """No response of the monitor: the same call may be sent again."""


class UnreachableError(NoAnswerError):
    def __init__(self, url: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"no response from {url}: {reason}", code="unreachable", hint=hint or NOT_RUNNING)


class TimedOutError(NoAnswerError):
    def __init__(self, url: str) -> None:
        super().__init__(
            f"no response from {url} in time",
            code="timed_out",
            hint="The monitor or the network is slow; try again, or raise `timeout`.",
        )


class UnexpectedResponseError(NoAnswerError):
    """What responded is not the monitor: a proxy, a sign-in page, another program. Never a verdict on the call.

    The monitor's own errors are problem documents, and its results JSON objects.
    """

    def __init__(
        self,
        url: str,
        status: int,
        body: str,
        *,
        why: str | None = None,
        location: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        self.excerpt: str = excerpt_of(body)
        parts = [f"status {status}", why, self.excerpt or "empty"]
        super().__init__(
            f"the response of {url} is not a monitor's: {', '.join(part for part in parts if part)}",
            code="unexpected_response",
            hint=hint_of_response(status, body, url, location),
            status=status,
        )
        self.url = url
        #: Where a redirect leads.
        self.location = location
        #: From `Retry-After`.
        self.retry_after_seconds = retry_after_seconds


class FeedUnavailableError(NoAnswerError):
    def __init__(self, url: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(
            f"the live feed at {url} can't be reached: {reason}",
            code="feed_unavailable",
            hint=hint or "Does every proxy on the way pass WebSockets? jobs.watch works without them.",
        )


class RefusedError(ApiError):
    """The monitor responded with a status of 400 or more."""

    def __init__(self, problem: Mapping[str, Any], retry_after_seconds: float | None = None) -> None:
        super().__init__(
            _text(problem, "detail") or "refused",
            code=_text(problem, "code") or "refused",
            hint=_text(problem, "hint"),
            status=problem.get("status"),
            request_id=_text(problem, "request_id"),
        )
        #: The whole problem document (RFC 9457).
        self.problem: dict[str, Any] = dict(problem)
        #: From `Retry-After`.
        self.retry_after_seconds = retry_after_seconds


class InvalidRequestError(RefusedError):
    @property
    def errors(self) -> list[dict[str, str]]:
        """Every invalid field: `{"field": "/audio_url", "message": "is missing"}`."""
        found = self.problem.get("errors")
        return found if isinstance(found, list) else []


class UnauthenticatedError(RefusedError):
    pass


class ForbiddenError(RefusedError):
    pass


class NotFoundError(RefusedError):
    pass


class ConflictError(RefusedError):
    @property
    def state(self) -> str | None:
        """The current state of the job or worker."""
        return _text(self.problem, "state")


class LeaseExpiredError(ConflictError):
    pass


class WorkerTerminatedError(ConflictError):
    pass


class TooLargeError(RefusedError):
    pass


class BusyError(RefusedError):
    pass


class UnavailableError(RefusedError):
    pass


class OutcomeUnknownError(UnavailableError):
    @property
    def idempotency_key(self) -> str | None:
        """Send the same call again with this key: it takes effect once and returns the original result."""
        return _text(self.problem, "idempotency_key")


class ServerFaultError(RefusedError):
    pass


_BY_CODE: dict[str, type[RefusedError]] = {
    "lease_expired": LeaseExpiredError,
    "worker_terminated": WorkerTerminatedError,
    "outcome_unknown": OutcomeUnknownError,
}

_BY_STATUS: dict[int, type[RefusedError]] = {
    400: InvalidRequestError,
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    413: TooLargeError,
    429: BusyError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


def error_of(status: int, body: str, *, url: str, headers: Mapping[str, str]) -> RefusedError | UnexpectedResponseError:
    """The error of a response: the monitor's if it is a problem document, else that of what stands before it."""
    retry_after_seconds = seconds_of(headers.get("retry-after"))
    problem = _problem_of(body) if status >= 400 else None
    if problem is None:
        location = headers.get("location")
        return UnexpectedResponseError(url, status, body, location=location, retry_after_seconds=retry_after_seconds)
    kind = _BY_CODE.get(problem["code"]) or _BY_STATUS.get(status, ServerFaultError)
    return kind({**problem, "status": status}, retry_after_seconds)


def _problem_of(body: str) -> dict[str, Any] | None:
    """The problem document (RFC 9457); None if it is something else."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    is_problem = isinstance(parsed, dict) and isinstance(parsed.get("code"), str) and "detail" in parsed
    return parsed if is_problem else None


def seconds_of(retry_after: str | None) -> float | None:
    """`Retry-After`: seconds, also fractional, or a date."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    try:
        seconds = float(text)
    except ValueError:
        seconds = None
    if seconds is not None:
        return seconds if math.isfinite(seconds) and seconds >= 0 else None
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.timezone.utc)
    return max(0.0, (date - datetime.datetime.now(datetime.timezone.utc)).total_seconds())


def _text(problem: Mapping[str, Any], name: str) -> str | None:
    value = problem.get(name)
    return value if isinstance(value, str) else None
