"""The mock monitor: an httpx transport, sync and async, that responds like a small monitor."""

from __future__ import annotations

import gzip
import json
import re
import threading
from urllib.parse import unquote

import httpx

from ..models import Transcript
from .documents import MockJob
from .request import MockRequest
from .routes import ROUTES
from .state import MockState, Refusal


class MockMonitor(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Pass it to a client as `transport`; see the package's docstring."""

    def __init__(self) -> None:
        self.state: MockState = MockState()
        #: Every call, in order.
        self.requests: list[MockRequest] = []
        self._refusals: list[httpx.Response] = []
        self._answered: dict[str, tuple[MockRequest, httpx.Response]] = {}
        # A worker sends heartbeats from another thread.
        self._lock = threading.RLock()

    # For tests to call.

    def progress(self, job_id: str, percentage: float, stage: str = "TRANSCRIBING") -> None:
        """A worker reports progress; a waiting job is claimed first."""
        with self._lock:
            self.state.report(self._held(job_id), {"percentage": percentage, "stage": stage})

    def complete(self, job_id: str, transcript: Transcript | None = None, *, text: str = "hello") -> None:
        """A worker completes a job with this transcript, or one of a second with `text`."""
        spoken = transcript or Transcript.of_segments([{"start": 0, "end": 1, "text": text}], engine="mock")
        with self._lock:
            job = self._held(job_id)
            self.state.complete(job, self.state.keep_transcript(job, spoken.model_dump(mode="json")))

    def fail(self, job_id: str, *, code: str = "worker_error", message: str = "", retryable: bool = False) -> None:
        """A worker fails a job."""
        with self._lock:
            self.state.fail(self._held(job_id), {"code": code, "message": message or code, "retryable": retryable})

    def lose(self, job_id: str) -> None:
        """The lease on a job expires: it returns to the queue, and its worker's next call is refused."""
        with self._lock:
            error = {"code": "lease_expired", "message": "the worker fell silent", "retryable": True}
            self.state.fail(self._held(job_id), error)

    def raise_alert(self, message: str, *, severity: str = "WARNING", rule: str = "mock") -> str:
        """Returns its id."""
        with self._lock:
            return self.state.raise_alert(message, severity, rule)

    def refuse(self, status: int, code: str, *, times: int = 1, retry_after: int | None = None) -> None:
        """Refuses the next `times` calls."""
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        problem = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": f"refused: {code}"}
        self._refusals += [httpx.Response(status, json=problem, headers=headers)] * times

    # The httpx transport interface.

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        with self._lock:
            answer = self._answer(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self.handle_request(request)

    def _answer(self, sent: httpx.Request) -> httpx.Response:
        path = unquote(sent.url.raw_path.decode().split("?")[0]).partition("/api/v1")[2]
        compressed = sent.headers.get("content-encoding") == "gzip"
        content = gzip.decompress(sent.content) if compressed else sent.content
        request = MockRequest(sent.method, path, dict(sent.url.params), sent.headers, content)
        self.requests.append(request)
        if self._refusals:
            return self._refusals.pop(0)
        key = sent.headers.get("idempotency-key")
        if key in self._answered:
            first, answer = self._answered[key]
            if (first.method, first.path, first.content) == (request.method, request.path, request.content):
                return answer
            return _problem(Refusal(409, "idempotency_key_reused", "this Idempotency-Key was used for another request"))
        answer = self._route(request)
        if key is not None and answer.status_code < 400:
            self._answered[key] = (request, answer)
        return answer

    def _route(self, request: MockRequest) -> httpx.Response:
        for method, shape, serve in _ROUTES:
            found = shape.fullmatch(request.path)
            if found and method == request.method:
                try:
                    answer = serve(self.state, request, *found.groups())
                except Refusal as refusal:
                    return _problem(refusal)
                return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)
        return _problem(Refusal(404, "route_not_found", f"no route for {request.method} {request.path}"))

    def _held(self, job_id: str) -> MockJob:
        job = self.state.job(job_id)
        if job.state == "QUEUED":
            self.state.assign(job, "worker-mock")
        if job.lease_token is None:
            raise ValueError(f"{job_id} is {job.state}")
        return job


def _problem(refusal: Refusal) -> httpx.Response:
    problem = {"type": "about:blank", "title": refusal.code, "status": refusal.status, "code": refusal.code}
    body = {**problem, "detail": str(refusal), "request_id": "req-mock", **refusal.extra}
    headers = {"content-type": "application/problem+json"}
    return httpx.Response(refusal.status, content=json.dumps(body).encode(), headers=headers)


def _shape_of(route: str) -> tuple[str, re.Pattern[str]]:
    method, path = route.split(" ")
    # A source is named by its URL.
    return method, re.compile(re.sub(r"\{\w+\}", "([^/]+)", path.replace("{source}", "(.+)")))


_ROUTES = [(*_shape_of(route), serve) for route, serve in ROUTES.items()]
