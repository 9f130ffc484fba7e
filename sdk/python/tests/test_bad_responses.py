"""What a proxy, another program or a broken connection sends is no verdict: each call raises the right error, and the
worker and the reporter keep what they have. The responses are those of test/network/bad-responses.json.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from transcription_monitor import (
    ApiError,
    AsyncTranscriptionAPI,
    HeldJob,
    NoAnswerError,
    RefusedError,
    Transcript,
    TranscriptionAPI,
    UnexpectedResponseError,
    Worker,
)
from transcription_monitor import _call as call_module
from transcription_monitor.reporter.errors import Away, Refused
from transcription_monitor.reporter.event import Event
from transcription_monitor.reporter.sink import Batch
from transcription_monitor.reporter.sinks import monitor as monitor_sink
from transcription_monitor.testing import MockMonitor
from transcription_monitor.worker import until_answered
from transcription_monitor.worker import worker as worker_module

from .bad_server import PIECE_SECONDS, PIECES, RESPONSES, BadResponse, BadServer, bad_server
from .processes import PATIENCE_SECONDS

#: Less than the slow response takes, and more than it is silent.
SLOW_SECONDS = PIECES * PIECE_SECONDS * 0.7
#: For those that are silent for ever.
SHORT_SECONDS = 0.02


@pytest.fixture(scope="module")
def server() -> Iterator[BadServer]:
    with bad_server() as running:
        yield running


@pytest.fixture(scope="module")
def api(server: BadServer) -> Iterator[TranscriptionAPI]:
    with TranscriptionAPI(server.url, retries=0) as client:
        yield client


@pytest.fixture(autouse=True)
def small_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_module, "RESPONSE_BYTES_MAX", 300_000)


def every_cut(server: BadServer, response: BadResponse) -> Iterator[None]:
    """Sets the server to the response: once, or for each place at which it can break off."""
    server.response = response
    for server.cut in range(len(response.raw())) if response.delivery == "truncated" else [0]:
        yield


def timeout_of(response: BadResponse) -> float:
    if response.delivery in ("silent", "stalled"):
        return SHORT_SECONDS
    return SLOW_SECONDS if response.delivery == "slow" else PATIENCE_SECONDS


def check(response: BadResponse, error: ApiError | None, url: str) -> None:
    expected = response.then["class"]
    assert (type(error).__name__ if error else None) == expected, f"{response.name}: {error!r}"
    if error is None:
        return
    assert re.search(response.then["hint"], error.hint or ""), f"{response.name}: {error.hint}"
    assert isinstance(error, NoAnswerError) != isinstance(error, RefusedError)
    if isinstance(error, UnexpectedResponseError):
        assert (error.code, error.status, error.url.startswith(url)) == ("unexpected_response", response.status, True)
        assert f"status {response.status}" in error.message
        assert error.excerpt in error.message
        assert len(error.message) < 700


def get(api: TranscriptionAPI) -> object:
    return api.jobs.get("job-1")


def submit(api: TranscriptionAPI) -> object:
    return api.jobs.submit("s3://bucket/a.mp3")


@pytest.mark.parametrize("call", [get, submit])
def test_each_has_its_class_and_its_hint_and_is_sent_once(
    server: BadServer, api: TranscriptionAPI, call: Callable[[TranscriptionAPI], object]
) -> None:
    for response in RESPONSES:
        api._transport.timeout = timeout_of(response)
        for _ in every_cut(server, response):
            server.requests.clear()
            error = None
            try:
                call(api)
            except ApiError as raised:
                error = raised
            check(response, error, server.url)
            sent = 4 if response.status in (307, 308) and response.headers.get("location") == "" else 1
            assert len(server.requests) == sent, response.name


def test_in_asyncio_it_is_the_same(server: BadServer) -> None:
    async def run() -> None:
        async with AsyncTranscriptionAPI(server.url, retries=0) as api:
            for response in RESPONSES:
                api._transport.timeout = timeout_of(response)
                server.response, server.cut = response, len(response.raw()) // 2
                error = None
                try:
                    await api.jobs.get("job-1")
                except ApiError as raised:
                    error = raised
                check(response, error, server.url)

    asyncio.run(run())


def test_watching_and_following_raise_an_error_of_this_package_and_never_hang(
    server: BadServer, api: TranscriptionAPI
) -> None:
    for response in RESPONSES:
        server.response, server.cut = response, len(response.raw()) // 2
        api._transport.timeout = timeout_of(response)
        if response.delivery == "endless":
            # A handshake ends by its time-out.
            api._transport.timeout = SLOW_SECONDS
        with pytest.raises(ApiError):
            next(api.feed.follow("jobs"))
        if response.then["class"] is not None and response.delivery != "endless":
            with pytest.raises(ApiError) as watched:
                next(iter(api.jobs.watch("job-1")))
            assert type(watched.value).__name__ == response.then["class"], response.name


def test_text_and_downloads_are_never_pages(server: BadServer, api: TranscriptionAPI) -> None:
    pages = [r for r in RESPONSES if r.delivery is None and r.status < 300 and "<html" in r.body]
    assert len(pages) > 2
    for server.response in pages:
        with pytest.raises(UnexpectedResponseError):
            api.jobs.transcript("job-1", "srt")
        if server.response.headers["content-type"] == "text/html":
            with pytest.raises(UnexpectedResponseError), api.uploads.open("upload-1"):
                pass


class Behind(httpx.BaseTransport):
    """A monitor behind something that gives each of `responses` once to the requests that `chosen` names."""

    def __init__(self, monitor: MockMonitor, chosen: str, responses: list[BadResponse]) -> None:
        self._monitor = monitor
        self._chosen = chosen
        self.left = list(responses)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        if self.left and re.search(self._chosen, f"{request.method} {request.url.path}"):
            response = self.left.pop()
            return httpx.Response(response.status, headers=response.headers, content=response.content)
        return self._monitor.handle_request(request)


UNEXPECTED = [
    response
    for response in RESPONSES
    if response.then["class"] == "UnexpectedResponseError" and not response.delivery
    # httpx decompresses when a response is made.
    if "content-encoding" not in response.headers
]


@pytest.mark.parametrize(
    "chosen",
    [
        "PUT .*/transcript$",
        "POST .*/complete$",
        "POST .*/claim$",
        "PUT .*/workers/[^/]+$",
        "POST .*/heartbeat$",
        "PUT .*/progress$",
    ],
)
def test_a_worker_keeps_its_work_whatever_responds_instead_of_the_monitor(
    chosen: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(until_answered, "pause_seconds", lambda *_: 0.0)
    monkeypatch.setattr(worker_module, "pause_seconds", lambda *_: 0.0)
    monitor = MockMonitor()
    behind = Behind(monitor, chosen, UNEXPECTED)
    api = TranscriptionAPI("http://monitor.test", transport=behind, retries=0)
    job_id = TranscriptionAPI("http://monitor.test", transport=monitor).jobs.submit("s3://bucket/a.mp3").id
    worker = Worker(api, handle_signals=False, instance_notices=False)

    def transcribe(job: HeldJob) -> Transcript:
        job.progress(percentage=50)
        worker.drain()
        return Transcript.of_segments([{"start": 0, "end": 1, "text": "kept"}], engine="test")

    assert worker.run(transcribe) == "drained"
    job = TranscriptionAPI("http://monitor.test", transport=monitor).jobs.get(job_id)
    assert (job.state, job.retry_info.attempt, job.retry_info.last_error) == ("COMPLETED", 1, None)
    assert not any(request.path.endswith("/fail") for request in monitor.requests)
    if "heartbeat" not in chosen and "progress" not in chosen:
        assert behind.left == []
    if chosen.endswith("transcript$"):
        assert "client_max_body_size" in caplog.text


def test_a_reporter_keeps_its_events_unless_the_monitor_itself_refuses_them(server: BadServer) -> None:
    event = Event("job-1", "JOB_START", {"event": "JOB_START", "job_id": "job-1"}, told_ms=0, size_bytes=40)
    sink = monitor_sink.MonitorSink(server.url, None)
    for response in RESPONSES:
        if response.then["class"] is None:
            continue
        server.response, server.cut = response, len(response.raw()) // 2
        sink._api._transport.timeout = timeout_of(response)
        refused = response.then["class"] in ("InvalidRequestError", "LeaseExpiredError", "TooLargeError")
        with pytest.raises(Refused if refused else Away) as raised:
            sink.send(Batch([event], "key"))
        if response.then["class"] == "UnexpectedResponseError":
            assert re.search(response.then["hint"], str(raised.value)), response.name
    sink.close()
