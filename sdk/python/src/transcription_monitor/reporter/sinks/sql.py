"""`postgres://`, `mysql://`, `sqlite:`: the table `job_status`, one row per job.

The statements are those of protocol/job-status-table.ts, with each driver's own placeholders. Waiting events of one job
become one write; a batch is one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ..errors import Away, Refused
from ..event import Event
from ..reported_id import short_id
from ..sink import Batch, load_driver
from ..status import JobStatus, Statuses

CONNECT_SECONDS = 5
ANSWER_SECONDS = 15

#: Maximum length of a worker or job id in the documented table.
ID_LENGTH_MAX = 50

_COLUMNS = "job_id, worker_id, status, started_at, updated_at, percentage, error_message"

_SAME_WORKER = "job_status.worker_id = excluded.worker_id\n   OR "
_SAME_WORKER_MYSQL = "worker_id <=> VALUES(worker_id) OR "

_TAKE_OVER = f"""\
ON CONFLICT (job_id) DO UPDATE SET
    worker_id = COALESCE(excluded.worker_id, job_status.worker_id),
    status = excluded.status,
    started_at = COALESCE(excluded.started_at, job_status.started_at),
    updated_at = excluded.updated_at,
    percentage = COALESCE(excluded.percentage, job_status.percentage),
    error_message = excluded.error_message
WHERE {_SAME_WORKER}job_status.updated_at IS NULL
"""

#: A report from another worker that is older than the row changes nothing.
POSTGRES_UPSERT = f"""\
INSERT INTO job_status ({_COLUMNS})
VALUES (%s, %s, %s, to_timestamp(%s::float8 / 1000), to_timestamp(%s::float8 / 1000), %s, %s)
{_TAKE_OVER}   OR job_status.updated_at <= excluded.updated_at"""

SQLITE_UPSERT = f"""\
INSERT INTO job_status ({_COLUMNS})
VALUES (?, ?, ?,
    strftime('%Y-%m-%d %H:%M:%f', ? / 1000.0, 'unixepoch'),
    strftime('%Y-%m-%d %H:%M:%f', ? / 1000.0, 'unixepoch'),
    ?, ?)
{_TAKE_OVER}   OR julianday(job_status.updated_at) <= julianday(excluded.updated_at)"""

_NEWER = f"{_SAME_WORKER_MYSQL}updated_at IS NULL OR updated_at <= VALUES(updated_at)"

#: Assignments run from left to right: the two columns that the condition reads come last.
MYSQL_UPSERT = f"""\
INSERT INTO job_status ({_COLUMNS})
VALUES (%s, %s, %s,
    FROM_UNIXTIME(CAST(%s AS DECIMAL(20)) / 1000),
    FROM_UNIXTIME(CAST(%s AS DECIMAL(20)) / 1000),
    %s, %s)
