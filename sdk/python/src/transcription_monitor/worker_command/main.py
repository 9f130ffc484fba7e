"""`tmon-worker`: runs a worker until it is drained, stopped or refused."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, cast

from .._sync.client import TranscriptionAPI
from ..bodies import Capabilities, Location
from ..errors import ApiError, ConflictError, NoAnswerError, NotFoundError, RefusedError
from ..worker import JobFailed, Worker, WorkerLeaving
from ..worker.until_answered import log
from .failures import with_code
from .job_options import KNOWN
from .logs import start_log
from .model_process import ModelProcess
from .options import Options, read_options
from .transcribe import Transcriber
from .work_directory import work_directory

FINE, USAGE, UNREACHABLE, NOT_FOUND, REFUSED, UNAVAILABLE, INTERNAL, RESTART = 0, 2, 3, 4, 5, 6, 70, 75


def main(words: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    options = read_options(words)
    start_log(options.log_format)
    try:
        return _work(options)
    except ApiError as error:
        print(f"tmon-worker: {error}", file=sys.stderr)
        return _code_of(error)
    except (NotReady, OSError) as error:
        print(f"tmon-worker: {error}", file=sys.stderr)
        return REFUSED
    except Exception:
        log.exception("tmon-worker has a bug")
        return INTERNAL


class NotReady(Exception):
    """What the model lacks, or what is wrong about its options."""


def _work(options: Options) -> int:
    if importlib.util.find_spec("faster_whisper") is None:
        raise NotReady(with_code("engine_missing", f"{sys.executable} does not have it"))

    def print_line(line: str) -> None:
        log.info("engine: %s", line)

    process = ModelProcess(options.engine, options.max_jobs, print_line)
    with (
        # First: a wrong address is refused before a model is loaded.
        TranscriptionAPI(
            options.server, options.api_key, headers=options.headers or None, verify=options.ca or True
        ) as api,
        work_directory(options.work_dir) as directory,
        _Signals(process) as signals,
    ):
        try:
            try:
                loaded = process.load()
            except (JobFailed, RuntimeError) as error:  # the latter: the GPU
                raise NotReady(str(error)) from error
            return _serve(api, options, process, loaded, directory, signals)
        except WorkerLeaving:
            return FINE
        finally:
            process.close()


def _serve(
    api: TranscriptionAPI,
    options: Options,
    process: ModelProcess,
    loaded: dict[str, Any],
    directory: Path,
    signals: _Signals,
) -> int:
    found: dict[str, Any] = loaded["capabilities"]
    log.info("the model is loaded: %s", " ".join(f"{name}={value}" for name, value in found.items()))
    model: str = found["model"]
    capabilities: dict[str, Any] = {**found, "options": list(KNOWN)}
    if model.endswith(".en"):
        capabilities["languages"] = ["en"]
    if options.tag:
        capabilities["tags"] = options.tag
    worker = Worker(
        api,
        capabilities=cast(Capabilities, capabilities),
        worker_id=options.id,
        instance_id=options.instance_id,
        location=cast(Location, options.location) or None,
        work_directory=directory,
        handle_signals=False,
        supervised=options.supervised,
        self_check=process.verify,
        stall_timeout=options.stall_timeout,
        allow_http=options.allow_http,
    )
    transcriber = Transcriber(
        process,
        model=model,
        version=loaded["versions"].get("faster-whisper"),
        engine_options=options.engine,
        defaults=options.defaults,
        on_suspect=options.on_suspect,
        job_timeout=options.job_timeout,
    )
    signals.worker = worker
    # A signal until here was for the start.
    end = "drained" if process.leaving else worker.run(transcriber, max_jobs=options.max_jobs)
    return RESTART if end == "restart" else FINE


class _Signals:
    """The first SIGTERM or Ctrl-C drains, the second stops, the third exits even if something hangs.

    Handlers take no locks: they interrupt whatever the main thread does.
    """

    def __init__(self, process: ModelProcess) -> None:
        self._process = process
        #: None: the model is being loaded.
        self.worker: Worker | None = None
        self._count = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Signals:
        self._before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._count += 1
        name = signal.Signals(number).name
        if self._count > 2:
            os._exit(128 + number)
        if self.worker is None:
            # Nothing has begun.
            self._process.leaving = True
        elif self._count == 1:
            # Not here: the main thread may be about to write a line itself.
            line = f"{name}: finishing the current jobs; repeat to stop at once"
            threading.Thread(target=log.info, args=(line,), daemon=True).start()
            self.worker.drain()
        else:
            self._process.leaving = True
            self.worker.stop()


def _code_of(error: ApiError) -> int:
    if isinstance(error, NoAnswerError):
        return UNREACHABLE
    if isinstance(error, NotFoundError):
        return NOT_FOUND
    if isinstance(error, ConflictError):
        return REFUSED
    if isinstance(error, RefusedError):
        by_status = {400: USAGE, 401: REFUSED, 403: REFUSED, 413: REFUSED}
        return by_status.get(error.status or 0, UNAVAILABLE)
    return USAGE
