"""Requests and responses of one call to the monitor: shared by the sync and the async client.

Every POST and DELETE carries an `Idempotency-Key` that its retries keep, so that a call whose response was lost takes
effect once. Retried: no response, and RETRIED_STATUSES, whoever sends them. Delay: full jitter over a doubling cap, on
top of `Retry-After`; if that is longer than RETRY_AFTER_SECONDS_MAX, the call raises instead.

A time-out counts silence: each piece of a body that is sent or received starts it anew. Kernels and proxies take a body
before the monitor does, so that the wait for the response is longer by the time in which a slow link sends it.
"""

from __future__ import annotations

import gzip
import json
import secrets
import ssl
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from ._address import Proxy
from ._hints import causes_of, hint_of_silence, is_html, without_query
from .bodies import CallOptions
from .errors import (
    ApiError,
    NoAnswerError,
    RefusedError,
    TimedOutError,
    UnexpectedResponseError,
    UnreachableError,
    error_of,
)

VERSION = "0.1.0"

RETRIES = 4
TIMEOUT_SECONDS = 30.0
RETRY_BASE_SECONDS = 0.25
RETRY_CAP_SECONDS = 8.0
RETRY_AFTER_SECONDS_MAX = 30.0
RETRIED_STATUSES = frozenset({408, 429, 502, 503, 504, 520, 521, 522, 523, 524})
REDIRECTS_MAX = 3

#: Larger bodies of JSON are compressed.
PLAIN_BYTES_MAX = 32 * 1024
#: A body is sent in pieces, because a time-out is for one piece.
PIECE_BYTES = 16 * 1024
#: What kernels and proxies may hold of a body, and the slowest link that is waited for.
BUFFERED_BYTES_MAX = 4 * 1024 * 1024
SLOW_BYTES_PER_SECOND = 8_000
#: Of a response that is read as a whole. The largest, a page of 1,000 jobs or a transcript, has a few megabytes.
RESPONSE_BYTES_MAX = 256 * 1024 * 1024

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

    def payload(self, *, compressed: bool) -> Payload:
        """The body to send."""
        headers = dict(self.headers)
        if self.body is not None:
            headers.setdefault("content-type", "application/json")
            content = json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()
        elif isinstance(self.content, bytes):
            content = self.content
        else:
            return Payload(self.content, headers, int(headers.get("content-length", 0)))
        is_text = headers.get("content-type") in ("application/json", "application/x-ndjson")
        if compressed and is_text and len(content) > PLAIN_BYTES_MAX:
            content = gzip.compress(content, compresslevel=6, mtime=0)
            headers["content-encoding"] = "gzip"
        return Payload(content, headers, len(content))


@dataclass(frozen=True)
class Payload:
    """The body of a request, and the headers that describe it."""

    content: bytes | Callable[[], Any] | None
    headers: Mapping[str, str]
    size_bytes: int

    @property
    def compressed(self) -> bool:
        return "content-encoding" in self.headers

    def open(self, in_pieces: Callable[[bytes], Any]) -> Any:
        """The body for one attempt."""
        if callable(self.content):
            return self.content()
        if self.content is None or len(self.content) <= PIECE_BYTES:
            return self.content
        return in_pieces(self.content)

    def headers_with(self, key: str | None) -> dict[str, str]:
        headers = dict(self.headers)
        if key is not None:
            headers["idempotency-key"] = key
        if isinstance(self.content, bytes):
            headers["content-length"] = str(self.size_bytes)
        return headers

    def timeouts(self, silence_seconds: float | None) -> httpx.Timeout:
        if silence_seconds is None:
            return httpx.Timeout(None)
        buffered_seconds = min(self.size_bytes, BUFFERED_BYTES_MAX) / SLOW_BYTES_PER_SECOND
        return httpx.Timeout(silence_seconds, read=silence_seconds + buffered_seconds)


def path(*segments: str) -> str:
    """Escapes ids for a path, so that no id can name another endpoint."""
    for segment in segments:
        if segment in ("", ".", ".."):
            raise ApiError(f"{segment!r} is not an id", code="bad_id", hint="Ids look like job-01J2ZQ…")
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def given(**fields: Any) -> dict[str, Any]:
    """A body or query without omitted arguments."""
    return {name: value for name, value in fields.items() if value is not None}


def headers_of(api_key: str | None, authorization: str | None, given: Mapping[str, str] | None) -> dict[str, str]:
    """Of every request. Raises ApiError if more than one thing is to be in `Authorization`."""
    headers = {"accept": "application/json, */*;q=0.5", "user-agent": f"transcription-monitor-python/{VERSION}"}
    headers.update({name.lower(): value for name, value in (given or {}).items()})
    words = [f"Bearer {api_key}" if api_key else None, authorization, headers.get("authorization")]
    found = [word for word in words if word]
    if len(found) > 1:
        message = "api_key, the password in base_url and the header Authorization exclude each other"
        hint = "Give the credentials of a proxy in a header of its own, and let it replace Authorization."
        raise ApiError(message, code="bad_credentials", hint=hint)
    return {**headers, "authorization": found[0]} if found else headers


