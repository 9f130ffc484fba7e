"""The addresses a reporter takes. The URL alone chooses:

    log:                               lines on standard output
    log:/var/log/worker.log            lines at a file's end
    cloudwatch-logs://group/stream     lines in CloudWatch Logs                                   [aws]
    s3://bucket/prefix                 a status file a job: `prefix/jobs/{job_id}.json`           [aws]
    dir:PATH                           the same in a folder: `PATH/jobs/{job_id}.json`
    postgres://user:secret@host/db     the table `job_status`                                     [postgres]
    mysql://user:secret@host/db        the table `job_status`                                     [mysql]
    sqlite:PATH                        the table `job_status`
    dynamodb://table                   an item a job                                              [aws]
    sqs://queue                        a message an event                                         [aws]
    http://…, https://…                the monitor

In brackets: what `pip install 'transcription-monitor[…]'` adds. AWS's own settings (`AWS_REGION`, `AWS_PROFILE`,
`AWS_ENDPOINT_URL`, …) hold as everywhere. Tables are made by `tmon db init URL`; buckets, queues and log groups are
yours.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ..errors import ApiError
from .errors import ReporterError
from .transport import Transport, show_url

if TYPE_CHECKING:
    from .transports.sql import Database

Opener = Callable[[], Transport]

HINT = (
    "One of log:, log:/path, cloudwatch-logs://group/stream, s3://bucket/prefix, dir:PATH, postgres://…, mysql://…, "
    "sqlite:PATH, dynamodb://table, sqs://queue, http(s)://…"
)


def opener_of(url: str, *, worker_id: str, api_key: str | None) -> Opener:
    """What opens a transport, as often as it is called. Raises ReporterError."""
    if not isinstance(url, str) or ":" not in url:
        raise ReporterError(f"{url!r} is no address of a reporter", hint=HINT)
    scheme = url.partition(":")[0]
    opener = _OPENERS.get(scheme.lower())
    if opener is None:
        raise ReporterError(f"{show_url(url)}: there is no {scheme}:", hint=HINT)
    try:
        return opener(_Address(url, worker_id, api_key))
    except ValueError as error:
        raise ReporterError(f"{show_url(url)}: {error}", hint=HINT) from None


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
        """Of `dir:PATH` and `dir:///PATH`."""
        path = self.rest.removeprefix("//") if self.rest.startswith("///") else self.rest
        if not path:
            raise ValueError("it names no path")
        return path


def _log(address: _Address) -> Opener:
    from .transports.log import LogFile, StandardOutput

    path = address.rest.removeprefix("//")
    return (lambda: LogFile(path)) if path not in ("", "-") else StandardOutput


def _cloudwatch_logs(address: _Address) -> Opener:
    from .transports.aws import client_opener
    from .transports.cloudwatch_logs import CloudWatchLogs

    # Groups have slashes in their names, streams seldom: the last one is between them.
    group, _, stream = unquote(address.rest.removeprefix("//")).rpartition("/")
    if not group or not stream:
        raise ValueError("it names no group and stream, as cloudwatch-logs:///aws/ec2/transcription/worker-1 does")
    open_client = client_opener("logs")
    return lambda: CloudWatchLogs(open_client, group, stream)


def _s3(address: _Address) -> Opener:
    from .transports.aws import client_opener
    from .transports.status_file import Bucket, StatusFiles

    bucket, _, prefix = address.rest.removeprefix("//").partition("/")
    if not bucket:
        raise ValueError("it names no bucket")
    open_client = client_opener("s3")
    return lambda: StatusFiles(Bucket(open_client, bucket, prefix.strip("/")))


def _dir(address: _Address) -> Opener:
    from .transports.status_file import Folder, StatusFiles

    path = address.path
    return lambda: StatusFiles(Folder(path))


def _postgres(address: _Address) -> Opener:
    from .transports.sql import postgres

    return _table(postgres(address.url, show_url(address.url)), address)


def _mysql(address: _Address) -> Opener:
    from .transports.sql import mysql

    return _table(mysql(address.url, show_url(address.url)), address)


def _sqlite(address: _Address) -> Opener:
    from .transports.sql import sqlite

    return _table(sqlite(address.path, address.url), address)


def _table(database: Database, address: _Address) -> Opener:
    from .transports.sql import ID_LENGTH_MAX, StatusTable

    if len(address.worker_id) > ID_LENGTH_MAX:
        raise ValueError(f"worker_id {address.worker_id!r} has more than the {ID_LENGTH_MAX} characters of its column")
    return lambda: StatusTable(database)


def _dynamodb(address: _Address) -> Opener:
    from .transports.aws import client_opener
    from .transports.dynamodb import DynamoTable

    table = address.rest.removeprefix("//").strip("/")
    if not table or "/" in table:
        raise ValueError("it names no table")
    open_client = client_opener("dynamodb")
    return lambda: DynamoTable(open_client, table)


def _sqs(address: _Address) -> Opener:
    from .transports.aws import client_opener
    from .transports.sqs import Queue

    queue = address.rest.removeprefix("//").rstrip("/")
    if not queue:
        raise ValueError("it names no queue")
    # A queue's own URL, with its scheme or without.
    if "/" in queue and not queue.startswith(("http://", "https://")):
        queue = f"https://{queue}"
    open_client = client_opener("sqs")
    return lambda: Queue(open_client, queue)


def _monitor(address: _Address) -> Opener:
    from .transports.monitor import MonitorTransport

    key = address.api_key or os.environ.get("TMON_API_KEY") or None

    def opened() -> Transport:
        try:
            return MonitorTransport(address.url, key)
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
