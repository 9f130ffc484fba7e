"""Errors of calls to the monitor. Catch as broadly as you can act:

    ApiError                       every one has `code` (stable), `message`, `hint`, `status`, `request_id`
    ├── NoAnswerError              no response: the same call may be sent again
    │   ├── UnreachableError       refused, reset, no such host                          `unreachable`
    │   ├── TimedOutError          silent for longer than `timeout`                      `timed_out`
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

ApiError itself: nothing was sent, because the call is invalid (`bad_base_url`, `bad_id`). Calls are retried before they
raise (see `TranscriptionAPI`).
"""

from __future__ import annotations

import datetime
import email.utils
import json
import re
from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
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
    """No response: the same call may be sent again."""


class UnreachableError(NoAnswerError):
    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"no response from {url}: {reason}",
            code="unreachable",
            hint="Is the monitor running at that address? `tmon serve` starts one.",
        )


class TimedOutError(NoAnswerError):
    def __init__(self, url: str) -> None:
        super().__init__(
            f"no response from {url} in time",
            code="timed_out",
            hint="The monitor or the network is slow; try again, or raise `timeout`.",
        )


class FeedUnavailableError(NoAnswerError):
    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"the live feed at {url} can't be reached: {reason}",
            code="feed_unavailable",
            hint="Does every proxy on the way pass WebSockets? jobs.watch works without them.",
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


def refusal_of(status: int, body: str, retry_after: str | None = None) -> RefusedError:
    """The error for a response with an error status; `body` is a problem document, or a proxy's own page."""
    problem = _problem_of(status, body)
    kind = _BY_CODE.get(problem["code"]) or _BY_STATUS.get(status, ServerFaultError)
    return kind(problem, seconds_of(retry_after))


def _problem_of(status: int, body: str) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict) and isinstance(parsed.get("code"), str) and "detail" in parsed:
        return {**parsed, "status": status}
    # Not a problem document: a proxy wrote it.
    words = re.sub(r"\s+", " ", body).strip()[:200]
    return {
        "type": "about:blank",
        "title": "Unexpected response",
        "status": status,
        "code": f"http_{status}",
        "detail": f"status {status}" + (f": {words}" if words else ""),
        "hint": "This response is not from the monitor: check the address, and any proxy on the way.",
    }


def seconds_of(retry_after: str | None) -> float | None:
    """`Retry-After`: seconds, or a date."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text)
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
