"""Following a job and the fleet: over the real feed, over a server that misbehaves as each test says, and without
one.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from transcription_monitor import (
    ApiError,
    AsyncTranscriptionAPI,
    FeedUnavailableError,
    InvalidRequestError,
    JobUpdate,
    NotFoundError,
    Transcript,
    TranscriptionAPI,
    UnauthenticatedError,
    UnavailableError,
    UnexpectedResponseError,
)
from transcription_monitor._async import feed_connection as async_feed
from transcription_monitor._async import watch as async_watch
from transcription_monitor._sync import feed_connection as sync_feed
from transcription_monitor._sync import watch as sync_watch

from .documents import job_document
from .processes import PATIENCE_SECONDS, Monitor, monitor

HELLO = Transcript.of_segments([{"start": 0, "end": 1, "text": "hello"}], engine="test")


def hold(api: TranscriptionAPI, job_id: str) -> str:
    """A worker claims it; returns the lease's token."""
    api.workers.register("worker-1", capabilities={"model": "test"})
    [claimed] = api.workers.claim("worker-1", wait_seconds=5).jobs
    assert claimed.job.id == job_id
    return claimed.lease.token


def complete(api: TranscriptionAPI, job_id: str, token: str) -> None:
    stored = api.jobs.put_transcript(job_id, token, HELLO)
    api.jobs.complete(job_id, token, {"s3_path": stored.s3_path, "segments_count": stored.segments_count})


def shown(update: JobUpdate) -> tuple[str, float, str | None]:
    return update.state, update.percentage, update.stage


def test_watch_tells_each_change_and_ends_with_the_job(api: TranscriptionAPI) -> None:
    """[A94] [A95]"""
    job = api.jobs.submit("s3://bucket/watched.mp3")
    token = ""
    seen = []
    for update in api.jobs.watch(job.id):
        seen.append(shown(update))
        assert update.seq is not None  # it came over the feed
        if update.state == "QUEUED":
            token = hold(api, job.id)
        elif update.percentage == 0:
            api.jobs.report_progress(job.id, token, percentage=45, stage="transcribing")
        elif update.state == "PROCESSING":
            complete(api, job.id, token)
    assert seen == [
        ("QUEUED", 0, None),
        ("PROCESSING", 0, None),
        ("PROCESSING", 45, "TRANSCRIBING"),
        ("COMPLETED", 100, "TRANSCRIBING"),
    ]
    assert [shown(update)[0] for update in api.jobs.watch(job.id)] == ["COMPLETED"]


def test_watch_tells_a_failure_with_the_last_figures(api: TranscriptionAPI) -> None:
    job = api.jobs.submit("s3://bucket/bad.mp3")
    token = hold(api, job.id)
    api.jobs.report_progress(job.id, token, percentage=45, stage="transcribing")
    watching = iter(api.jobs.watch(job.id))
    while next(watching).percentage != 45:
        pass
    api.jobs.fail(job.id, token, {"code": "audio_unreadable", "message": "noise", "retryable": False})
    assert [shown(update) for update in watching] == [("FAILED", 45, "TRANSCRIBING")]


def test_watching_what_is_not_there_is_not_found(api: TranscriptionAPI) -> None:
    with pytest.raises(NotFoundError, match="job-none"):
        next(iter(api.jobs.watch("job-none")))
    with pytest.raises(ApiError, match="is not an id"):
        next(iter(api.jobs.watch("")))


def test_watch_in_asyncio_is_the_same(server: Monitor) -> None:
    async def watch() -> list[str]:
        async with AsyncTranscriptionAPI(base_url=server.url) as api:
            job = await api.jobs.submit("s3://bucket/async.mp3")
            states = []
            async for update in api.jobs.watch(job.id):
                states.append(update.state)
                if update.state == "QUEUED":
                    await api.jobs.cancel(job.id)
            return states

    assert asyncio.run(watch()) == ["QUEUED", "CANCELLED"]


