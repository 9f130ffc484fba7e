"""Downloads a job's recording to a file: from `https://` (and `http://`, if that is allowed), from `s3://bucket/key`,
from the monitor's uploads.

A URL may carry a signature in its query or a password before its host: messages never contain either.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx

from .._call import reason_of
from .._sync.client import TranscriptionAPI
from ..errors import ApiError, ForbiddenError, NotFoundError, UnauthenticatedError
from .errors import AudioError

#: A day of 48 kHz 16-bit mono is 8.3 GB.
SIZE_BYTES_MAX = 8 * 1024**3
REDIRECTS_MAX = 5
ANSWER_SECONDS = 30.0
IDLE_SECONDS = 60.0
ERROR_BYTES_MAX = 16 * 1024

Chunks = Iterator[bytes]


def download(
    api: TranscriptionAPI, audio_url: str, path: Path, check: Callable[[], None], allow_http: bool = False
) -> int:
    """Writes the recording to `path`; returns its size in bytes. `check` is called between chunks and may raise to
    stop.

    Raises AudioError.
    """
    shown = show_url(audio_url)
    received = 0
    try:
        with _open(api, audio_url, shown, path.parent, allow_http) as chunks, path.open("wb") as file:
            for chunk in chunks:
                check()
                received += len(chunk)
                if received > SIZE_BYTES_MAX:
                    raise AudioError("audio_too_large", f"{shown}: more than {SIZE_BYTES_MAX} bytes")
                file.write(chunk)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise AudioError("disk_full", f"{shown}: this worker's disk is full") from error
        raise AudioError("audio_unreachable", f"{shown}: {error.strerror or type(error).__name__}") from None
    except httpx.HTTPError as error:
        # Not `from error`: HTTP libraries quote the URL with its signature.
        raise AudioError("audio_unreachable", f"{shown}: {_without_url(reason_of(error), shown)}") from None
    return received


def show_url(audio_url: str) -> str:
    """The URL without its query, fragment, user and password."""
    return re.sub(r"^([a-z][a-z0-9+.-]*://)[^/]*@", r"\1", re.split(r"[?#]", audio_url, maxsplit=1)[0], flags=re.I)[
        :300
    ]


def suffix_of(audio_url: str) -> str:
    """The URL's extension, because some programs go by it; nothing else of the URL becomes part of the name."""
    found = re.search(r"\.[A-Za-z0-9]{1,5}$", re.split(r"[?#]", audio_url, maxsplit=1)[0])
    return found.group().lower() if found else ""


def _without_url(reason: str, shown: str) -> str:
    return "the connection broke" if "://" in reason or shown in reason else reason


def _open(
    api: TranscriptionAPI, audio_url: str, shown: str, directory: Path, allow_http: bool
) -> AbstractContextManager[Chunks]:
    scheme = audio_url.split("://", 1)[0].lower()
    if scheme in ("https", "http"):
        return _open_http(audio_url, directory, allow_http)
    if scheme == "s3":
        return _open_s3(audio_url, shown)
    if scheme == "upload":
        return _open_upload(api, audio_url)
    raise AudioError(
        "audio_url_invalid", f"a worker cannot fetch {shown}: only https://, s3:// and uploads are supported"
    )


@contextmanager
def _open_http(audio_url: str, directory: Path, allow_http: bool) -> Iterator[Chunks]:
    """Follows redirects, from HTTPS only to HTTPS. Never uses the monitor's client, whose key must stay private."""
    url = audio_url
    timeout = httpx.Timeout(IDLE_SECONDS, connect=ANSWER_SECONDS)
    headers = {"user-agent": "transcription-monitor", "accept-encoding": "identity"}
    with httpx.Client(timeout=timeout, headers=headers) as client:
        for _ in range(REDIRECTS_MAX + 1):
            secure = url.lower().startswith("https://")
            if not secure:
                _check_http(url, allow_http)
            with client.stream("GET", url) as response:
                if not secure:
                    _check_peer(response, url)
                status = response.status_code
                location = response.headers.get("location")
                if status == 200 or (status == 206 and _is_whole(response)):
                    _check_room(response, directory, show_url(url))
                    yield response.iter_bytes(256 * 1024)
                    return
                if status not in (301, 302, 303, 307, 308) or location is None:
                    raise _refusal(response, url)
                following = urljoin(url, location)
                if not following.lower().startswith("https://" if secure else ("https://", "http://")):
                    raise AudioError(
                        "audio_url_invalid", f"{show_url(url)} redirects to {show_url(following)}: not HTTPS"
                    )
                url = following
    raise AudioError("audio_url_invalid", f"{show_url(audio_url)} redirects more than {REDIRECTS_MAX} times")


