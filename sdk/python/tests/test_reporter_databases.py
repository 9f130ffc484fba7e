"""The table `job_status` in PostgreSQL, MariaDB and SQLite, each a real one."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from transcription_monitor import Reporter
from transcription_monitor.reporter.reported_id import short_id
from transcription_monitor.reporter.sinks import sql

from .processes import PATIENCE_SECONDS
from .reports import ENDS, WORKER, heard_of_trouble, leave_old_starts, tell_four_jobs, typescript
from .servers import execute, mariadb, postgresql

STATEMENTS = """
import { JOB_STATUS_SQL } from './protocol/job-status-table.ts';
console.log(JSON.stringify(JOB_STATUS_SQL));
"""

#: Document B's, as printed.
CREATE = """\
CREATE TABLE job_status (
    job_id VARCHAR(50) PRIMARY KEY,
    worker_id VARCHAR(50),
    status VARCHAR(20),
    started_at TIMESTAMP,
    updated_at TIMESTAMP,
    percentage INT,
    error_message TEXT
);
"""
UPDATE = """
    UPDATE job_status 
    SET percentage = %s, updated_at = NOW() 
    WHERE job_id = %s
"""  # noqa: W291
STUCK = """\
SELECT job_id, worker_id, started_at 
FROM job_status 
WHERE status = 'PROCESSING' 
  AND updated_at < NOW() - INTERVAL '30 minutes';
