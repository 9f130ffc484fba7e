"""The reporter: a worker reports what happens to its jobs, to the system that the URL names.

    with Reporter.from_url(os.environ["TMON_REPORT"], worker_id="worker-1") as reporter:
        reporter.job_start(job_id, audio_duration=4860)
        reporter.job_progress(job_id, 45, stage="transcribing")
        reporter.job_complete(job_id, duration=1200, segments=150)

It never breaks a worker. A call only queues an event: it returns at once, never raises, and may come from any thread,
from asyncio or from a signal handler. A thread of its own delivers events, retries while the system is away, and bounds
the queue; dropped events are counted in `dropped` and logged by `transcription_monitor.reporter`, at most once a
minute. Starts and ends are also in a spool on disk until they are delivered, from which the next process of the worker
sends what a killed one has left. Lines of a log are written in the call instead.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from . import event as vocabulary
from .errors import ReporterError
from .event import make_event, now_ms, text, worker_name
from .process_end import EXIT_SECONDS, end_with_process, forget
from .reported_id import job_name
from .sender import Sender
from .sink import Sink, show_url
from .spool import Spool
from .spool_folder import spool_folder
from .spool_format import spool_key
from .urls import opener_of

#: Any text of at most 1,024 characters names a job, and so does an integer.
JobName = str | int | uuid.UUID

BUFFER_BYTES = 16 * 1024 * 1024
PROGRESS_SECONDS = 1.0
BACKOFF_SECONDS = 0.5


class Reporter:
    """Created by `Reporter.from_url`.

    At the program's end, and at that of a child of `multiprocessing`, it sends what waits, for at most 5 seconds;
    `close` takes another limit. A program that is killed, or that calls `os._exit`, has no such end: what it had not
    sent is sent by the worker's next process. A child of `os.fork` reports over its own connections, and does not send
    what waited in its parent.
    """

    def __init__(
        self,
        open_sink: Callable[[], Sink],
        *,
        worker_id: str,
        shown: str = "reporter",
        progress_seconds: float = PROGRESS_SECONDS,
        buffer_bytes: int = BUFFER_BYTES,
        backoff_seconds: float = BACKOFF_SECONDS,
        spool: Callable[[Callable[[Exception], None]], Spool | None] | None = None,
    ) -> None:
        name = worker_name(worker_id)
        if name is None:
            raise ReporterError(f"worker_id is {worker_id!r}", hint="Letters, digits, _ and -, for example worker-1.")
        #: Characters that ids can't have (the dots of a host name) become hyphens.
        self.worker_id = name
        self._shown = shown
        self._open_sink = open_sink
        self._limits = (buffer_bytes, progress_seconds, backoff_seconds)
        self._spool = spool
        self._sender = self._make_sender()
        self._sender.send_what_was_left()
        end_with_process(self)

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        worker_id: str,
        api_key: str | None = None,
        progress_seconds: float = PROGRESS_SECONDS,
        buffer_bytes: int = BUFFER_BYTES,
        spool: str | os.PathLike[str] | bool | None = None,
    ) -> Reporter:
        """`urls.py` lists the URLs. `api_key` is a monitor's key; default: the URL's (`https://:key@host`), otherwise
        `TMON_API_KEY`.

        `progress_seconds` is the minimum time between two progress reports of one job; the newest is kept, and sent
        before the job's end. `buffer_bytes` limits the queue. `spool` is the folder for starts and ends that are not
        delivered yet, False for none; default: `TMON_SPOOL` (`off` for none), otherwise in the user's state folder.

        Raises ReporterError for a URL that can't be used or a driver that is not installed. A system that is away
        raises nothing.
        """
        open_sink = opener_of(url, worker_id=worker_id, api_key=api_key)

        def open_spool(on_trouble: Callable[[Exception], None]) -> Spool | None:
            folder = spool_folder(spool)
            key = spool_key(url, worker_name(worker_id) or "")
            return None if folder is None else Spool(folder, key, on_trouble)

        return cls(
            open_sink,
            worker_id=worker_id,
            shown=show_url(url),
            progress_seconds=progress_seconds,
            buffer_bytes=buffer_bytes,
            spool=open_spool,
        )

    @property
    def dropped(self) -> int:
        """Number of events not delivered: the buffer was full, the system refused them, or the reporter was closed and
        they are not in the spool. Progress replaced by newer progress is not counted.
        """
        return self._sender.dropped

    def job_start(
        self, job_id: JobName, *, audio_duration: float | None = None, audio_url: str | None = None, **more: Any
    ) -> None:
        """An attempt begins. `audio_duration`: length of the recording in seconds. `more`: your own fields, for logs
        and message bodies.
        """
        self._tell(vocabulary.JOB_START, job_id, {"audio_duration": audio_duration, "audio_url": audio_url, **more})

    def job_progress(
        self,
        job_id: JobName,
        percentage: float | None = None,
        *,
        stage: str | None = None,
        current_chunk: int | None = None,
        total_chunks: int | None = None,
        eta_seconds: float | None = None,
        **more: Any,
    ) -> None:
        """Progress, 0 to 100. Call it as often as you like."""
        told = {
            "percentage": percentage,
            "stage": stage,
            "current_chunk": current_chunk,
            "total_chunks": total_chunks,
            "eta_seconds": eta_seconds,
        }
        self._tell(vocabulary.JOB_PROGRESS, job_id, {**told, **more})

    def job_complete(
        self,
        job_id: JobName,
        *,
        duration: float | None = None,
        segments: int | None = None,
        s3_path: str | None = None,
        **more: Any,
    ) -> None:
        """The attempt succeeded. `duration`: seconds, by default since `job_start`; `s3_path`: the transcript."""
        self._tell(
            vocabulary.JOB_COMPLETE, job_id, {"duration": duration, "segments": segments, "s3_path": s3_path, **more}
        )

    def job_failed(
        self,
        job_id: JobName,
        error: object = None,
        *,
        code: str | None = None,
        retryable: bool | None = None,
        **more: Any,
    ) -> None:
        """The attempt failed: `error` is a message or the exception."""
        self._tell(vocabulary.JOB_FAILED, job_id, {"error": error, "code": code, "retryable": retryable, **more})

    def flush(self, timeout: float = 10.0) -> bool:
        """Waits until everything is sent, at most `timeout` seconds; returns whether it is. In asyncio:
        `await asyncio.to_thread(reporter.flush)`.
        """
        return self._sender.flush(timeout)

    def close(self, timeout: float = EXIT_SECONDS) -> bool:
        """Sends what waits, for at most `timeout` seconds, then closes everything; returns whether all was sent. `with`
        does so automatically.
        """
        forget(self)
        return self._sender.close(timeout)

    def __enter__(self) -> Reporter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Reporter({self._shown!r}, worker_id={self.worker_id!r})"

    def _tell(self, name: str, job_id: object, told: Mapping[str, Any]) -> None:
        job = job_name(job_id)
        if job is None:
            given = text(job_id, 80)
            self._sender.drop(f"with the job id {given!r} (a text of 1 to 1,024 characters, an integer or a UUID)")
            return
        event = make_event(name, job, self.worker_id, told, now_ms())
        if event.is_progress and "percentage" not in event.data and "stage" not in event.data:
            self._sender.drop(f"of {text(job, 80)}, progress without a percentage or a stage")
            return
        self._sender.put(event)

    def _make_sender(self) -> Sender:
        buffer_bytes, progress_seconds, backoff_seconds = self._limits
        return Sender(
            self._open_sink(),
            shown=self._shown,
            buffer_bytes=buffer_bytes,
            progress_seconds=progress_seconds,
            backoff_seconds=backoff_seconds,
            spool=self._spool,
        )

    def _start_anew_in_child(self) -> None:
        # The parent's connections are never closed here: that would end the parent's sessions.
        _left_to_parent.append(self._sender)
        self._sender = self._make_sender()


_left_to_parent: list[Sender] = []
