"""Private databases and AWS for tests: in temporary folders, on free ports of 127.0.0.1, ended by their own pid."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from .processes import PATIENCE_SECONDS, ROOT, Process, free_port, started

#: Where Debian keeps what is on nobody's PATH.
FOLDERS = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)]


def find(program: str) -> Path:
    """Skips the test if the program is missing."""
    places = [*map(str, FOLDERS), "/usr/sbin", "/usr/local/sbin", os.environ.get("PATH", "")]
    found = shutil.which(program, path=":".join(places))
    if found is None:
        pytest.skip(f"{program} is not there: `npm test` installs it as root, else apt-get install what has it")
    return Path(found)


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of an empty database."""
    programs = find("initdb").parent
    with _folder("postgres") as (folder, user):
        data, port = folder / "data", free_port()
        initialise = ["--auth=trust", "--username=tmon", "--encoding=UTF8", "--no-locale", "--no-sync"]
        _run([programs / "initdb", "-D", data, *initialise], cwd=folder, **user)
        serve: list[str | Path] = [programs / "postgres", "-D", data, "-p", str(port), "-F", "-h", "127.0.0.1"]
        with started([*serve, "-c", "unix_socket_directories="], cwd=folder, **user) as server:
            server.line("ready to accept connections")
            yield f"postgres://tmon:secret@127.0.0.1:{port}/postgres"
            server.signal(signal.SIGINT)
            server.wait()


@contextmanager
def mariadb() -> Iterator[str]:
    """The URL of an empty database."""
    program, install = find("mariadbd"), find("mariadb-install-db")
    with _folder("mysql") as (folder, user):
        data, port = folder / "data", free_port()
        users = folder / "users.sql"
        users.write_text(
            "CREATE DATABASE IF NOT EXISTS tmon;\n"
            "CREATE USER IF NOT EXISTS 'tmon'@'%' IDENTIFIED BY 'se/cret';\n"
            "GRANT ALL ON *.* TO 'tmon'@'%';\n"
        )
        users.chmod(0o644)
        initialise = [f"--datadir={data}", "--skip-test-db", "--auth-root-authentication-method=normal"]
        _run([install, "--no-defaults", *initialise], cwd=folder, **user)
        serve: list[str | Path] = [
            program,
            "--no-defaults",
            f"--datadir={data}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--socket={folder / 'sock'}",
            f"--pid-file={folder / 'pid'}",
            f"--init-file={users}",
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-buffer-pool-size=16M",
        ]
        with started(serve, cwd=folder, **user) as server:
            server.line("ready for connections")
            yield f"mysql://tmon:se%2Fcret@127.0.0.1:{port}/tmon"


@contextmanager
def aws() -> Iterator[dict[str, str]]:
    """An environment in which AWS is `moto_server`; python.test.ts installs it."""
    programs = sorted((ROOT / ".cache" / "python").glob("moto-*/bin/moto_server"))
    if not programs:
        pytest.skip("moto_server is not there: `npm test` installs it")
    port = free_port()
    with started([programs[-1], "-H", "127.0.0.1", "-p", str(port)]) as server:
        server.line("Running on")
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="tmon-redis-", ignore_cleanup_errors=True) as folder:
        server = RedisServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


class RedisServer:
    """A Redis that keeps nothing over a restart."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: Process | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """On the same port, empty."""
        settings = {"port": self._port, "bind": "127.0.0.1", "dir": self._folder, "save": "", "appendonly": "no"}
        words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        self._process = Process([find("redis-server"), *words])
        self._process.line("Ready to accept connections")

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.signal(number)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
        self._process = None


def execute(url: str, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Runs a statement on its own connection; returns its rows."""
    if url.startswith("postgres"):
        connection: Any = psycopg.connect(url)
    else:
        host, _, rest = url.partition("@")[2].partition(":")
        port, _, name = rest.partition("/")
        connection = pymysql.connect(host=host, port=int(port), user="tmon", password="se/cret", database=name)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            rows = list(cursor.fetchall()) if cursor.description else []
        connection.commit()
        return rows
    finally:
        connection.close()


@contextmanager
def _folder(name: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A folder, owned by another user if we are root, because databases refuse to run as root."""
    with tempfile.TemporaryDirectory(prefix="tmon-db-", ignore_cleanup_errors=True) as directory:
        if os.getuid() != 0:
            yield Path(directory), {}
            return
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        entry = known.get(name) or known["nobody"]
        os.chown(directory, entry.pw_uid, entry.pw_gid)
        yield Path(directory), {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _run(command: Sequence[str | Path], **options: Any) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
