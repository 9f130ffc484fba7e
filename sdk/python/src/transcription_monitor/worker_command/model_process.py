"""The process with the model. It is started once, transcribes one recording after the other, or several at once, and
is replaced when it crashes, hangs, does not let go of a stopped job, or has grown.

    none ──► loading ──► ready ──► none       a crash is blamed on a job only if it ran alone: jobs that ran together
                │          │                  run once more, each by itself
                └─ killed ─┘                  by a job that must stop; the others run again

Each process has a thread of this one that starts it, reads its messages and waits for its end: Linux kills it when that
thread ends. _engine/worker_protocol.py documents the messages.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..worker.errors import JobFailed, JobStalled, WorkerLeaving
from .failures import crash, error_of

PROGRAM = Path(__file__).parent / "_engine" / "main.py"
POLL_SECONDS = 0.2
#: For a window to be finished, after which a stopped job lets go.
GRACE_SECONDS = 2.0
CHECK_SECONDS = 120.0
#: A large model may come from a slow disk, or be downloaded.
LOADING_SECONDS = 1800.0
#: A new process when its memory is so many times what it was after loading, and so much more: buffers are no leak.
MEMORY_GROWTH = 3
MEMORY_BYTES_MIN = 1024**3
TAIL_LINES = 40
LINE_BYTES_MAX = 64 * 1024
#: Marks the end of the log of a job.
LOG_END = b"\x1e"


class JobView(Protocol):
    """What the process tells a job. Each may raise, which ends the work on the job."""

    batch_size: int | None

    def waiting(self, stage: str) -> None:
        """Called again and again; `stage` is LOADING_MODEL or WAITING_FOR_ENGINE."""

    def begun(self) -> None: ...

    def message(self, message: Mapping[str, Any]) -> None:
        """`audio` or `progress`."""

    def check(self) -> None:
        """Called often while it runs."""

    def printed(self, line: str) -> None:
        """Called from another thread; must not raise."""


class TooLong(JobFailed):
    """Raised by a JobView: the job has had its time, and the process is killed."""


#: The process would not let go of the job in time, or must not be waited for.
AT_ONCE = (JobStalled, WorkerLeaving, TooLong, KeyboardInterrupt)


@dataclass(eq=False)
class _Run:
    id: str
    view: JobView | None = None
    suspect: bool = False
    messages: deque[dict[str, Any]] = field(default_factory=deque)
    #: Its last message; None if it has none yet.
    end: dict[str, Any] | None = None
    #: The process has ended before.
    lost: bool = False
    #: And it was alone there, so that the crash is its own.
    crash: Exception | None = None


class _Child:
    def __init__(self, number: int) -> None:
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] | None = None
        self.load_error: Exception | None = None
        self.ended = False
        #: It is to end: an end is no crash.
        self.killed = False
        #: It gets no more jobs.
        self.grown = False
        self.runs: dict[str, _Run] = {}
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)

    def send(self, message: Mapping[str, Any]) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        with suppress(OSError, ValueError):  # its end is on the way
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def kill(self) -> None:
        self.killed = True
        if self.process is not None:
            self.process.kill()


class ModelProcess:
    """`options` are those with which the model is loaded: `model`, `language`, `device`, `compute_type`, `batch_size`.
    `parallel`: jobs at once with one model. `printed` is called with each line that is not a job's, in another thread.
    """

    def __init__(
        self, options: Mapping[str, Any], parallel: int = 1, printed: Callable[[str], None] = lambda _line: None
    ) -> None:
        self._options = dict(options)
        self._parallel = parallel
        self._printed = printed
        self._changed = threading.Condition()
        self._child: _Child | None = None
        self._number = 0
        self._ids = 0
        #: The worker exits: nothing is loaded or checked any more. Set by signal handlers.
        self.leaving = False

    def load(self) -> dict[str, Any]:
        """Loads the model if it is not; returns `capabilities` and `versions`. Raises JobFailed, and WorkerLeaving."""

        def check() -> None:
            if self.leaving:
                raise WorkerLeaving("the worker exits")

        child = self._loaded(lambda _stage: check(), lambda _child: True)
        assert child.ready is not None
        return child.ready

    def verify(self) -> None:
        """For the self-check: raises if the model does not work; the next job, or check, loads it again."""
        child = self._child
        if child is None or child.ready is None:
            self.load()
            return
        run = self._add(child, None)
        child.send({"do": "check", "id": run.id})
        deadline = time.monotonic() + CHECK_SECONDS
        with self._changed:
            while run.end is None and not run.lost and not self.leaving and time.monotonic() < deadline:
                self._changed.wait(POLL_SECONDS)
            child.runs.pop(run.id, None)
        if self.leaving or (run.end is not None and run.end["event"] == "result"):
            return
        if run.lost:
            self.load()
            return
        child.kill()
        raise RuntimeError("the model did not answer" if run.end is None else str(error_of(run.end, None)))

    def transcribe(self, audio_path: Path, output_path: Path, options: Mapping[str, Any], view: JobView) -> None:
        """Returns once `output_path` has the transcript. Raises what `view` does, and JobFailed or RuntimeError."""
        suspect = False
        while True:
            child, run = self._begin(suspect, view)
            paths = {"audio_path": str(audio_path), "output_path": str(output_path)}
            try:
                view.begun()
                child.send({"do": "transcribe", "id": run.id, **paths, "options": options})
                self._follow(run, view)
            except BaseException as error:
                self._end(child, run, at_once=isinstance(error, AT_ONCE))
                raise
            finally:
                self._remove(child, run)
            if run.end is not None:
                if run.end["event"] == "error":
                    raise error_of(run.end, view.batch_size)
                return
            if run.crash is not None:
                raise run.crash
            suspect = suspect or not child.killed

    def close(self) -> None:
        """Ends the process."""
        self.leaving = True
        with self._changed:
            child = self._child
            if child is None:
                return
            child.kill()
            self._changed.wait_for(lambda: child.ended, GRACE_SECONDS)

    def _loaded(self, waiting: Callable[[str], None], has_room: Callable[[_Child], bool]) -> _Child:
        """A process that is ready and has room; `has_room` is called with the lock held."""
        asked: int | None = None
        begun_at = time.monotonic()
        while True:
            with self._changed:
                child = self._child
                if child is None or child.ended:
                    # The one that this job has waited for could not load the model.
                    if child is not None and child.load_error is not None and asked == child.number:
                        raise child.load_error
                    child = self._start()
                asked = child.number
                if child.ready is not None and not child.killed:
                    if child.grown and not child.runs:
                        child.kill()
                    elif not child.grown and has_room(child):
                        return child
                stage = "LOADING_MODEL" if child.ready is None or child.killed else "WAITING_FOR_ENGINE"
                if stage == "LOADING_MODEL" and time.monotonic() - begun_at > LOADING_SECONDS:
                    child.kill()
                    raise JobFailed("the model was not loaded within 30 minutes", code="engine_stalled")
                self._changed.wait(POLL_SECONDS)
            waiting(stage)

    def _begin(self, suspect: bool, view: JobView) -> tuple[_Child, _Run]:
        run: list[_Run] = []

        def has_room(child: _Child) -> bool:
            runs = [one for one in child.runs.values() if one.view is not None]
            alone = suspect or any(one.suspect for one in runs)
            assert child.ready is not None
            if len(runs) >= (1 if alone else child.ready["parallel"]):
                return False
            run.append(self._add(child, view, suspect))
            return True

        child = self._loaded(view.waiting, has_room)
        return child, run[0]

    def _add(self, child: _Child, view: JobView | None, suspect: bool = False) -> _Run:
        with self._changed:
            self._ids += 1
            run = _Run(str(self._ids), view, suspect, lost=child.ended)
            child.runs[run.id] = run
            return run

    def _remove(self, child: _Child, run: _Run) -> None:
        with self._changed:
            child.runs.pop(run.id, None)
            self._changed.notify_all()

    def _follow(self, run: _Run, view: JobView) -> None:
        while True:
            with self._changed:
                if not run.messages and run.end is None and not run.lost:
                    self._changed.wait(POLL_SECONDS)
                messages = list(run.messages)
                run.messages.clear()
                over = run.end is not None or run.lost
            for message in messages:
                view.message(message)
            if over:
                return
            view.check()

    def _end(self, child: _Child, run: _Run, at_once: bool) -> None:
        """Returns once nothing works on it any more."""
        if not at_once:
            child.send({"do": "cancel", "id": run.id})
        with self._changed:

            def over() -> bool:
                return run.end is not None or run.lost

            if over() or (not at_once and self._changed.wait_for(over, GRACE_SECONDS)):
                return
            child.kill()
            self._changed.wait_for(over, GRACE_SECONDS)

    def _start(self) -> _Child:
        self._number += 1
        self._child = _Child(self._number)
        threading.Thread(target=self._keep, args=(self._child,), name="tmon-model", daemon=True).start()
        return self._child

    def _keep(self, child: _Child) -> None:
        command = [sys.executable, str(PROGRAM)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        try:
            # In a session of its own: Ctrl-C is for the worker.
            process = subprocess.Popen(command, start_new_session=True, **pipes)  # type: ignore[call-overload]
        except OSError as error:
            self._ended(child, f"cannot be started: {error}")
            return
        assert process.stdout is not None
        child.process = process
        if child.killed:
            process.kill()
        log = threading.Thread(target=self._read_log, args=(child,), daemon=True)
        log.start()
        child.send({"do": "load", "options": self._options, "parallel": self._parallel})
        for line in process.stdout:
            if line.startswith(b'{"event": '):
                self._on_message(child, json.loads(line))
        code = process.wait()
        log.join(GRACE_SECONDS)
        process.stdout.close()
        with suppress(OSError):
            process.stdin.close()
        self._ended(child, _how(code))

    def _on_message(self, child: _Child, message: dict[str, Any]) -> None:
        with self._changed:
            event = message["event"]
            run = child.runs.get(message.get("id", ""))
            if event == "ready":
                child.ready = message
            elif event == "error" and "id" not in message:
                child.load_error = error_of(message, None)
            elif run is not None and event in ("result", "error", "cancelled"):
                run.end = message
                child.grown = child.grown or _has_grown(child, message.get("memory_bytes"))
            elif run is not None:
                run.messages.append(message)
            self._changed.notify_all()

    def _ended(self, child: _Child, how: str) -> None:
        with self._changed:
            tail = "".join(child.tail)
            if child.ready is None and child.load_error is None:
                child.load_error = crash(f"{how} while it loaded the model", tail, None)
            for run in child.runs.values():
                run.lost = True
                if not child.killed and len(child.runs) == 1 and run.view is not None and run.end is None:
                    run.crash = crash(how, tail, run.view.batch_size)
            child.ended = True
            self._changed.notify_all()

    def _read_log(self, child: _Child) -> None:
        """Hands on what the process prints. A line without an end is cut."""
        assert child.process is not None
        assert child.process.stderr is not None
        with child.process.stderr as stream:
            while line := stream.readline(LINE_BYTES_MAX):
                if line.startswith(LOG_END) or line == b"\n":
                    continue
                text = line.decode(errors="replace")
                child.tail.append(text)
                views = [run.view for run in list(child.runs.values()) if run.view is not None]
                if not views:
                    self._printed(text.rstrip("\n"))
                elif len(views) == 1:  # of several jobs it is not known which one the line is about
                    views[0].printed(text.rstrip("\n"))


def _has_grown(child: _Child, memory_bytes: int | None) -> bool:
    before = (child.ready or {}).get("memory_bytes")
    if before is None or memory_bytes is None:
        return False
    return bool(memory_bytes > max(MEMORY_GROWTH * before, before + MEMORY_BYTES_MIN))


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
