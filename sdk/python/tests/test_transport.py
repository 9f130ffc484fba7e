"""Sending and retrying a call, against a server with scripted responses."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from transcription_monitor import (
    ApiError,
    AsyncTranscriptionAPI,
    BusyError,
    ConflictError,
    InvalidRequestError,
    LeaseExpiredError,
    NotFoundError,
    OutcomeUnknownError,
    ServerFaultError,
    TimedOutError,
    TranscriptionAPI,
    UnauthenticatedError,
    UnavailableError,
    UnreachableError,
)
from transcription_monitor._async import transport as async_transport
from transcription_monitor._sync import transport as sync_transport
from transcription_monitor.errors import error_of, seconds_of

from .documents import job_document

Answer = httpx.Response | httpx.TransportError


class Serving(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Sends the n-th of `answers` to the n-th request, and the last one from then on."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = answers
        self.seen: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.seen.append(request)
        answer = self._answers[min(len(self.seen), len(self._answers)) - 1]
        if isinstance(answer, httpx.TransportError):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self.handle_request(request)


def problem(status: int, code: str, headers: dict[str, str] | None = None, **extra: Any) -> httpx.Response:
    body = {"type": "about:blank", "title": "x", "status": status, "code": code, "detail": f"because {code}", **extra}
    return httpx.Response(status, json=body, headers=headers)


def job_answer(status: int = 200, **changes: Any) -> httpx.Response:
    return httpx.Response(status, json=job_document(**changes))


def client_of(serving: Serving, **options: Any) -> TranscriptionAPI:
    return TranscriptionAPI(base_url="http://monitor.test", transport=serving, **options)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records delays instead of waiting."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(sync_transport, "sleep", waited.append)
    monkeypatch.setattr(async_transport, "sleep", sleep)
    monkeypatch.setattr(random, "random", lambda: 0.5)
    return waited


RESET = httpx.ReadError("reset")


def submit_sync(serving: Serving) -> str:
    with client_of(serving, api_key="secret") as api:
        return api.jobs.submit(audio_url="s3://bucket/a.mp3").id


def submit_async(serving: Serving) -> str:
    async def submit() -> str:
        base_url = "http://monitor.test"
        async with AsyncTranscriptionAPI(base_url=base_url, api_key="secret", transport=serving) as api:
            return (await api.jobs.submit(audio_url="s3://bucket/a.mp3")).id

    return asyncio.run(submit())


@pytest.mark.parametrize("submit", [submit_sync, submit_async])
def test_a_submission_carries_an_idempotency_key_and_its_retries_carry_the_same(
    submit: Callable[[Serving], str], waits: list[float]
) -> None:
    serving = Serving(RESET, problem(503, "store_unavailable"), job_answer(201))
    assert submit(serving) == "job-1"
    assert len(waits) == 2
    keys = {request.headers["idempotency-key"] for request in serving.seen}
    assert len(serving.seen) == 3
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    assert {request.content for request in serving.seen} == {b'{"audio_url":"s3://bucket/a.mp3"}'}
    assert {request.headers["authorization"] for request in serving.seen} == {"Bearer secret"}


def test_two_submissions_have_different_keys_a_read_has_none_a_given_key_is_kept() -> None:
    serving = Serving(job_answer())
    api = client_of(serving)
    api.jobs.submit("s3://b/a")
    api.jobs.submit("s3://b/a")
    api.jobs.get("job-1")
    api.jobs.retry("job-1", idempotency_key="mine")
    first, second, read, given = (request.headers.get("idempotency-key") for request in serving.seen)
    assert first != second
    assert read is None
    assert given == "mine"


def test_waits_double_with_full_jitter_and_end_after_the_last_retry(waits: list[float]) -> None:
    serving = Serving(problem(503, "store_unavailable"))
    with pytest.raises(UnavailableError):
        client_of(serving).jobs.get("job-1")
    assert len(serving.seen) == 5
    assert waits == [0.125, 0.25, 0.5, 1.0]


def test_retry_after_is_waited_for_and_when_it_asks_for_too_long_the_caller_is_told(waits: list[float]) -> None:
    serving = Serving(problem(429, "busy", {"retry-after": "7"}), job_answer())
    client_of(serving).jobs.get("job-1")
    assert waits == [7.125]
    serving = Serving(problem(429, "busy", {"retry-after": "3600"}))
    with pytest.raises(BusyError) as caught:
        client_of(serving).jobs.get("job-1")
    assert caught.value.retry_after_seconds == 3600
    assert len(serving.seen) == 1


def test_retry_after_may_be_a_date() -> None:
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    seconds = seconds_of("Wed, 21 Oct 2115 07:28:00 GMT")
    assert seconds is not None
    assert seconds > 1e9
    assert seconds_of("soon") is None


def test_an_unknown_outcome_is_sent_again_with_its_key_and_names_the_key_when_it_stays_unknown(
    waits: list[float],
) -> None:
    serving = Serving(problem(503, "outcome_unknown", idempotency_key="k1"), job_answer(201))
    client_of(serving).jobs.submit("s3://b/a", idempotency_key="k1")
    assert [request.headers["idempotency-key"] for request in serving.seen] == ["k1", "k1"]
    with pytest.raises(OutcomeUnknownError) as caught:
        client_of(Serving(problem(503, "outcome_unknown", idempotency_key="k2"))).jobs.submit("s3://b/a")
    assert caught.value.idempotency_key == "k2"
    assert len(waits) == 5


def test_a_refusal_is_not_sent_again_and_has_its_class_code_hint_state_and_fields() -> None:
    serving = Serving(problem(409, "job_finished", state="COMPLETED", hint="too late", request_id="r1"))
    with pytest.raises(ConflictError) as conflict:
        client_of(serving).jobs.cancel("job-1")
    error = conflict.value
    assert len(serving.seen) == 1
    assert (error.code, error.message, error.hint, error.state) == (
        "job_finished",
        "because job_finished",
        "too late",
        "COMPLETED",
    )
    assert (error.status, error.request_id) == (409, "r1")
    assert str(error) == "because job_finished (job_finished)\nhint: too late\nrequest: r1"
    errors = [{"field": "/audio_url", "message": "is missing"}]
    with pytest.raises(InvalidRequestError) as invalid:
        client_of(Serving(problem(400, "invalid_body", errors=errors))).jobs.get("job-1")
    assert invalid.value.errors == errors


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "unauthenticated", UnauthenticatedError),
        (404, "job_not_found", NotFoundError),
        (409, "lease_expired", LeaseExpiredError),
        (418, "teapot", ServerFaultError),
        (500, "internal", ServerFaultError),
    ],
)
def test_every_kind_has_its_class(status: int, code: str, kind: type[ApiError]) -> None:
    assert type(error_of(status, json.dumps({"code": code, "detail": "x"}), url="", headers={})) is kind


def test_nobody_listening_is_unreachable_and_silence_is_timed_out() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with TranscriptionAPI(base_url=url, retries=0) as api:
            with pytest.raises(UnreachableError, match="connection refused") as refused:
                api.jobs.get("job-1")
            with pytest.raises(UnreachableError, match="connection refused"):
                next(iter(api.jobs.watch("job-1")))
        assert "tmon serve" in (refused.value.hint or "")
        held.listen()  # accepts, and never answers
        with TranscriptionAPI(base_url=url, retries=0, timeout=0.02) as api:
            with pytest.raises(TimedOutError):
                api.jobs.get("job-1")
            with pytest.raises(TimedOutError):
                next(iter(api.jobs.watch("job-1")))


@pytest.mark.parametrize("base_url", ["", "monitor:8080", "ftp://x", "http://", "http://h:port", None])
def test_an_address_that_is_none_is_refused_at_once(base_url: Any) -> None:
    with pytest.raises(ApiError, match="bad_base_url"):
        TranscriptionAPI(base_url=base_url)


def test_an_id_can_name_nothing_but_its_own_job() -> None:
    serving = Serving(job_answer())
    client_of(serving).jobs.get("../workers?x=/y")
    assert serving.seen[0].url.raw_path == b"/api/v1/jobs/..%2Fworkers%3Fx%3D%2Fy"
    for bad in ("..", ".", ""):
        with pytest.raises(ApiError, match="is not an id"):
            client_of(serving).jobs.get(bad)
    assert len(serving.seen) == 1


def test_a_list_is_fetched_page_by_page_only_as_far_as_it_is_read() -> None:
    def page(*ids: str, next_cursor: str | None) -> httpx.Response:
        return httpx.Response(200, json={"items": [job_document(job_id=i) for i in ids], "next_cursor": next_cursor})

    serving = Serving(page("a", "b", next_cursor="c1"), page("c", next_cursor=None))
    jobs = client_of(serving).jobs.list(state="QUEUED", limit=2)
    assert serving.seen == []
    ids = []
    for job in jobs:
        ids.append(job.id)
        assert len(serving.seen) == (1 if len(ids) < 3 else 2)
    assert ids == ["a", "b", "c"]
    queries = [request.url.query for request in serving.seen]
    assert queries == [b"state=QUEUED&limit=2", b"state=QUEUED&limit=2&cursor=c1"]


def test_a_field_that_this_version_does_not_know_is_kept_and_a_state_too() -> None:
    job = client_of(Serving(job_answer(state="PONDERING", mood="fine"))).jobs.get("job-1")
    assert job.state == "PONDERING"
    assert job.mood == "fine"  # type: ignore[attr-defined]


def test_polling_asks_with_if_none_match_yields_changes_alone_outlives_a_server_and_ends_with_the_job() -> None:
    def at(state: str, percentage: float, etag: str) -> httpx.Response:
        progress = {**job_document()["progress"], "percentage": percentage, "stage": "TRANSCRIBING"}
        return httpx.Response(200, json=job_document(state=state, progress=progress), headers={"etag": etag})

    serving = Serving(
        at("PROCESSING", 10, '"1"'),
        httpx.Response(304),
        RESET,
        at("PROCESSING", 60, '"2"'),
        at("PROCESSING", 60, '"3"'),
        at("COMPLETED", 100, '"4"'),
    )
    away: list[str | None] = []

    def on_away(error: Exception | None) -> None:
        away.append(None if error is None else type(error).__name__)

    updates = client_of(serving, retries=0).jobs.watch("job-1", poll_seconds=0, on_away=on_away)
    assert [(update.state, update.percentage, update.stage) for update in updates] == [
        ("PROCESSING", 10, "TRANSCRIBING"),
        ("PROCESSING", 60, "TRANSCRIBING"),
        ("COMPLETED", 100, "TRANSCRIBING"),
    ]
    assert away == ["UnreachableError", None]
    assert [request.headers.get("if-none-match") for request in serving.seen[:2]] == [None, '"1"']


def test_the_key_is_not_in_what_is_printed() -> None:
    api = TranscriptionAPI(base_url="http://monitor.test", api_key="secret")
    assert "secret" not in repr(api)
    api.close()


def test_a_warning_of_the_monitor_is_shown_once() -> None:
    headers = {"tmon-warning": "this monitor has no API keys"}
    serving = Serving(*[httpx.Response(200, json={"items": [], "next_cursor": None}, headers=headers)] * 3)
    api = client_of(serving)
    with pytest.warns(UserWarning, match="no API keys") as shown:
        listed = [list(api.jobs.list()) for _ in range(3)]
    assert (listed, len(shown)) == ([[], [], []], 1)