ON DUPLICATE KEY UPDATE
    status = IF({_NEWER}, VALUES(status), status),
    started_at = IF({_NEWER}, COALESCE(VALUES(started_at), started_at), started_at),
    percentage = IF({_NEWER}, COALESCE(VALUES(percentage), percentage), percentage),
    error_message = IF({_NEWER}, VALUES(error_message), error_message),
    worker_id = IF({_NEWER}, COALESCE(VALUES(worker_id), worker_id), worker_id),
    updated_at = IF({_NEWER}, VALUES(updated_at), updated_at)"""


@dataclass(frozen=True)
class Database:
    """What differs between drivers."""

    #: The URL for messages and hints, without a password.
    shown: str
    connect: Callable[[], Any]
    upsert: str
    #: Run at the start of each transaction.
    begin: str
    #: Whether the error means that the table is missing.
    no_table: Callable[[Exception], bool]
    #: Whether the error is caused by the data, so that a retry can't succeed.
    never: Callable[[Exception], bool]


class StatusTable:
    count_max = 200
    linger_seconds: float = 0.05

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Any = None
        self._statuses = Statuses()

    def send(self, batch: Batch) -> Sequence[tuple[Event, str]]:
        statuses = self._statuses.after(batch.events).values()
        try:
            self._write([(self._statement(status), _parameters(status)) for status in statuses])
        except Exception as error:
            self.close()
            if self._database.no_table(error):
                hint = f"tmon db init {self._database.shown}"
                raise Away("table job_status does not exist", hint=hint) from error
            if self._database.never(error):
                raise Refused(str(error)) from error
            raise
        self._statuses.forget_ended(statuses)
        return []

    def _statement(self, status: JobStatus) -> str:
        """A late one that is older than the row changes nothing, not even a row of the same worker."""
        upsert = self._database.upsert
        return upsert.replace(_SAME_WORKER, "").replace(_SAME_WORKER_MYSQL, "") if status.late else upsert

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            with suppress(Exception):  # it may be broken already
                connection.close()

    def _write(self, rows: list[tuple[str, tuple[Any, ...]]]) -> None:
        if self._connection is None:
            self._connection = self._database.connect()
        cursor = self._connection.cursor()
        try:
            if self._database.begin:
                cursor.execute(self._database.begin)
            for statement, row in rows:
                cursor.execute(statement, row)
            self._connection.commit()
        finally:
            cursor.close()


def _parameters(status: JobStatus) -> tuple[Any, ...]:
    return (
        # A name that is too long has an id that fits.
        status.job_id if len(status.job_id) <= ID_LENGTH_MAX else short_id(status.job_id, ID_LENGTH_MAX),
        status.worker_id,
        status.status,
        status.started_ms,
        status.told_ms,
        status.whole_percentage,
        status.error if status.status == "FAILED" else None,
    )


def postgres(url: str, shown: str) -> Database:
    """`url` is a libpq URL. Raises ReporterError without psycopg."""
    psycopg = load_driver("psycopg", extra="postgres")

    def connect() -> Any:
        given = {name for name, _ in parse_qsl(urlsplit(url).query)}
        limits: dict[str, Any] = {
            "application_name": "transcription-monitor",
            "connect_timeout": CONNECT_SECONDS,
            "tcp_user_timeout": ANSWER_SECONDS * 1000,
            "keepalives_idle": ANSWER_SECONDS,
            "keepalives_interval": CONNECT_SECONDS,
            "keepalives_count": 3,
        }
        # No prepared statements: poolers such as PgBouncer run each transaction in another session.
        return psycopg.connect(
            url, prepare_threshold=None, **{name: value for name, value in limits.items() if name not in given}
        )

    return Database(
        shown,
        connect,
        POSTGRES_UPSERT,
        # Not as a connection parameter, which poolers refuse.
        begin=f"SET LOCAL statement_timeout = {ANSWER_SECONDS * 1000}",
        no_table=lambda error: getattr(error, "sqlstate", None) == "42P01",
        never=lambda error: isinstance(error, (psycopg.DataError, psycopg.IntegrityError)),
    )


def mysql(url: str, shown: str) -> Database:
    """Also for MariaDB. Raises ReporterError without PyMySQL, ValueError for a URL without a database."""
    pymysql = load_driver("pymysql", extra="mysql")
    parts = urlsplit(url)
    name = unquote(parts.path.removeprefix("/"))
    if not name or not parts.hostname:
        raise ValueError("it has no host or no database; for example mysql://user@host:3306/database")
    query = dict(parse_qsl(parts.query))
    options: dict[str, Any] = {
        "host": parts.hostname,
        "port": parts.port or 3306,
        "user": unquote(parts.username or "") or None,
        "password": unquote(parts.password or ""),
        "database": name,
        "charset": "utf8mb4",
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": ANSWER_SECONDS,
        "write_timeout": ANSWER_SECONDS,
        **({"ssl_ca": query["ssl-ca"]} if "ssl-ca" in query else {}),
    }

    def code(error: Exception) -> object:
        return error.args[0] if error.args else None

    return Database(
        shown,
        lambda: pymysql.connect(**options),
        MYSQL_UPSERT,
        begin="",
        no_table=lambda error: code(error) == 1146,
        never=lambda error: isinstance(error, (pymysql.err.DataError, pymysql.err.IntegrityError)),
    )


def sqlite(path: str, shown: str) -> Database:
    """The file must exist: otherwise a mistyped path would create a new database."""

    def connect() -> Any:
        if not Path(path).exists():
            raise sqlite3.OperationalError("no such table: the file does not exist")
        return sqlite3.connect(path, timeout=CONNECT_SECONDS, check_same_thread=False)

    return Database(
        shown,
        connect,
        SQLITE_UPSERT,
        begin="",
        no_table=lambda error: isinstance(error, sqlite3.OperationalError) and "no such table" in str(error),
        never=lambda error: isinstance(error, (sqlite3.DataError, sqlite3.IntegrityError)),
    )