@pytest.mark.thorough
def test_a_watcher_through_kills_of_the_monitor_sees_each_change_once_and_in_order() -> None:
    with monitor(soft_linger_ms=0) as killed, TranscriptionAPI(base_url=killed.url) as api:
        job = api.jobs.submit("s3://bucket/long.mp3")
        token = hold(api, job.id)
        away: list[bool] = []
        positions = []
        seen: list[float] = []

        def on_away(error: Exception | None) -> None:
            away.append(error is not None)
            if error is not None:
                killed.start()

        for update in api.jobs.watch(job.id, on_away=on_away):
            positions.append((update.seq, update.index))
            seen.append(update.percentage)
            assert update.type != "reset"
            if update.state != "PROCESSING":
                break
            if update.percentage in (20, 60):
                killed.kill()
            elif update.percentage >= 90:
                complete(api, job.id, token)
                continue
            threading.Thread(
                target=api.jobs.report_progress,
                args=(job.id, token),
                kwargs={"percentage": update.percentage + 10, "stage": "transcribing", "retries": 20},
            ).start()
        assert seen == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
        assert positions == sorted(set(positions))
        assert away == [True, False, True, False]


def test_what_happens_in_the_fleet_is_followed_and_taken_up_again(api: TranscriptionAPI) -> None:
    api.jobs.submit("s3://bucket/1.mp3", tags=["followed"])
    happening = api.feed.follow("jobs", filter={"tag": "followed"})
    first = next(happening)
    assert (first.type, first.resource, len(first.items)) == ("state", "jobs", 1)
    second = api.jobs.submit("s3://bucket/2.mp3", tags=["followed"])
    submitted = next(happening)
    assert (submitted.event, submitted.resource) == ("JobSubmitted", "job")
    happening.close()
    api.jobs.cancel(second.id)
    missed = list(itertools.islice(api.feed.follow(filter={"tag": "followed"}, since=submitted.position), 2))
    assert [message.event for message in missed] == ["JobQueued", "JobCancelled"]
    with pytest.raises(InvalidRequestError, match="job_id is missing"):
        next(api.feed.follow("job"))
    api.queues.purge("main")


# A server that answers each connection as its script says.

Script = Callable[[ServerConnection], None]


class Feed:
    def __init__(self, url: str, asked: list[dict[str, Any]]) -> None:
        self.url = url
        #: The first message of each connection.
        self.asked = asked
        self.handshakes: list[Headers] = []


@contextmanager
def feed(*scripts: Script | int | str) -> Iterator[Feed]:
    """The n-th connection meets the n-th script. A number refuses the handshake, as text with a proxy's page. A GET of
    the job returns COMPLETED."""
    turns = iter(scripts)
    served: Feed
    script: list[Script] = []

    def on_request(_: ServerConnection, request: Request) -> Response | None:
        if request.path != "/ws":
            body = json.dumps(job_document(state="COMPLETED")).encode()
            return Response(200, "OK", Headers({"content-length": str(len(body)), "etag": '"1"'}), body)
        served.handshakes.append(request.headers)
        turn = next(turns)
        if isinstance(turn, int | str):
            problem = json.dumps({"code": "because", "detail": f"answered {turn}"})
            body = (problem if isinstance(turn, int) else "<html>a proxy</html>").encode()
            turn = int(turn)
            return Response(turn, HTTPStatus(turn).phrase, Headers({"content-length": str(len(body))}), body)
        script.append(turn)
        return None

    def on_connection(connection: ServerConnection) -> None:
        served.asked.append(json.loads(connection.recv()))
        script.pop()(connection)

    with serve(on_connection, "127.0.0.1", 0, process_request=on_request) as server:
        served = Feed(f"http://127.0.0.1:{server.socket.getsockname()[1]}", [])
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield served
        server.shutdown()
        thread.join()


