"""A worker around your own code: claims jobs, sends heartbeats, and exits in good order.

    registering ──► claiming ──► draining ──► left
         ▲             │  │          ▲
         └─ unknown ───┘  └─ drain ──┘     claims no more, finishes the job it holds

    restart        releases its job, then registers again (or exits, if a supervisor restarts it)
    terminated     the monitor has dropped it: its job is lost, the loop ends
    stopped        Ctrl-C or SIGTERM twice, or the loop was left: releases its job
    interrupted    the cloud takes the machine away: drains, and releases a job that can't be finished in time

In every state it waits for a monitor that is away. Only a monitor that refuses the worker itself (a bad key) ends it
with an error.
"""

from __future__ import annotations

import queue
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir
from types import FrameType
from typing import Any, Literal

from .._sync.client import TranscriptionAPI
from ..bodies import Capabilities, Location
from ..errors import (
    ApiError,
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    UnauthenticatedError,
    WorkerTerminatedError,
)
from ..models import Claimed, Transcript, WorkerCommand
from .errors import JobCancelled, JobStopped, LeaseLost, WorkerInterrupted, WorkerLeaving, WorkerRestarting
from .health import HealthReader, health_reader
from .heartbeat import Heartbeat
from .held_job import HeldJob
from .notices import Notice, NoticeWatch
from .self_check import SelfCheck
from .stall import Pace, StallWatch
from .timed_get import timed_get
from .until_answered import is_away, log, pause_seconds, until_answered

WorkerEnd = Literal["drained", "stopped", "terminated", "restart"]
Transcriber = Callable[[HeldJob], Transcript | Mapping[str, Any] | None]

CLAIM_WAIT_SECONDS = 20.0
EMPTY_AT_ONCE_SECONDS = 1.0
GOODBYE_SECONDS = 3.0
# For the transcriber to stop, and for the report to reach a monitor that may be slow.
HAND_BACK_SECONDS = 30.0
# No cloud gives longer notice, so a later time means that this machine's clock is wrong.
NOTICE_SECONDS_MAX = 120.0
# An estimate may be this much too low.
ETA_FACTOR = 1.5


