"""Real monitors and workers for tests: child processes, awaited by their output, ended by their own pid."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[3]
NODE = ROOT / "node_modules" / ".bin" / "node"

#: Not a timing that a test rests on: only the end of one that would hang.
PATIENCE_SECONDS = 120.0


class Process:
    """A child process whose output lines can be awaited."""

    def __init__(
        self, command: Sequence[str | Path], environment: dict[str, str] | None = None, **options: Any
    ) -> None:
        self._child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "NO_COLOR": "1", **(environment or {})},
            **options,
        )
        self.said: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self.said.append(line)
            self._lines.put(line)
        self._lines.put(None)

    def line(self, pattern: str) -> re.Match[str]:
        """The next matching line. Raises if the process ends without one."""
        while (line := self._lines.get(timeout=PATIENCE_SECONDS)) is not None:
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"ended without {pattern!r}: {''.join(self.said)}")

    def signal(self, number: signal.Signals) -> None:
        self._child.send_signal(number)

    def wait(self) -> int:
        """Its exit code."""
        code = self._child.wait(timeout=PATIENCE_SECONDS)
        self._reader.join(timeout=PATIENCE_SECONDS)
        return code

    def kill(self) -> None:
        if self._child.poll() is None:
            self._child.kill()
        self.wait()
        assert self._child.stdout is not None
        self._child.stdout.close()


class Monitor:
    """`tmon serve` on its own directory."""

    def __init__(self, store: Path, **settings: object) -> None:
        given = {"fleet": "none:", "log_level": "warn", "retry_base_ms": 1, **settings}
        self._settings = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        self._store = store
        self._process: Process | None = None
        self.url = ""

    def start(self) -> None:
        """On a free port; after `kill`, on the same store and port."""
        listen = urlsplit(self.url).netloc or "127.0.0.1:0"
        serve: list[str | Path] = [
            NODE,
            ROOT / "cli" / "main.ts",
            "serve",
            "--json",
            "--store",
            f"dir:{self._store}",
            "--listen",
            listen,
        ]
        self._process = Process([*serve, *self._settings])
        self.url = json.loads(self._process.line(r'^\{"url"').string)["url"]

    @property
    def store(self) -> Path:
        """The folder that holds everything."""
        return self._store

    def kill(self) -> None:
        """Kills it, like a crash."""
        if self._process:
            self._process.kill()
        self._process = None

    def remove(self, key: str) -> None:
        """Removes an object of its store, as an owner might."""
        (self._store / key).unlink()


@contextmanager
def started(
    command: Sequence[str | Path], environment: dict[str, str] | None = None, **options: Any
) -> Iterator[Process]:
    """`options` are those of `subprocess.Popen`."""
    process = Process(command, environment, **options)
    try:
        yield process
    finally:
        process.kill()


@contextmanager
def monitor(**settings: object) -> Iterator[Monitor]:
    with tempfile.TemporaryDirectory(prefix="tmon-store-", ignore_cleanup_errors=True) as store:
        running = Monitor(Path(store), **settings)
        try:
            running.start()
            yield running
        finally:
            running.kill()


@contextmanager
def tmon_worker(url: str, engine: str, environment: dict[str, str] | None = None) -> Iterator[Process]:
    """A real `tmon worker`, ready."""
    command: list[str | Path] = [NODE, ROOT / "cli" / "main.ts", "worker", "--server", url, "--engine", engine]
    with started(command, environment) as worker:
        worker.line(r"\bready\b")
        yield worker


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        assert isinstance(port, int)
        return port