def warn_once(headers: Mapping[str, str], seen: set[str]) -> None:
    """Shows a warning of the monitor, each text once."""
    text = headers.get("tmon-warning")
    if text is not None and text not in seen:
        seen.add(text)
        warnings.warn(text, UserWarning, stacklevel=2)


def redirected_to(response: httpx.Response) -> str | None:
    """Where to send the same request again: 307 and 308 keep method and body. Only to the same host, or its HTTPS."""
    location = response.headers.get("location")
    if response.status_code not in (307, 308) or location is None:
        return None
    here = str(response.request.url)
    target = urljoin(here, location)
    before, after = urlsplit(here), urlsplit(target)
    secure = after.scheme == "https" or after.scheme == before.scheme
    return target if after.hostname == before.hostname and secure and after.scheme in ("http", "https") else None


def check(response: httpx.Response) -> None:
    """Raises the error of a response that is not a success."""
    status = response.status_code
    if status < 300 or (status == 304 and "if-none-match" in response.request.headers):
        return
    raise error_of(status, response.text, url=url_of(response), headers=response.headers)


def read_response(response: httpx.Response, body: bytes) -> httpx.Response:
    """The response with its body, which is already decompressed."""
    about_transfer = ("content-encoding", "content-length", "transfer-encoding")
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in about_transfer]
    return httpx.Response(response.status_code, headers=headers, content=body, request=response.request)


def needs_plain(error: ApiError) -> bool:
    """Whether a compressed body was refused because it is compressed, as by older monitors."""
    return error.status == 415


def context_of(verify: ssl.SSLContext | str | bool) -> ssl.SSLContext | None:
    """None: the default of each library."""
    if isinstance(verify, ssl.SSLContext):
        return verify
    if isinstance(verify, str):
        return ssl.create_default_context(cafile=verify)
    if verify:
        return None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def closed_error() -> ApiError:
    hint = "Make calls before `close`, or inside of `with`."
    return ApiError("this client is closed", code="client_closed", hint=hint)


def url_of(response: httpx.Response) -> str:
    return without_query(str(response.request.url))


def decode(model: type[ModelT], response: httpx.Response) -> ModelT:
    try:
        document = model.model_validate_json(response.content)
    except ValidationError as error:
        raise unexpected(response, why_of(error)) from error
    if document.model_fields_set <= (document.model_extra or {}).keys():
        # An object, but another program's.
        raise unexpected(response, f"nothing of {model.__name__} is in it")
    return document


def text_of(response: httpx.Response) -> str:
    """A transcript as text. Raises UnexpectedResponseError for a page."""
    refuse_page(response, response.text)
    return response.text


def refuse_page(response: httpx.Response, body: str) -> None:
    """Raises UnexpectedResponseError: no operation returns HTML."""
    if response.headers.get("content-type", "").lower().startswith("text/html") or is_html(body):
        raise unexpected(response, "a page", body)


def unexpected(response: httpx.Response, why: str, body: str | None = None) -> UnexpectedResponseError:
    text = response.text if body is None else body
    return UnexpectedResponseError(url_of(response), response.status_code, text, why=why)


def why_of(error: ValidationError) -> str:
    """The first fault of a document."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def no_answer(error: httpx.RequestError, base_url: str, proxy: Proxy | None = None) -> NoAnswerError:
    if proxy is not None and isinstance(error, httpx.ProxyError):
        hint = f"Does {proxy} let programs reach that address? NO_PROXY lists hosts that need none."
        return UnreachableError(base_url, f"{proxy} refused: {error}", hint=hint)
    timed_out = isinstance(error, httpx.TimeoutException)
    is_tls = any(isinstance(cause, ssl.SSLError) for cause in causes_of(error))
    if proxy is not None and isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) and not is_tls:
        why = "in time" if timed_out else reason_of(error)
        hint = "Is that proxy running? NO_PROXY lists hosts that need none."
        return UnreachableError(base_url, f"{proxy} does not respond: {why}", hint=hint)
    if timed_out:
        return TimedOutError(base_url)
    return UnreachableError(base_url, reason_of(error), hint=hint_of_silence(error))


def reason_of(error: BaseException) -> str:
    """The operating system's own error, which HTTP libraries wrap once or twice."""
    for cause in causes_of(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower() if isinstance(cause, ConnectionError) else cause.strerror
    return str(error) or type(error).__name__


def delay_before_retry(error: ApiError, attempt: int, draw: Callable[[], float]) -> float | None:
    """Seconds to wait before a retry; None: raise instead. `attempt` counts from 0, `draw` is in [0, 1)."""
    jitter = draw() * min(RETRY_CAP_SECONDS, RETRY_BASE_SECONDS * 2.0**attempt)
    if not isinstance(error, RefusedError | UnexpectedResponseError):
        return jitter if isinstance(error, NoAnswerError) else None
    if error.status not in RETRIED_STATUSES:
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
