"""`postgres://`, `mysql://`, `sqlite:`: the table `job_status`, a row a job.

The statements are those of protocol/job-status-table.ts, with each driver's own placeholders. Of several events of a
job that wait, one write tells the last; a batch is one transaction.
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
from ..status import JobStatus, Statuses
from ..transport import Batch, load_driver

CONNECT_SECONDS = 5
ANSWER_SECONDS = 15

#: A job's or worker's id is at most this long in a table as printed.
ID_LENGTH_MAX = 50

_COLUMNS = "job_id, worker_id, status, started_at, updated_at, percentage, error_message"

_TAKE_OVER = """\
ON CONFLICT (job_id) DO UPDATE SET
    worker_id = COALESCE(excluded.worker_id, job_status.worker_id),
    status = excluded.status,
    started_at = COALESCE(excluded.started_at, job_status.started_at),
    updated_at = excluded.updated_at,
    percentage = COALESCE(excluded.percentage, job_status.percentage),
    error_message = excluded.error_message
WHERE job_status.worker_id = excluded.worker_id
   OR job_status.updated_at IS NULL
"""

#: A report of another worker that is older than the row changes nothing.
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

_NEWER = "worker_id <=> VALUES(worker_id) OR updated_at IS NULL OR updated_at <= VALUES(updated_at)"

#: Assigned from left to right: the two that the condition looks at come last.
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
    """A driver, by what differs."""

    #: For messages and hints; without a password.
    shown: str
    connect: Callable[[], Any]
    upsert: str
    #: Run at each transaction's begin.
    begin: str
    #: Whether the error says that the table is missing.
    no_table: Callable[[Exception], bool]
    #: Whether the error is the data's and will be the same next time.
    never: Callable[[Exception], bool]


class StatusTable:
    count_max = 200
    linger_seconds = 0.05

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Any = None
        self._statuses = Statuses()

    def send(self, batch: Batch) -> Sequence[tuple[Event, str]]:
        too_long = [event for event in batch.events if len(event.job_id) > ID_LENGTH_MAX]
        statuses = self._statuses.after(event for event in batch.events if event not in too_long).values()
        try:
            self._write([_parameters(status) for status in statuses])
        except Exception as error:
            self.close()
            if self._database.no_table(error):
                hint = f"tmon db init {self._database.shown}"
                raise Away("table job_status does not exist", hint=hint) from error
            if self._database.never(error):
                raise Refused(str(error)) from error
            raise
        self._statuses.forget_ended(statuses)
        return [(event, f"in a table an id has {ID_LENGTH_MAX} characters at most") for event in too_long]

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            with suppress(Exception):  # it may be broken: that is why it is left
                connection.close()

    def _write(self, rows: list[tuple[Any, ...]]) -> None:
        if self._connection is None:
            self._connection = self._database.connect()
        cursor = self._connection.cursor()
        try:
            if self._database.begin:
                cursor.execute(self._database.begin)
            for row in rows:
                cursor.execute(self._database.upsert, row)
            self._connection.commit()
        finally:
            cursor.close()


def _parameters(status: JobStatus) -> tuple[Any, ...]:
    return (
        status.job_id,
        status.worker_id,
        status.status,
        status.started_ms,
        status.told_ms,
        status.whole_percentage,
        status.error if status.status == "FAILED" else None,
    )


def postgres(url: str, shown: str) -> Database:
    """`url` as libpq takes it. Raises ReporterError without psycopg."""
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
        # No prepared statements: poolers such as PgBouncer give each transaction another session.
        return psycopg.connect(
            url, prepare_threshold=None, **{name: value for name, value in limits.items() if name not in given}
        )

    return Database(
        shown,
        connect,
        POSTGRES_UPSERT,
        # Not as a parameter of the connection, which poolers refuse.
        begin=f"SET LOCAL statement_timeout = {ANSWER_SECONDS * 1000}",
        no_table=lambda error: getattr(error, "sqlstate", None) == "42P01",
        never=lambda error: isinstance(error, (psycopg.DataError, psycopg.IntegrityError)),
    )


def mysql(url: str, shown: str) -> Database:
    """MariaDB too. Raises ReporterError without PyMySQL, ValueError for a URL without a database."""
    pymysql = load_driver("pymysql", extra="mysql")
    parts = urlsplit(url)
    name = unquote(parts.path.removeprefix("/"))
    if not name or not parts.hostname:
        raise ValueError("it names no host or no database, as mysql://user@host:3306/database does")
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
    """The file must be there: a reporter that made one would make it wherever a path is mistyped."""

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