class Worker:
    """A worker around your own transcriber:

        worker = Worker(api, capabilities={"model": "large-v3", "device": "cuda"})
        for job in worker.jobs():
            with job:
                segments, info = model.transcribe(job.read_audio())
                ...
                job.complete({"segments": segments, "language": info.language})

    `with job:` keeps the worker alive: an exception in it fails that job, and the loop continues. (A Python iterator
    can't catch exceptions of the loop's body: without `with job:` the exception ends the loop; the job still fails, and
    the worker exits.)

    The first SIGTERM or Ctrl-C drains: the current job is finished, then the loop ends. The second stops at once and
    releases the job. `handle_signals=False` leaves signals to you, and is implied outside the main thread; call
    `drain()` then.

    It runs one job at a time: for more, start more workers, or call `run` with `max_jobs`. `worker_id` defaults to a
    new one each time. `location` has the price of the machine. `supervised` means that a supervisor restarts the
    program: the loop then ends when the monitor requests a restart, and `end` is `restart`.

    On a spot instance of EC2 the worker hears of an interruption two minutes before: it claims no more, and a job that
    won't be done well before raises WorkerInterrupted in its next call, which releases it without counting the attempt.
    Report progress, so that it is known. `instance_notices=False` or AWS_EC2_METADATA_DISABLED=true turns this off.

    After three failed jobs in a row that may be its own fault the worker claims nothing for a while, and then one job
    on trial. `self_check` is called after such a failure and before the trial: it raises an exception, or returns
    False, if the worker can't transcribe (a GPU that is gone). While it fails, nothing is claimed, and failures are the
    worker's.

    A transcriber without progress for `stall_timeout` seconds (default: by its pace, at least two minutes; `math.inf`:
    never) is reported as failed with `engine_stalled`, so that another worker takes the job. This worker claims nothing
    until the transcriber returns; its next call raises JobStalled.

    `allow_http` lets jobs name recordings at http://, for recorders in a trusted network without TLS.
    """

    def __init__(
        self,
        api: TranscriptionAPI,
        *,
        capabilities: Capabilities | None = None,
        worker_id: str | None = None,
        instance_id: str | None = None,
        location: Location | None = None,
        work_directory: str | Path | None = None,
        read_health: HealthReader | None = None,
        handle_signals: bool = True,
        supervised: bool = False,
        instance_notices: bool = True,
        self_check: Callable[[], object] | None = None,
        stall_timeout: float | None = None,
        allow_http: bool = False,
    ) -> None:
        self.worker_id: str = worker_id or f"worker-{secrets.token_hex(8)}"
        #: How the loop ended: `drained`, `stopped`, `terminated` or `restart`. None while it runs.
        self.end: WorkerEnd | None = None
        self._api = api
        self._capabilities: Capabilities = capabilities or {}
        self._instance_id = instance_id or socket.gethostname()
        self._location = location
        self._work_directory = None if work_directory is None else Path(work_directory)
        self._read_health = read_health or health_reader(self._work_directory or Path(gettempdir()))
        self._handle_signals = handle_signals
        self._supervised = supervised
        self._held: dict[str, HeldJob] = {}
        # Of the jobs that run at once, with `max_jobs`.
        self._threads: set[threading.Thread] = set()
        self._ending: WorkerEnd | None = None
        self._refusal: ApiError | None = None
        self._instance_notices = instance_notices
        self._allow_http = allow_http
        self._notice: Notice | None = None
        self._hand_back_timer: threading.Timer | None = None
        # The reasons for draining that the monitor knows.
        self._drains_told: set[str | None] = set()
        self._telling = threading.Lock()
        self._registered_at = float("-inf")
        # A claim is under way. There is one at a time, because the jobs it returns must not be dropped.
        self._claiming = False
        # Kept until the claim is answered, so that jobs whose response was lost are handed out again.
        self._claim_key: str | None = None
        # Wakes the loop: a claim's result, or None if something else needs attention. Safe in a signal handler.
        self._inbox: queue.SimpleQueue[Claimed | Exception | None] = queue.SimpleQueue()
        self._heartbeat: Heartbeat | None = None
        self._self_check = SelfCheck(self_check, self._hurry)
        self._pace = Pace()
        self._stall_timeout = stall_timeout

    def jobs(self) -> Iterator[HeldJob]:
        """The jobs, one after the other, for the worker's lifetime. Raises if the monitor refuses the worker."""
        with self._living():
            while (held := self._next_job()) is not None:
                try:
                    if not held.resume():
                        yield held
                    held.close()
                except GeneratorExit:
                    # The loop was left with a job, by `break` or by an exception that we can't see.
                    if self._ending is None:
                        self._finish("stopped")
                        held.close(
                            None if held.ended else RuntimeError("the worker's loop was left before the job's end")
                        )
                    raise
                finally:
                    self._held.pop(held.lease_token, None)
                    self._self_check.returned()
        if self._refusal is not None:
            raise self._refusal

    def run(self, transcribe: Transcriber, *, max_jobs: int = 1) -> WorkerEnd:
        """Calls `transcribe(job)` for each job and completes it with the returned transcript; returns how the worker
        ended.

        If it returns None, it has called `job.complete` or `job.fail` itself. With `max_jobs` above 1 so many jobs run
        at once, each in a thread of its own.
        """
        if max_jobs > 1:
            self._run_many(transcribe, max_jobs)
        else:
            for job in self.jobs():
                _work_on(job, transcribe)
        return self.end or "drained"

    def drain(self) -> None:
        """Finishes the current job, then ends the loop. Callable from any thread or a signal handler."""
        self._finish("drained")

    def stop(self) -> None:
        """Ends the loop at once: the next call of a job raises WorkerLeaving, and the worker's exit releases the job
        without counting the attempt. Callable from any thread or a signal handler.
        """
        self._finish("stopped")
        for held in list(self._held.values()):
            held.stop(WorkerLeaving)

    def _run_many(self, transcribe: Transcriber, max_jobs: int) -> None:
        with self._living():
            while (held := self._next_job()) is not None:
                thread = threading.Thread(target=self._run_one, args=(held, transcribe), name="tmon-job", daemon=True)
                self._threads.add(thread)
                thread.start()
                while self._ending is None and len(self._threads) >= (1 if self._self_check.on_trial else max_jobs):
                    # No claim is under way: only what needs attention comes here.
                    self._inbox.get()
            self._join()
        if self._refusal is not None:
            raise self._refusal

    def _run_one(self, held: HeldJob, transcribe: Transcriber) -> None:
        try:
            if not held.resume():
                _work_on(held, transcribe)
            held.close()
        except Exception:
            log.exception("%s: its thread has failed", held.id)
        finally:
            self._held.pop(held.lease_token, None)
            self._self_check.returned()
            self._threads.discard(threading.current_thread())
            self._inbox.put(None)

    def _join(self) -> None:
        for thread in list(self._threads):
            thread.join()

    @contextmanager
    def _living(self) -> Iterator[None]:
        if self.end is not None:  # of an earlier life; a drain before the first one counts
            self._ending = None
        self.end = self._refusal = None
        self._claiming = False
        self._drains_told = set()
        self._notice = self._hand_back_timer = None
        self._claim_key = None
        notices = NoticeWatch(self._on_notice)
        self._inbox = queue.SimpleQueue()
        self._heartbeat = Heartbeat(
            api=self._api,
            worker_id=self.worker_id,
            read_health=lambda: {**self._read_health(), **self._self_check.health()},
            held=self._held,
            before_beat=self._before_beat,
            on_command=self._obey,
            on_refused=self._on_refused,
        )
        with self._signals():
            try:
                if self._instance_notices:
                    notices.start()
                self._register()
                self._heartbeat.start()
                if self._ending is None:
                    log.info("%s: ready", self.worker_id)
                yield
            finally:
                if self._ending is None:
                    self._finish("stopped")
                notices.stop()
                if self._hand_back_timer:
                    self._hand_back_timer.cancel()
                self._heartbeat.stop()
                # From here on its end is known: a heartbeat under way may still be told that the worker was terminated.
                self.end = self._ending
                self._leave()

    def _next_job(self) -> HeldJob | None:
        tries = 0
        while True:
            if self._ending == "restart" and not self._supervised:
                self._join()
                self._ending = None
                self._register()
            if self._ending is not None:
                return None
            if (left := self._self_check.seconds_left()) > 0:
                self._wait(left)
                continue
            if not self._self_check.may_claim():
                continue
            asked_at = time.monotonic()
            answer = self._claim()
            if isinstance(answer, Claimed):
                tries = 0
                for claimed in answer.jobs:
                    return self._hold(claimed)
                if time.monotonic() - asked_at < EMPTY_AT_ONCE_SECONDS:
                    # Returned early without jobs: this worker is to get none. The heartbeat's response has the reason.
                    self._hurry()
                    self._wait(pause_seconds(2))
            elif answer is not None and (is_away(answer) or not self._on_refused(answer)):
                self._wait(pause_seconds(tries, answer))
                tries += 1

    def _claim(self) -> Claimed | Exception | None:
        """Runs on its own thread, so that signals and commands needn't wait for the poll. None: one is under way."""
        inbox = self._inbox
        key = self._claim_key = self._claim_key or secrets.token_hex(16)

        def claim() -> None:
            try:
                inbox.put(
                    self._api.workers.claim(
                        self.worker_id, wait_seconds=CLAIM_WAIT_SECONDS, retries=2, idempotency_key=key
                    )
                )
            except Exception as error:
                inbox.put(error)

        if not self._claiming:
            self._claiming = True
            threading.Thread(target=claim, name="tmon-claim", daemon=True).start()
        answer = inbox.get()
        if answer is not None:
            self._claiming = False
            if isinstance(answer, Claimed | ConflictError):
                # Answered, or refused: then it handed out nothing.
                self._claim_key = None
        return answer

    def _hold(self, answer: Any) -> HeldJob:
        held = HeldJob(
            answer,
            api=self._api,
            engine=self._capabilities.get("model") or "python",
            batch_size=self._capabilities.get("batch_size"),
            work_directory=self._work_directory,
            ask_monitor=self._hurry,
            is_leaving=lambda: self._ending in ("stopped", "terminated"),
            self_check=self._self_check,
            watch=StallWatch(self._pace, answer.job.input.duration_seconds, self._stall_timeout),
            allow_http=self._allow_http,
        )
        log.info("%s: claimed, attempt %d: %s", held.id, held.attempt, held.job.input.s3_path)
        self._held[held.lease_token] = held
        # The end may have come since the claim.
        if (why := _STOPS.get(self._ending or "drained")) is not None:
            held.stop(why)
        if self._heartbeat:
            self._heartbeat.keep(answer)
        return held

    def _register(self) -> None:
        try:
            until_answered(
                lambda options: self._api.workers.register(
                    self.worker_id,
                    capabilities=self._capabilities,
                    instance_id=self._instance_id,
                    location=self._location,
                    **options,
                ),
                self._check_ending,
            )
            self._registered_at = time.monotonic()
        except _Ending:
            pass
        except WorkerTerminatedError:
            self._finish("terminated")
        except ApiError as error:
            self._refuse(error)

    def _obey(self, command: WorkerCommand, asked_at: float) -> None:
        if command.type == "cancel_job":
            for held in list(self._held.values()):
                if held.id == command.job_id:
                    held.stop(JobCancelled)
        elif command.type == "kill_engine":
            for held in list(self._held.values()):
                if held.id == command.job_id and held.hangs("the monitor found that it made no progress"):
                    self._hurry()
        elif command.type == "drain":
            self._finish("drained")
        elif command.type == "restart":
            # Repeated until the worker has registered again: a response from before that is outdated.
            if asked_at > self._registered_at:
                self._finish("restart")
        else:
            log.warning("the monitor asked for %r, which this version doesn't know", command.type)

    def _on_refused(self, error: Exception) -> bool:
        """Returns whether the worker can continue at once."""
        if isinstance(error, WorkerTerminatedError):
            self._finish("terminated")
        elif isinstance(error, NotFoundError):
            # The monitor has another store now, or has forgotten this worker: register again.
            self._register()
            return True
        elif isinstance(error, ConflictError):
            # DRAINING or RESTARTING: the heartbeat's response has the command.
            self._hurry()
        elif isinstance(error, InvalidRequestError | UnauthenticatedError | ForbiddenError):
            self._refuse(error)
        else:
            log.error("the monitor responded with an error: %s", error)
        return False

    def _refuse(self, error: ApiError) -> None:
        self._refusal = self._refusal or error
        self._finish("stopped")

    def _finish(self, end: WorkerEnd) -> None:
        """A later end overrides an earlier one if it is more urgent. Takes no lock: signal handlers call it."""
        if self.end is not None or (self._ending is not None and (end == "drained" or self._ending != "drained")):
            return
        self._ending = end
        why = _STOPS.get(end)
        if why is not None and end != "stopped":
            for held in list(self._held.values()):
                held.stop(why)
        self._inbox.put(None)
        self._hurry()

    def _on_notice(self, notice: Notice) -> None:
        """The cloud takes the machine away, or recommends to leave it."""
        log.warning("%s: %s, jobs held: %d", self.worker_id, notice.reason, len(self._held))
        self._notice = notice
        self._finish("drained")
        self._hurry()
        if notice.ends_at is None:
            return
        left = min(NOTICE_SECONDS_MAX, notice.ends_at - time.time()) - HAND_BACK_SECONDS

        def hand_back(*, all_jobs: bool) -> None:
            for held in list(self._held.values()):
                seconds = held.seconds_left()
                if all_jobs or seconds is None or seconds * ETA_FACTOR > left:
                    held.stop(WorkerInterrupted, notice.reason)

        hand_back(all_jobs=False)
        timer = self._hand_back_timer = threading.Timer(max(0.0, left), hand_back, kwargs={"all_jobs": True})
        timer.daemon = True
        timer.start()

    def _hurry(self) -> None:
        if self._heartbeat:
            self._heartbeat.hurry()

    def _before_beat(self) -> None:
        self._tell_drain()
        for token, held in list(self._held.items()):
            if held.end_if_stalled():
                self._held.pop(token, None)
                self._self_check.hangs(f"{held.id} makes no progress: claiming no jobs until its transcriber returns")

    def _tell_drain(self) -> None:
        """Reports that no more jobs are claimed. Here, because a signal handler must not do it."""
        # One at a time, so that the exit is not reported before it.
        with self._telling:
            notice = self._notice
            reason = notice.reason if notice else None
            if self._ending != "drained" or not (self._held or notice) or reason in self._drains_told:
                return
            log.info("%s: draining, jobs held: %d", self.worker_id, len(self._held))
            drain: dict[str, Any] = {"reason": notice.reason, "replace": True} if notice else {}
            try:
                self._api.workers.drain(self.worker_id, **drain, retries=0, timeout=GOODBYE_SECONDS)
            except ApiError as error:
                log.debug("draining could not be reported: %s", error.message)
                # With a notice again at the next heartbeat, because the fleet is to replace the machine.
                if notice and is_away(error):
                    return
            self._drains_told.add(reason)

    def _leave(self) -> None:
        """Reports that this worker is gone, so that its jobs return to the queue at once."""
        if self._ending in ("terminated", "restart") or self._refusal is not None:
            return
        if self._notice:
            self._tell_drain()
        try:
            self._api.workers.terminate(self.worker_id, retries=1, timeout=GOODBYE_SECONDS)
        except (ConflictError, NotFoundError):
            pass
        except ApiError as error:
            log.warning("the exit could not be reported: %s", error.message)
        log.info("%s: left", self.worker_id)

    def _wait(self, seconds: float) -> None:
        with suppress(queue.Empty):
            timed_get(self._inbox, seconds)

    def _check_ending(self) -> None:
        if self._ending is not None:
            raise _Ending

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if not self._handle_signals or threading.current_thread() is not threading.main_thread():
            yield
            return
        asked = False

        def on_signal(number: int, _frame: FrameType | None) -> None:
            nonlocal asked
            if asked:
                self._finish("stopped")
                if number == signal.SIGINT:
                    raise KeyboardInterrupt
                raise SystemExit(128 + number)
            asked = True
            self._finish("drained")

        before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


#: How jobs stop at an end.
_STOPS: dict[WorkerEnd, type[JobStopped]] = {
    "restart": WorkerRestarting,
    "terminated": LeaseLost,
    "stopped": WorkerLeaving,
}


def _work_on(job: HeldJob, transcribe: Transcriber) -> None:
    with job:
        transcript = transcribe(job)
        if transcript is not None:
            job.complete(transcript)


class _Ending(Exception):
    pass
