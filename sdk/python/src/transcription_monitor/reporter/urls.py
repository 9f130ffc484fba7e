"""The URLs of a reporter, as in protocol/system-urls.ts:

    log:  log:/var/log/worker.log               lines on standard output or appended to a file; ?format=plain: not JSON
    cloudwatch-logs:///aws/ec2/transcription    lines in a group whose name begins with a slash          [aws]
    cloudwatch-logs://group/stream              in one whose name doesn't; ?stream=NAME works for both   [aws]
    s3://bucket/prefix                          one status file per job, `prefix/jobs/{job_id}.json`         [aws]
    dir:PATH                                    the same in a folder
    postgres://user:secret@host/db              the table `job_status`                                   [postgres]
    mysql://user:secret@host/db                 the same; MariaDB too; ?ssl-ca=FILE asks for TLS         [mysql]
    sqlite:PATH                                 the same in a file
    dynamodb://table                            one item per job                                         [aws]
    sqs://queue-name  sqs://https://sqs.…       one message per event                                    [aws]
    http(s)://host                              the monitor

In brackets: the extra to install, `pip install 'transcription-monitor[…]'`. AWS's own settings (`AWS_REGION`,
`AWS_PROFILE`, `AWS_ENDPOINT_URL`, …) apply. `tmon db init URL` creates tables; buckets, queues and log groups are
created by you. The default log stream is named after the worker.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from ..errors import ApiError
from .errors import ReporterError
from .sink import Sink, show_url

if TYPE_CHECKING:
    from .sinks.sql import Database

Opener = Callable[[], Sink]

HINT = (
    "One of log:, log:/var/log/worker.log, cloudwatch-logs:///aws/ec2/transcription, s3://bucket/prefix, dir:PATH, "
    "postgres://user@host/db, mysql://user@host/db, sqlite:PATH, dynamodb://table, sqs://queue, http://monitor:8080"
)


def opener_of(url: str, *, worker_id: str, api_key: str | None) -> Opener:
    """Returns a function that opens a new sink on each call. Raises ReporterError."""
    if not isinstance(url, str) or ":" not in url:
        raise ReporterError(f"{url!r} is not the URL of a supported system", hint=HINT)
    scheme = url.partition(":")[0]
    opener = _OPENERS.get(scheme.lower())
    if opener is None:
        raise ReporterError(f"{show_url(url)}: unknown scheme {scheme}:", hint=HINT)
    try:
        _check_ports(url)
        return opener(_Address(url, worker_id, api_key))
    except ValueError as error:
        raise ReporterError(f"{show_url(url)}: {error}", hint=HINT) from None


def _check_ports(url: str) -> None:
    """Raises ValueError. A PostgreSQL URL may have several hosts."""
    for host in urlsplit(url).netloc.rpartition("@")[2].split(","):
        port = host.rpartition("]")[2].partition(":")[2]
        if port and not (port.isascii() and port.isdigit() and int(port) <= 65535):
            raise ValueError(f"the port {port!r} is not a number from 0 to 65535")


@dataclass(frozen=True)
class _Address:
    url: str
    worker_id: str
    api_key: str | None

    @property
    def rest(self) -> str:
        return self.url.partition(":")[2]

    @property
    def path(self) -> str:
        """The path of `dir:PATH` or `dir:///PATH`."""
        return _local(self.rest)


def _local(path: str) -> str:
    path = path.removeprefix("//") if path.startswith("///") else path
    if path in ("", "//"):
        raise ValueError("the path is missing")
    return path


def _log(address: _Address) -> Opener:
    from .lines import log_line, plain_line
    from .sinks.log import LogFile, StandardOutput

    path, _, query = address.rest.partition("?")
    form = dict(parse_qsl(query)).get("format", "json")
    if form not in ("json", "plain"):
        raise ValueError("the format must be json or plain")
    line = plain_line if form == "plain" else log_line
    if path == "":
        return lambda: StandardOutput(line)
    file = _local(path)
    return lambda: LogFile(file, line)


def _cloudwatch_logs(address: _Address) -> Opener:
    from .sinks.aws import client_opener
    from .sinks.cloudwatch_logs import CloudWatchLogs

    path, _, query = address.rest.removeprefix("//").partition("?")
    group, stream = path, dict(parse_qsl(query)).get("stream")
    if stream is None and not path.startswith("/"):  # AWS's own groups are paths: then the group is the whole of it
        group, _, stream = path.partition("/")
    if group in ("", "/"):
        raise ValueError("the group is missing")
    open_client = client_opener("logs")
    return lambda: CloudWatchLogs(open_client, group, stream or address.worker_id)


def _s3(address: _Address) -> Opener:
    from .sinks.aws import client_opener
    from .sinks.status_file import Bucket, StatusFiles

    bucket, _, prefix = address.rest.removeprefix("//").partition("/")
    if not address.rest.startswith("//") or not re.fullmatch(r"[^?#]+", bucket) or re.search("[?#]", prefix):
        raise ValueError("the bucket is missing: s3://bucket or s3://bucket/prefix")
    open_client = client_opener("s3")
    return lambda: StatusFiles(Bucket(open_client, bucket, prefix.strip("/")))


def _dir(address: _Address) -> Opener:
    from .sinks.status_file import Folder, StatusFiles

    path = address.path
    return lambda: StatusFiles(Folder(path))


def _postgres(address: _Address) -> Opener:
    from .sinks.sql import postgres

    return _table(postgres(address.url, show_url(address.url)), address)


def _mysql(address: _Address) -> Opener:
    from .sinks.sql import mysql

    return _table(mysql(address.url, show_url(address.url)), address)


def _sqlite(address: _Address) -> Opener:
    from .sinks.sql import sqlite

    return _table(sqlite(address.path, address.url), address)


def _table(database: Database, address: _Address) -> Opener:
    from .sinks.sql import ID_LENGTH_MAX, StatusTable

    if len(address.worker_id) > ID_LENGTH_MAX:
        raise ValueError(f"worker_id {address.worker_id!r} has more than the {ID_LENGTH_MAX} characters of its column")
    return lambda: StatusTable(database)


def _dynamodb(address: _Address) -> Opener:
    from .sinks.aws import client_opener
    from .sinks.dynamodb import DynamoTable

    found = re.fullmatch(r"//([A-Za-z0-9_.-]{3,255})/?", address.rest)
    if found is None:
        raise ValueError("the table is missing or invalid: 3 to 255 letters, digits, _, . and -")
    table = found[1]
    open_client = client_opener("dynamodb")
    return lambda: DynamoTable(open_client, table)


def _sqs(address: _Address) -> Opener:
    from .sinks.aws import client_opener
    from .sinks.sqs import Queue

    queue = address.rest.removeprefix("//").rstrip("/")
    # A queue's own URL, with its scheme or without.
    if re.fullmatch(r"[\w.-]+/\d+/[\w.-]+", queue, re.ASCII):
        queue = f"https://{queue}"
    if not re.fullmatch(r"https?://.+|[\w-]{1,80}(\.fifo)?", queue, re.ASCII):
        raise ValueError("the queue is missing or invalid: sqs://queue-name, or sqs:// and its URL")
    open_client = client_opener("sqs")
    return lambda: Queue(open_client, queue)


def _monitor(address: _Address) -> Opener:
    from .sinks.monitor import MonitorSink

    parts = urlsplit(address.url)
    key = address.api_key or unquote(parts.password or parts.username or "") or os.environ.get("TMON_API_KEY") or None
    url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def opened() -> Sink:
        try:
            return MonitorSink(url, key)
        except ApiError as error:
            raise ReporterError(error.message, hint=error.hint or HINT) from None

    return opened


_OPENERS: dict[str, Callable[[_Address], Opener]] = {
    "log": _log,
    "cloudwatch-logs": _cloudwatch_logs,
    "s3": _s3,
    "dir": _dir,
    "postgres": _postgres,
    "postgresql": _postgres,
    "mysql": _mysql,
    "mariadb": _mysql,
    "sqlite": _sqlite,
    "dynamodb": _dynamodb,
    "sqs": _sqs,
    "http": _monitor,
    "https": _monitor,
}
