"""Networks as they are: redirects, proxies, certificates, credentials, slow links, servers that can't decompress."""

from __future__ import annotations

import asyncio
import gzip
import importlib.util
import json
import random
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import trustme
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from transcription_monitor import (
    ApiError,
    AsyncTranscriptionAPI,
    FeedUnavailableError,
    Transcript,
    TranscriptionAPI,
    UnexpectedResponseError,
    UnreachableError,
)
from transcription_monitor._sync import transport as sync_transport
from transcription_monitor.errors import seconds_of

from .documents import job_document
from .processes import free_port
from .test_feed import feed, message, says
from .test_transport import Serving, job_answer

SECRET = "s3cret"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


Reply = tuple[int, dict[str, str], bytes]


class Http:
    """A server that replies as `reply(path)` says, and keeps the requests."""

    def __init__(self, reply: Callable[[str], Reply], context: ssl.SSLContext | None = None) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.requests.append((self.command, self.path, headers, body))
                status, more, content = reply(self.path)
                self.send_response(status)
                for name, value in {**more, "content-length": str(len(content)), "connection": "close"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = _serve  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Http:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def job_reply(_path: str = "") -> Reply:
    return 200, {"content-type": "application/json"}, json.dumps(job_document()).encode()


def problem_reply(status: int, code: str) -> Reply:
    return status, {"content-type": "application/problem+json"}, json.dumps({"code": code, "detail": "x"}).encode()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@contextmanager
def secure_feed(context: ssl.SSLContext) -> Iterator[str]:
    """The monitor's address of a server that has a job, and a feed of it, over TLS."""

    def on_request(_: ServerConnection, request: Request) -> Response | None:
        if request.path.endswith("/ws"):
            return None
        body = json.dumps(job_document()).encode()
        return Response(200, "OK", Headers({"content-length": str(len(body))}), body)

    def on_connection(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(message(3, "COMPLETED", 100, "state"))
        connection.close()

    with serve(on_connection, "127.0.0.1", 0, ssl=context, close_timeout=1, process_request=on_request) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


# Redirects


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_that_keeps_the_method_is_followed_to_https_of_the_same_host(
    status: int, server_context: ssl.SSLContext, ca_file: str
) -> None:
    with (
        Http(job_reply, server_context) as secure,
        Http(lambda path: (status, {"location": f"https://127.0.0.1:{secure.port}{path}"}, b"")) as plain,
        TranscriptionAPI(f"http://127.0.0.1:{plain.port}", "key", verify=ca_file) as api,
    ):
        api.jobs.submit("s3://bucket/a.mp3")
    [first], [second] = plain.requests, secure.requests
    assert (first[0], first[1], first[3]) == (second[0], second[1], second[3])
    assert second[0] == "POST"
    assert second[2]["authorization"] == "Bearer key"
    assert first[2]["idempotency-key"] == second[2]["idempotency-key"]


@pytest.mark.parametrize("location", ["https://other.example/api/v1/jobs", "ftp://127.0.0.1/", "//other.example/"])
def test_a_redirect_to_another_host_is_refused_so_that_the_key_stays(location: str) -> None:
    serving = Serving(httpx.Response(308, headers={"location": location}))
    with pytest.raises(UnexpectedResponseError, match="status 308"):
        TranscriptionAPI("http://127.0.0.1", "key", transport=serving).jobs.submit("s3://b/a")
    assert len(serving.seen) == 1


def test_a_redirect_to_https_that_would_lose_the_method_names_the_address_to_use() -> None:
    location = "https://monitor.example/tmon/api/v1/jobs"
    serving = Serving(httpx.Response(301, headers={"location": location}))
    api = TranscriptionAPI("http://monitor.example/tmon", transport=serving)
    with pytest.raises(UnexpectedResponseError) as raised:
        api.jobs.submit("s3://b/a")
    assert raised.value.hint == "It redirects: use https://monitor.example/tmon as the address."
    assert raised.value.location == location


def test_a_feed_follows_the_same_redirects(server_context: ssl.SSLContext, ca_file: str) -> None:
    with (
        secure_feed(server_context) as url,
        Http(lambda path: (307, {"location": f"{url}{path}"}, b"")) as plain,
        TranscriptionAPI(f"http://127.0.0.1:{plain.port}", verify=ca_file) as api,
    ):
        [update] = api.jobs.watch("job-1")
    assert (update.state, update.seq) == ("COMPLETED", 3)
    with (
        Http(lambda path: (301, {"location": f"https://monitor.example{path}"}, b"")) as plain,
        TranscriptionAPI(f"http://127.0.0.1:{plain.port}") as api,
        pytest.raises(FeedUnavailableError) as raised,
    ):
        next(api.feed.follow())
    assert "https://monitor.example" in (raised.value.hint or "")


# Certificates


def test_verify_is_a_file_a_context_or_false_for_calls_and_for_the_feed(
    authority: trustme.CA, server_context: ssl.SSLContext, ca_file: str
) -> None:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with secure_feed(server_context) as url:
        for verify in (ca_file, context, False):
            with TranscriptionAPI(url, verify=verify) as api:
                assert api.jobs.get("job-1").id == "job-1"
                assert [update.seq for update in api.jobs.watch("job-1")] == [3]

        async def run() -> list[int | None]:
            async with AsyncTranscriptionAPI(url, verify=ca_file) as api:
                await api.jobs.get("job-1")
                return [update.seq async for update in api.jobs.watch("job-1")]

        assert asyncio.run(run()) == [3]
        with TranscriptionAPI(url, retries=0) as api:
            for call in (lambda: api.jobs.get("job-1"), lambda: next(api.feed.follow())):
                with pytest.raises(UnreachableError, match="certificate") as raised:
                    call()
                assert "verify" in (raised.value.hint or "")


def test_tls_where_there_is_none_and_a_name_that_dns_does_not_know_have_their_own_hints() -> None:
    with Http(job_reply) as plain, TranscriptionAPI(f"https://127.0.0.1:{plain.port}", retries=0) as api:
        with pytest.raises(UnreachableError) as raised:
            api.jobs.get("job-1")
        assert "http://" in (raised.value.hint or "")
    with TranscriptionAPI("http://monitor.invalid", retries=0) as api, pytest.raises(UnreachableError) as raised:
        api.jobs.get("job-1")
    assert "DNS" in (raised.value.hint or "")


# Credentials


def test_headers_and_credentials_go_with_calls_and_with_the_feed() -> None:
    serving = Serving(job_answer())
    TranscriptionAPI(f"http://ann:{SECRET}@h", headers={"X-Team": "a"}, transport=serving).jobs.get("job-1")
    assert serving.seen[0].headers["authorization"] == httpx.BasicAuth("ann", SECRET)._auth_header
    assert serving.seen[0].headers["x-team"] == "a"
    assert str(serving.seen[0].url) == "http://h/api/v1/jobs/job-1"
    with feed(says(message(3, "COMPLETED", 100, "state"))) as served:
        url = served.url.replace("://", f"://ann:{SECRET}@")
        with TranscriptionAPI(url, headers={"X-Team": "a"}) as api:
            list(api.jobs.watch("job-1"))
    assert served.handshakes[0]["authorization"] == httpx.BasicAuth("ann", SECRET)._auth_header
    assert served.handshakes[0]["x-team"] == "a"


def test_a_password_in_the_address_is_in_no_message() -> None:
    with TranscriptionAPI(f"http://ann:{SECRET}@127.0.0.1:{free_port()}/x", retries=0) as api:
        said = [repr(api), api.base_url]
        for call in (lambda: api.jobs.get("job-1"), lambda: next(api.feed.follow())):
            with pytest.raises(UnreachableError) as raised:
                call()
            said += [str(raised.value), repr(vars(raised.value))]
    for bad in (f"ftp://ann:{SECRET}@h", f"http://ann:{SECRET}@h:port"):
        with pytest.raises(ApiError, match="bad_base_url") as refused:
            TranscriptionAPI(bad)
        said.append(str(refused.value))
    assert not any(SECRET in words for words in said)


def test_two_credentials_for_one_header_are_refused() -> None:
    for options in ({"api_key": "key"}, {"headers": {"Authorization": "Basic x"}}):
        with pytest.raises(ApiError, match="bad_credentials"):
            TranscriptionAPI("http://ann:x@h", **options)


# Proxies


def test_a_proxy_that_does_not_respond_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("HTTP_PROXY", f"http://ann:{SECRET}@127.0.0.1:{port}")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    for url, shown in (("http://monitor.test", "HTTP_PROXY"), ("https://monitor.test", "HTTPS_PROXY")):
        with TranscriptionAPI(url, retries=0) as api:
            for call in (lambda: api.jobs.get("job-1"), lambda: next(api.feed.follow())):
                with pytest.raises(UnreachableError) as raised:
                    call()
                assert f"{shown}=http://127.0.0.1:{port} does not respond: connection refused" in str(raised.value)
                assert SECRET not in str(raised.value)


def test_what_a_proxy_says_of_the_monitor_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with Http(lambda _: (407, {}, b"<html>credentials</html>")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{proxy.port}")
        with (
            TranscriptionAPI("http://monitor.test", retries=0) as api,
            pytest.raises(UnexpectedResponseError) as raised,
        ):
            api.jobs.get("job-1")
    assert "credentials" in (raised.value.hint or "")
    assert proxy.requests[0][1] == "http://monitor.test/api/v1/jobs/job-1"


def test_a_host_of_no_proxy_is_reached_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Http(job_reply) as server, TranscriptionAPI(f"http://127.0.0.1:{server.port}") as api:
        assert api.jobs.get("job-1").id == "job-1"


def test_a_socks_proxy_without_its_library_is_refused_only_where_it_would_be_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("ALL_PROXY", f"socks5://ann:{SECRET}@127.0.0.1:1080")
    with pytest.raises(ApiError, match="proxy_unsupported") as raised:
        TranscriptionAPI("http://monitor.test")
    assert "pip install 'httpx[socks]'" in str(raised.value)
    assert SECRET not in str(raised.value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with Http(job_reply) as server, TranscriptionAPI(f"http://127.0.0.1:{server.port}") as api:
        api.jobs.get("job-1")


# Bodies


def transcript(bytes_min: int) -> Transcript:
    """That can hardly be compressed."""
    return Transcript.of_segments([{"start": 0, "end": 1, "text": secrets.token_hex(bytes_min)}], engine="test")


STORED = json.dumps({"s3_path": "x", "segments_count": 1, "confidence_score": None, "already_there": False}).encode()


def test_a_large_body_is_compressed_and_a_small_one_is_not() -> None:
    large = transcript(40_000)
    with (
        Http(lambda _: (200, {}, STORED)) as server,
        TranscriptionAPI(f"http://127.0.0.1:{server.port}") as api,
    ):
        api.jobs.put_transcript("job-1", "token", large)
        api.jobs.put_transcript("job-1", "token", transcript(10))
    first, second = server.requests
    assert first[2]["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(first[3])) == large.model_dump(mode="json")
    assert "transfer-encoding" not in first[2]
    assert "content-encoding" not in second[2]


@pytest.mark.parametrize("refusal", [problem_reply(415, "unsupported_media_type"), (415, {}, b"<html>415</html>")])
def test_what_cannot_decompress_gets_it_plain_at_once_and_from_then_on(refusal: Reply) -> None:
    replies = iter([refusal, (200, {}, STORED), (200, {}, STORED)])
    with (
        Http(lambda _: next(replies)) as server,
        TranscriptionAPI(f"http://127.0.0.1:{server.port}", retries=0) as api,
    ):
        for _ in range(2):
            api.jobs.put_transcript("job-1", "token", transcript(40_000))
    assert [request[2].get("content-encoding") for request in server.requests] == ["gzip", None, None]


@contextmanager
def slow_reader() -> Iterator[str]:
    """A link that takes longer for a body than the time-out, and then is silent for longer than it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)

        def read() -> None:
            connection, _ = listener.accept()
            with connection:
                pause, received = threading.Event(), b""
                while b"\r\n\r\n" not in received:
                    received += connection.recv(65_536)
                head, _, body = received.partition(b"\r\n\r\n")
                length = next(
                    int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
                )
                left = length - len(body)
                while left > 0:
                    pause.wait(SILENCE_SECONDS / 10)
                    left -= len(connection.recv(48_000))
                pause.wait(SILENCE_SECONDS * 2)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(STORED) + STORED)

        thread = threading.Thread(target=read)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


SILENCE_SECONDS = 0.2


def test_a_body_that_takes_longer_than_the_time_out_arrives_as_long_as_it_moves() -> None:
    large = transcript(150_000)
    with slow_reader() as url, TranscriptionAPI(url, timeout=SILENCE_SECONDS, retries=0) as api:
        assert api.jobs.put_transcript("job-1", "token", large).s3_path == "x"

    async def run() -> str:
        async with AsyncTranscriptionAPI(url, timeout=SILENCE_SECONDS, retries=0) as api:
            return (await api.jobs.put_transcript("job-1", "token", large)).s3_path

    with slow_reader() as url:
        assert asyncio.run(run()) == "x"


# Retries


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504, 520, 521, 522, 523, 524])
def test_what_passes_is_retried_whoever_says_it(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(sync_transport, "sleep", waited.append)
    monkeypatch.setattr(random, "random", lambda: 0.5)
    page = httpx.Response(status, text="<html>wait</html>", headers={"retry-after": "1.5"})
    serving = Serving(page, job_answer())
    assert TranscriptionAPI("http://monitor.test", transport=serving).jobs.get("job-1").id == "job-1"
    assert waited == [1.625]


def test_retry_after_may_be_fractional() -> None:
    assert [seconds_of(text) for text in ("1.5", "0", "-1", "nan", "inf", "1e400")] == [1.5, 0, None, None, None, None]
