"""Fetching recordings: over real TLS, from an object store, from the monitor's uploads; and what goes wrong with
each.
"""

from __future__ import annotations

import gzip
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme

from transcription_monitor import AudioError, JobCancelled, JobFailed, TranscriptionAPI
from transcription_monitor.errors import error_of
from transcription_monitor.testing import MockMonitor
from transcription_monitor.worker import download as module
from transcription_monitor.worker.download import download, show_url, suffix_of
from transcription_monitor.worker.errors import failure_of

SOUND = b"sound" * 100_000

Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def serving(answers: Callable[[str, str], Answer], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Responds by path and Authorization; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answers(self.path, self.headers.get("authorization", ""))
            self.send_response(status)
            for name, value in {"content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server certificate of an authority that this process trusts."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return context


@pytest.fixture
def api() -> TranscriptionAPI:
    return TranscriptionAPI("http://monitor.test", transport=MockMonitor())


def go_on() -> None:
    pass


def test_https_is_fetched_through_redirects_with_the_query_and_password_that_nobody_is_shown(
    api: TranscriptionAPI, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    def answer(path: str, authorization: str) -> Answer:
        if path == "/first?signature=secret" and authorization == "Basic dXNlcjpwYXNz":
            return 302, {"location": "/second"}, b""
        return (200, {}, SOUND) if path == "/second" else (403, {}, b"no")

    with serving(answer, tls) as url:
        there = url.replace("://", "://user:pass@") + "/first?signature=secret"
        assert download(api, there, tmp_path / "audio", go_on) == len(SOUND)
        assert (tmp_path / "audio").read_bytes() == SOUND
        with pytest.raises(AudioError) as caught:
            download(api, there.replace("secret", "other"), tmp_path / "audio", go_on)
        assert caught.value.code == "audio_forbidden"
        assert not any(word in str(caught.value) for word in ("other", "pass", "signature"))


@pytest.mark.parametrize(
    ("path", "code", "retryable"),
    [
        ("/404", "audio_not_found", False),
        ("/403", "audio_forbidden", False),
        ("/503", "audio_unreachable", True),
        ("/400", "audio_unreachable", True),
        ("/part", "audio_unreachable", True),
        ("/token", "audio_url_expired", False),
        ("/signature", "audio_url_expired", False),
        ("/cut-off", "audio_unreachable", True),
        ("/leaves-https", "audio_url_invalid", False),
        ("/round", "audio_url_invalid", False),
        ("/large", "audio_too_large", False),
    ],
)
def test_what_goes_wrong_has_a_code_that_says_whether_trying_again_helps(
    api: TranscriptionAPI,
    tls: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    code: str,
    retryable: bool,
) -> None:
    monkeypatch.setattr(module, "SIZE_BYTES_MAX", 1000)
    answers: dict[str, Answer] = {
        "/cut-off": (200, {"content-length": "900"}, b"half"),
        "/leaves-https": (301, {"location": "http://example.com/a"}, b""),
        "/part": (206, {"content-range": "bytes 0-3/500"}, b"half"),
        "/token": (400, {}, b"<Error><Code>ExpiredToken</Code></Error>"),
        "/signature": (403, {}, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"),
        "/round": (307, {"location": "/round"}, b""),
        "/large": (200, {}, SOUND),
    }

    def answer(path: str, _: str) -> Answer:
        return answers.get(path) or (int(path[1:]), {}, b"")

    with serving(answer, tls) as url, pytest.raises(AudioError) as caught:
        download(api, url + path, tmp_path / "audio", go_on)
    assert (caught.value.code, caught.value.retryable) == (code, retryable)


def test_an_encoding_that_was_not_asked_for_is_undone_and_a_206_may_be_whole(
    api: TranscriptionAPI, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    whole = {"content-range": f"bytes 0-{len(SOUND) - 1}/{len(SOUND)}"}
    answers: dict[str, Answer] = {
        "/gzip": (200, {"content-encoding": "gzip"}, gzip.compress(SOUND)),
        "/deflate": (200, {"content-encoding": "deflate"}, zlib.compress(SOUND)),
        "/206": (206, whole, SOUND),
    }
    with serving(lambda path, _: answers[path], tls) as url:
        for path in answers:
            there = url.replace("https", "HTTPS") + path
            assert download(api, there, tmp_path / "audio", go_on) == len(SOUND)
            assert (tmp_path / "audio").read_bytes() == SOUND


def test_http_is_fetched_if_that_is_allowed_but_never_from_link_local_addresses(
    api: TranscriptionAPI, tmp_path: Path
) -> None:
    answers: dict[str, Answer] = {
        "/moved": (302, {"location": "/sound"}, b""),
        "/sound": (200, {}, SOUND),
        "/inside": (302, {"location": "http://169.254.169.254/latest"}, b""),
    }
    with serving(lambda path, _: answers[path]) as url:
        assert download(api, f"{url}/moved", tmp_path / "audio", go_on, allow_http=True) == len(SOUND)
        for there, allowed, words in (
            (f"{url}/moved?secret", False, "allow_http"),
            (f"{url}/inside", True, "address of the machine"),
            ("http://169.254.169.254/latest", True, "address of the machine"),
            ("http://[::ffff:169.254.169.254]/latest", True, "address of the machine"),
            ("http://[fd00:ec2::254]/latest", True, "address of the machine"),
        ):
            with pytest.raises(AudioError, match=words) as caught:
                download(api, there, tmp_path / "audio", go_on, allow_http=allowed)
            assert (caught.value.code, caught.value.retryable) == ("audio_url_invalid", False)
            assert "secret" not in str(caught.value)


def test_more_than_the_disk_has_room_for_is_refused_before_it_is_fetched(
    api: TranscriptionAPI, tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with serving(lambda *_: (200, {}, SOUND), tls) as url, pytest.raises(AudioError) as caught:
        download(api, f"{url}/a", tmp_path / "audio", go_on)
    assert (caught.value.code, caught.value.retryable) == ("disk_full", True)


def test_nobody_there_an_unknown_scheme_and_a_missing_upload(api: TranscriptionAPI, tmp_path: Path) -> None:
    for url, code in [
        ("https://127.0.0.1:1/a.mp3", "audio_unreachable"),
        ("ftp://host/a.mp3", "audio_url_invalid"),
        ("s3://bucket", "audio_url_invalid"),
        ("upload://upload-none/a.mp3", "audio_not_found"),
    ]:
        with pytest.raises(AudioError) as caught:
            download(api, url, tmp_path / "audio", go_on)
        assert caught.value.code == code


def test_an_upload_is_fetched_and_a_job_that_stops_meanwhile_ends_it(api: TranscriptionAPI, tmp_path: Path) -> None:
    audio_url = api.uploads.create(SOUND, name="a.wav").audio_url
    assert download(api, audio_url, tmp_path / "audio", go_on) == len(SOUND)
    assert (tmp_path / "audio").read_bytes() == SOUND

    def stop() -> None:
        raise JobCancelled

    with pytest.raises(JobCancelled):
        download(api, audio_url, tmp_path / "audio", stop)


def test_s3_is_fetched_with_the_key_as_it_is(
    api: TranscriptionAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("boto3")
    seen: list[str] = []

    def answer(path: str, authorization: str) -> Answer:
        seen.append(path)
        assert "AWS4-HMAC-SHA256" in authorization
        return (200, {}, SOUND) if path == "/bucket/what%3F/a%20b.mp3" else (404, {}, b"")

    with serving(answer) as url:
        for name, value in {
            "AWS_ENDPOINT_URL_S3": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_MAX_ATTEMPTS": "1",
        }.items():
            monkeypatch.setenv(name, value)
        assert download(api, "s3://bucket/what?/a b.mp3", tmp_path / "audio", go_on) == len(SOUND)
        with pytest.raises(AudioError) as caught:
            download(api, "s3://bucket/other.mp3", tmp_path / "audio", go_on)
    assert caught.value.code == "audio_not_found"


def test_names_say_the_kind_and_nothing_else() -> None:
    assert suffix_of("https://host/a.MP3?x=.exe") == ".mp3"
    assert suffix_of("s3://bucket/a") == ""
    assert show_url("https://user:pass@host/a.mp3?signature=x#y") == "https://host/a.mp3"


def test_an_exception_is_told_by_what_it_means() -> None:
    class OutOfMemoryError(RuntimeError):  # torch's own name
        pass

    problem = error_of(400, '{"code": "invalid_body", "detail": "segments are wrong"}', url="", headers={})
    for error, code, retryable, half in [
        (JobFailed("x", code="mine", retryable=False), "mine", False, None),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "gpu_out_of_memory", True, {"batch_size": 4}),
        (OutOfMemoryError("no"), "gpu_out_of_memory", True, {"batch_size": 4}),
        (problem, "transcript_refused", False, None),
        (KeyError("x"), "worker_error", True, None),
    ]:
        failure, retry_with = failure_of(error, 8)
        assert (failure["code"], failure["retryable"], retry_with) == (code, retryable, half)
    assert "fault" not in failure_of(JobFailed("x"), None)[0]
    assert failure_of(JobFailed("no licence", fault="worker"), None)[0]["fault"] == "worker"
    assert len(failure_of(RuntimeError("x" * 10_000), None)[0]["message"]) == 4000