def message(seq: int, state: str, percentage: float | None, kind: str = "update", **more: Any) -> str:
    update = {"type": kind, "resource": "job", "job_id": "job-1", "seq": seq, "index": 0}
    return json.dumps({**update, "state": state, "percentage": percentage, "stage": "TRANSCRIBING", **more})


def says(*messages: str, close: int = 1001, reason: str = "") -> Script:
    def script(connection: ServerConnection) -> None:
        for text in messages:
            connection.send(text)
        connection.close(close, reason)

    return script


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    for module in (sync_feed, sync_watch):
        monkeypatch.setattr(module, "sleep", waited.append)
    for module in (async_feed, async_watch):
        monkeypatch.setattr(module, "sleep", sleep)
    monkeypatch.setattr(random, "random", lambda: 0.5)
    return waited


def watch_sync(url: str) -> list[JobUpdate]:
    with TranscriptionAPI(base_url=url, api_key="secret") as api:
        return list(api.jobs.watch("job-1"))


def watch_async(url: str) -> list[JobUpdate]:
    async def watch() -> list[JobUpdate]:
        async with AsyncTranscriptionAPI(base_url=url, api_key="secret") as api:
            return [update async for update in api.jobs.watch("job-1")]

    return asyncio.run(watch())


@pytest.mark.parametrize("watch", [watch_sync, watch_async])
def test_after_a_broken_connection_it_asks_for_what_came_after_the_last_position(
    watch: Callable[[str], list[JobUpdate]], waits: list[float]
) -> None:
    acknowledged = json.dumps({"type": "subscribed", "id": "1", "resource": "job"})
    with feed(
        says(acknowledged, message(3, "PROCESSING", 0, "state"), message(4, "PROCESSING", 10)),
        says(acknowledged, close=4008, reason='{"seq":4,"index":0}'),
        503,
        says(acknowledged, message(9, "PROCESSING", 50, "reset"), message(10, "COMPLETED", None, stage=None)),
    ) as served:
        updates = watch(served.url)
    assert [(update.type, update.percentage, update.stage) for update in updates] == [
        ("state", 0, "TRANSCRIBING"),
        ("update", 10, "TRANSCRIBING"),
        ("reset", 50, "TRANSCRIBING"),
        ("update", 50, "TRANSCRIBING"),
    ]
    assert served.asked[0] == {"action": "subscribe", "id": "1", "resource": "job", "job_id": "job-1"}
    assert [asked.get("since") for asked in served.asked] == [None, {"seq": 4, "index": 0}, {"seq": 4, "index": 0}]
    assert waits == [0.125, 0.25, 0.5]
    assert {headers["authorization"] for headers in served.handshakes} == {"Bearer secret"}


@pytest.mark.parametrize("watch", [watch_sync, watch_async])
def test_a_report_is_an_update_when_it_is_accepted_and_when_it_is_written(
    watch: Callable[[str], list[JobUpdate]],
) -> None:
    acknowledged = json.dumps({"type": "subscribed", "id": "1", "resource": "job"})
    written = {"event": "JobProgressed"}
    with feed(
        says(
            acknowledged,
            message(3, "PROCESSING", 0, "state"),
            message(4, "PROCESSING", 10, "progress"),
            message(4, "PROCESSING", 20, "progress"),
            message(4, "PROCESSING", 20, **written),
            message(6, "COMPLETED", None, stage=None),
        )
    ) as served:
        updates = watch(served.url)
    assert [(update.type, update.event, update.percentage) for update in updates] == [
        ("state", None, 0),
        ("update", "JobProgressed", 10),
        ("update", "JobProgressed", 20),
        ("update", "JobProgressed", 20),
        ("update", None, 20),
    ]


@pytest.mark.parametrize("watch", [watch_sync, watch_async])
@pytest.mark.parametrize("status", [404, 426, 200])
def test_where_there_is_no_feed_it_polls(watch: Callable[[str], list[JobUpdate]], status: int) -> None:
    with feed(status) as served:
        [update] = watch(served.url)
    assert (update.state, update.seq) == ("COMPLETED", None)