"""  # noqa: W291

DIALECTS = ["postgres", "mysql", "sqlite"]


@pytest.fixture(scope="module")
def statements() -> Any:
    return typescript(STATEMENTS, None)


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture(scope="module")
def mysql_url() -> Iterator[str]:
    with mariadb() as url:
        yield url


class Database:
    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        if not self.url.startswith("sqlite:"):
            return execute(self.url, statement, parameters)
        connection = sqlite3.connect(self.url.removeprefix("sqlite:"))
        try:
            rows = connection.execute(statement, parameters).fetchall()
            connection.commit()
            return rows
        finally:
            connection.close()


@pytest.fixture(params=DIALECTS)
def database(request: pytest.FixtureRequest, statements: Any, tmp_path: Path) -> Database:
    """With an empty table, as created by `tmon db init`."""
    name = request.param
    url = f"sqlite:{tmp_path}/jobs.db" if name == "sqlite" else request.getfixturevalue(f"{name}_url")
    made = Database(url)
    made.run("DROP TABLE IF EXISTS job_status")
    made.run(statements[name]["create"])
    return made


def test_rows_say_where_each_job_is(database: Database) -> None:
    """[B136] [B137] [B140]"""
    with Reporter.from_url(database.url, worker_id=WORKER) as reporter:
        tell_four_jobs(reporter)
        assert reporter.flush(PATIENCE_SECONDS)
        assert reporter.dropped == 0
    columns = "job_id, worker_id, status, percentage, error_message"
    rows = database.run(f"SELECT {columns} FROM job_status ORDER BY job_id")
    assert rows == [
        ("job-done", WORKER, "COMPLETED", 100, None),
        ("job-fails", WORKER, "FAILED", 30, "GPU out of memory"),
        ("job-runs", WORKER, "PROCESSING", 45, None),
        ("job-starts", WORKER, "PROCESSING", 0, None),
    ]
    assert {row[0] for row in rows} == set(ENDS)
    assert database.run("SELECT count(*) FROM job_status WHERE started_at <= updated_at") == [(4,)]


def test_another_attempt_begins_a_row_anew(database: Database) -> None:
    with Reporter.from_url(database.url, worker_id=WORKER) as reporter:
        reporter.job_start("job-1")
        reporter.job_progress("job-1", 80)
        reporter.job_failed("job-1", "no")
        assert reporter.flush(PATIENCE_SECONDS)
        reporter.job_start("job-1")
        assert reporter.flush(PATIENCE_SECONDS)
    assert database.run("SELECT status, percentage, error_message FROM job_status") == [("PROCESSING", 0, None)]


def test_a_report_that_is_older_than_another_worker_s_changes_nothing(database: Database) -> None:
    theirs = "2037-01-01 00:00:00"
    database.run(
        "INSERT INTO job_status (job_id, worker_id, status, updated_at) "
        f"VALUES ('job-1', 'worker-2', 'COMPLETED', '{theirs}')"
    )
    with Reporter.from_url(database.url, worker_id=WORKER) as reporter:
        reporter.job_start("job-1")
        reporter.job_start("job-2")
        assert reporter.flush(PATIENCE_SECONDS)
    rows = database.run("SELECT job_id, worker_id, status FROM job_status ORDER BY job_id")
    assert rows == [("job-1", "worker-2", "COMPLETED"), ("job-2", WORKER, "PROCESSING")]


def test_a_late_event_replaces_no_newer_row_not_even_of_the_same_worker(database: Database, spool: Path) -> None:
    with Reporter.from_url(database.url, worker_id=WORKER) as reporter:
        reporter.job_complete("job-newer")
        assert reporter.flush(PATIENCE_SECONDS)
    leave_old_starts(spool, database.url, "job-newer", "job-older")
    with Reporter.from_url(database.url, worker_id=WORKER) as reporter:
        assert reporter.flush(PATIENCE_SECONDS)
    rows = database.run("SELECT job_id, status FROM job_status ORDER BY job_id")
    assert rows == [("job-newer", "COMPLETED"), ("job-older", "PROCESSING")]


def test_a_row_has_the_name_of_its_job_or_an_id_if_the_column_can_t_hold_it(database: Database) -> None:
    with Reporter.from_url(database.url, worker_id=WORKER) as reporter:
        reporter.job_start("j" * 51)
        reporter.job_start("j" * 50)
        reporter.job_start("in/a b.wav")
        reporter.job_start(42)
        assert reporter.flush(PATIENCE_SECONDS)
        assert reporter.dropped == 0
    rows = database.run("SELECT job_id FROM job_status ORDER BY job_id")
    assert rows == [("42",), ("in/a b.wav",), (short_id("j" * 51, 50),), ("j" * 50,)]


def test_a_missing_table_is_named_with_the_command_that_makes_it_and_gets_what_waited(
    database: Database, statements: Any, caplog: pytest.LogCaptureFixture
) -> None:
    database.run("DROP TABLE job_status")
    dialect = next(name for name in DIALECTS if database.url.startswith(name))
    with Reporter.from_url(database.url, worker_id=WORKER) as reporter:
        reporter.job_start("job-1")
        heard_of_trouble(reporter, caplog)
        database.run(statements[dialect]["create"])
        assert reporter.flush(PATIENCE_SECONDS)
    assert "table job_status does not exist (hint: tmon db init " in caplog.text
    assert "secret" not in caplog.text
    assert "se%2Fcret" not in caplog.text
    assert database.run("SELECT job_id FROM job_status") == [("job-1",)]


@pytest.mark.parametrize("dialect", ["postgres", "mysql"])
def test_a_connection_that_the_server_ends_is_made_anew(
    request: pytest.FixtureRequest, statements: Any, dialect: str
) -> None:
    database = Database(request.getfixturevalue(f"{dialect}_url"))
    database.run("DROP TABLE IF EXISTS job_status")
    database.run(statements[dialect]["create"])
    with Reporter.from_url(database.url, worker_id=WORKER) as reporter:
        reporter.job_start("job-1")
        assert reporter.flush(PATIENCE_SECONDS)
        if dialect == "postgres":
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
            assert database.run(end, "transcription-monitor") == [(True,)]
        else:
            others = "SELECT id FROM information_schema.processlist WHERE user = 'tmon' AND id <> connection_id()"
            [(connection,)] = database.run(others)
            database.run(f"KILL {connection}")
        reporter.job_complete("job-1")
        assert reporter.flush(PATIENCE_SECONDS)
        assert reporter.dropped == 0
    assert database.run("SELECT status FROM job_status") == [("COMPLETED",)]


def test_the_table_and_the_statements_of_document_b_work_with_what_is_written(postgres_url: str) -> None:
    """[B137] [B138] [B139]"""
    database = Database(postgres_url)
    database.run("DROP TABLE IF EXISTS job_status")
    database.run(CREATE)
    with Reporter.from_url(postgres_url, worker_id=WORKER) as reporter:
        tell_four_jobs(reporter)
        assert reporter.flush(PATIENCE_SECONDS)
    database.run(UPDATE, 46, "job-runs")
    assert database.run("SELECT percentage FROM job_status WHERE job_id = 'job-runs'") == [(46,)]
    assert database.run(STUCK) == []
    database.run("UPDATE job_status SET updated_at = updated_at - INTERVAL '31 minutes' WHERE job_id <> 'job-starts'")
    assert [row[:2] for row in database.run(STUCK)] == [("job-runs", WORKER)]


def test_an_sqlite_file_that_is_not_there_is_not_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    reporter = Reporter.from_url(f"sqlite:{tmp_path}/none.db", worker_id=WORKER)
    reporter.job_start("job-1")
    heard_of_trouble(reporter, caplog)
    assert reporter.close(0.0) is False
    assert f"tmon db init sqlite:{tmp_path}/none.db" in caplog.text
    assert not (tmp_path / "none.db").exists()


def test_a_wrong_password_is_said_and_not_shown(mysql_url: str, caplog: pytest.LogCaptureFixture) -> None:
    reporter = Reporter.from_url(mysql_url.replace("se%2Fcret", "guessed"), worker_id=WORKER)
    reporter.job_start("job-1")
    heard_of_trouble(reporter, caplog)
    assert reporter.close(0.0) is False
    assert "Access denied" in caplog.text
    assert "guessed" not in caplog.text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_statements_are_the_protocol_s(statements: Any, dialect: str) -> None:
    mine = {"postgres": sql.POSTGRES_UPSERT, "mysql": sql.MYSQL_UPSERT, "sqlite": sql.SQLITE_UPSERT}[dialect]
    theirs = re.sub(r"\$\d", "%s", statements[dialect]["upsert"])
    words = {"mysql": ("%s", "?")}.get(dialect, ("", ""))
    assert " ".join(mine.replace(*words).split()) == " ".join(theirs.split())
