"""What ends, ends: programs with open feeds, feeds of a client that is closed, event loops, pools of processes."""

from __future__ import annotations

import asyncio
import gc
import json
import multiprocessing
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

import transcription_monitor
from transcription_monitor import (
    ApiError,
    AsyncTranscriptionAPI,
    AudioError,
    FeedUnavailableError,
    JobFailed,
    NotFoundError,
    RefusedError,
    ReporterError,
    TimedOutError,
    TranscriptionAPI,
    UnexpectedResponseError,
    UnreachableError,
    errors,
)
from transcription_monitor.reporter.errors import Away
from transcription_monitor.testing import MockMonitor

from .processes import PATIENCE_SECONDS, started
from .test_feed import Feed, feed, message

STATE = message(3, "PROCESSING", 10, "state")


def quiet(ready: threading.Event | None = None) -> Callable[[ServerConnection], None]:
    """Sends the current state, and nothing more until the client leaves."""

    def script(connection: ServerConnection) -> None:
        connection.send(STATE)
        if ready:
            ready.set()
        with suppress(ConnectionClosed):
            connection.recv()

    return script


@pytest.fixture
def server() -> Iterator[Feed]:
    with feed(*[quiet()] * 4) as served:
        yield served


PROGRAMS = {
    "a feed and a watch in variables": (
        "feed = api.feed.follow('jobs'); watch = api.jobs.watch('job-1'); next(watch)\nfor message in feed: break"
    ),
    "sys.exit in the loop": "feed = api.feed.follow('jobs')\nfor message in feed: print('ends'); sys.exit()",
    "a thread that waits": (
        "feed = api.feed.follow('jobs'); next(feed)\n"
        "import threading; threading.Thread(target=lambda: list(feed), daemon=True).start()"
    ),
}


@pytest.mark.parametrize("lines", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_a_program_ends_with_open_feeds(server: Feed, lines: str) -> None:
    program = (
        f"import sys\nfrom transcription_monitor import TranscriptionAPI\napi = TranscriptionAPI({server.url!r})\n"
    )
    with started([sys.executable, "-c", f"{program}{lines}\nprint('ends')"]) as process:
        assert process.line("ends")
        assert process.wait() == 0
        assert process.said == ["ends\n"]


def follow(api: TranscriptionAPI) -> Iterator[Any]:
    return api.feed.follow("jobs")


def watch(api: TranscriptionAPI) -> Iterator[Any]:
    return iter(api.jobs.watch("job-1"))


@pytest.mark.parametrize("open_feed", [follow, watch])
def test_closing_a_client_ends_what_another_thread_waits_for(open_feed: Callable[[TranscriptionAPI], Any]) -> None:
    waiting = threading.Event()
    with feed(quiet()) as served:
        api = TranscriptionAPI(served.url)
        opened = open_feed(api)
        seen: list[Any] = []

        def read() -> None:
            for one in opened:
                seen.append(one)
                waiting.set()

        thread = threading.Thread(target=read)
        thread.start()
        assert waiting.wait(PATIENCE_SECONDS)
        api.close()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
    assert len(seen) == 1


def test_closing_a_client_ends_what_another_task_waits_for(server: Feed) -> None:
    async def run() -> int:
        api = AsyncTranscriptionAPI(server.url)
        waiting = asyncio.Event()

        async def read() -> int:
            count = 0
            async for _ in api.jobs.watch("job-1"):
                count += 1
                waiting.set()
            return count

        task = asyncio.create_task(read())
        await waiting.wait()
        await api.aclose()
        return await task

    assert asyncio.run(run()) == 1


def test_a_client_that_is_closed_says_so() -> None:
    with TranscriptionAPI("http://127.0.0.1:1") as api:
        pass
    for call in (lambda: api.jobs.get("job-1"), lambda: next(api.feed.follow()), lambda: next(watch(api))):
        with pytest.raises(ApiError, match="this client is closed") as raised:
            call()
        assert raised.value.code == "client_closed"


def test_an_async_client_serves_one_event_loop_after_another(server: Feed) -> None:
    api = AsyncTranscriptionAPI(server.url)

    async def run() -> str:
        async for update in api.jobs.watch("job-1"):
            assert update.state == "PROCESSING"
            break
        return (await api.jobs.get("job-1")).state

    assert [asyncio.run(run()) for _ in range(3)] == ["COMPLETED"] * 3


def test_a_loop_ends_quietly_with_a_watch_and_a_feed_left_open(server: Feed) -> None:
    trouble: list[dict[str, Any]] = []

    async def run() -> list[Any]:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: trouble.append(context))
        api = AsyncTranscriptionAPI(server.url)
        watched, followed = api.jobs.watch("job-1"), api.feed.follow("jobs")
        await anext(aiter(watched))
        await anext(aiter(followed))

        async def wait() -> None:
            await anext(aiter(followed))

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        return [watched, followed, waiting]

    kept = asyncio.run(run())
    gc.collect()
    assert trouble == []
    assert len(kept) == 3


#: One of each class, as it is raised.
ERRORS: list[Exception] = [
    ApiError("m", code="c", hint="h", status=400, request_id="r"),
    errors.NoAnswerError("m", code="c"),
    UnreachableError("http://h", "refused"),
    TimedOutError("http://h"),
    FeedUnavailableError("http://h", "status 404"),
    UnexpectedResponseError("http://h", 302, "<html>", location="https://h/", retry_after_seconds=1.5),
    *(
        kind({"code": "c", "detail": "d", "status": 409, "state": "CANCELLING", "errors": []}, 2.5)
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, RefusedError)
    ),
    JobFailed("m", code="mine", retryable=False, fault="audio"),
    AudioError("not_audio", "m", fault="audio"),
    *(
        getattr(transcription_monitor, name)("job-1")
        for name in ("JobCancelled", "JobStalled", "JobStopped", "LeaseLost")
    ),
    *(
        getattr(transcription_monitor, name)("job-1")
        for name in ("WorkerInterrupted", "WorkerLeaving", "WorkerRestarting")
    ),
    ReporterError("m", hint="h"),
    Away("m", hint="h"),
]


def test_every_public_exception_can_be_pickled() -> None:
    public = {
        kind
        for name in transcription_monitor.__all__
        if isinstance(kind := getattr(transcription_monitor, name), type) and issubclass(kind, BaseException)
    }
    assert public <= {type(error) for error in ERRORS}
    for error in ERRORS:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            copy = pickle.loads(pickle.dumps(error, protocol))
            assert (type(copy), str(copy), copy.args) == (type(error), str(error), error.args)
            assert vars(copy) == vars(error)


def read_nothing() -> None:
    TranscriptionAPI("http://monitor.test", transport=MockMonitor()).jobs.get("job-none")


def test_an_error_comes_out_of_a_pool_of_processes() -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        with pytest.raises(NotFoundError, match="job-none") as raised:
            executor.submit(read_nothing).result(PATIENCE_SECONDS)
        assert raised.value.status == 404
        assert executor.submit(json.dumps, 1).result(PATIENCE_SECONDS) == "1"
    with context.Pool(1) as pool, pytest.raises(NotFoundError, match="job-none"):
        pool.apply_async(read_nothing).get(PATIENCE_SECONDS)