def test_a_job_that_the_feed_has_no_state_of_is_asked_for() -> None:
    archived = json.dumps({"type": "state", "resource": "job", "job_id": "job-1", "seq": 1, "index": 0})
    with feed(says(archived)) as served:
        assert [update.state for update in watch_sync(served.url)] == ["COMPLETED"]


def test_a_feed_that_refuses_the_key_or_stays_away_fails_as_any_call_does(waits: list[float]) -> None:
    with feed(401) as served, pytest.raises(UnauthenticatedError, match="answered 401"):
        watch_sync(served.url)
    with feed(503, 503, 503, 503, 503) as served, pytest.raises(UnavailableError, match="answered 503"):
        watch_sync(served.url)
    assert waits == [0.125, 0.25, 0.5, 1.0]


def test_without_a_feed_the_fleet_cannot_be_followed_and_the_error_says_so() -> None:
    with feed(404) as served, pytest.raises(FeedUnavailableError, match="status 404") as caught:
        next(TranscriptionAPI(base_url=served.url).feed.follow())
    assert "jobs.watch" in (caught.value.hint or "")


@pytest.mark.usefixtures("waits")
def test_a_feed_outlives_what_a_proxy_says_meanwhile_and_gives_up_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = says(message(3, "PROCESSING", 10, "state"))
    with feed(state, "404", "403", "200", says(message(4, "PROCESSING", 20)), *["404"] * 4) as served:
        monkeypatch.setattr(sync_feed, "UNAVAILABLE_TRIES_MAX", 4)
        followed = TranscriptionAPI(served.url).feed.follow("jobs")
        assert [next(followed).seq for _ in range(2)] == [3, 4]
        with pytest.raises(FeedUnavailableError, match="status 404"):
            next(followed)
    assert len(served.handshakes) == 9


@pytest.mark.parametrize("wrong", [{"state": 7}, {"percentage": "many"}, {"at": "soon"}, {"error": []}])
def test_a_message_with_a_wrong_type_is_an_error_of_this_package(wrong: dict[str, Any]) -> None:
    bad = json.dumps({**json.loads(message(4, "PROCESSING", 20)), **wrong})
    with feed(says(message(3, "PROCESSING", 10, "state"), bad)) as served, TranscriptionAPI(served.url) as api:
        watched = iter(api.jobs.watch("job-1"))
        next(watched)
        with pytest.raises(UnexpectedResponseError, match=next(iter(wrong))):
            next(watched)


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("garbage", ["this is not json", b"\x00\xff", "[]", "null", '"seq"', '{"seq":"4","index":0}'])
def test_after_a_message_that_is_none_it_connects_again(garbage: Any) -> None:
    with feed(says(message(3, "PROCESSING", 10, "state"), garbage), says(message(4, "COMPLETED", 100))) as served:
        assert [update.seq for update in watch_sync(served.url)] == [3, 4]
    assert served.asked[1]["since"] == {"seq": 3, "index": 0}


@pytest.mark.usefixtures("waits")
def test_that_the_monitor_is_back_is_said_when_the_connection_is_and_not_with_the_next_event() -> None:
    back = threading.Event()

    def quiet(connection: ServerConnection) -> None:
        connection.send(json.dumps({"type": "subscribed", "id": "1", "resource": "jobs"}))
        assert back.wait(PATIENCE_SECONDS)  # before any event
        connection.send(message(4, "PROCESSING", 20))

    def on_away(error: Exception | None) -> None:
        if error is None:
            back.set()

    with feed(says(message(3, "PROCESSING", 10, "state")), quiet) as served, TranscriptionAPI(served.url) as api:
        followed = api.feed.follow("jobs", on_away=on_away)
        assert [next(followed).seq for _ in range(2)] == [3, 4]
        followed.close()