def _check_http(url: str, allow_http: bool) -> None:
    if not allow_http:
        message = (
            f"this worker does not fetch {show_url(url)}: it is not HTTPS; submit an https:// URL, or allow_http=True"
        )
        raise AudioError("audio_url_invalid", message)
    _check_address(httpx.URL(url).host, url)


def _check_peer(response: httpx.Response, url: str) -> None:
    """A name may lead to such an address, too; nothing of its response has been read yet."""
    stream = response.extensions.get("network_stream")
    peer = stream.get_extra_info("server_addr") if stream is not None else None
    if peer:
        _check_address(str(peer[0]), url)


def _check_address(host: str, url: str) -> None:
    """There clouds hand out the machine's credentials."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return
    mapped = getattr(address, "ipv4_mapped", None) or address
    if mapped.is_link_local or mapped in ipaddress.ip_network("fd00:ec2::/32"):
        message = f"{show_url(url)} is an address of the machine itself, which holds no recordings"
        raise AudioError("audio_url_invalid", message)


def _is_whole(response: httpx.Response) -> bool:
    """Whether a part that was not asked for is all there is."""
    found = re.fullmatch(r"bytes 0-(\d+)/(\d+)", response.headers.get("content-range", ""))
    return found is not None and int(found[1]) + 1 == int(found[2])


def _check_room(response: httpx.Response, directory: Path, shown: str) -> None:
    length = response.headers.get("content-length", "")
    free = shutil.disk_usage(directory).free
    if length.isdigit() and int(length) > free:
        raise AudioError("disk_full", f"{shown}: it has {length} bytes, and this worker's disk has {free} left")


_EXPIRED = re.compile(
    r"<Code>(ExpiredToken|RequestExpired|TokenRefreshRequired)<|Request has expired"
    r"|Signature not valid in the specified time frame",
    re.IGNORECASE,
)


def _refusal(response: httpx.Response, url: str) -> AudioError:
    status, shown = response.status_code, show_url(url)
    if status in (400, 401, 403):
        body = b""
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) >= ERROR_BYTES_MAX:
                break
        if _EXPIRED.search(body.decode("latin-1")):
            return AudioError("audio_url_expired", f"{shown}: {status}, the signed URL has expired; submit a new one")
    return _refused(status, shown)


@contextmanager
def _open_upload(api: TranscriptionAPI, audio_url: str) -> Iterator[Chunks]:
    try:
        with api.uploads.open(audio_url) as audio:
            yield iter(audio)
    except NotFoundError as error:
        raise AudioError("audio_not_found", error.message) from error
    except (ForbiddenError, UnauthenticatedError) as error:
        raise AudioError("audio_forbidden", error.message) from error
    except ApiError as error:
        # The monitor has verified what its store holds: another attempt reads the same.
        lost = error.code == "upload_damaged"
        raise AudioError("audio_not_found" if lost else "audio_unreachable", error.message) from error


@contextmanager
def _open_s3(audio_url: str, shown: str) -> Iterator[Chunks]:
    """Credentials, region and endpoint come from the AWS chain. The key is used literally."""
    found = re.match(r"s3://([^/]+)/(.+)$", audio_url, re.DOTALL)
    if found is None:
        raise AudioError("audio_url_invalid", f"{shown} is not of the form s3://bucket/key")
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    except ImportError as error:
        message = "reading s3:// needs boto3: pip install 'transcription-monitor[s3]'"
        raise AudioError("engine_missing", message) from error
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    # Most servers other than Amazon's have neither a host name for each bucket nor regions.
    config = Config(s3={"addressing_style": "path"}) if endpoint else Config()
    region = os.environ.get("AWS_REGION") or ("us-east-1" if endpoint else None)
    try:
        client = boto3.client("s3", config=config, region_name=region)
        answer = client.get_object(Bucket=found.group(1), Key=found.group(2))
        yield answer["Body"].iter_chunks(256 * 1024)
    except NoCredentialsError as error:
        message = f"{shown}: no AWS credentials; give this worker a role, or set AWS_ACCESS_KEY_ID and its secret"
        raise AudioError("audio_forbidden", message) from error
    except ClientError as error:
        raise _refused(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0), shown) from None
    except BotoCoreError as error:
        raise AudioError("audio_unreachable", f"{shown}: {type(error).__name__}") from None


def _refused(status: int, shown: str) -> AudioError:
    if status in (404, 410):
        return AudioError("audio_not_found", f"{shown}: {status}")
    if status in (401, 403):
        return AudioError("audio_forbidden", f"{shown}: {status} (a pre-signed URL may have expired)")
    # Every other status may be temporary: 408, 429 and 5xx certainly; the rest cost one more attempt.
    return AudioError("audio_unreachable", f"{shown}: HTTP {status}")
