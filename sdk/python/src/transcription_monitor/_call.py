"""Requests and responses of one call to the monitor: shared by the sync and the async client.

Every POST and DELETE carries an `Idempotency-Key` that its retries keep, so that a call whose response was lost takes
effect once. Retried: no response, 429, 502, 503, 504. Delay: full jitter over a doubling cap, on top of `Retry-After`;
if that is longer than RETRY_AFTER_SECONDS_MAX, the call raises instead.
"""

from __future__ import annotations

import json
import re
import secrets
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx
from pydantic import BaseModel, ValidationError

from .bodies import CallOptions
from .errors import ApiError, NoAnswerError, RefusedError, ServerFaultError, TimedOutError, UnreachableError, refusal_of

VERSION = "0.1.0"

RETRIES = 4
TIMEOUT_SECONDS = 30.0
RETRY_BASE_SECONDS = 0.25
RETRY_CAP_SECONDS = 8.0
RETRY_AFTER_SECONDS_MAX = 30.0
RETRIED_STATUSES = frozenset({429, 502, 503, 504})

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class Call:
    method: str
    #: Path below `/api/v1`, built by `path`.
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    #: Sent as JSON; `content` is sent unchanged.
    body: Any = None
    #: A body that can be sent more than once: bytes, or a function that opens it again.
    content: bytes | Callable[[], Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    options: CallOptions = field(default_factory=CallOptions)
    #: Longest silence in seconds for this call, unless the caller sets one; 0 for no limit.
    timeout: float | None = None

    def url(self) -> str:
        given = [(name, value) for name, value in self.query.items() if value is not None]
        return self.path + (f"?{urlencode([(name, _word(value)) for name, value in given])}" if given else "")

    def idempotency_key(self) -> str | None:
        """The caller's key, or a new one if the method changes something."""
        given = self.options.get("idempotency_key")
        return given or (secrets.token_hex(16) if self.method in ("POST", "DELETE") else None)

    def timeout_seconds(self, of_client: float | None) -> float | None:
        if "timeout" in self.options:
            return self.options["timeout"]
        return of_client if self.timeout is None else (self.timeout or None)

    def headers_with(self, key: str | None) -> dict[str, str]:
        headers = dict(self.headers)
        if self.body is not None:
            headers.setdefault("content-type", "application/json")
        if key is not None:
            headers["idempotency-key"] = key
        return headers

    def sendable(self) -> Any:
        """The body for one attempt."""
        if self.body is not None:
            return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()
        return self.content() if callable(self.content) else self.content


def path(*segments: str) -> str:
    """Escapes ids for a path, so that no id can name another endpoint."""
    for segment in segments:
        if segment in ("", ".", ".."):
            raise ApiError(f"{segment!r} is not an id", code="bad_id", hint="Ids look like job-01J2ZQ…")
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def given(**fields: Any) -> dict[str, Any]:
    """A body or query without omitted arguments."""
    return {name: value for name, value in fields.items() if value is not None}


def root_of(base_url: str) -> str:
    """The base URL of the API. Raises ApiError `bad_base_url`."""
    try:
        good = (
            isinstance(base_url, str) and bool(re.match(r"https?://[^/]", base_url)) and httpx.URL(base_url).host != ""
        )
    except httpx.InvalidURL:
        good = False
    if good:
        return base_url.rstrip("/") + "/api/v1"
    hint = "It begins with http:// or https://, for example http://127.0.0.1:8080."
    raise ApiError(f"base_url is {base_url!r}", code="bad_base_url", hint=hint)


def headers_of(api_key: str | None) -> dict[str, str]:
    headers = {"accept": "application/json, */*;q=0.5", "user-agent": f"transcription-monitor-python/{VERSION}"}
    return {**headers, "authorization": f"Bearer {api_key}"} if api_key else headers


def warn_once(headers: Mapping[str, str], seen: set[str]) -> None:
    """Shows a warning of the monitor, each text once."""
    text = headers.get("tmon-warning")
    if text is not None and text not in seen:
        seen.add(text)
        warnings.warn(text, UserWarning, stacklevel=2)


def check(status: int, body: str, headers: Mapping[str, str]) -> None:
    """Raises RefusedError if the response is an error or not from a monitor."""
    if status >= 400 or (300 <= status < 400 and status != 304):
        raise refusal_of(status, body, headers.get("retry-after"))


def decode(model: type[ModelT], response: httpx.Response) -> ModelT:
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        raise unexpected(response.status_code, str(error)) from error


def decode_json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise unexpected(response.status_code, f"not JSON: {response.text[:100]!r}") from error


def unexpected(status: int, why: str) -> ServerFaultError:
    return ServerFaultError(
        {
            "status": status,
            "code": "unexpected_answer",
            "detail": f"this package can't read the response: {why}",
            "hint": "Is this the address of a monitor, and is its version close to this package's?",
        }
    )


def no_answer(error: httpx.RequestError, base_url: str) -> NoAnswerError:
    if isinstance(error, httpx.TimeoutException):
        return TimedOutError(base_url)
    return UnreachableError(base_url, reason_of(error))


def reason_of(error: BaseException) -> str:
    """The operating system's own error, which HTTP libraries wrap once or twice."""
    seen: BaseException | None = error
    for _ in range(3):
        if isinstance(seen, OSError) or seen is None:
            break
        seen = seen.__cause__ or seen.__context__
    if isinstance(seen, OSError) and seen.strerror:
        return seen.strerror.lower() if isinstance(seen, ConnectionError) else seen.strerror
    return str(error) or type(error).__name__


def delay_before_retry(error: ApiError, attempt: int, draw: Callable[[], float]) -> float | None:
    """Seconds to wait before a retry; None: raise instead. `attempt` counts from 0, `draw` is in [0, 1)."""
    jitter = draw() * min(RETRY_CAP_SECONDS, RETRY_BASE_SECONDS * 2.0**attempt)
    if isinstance(error, NoAnswerError):
        return jitter
    if not isinstance(error, RefusedError) or error.status not in RETRIED_STATUSES:
        return None
    if error.retry_after_seconds is None:
        return jitter
    return None if error.retry_after_seconds > RETRY_AFTER_SECONDS_MAX else error.retry_after_seconds + jitter


def lines_of(events: Iterable[Mapping[str, Any]]) -> bytes:
    """NDJSON."""
    return b"".join(json.dumps(event, ensure_ascii=False).encode() + b"\n" for event in events)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    isoformat = getattr(value, "isoformat", None)  # a datetime
    return str(isoformat()) if isoformat is not None else str(value)
