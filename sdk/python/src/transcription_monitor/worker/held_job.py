"""A job that this worker holds.

working ──► settling ──► ended      the result is being sent; from here on only the monitor's response decides how it
ended
   │
   └─ stopped: cancelled, lost, the worker restarts, or its machine is taken away; raised by the next call
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from .. import models
from .._sync.client import TranscriptionAPI
from ..bodies import CallOptions, Failure, Fault, Output, RetryWith
from ..errors import ApiError, ConflictError, LeaseExpiredError
from ..models import ClaimedJob, Transcript
from ..models.transcript import TranscriptWarning
from .decode_audio import UnreadableError, decode_audio
from .download import download, suffix_of
from .errors import (
    AudioError,
    JobCancelled,
    JobStalled,
    JobStopped,
    LeaseLost,
    WorkerInterrupted,
    WorkerLeaving,
    WorkerRestarting,
    failure_of,
)
from .progress import ProgressReports
from .recording import receive
from .self_check import SelfCheck
from .stall import StallWatch
from .until_answered import is_away, log, until_answered

PROGRESS_TIMEOUT_SECONDS = 10.0
LOG_TIMEOUT_SECONDS = 10.0
#: Names of the demuxers that may read a recording: those of formats that carry their own sound.
FORMATS = ",".join(json.loads(Path(__file__).with_name("ffmpeg-formats.json").read_text()))


class HeldJob:
    """What `worker.jobs()` yields. Use `with job:`, so that an exception fails the job and not the worker."""

    def __init__(
        self,
        claimed: ClaimedJob,
        *,
        api: TranscriptionAPI,
        engine: str,
        batch_size: int | None,
        work_directory: Path | None,
        ask_monitor: Callable[[], None],
        is_leaving: Callable[[], bool],
        self_check: SelfCheck,
        watch: StallWatch,
        allow_http: bool = False,
    ) -> None:
        #: The job as it was claimed.
        self.job: models.Job = claimed.job
        #: Counts from 1.
        self.attempt: int = claimed.attempt.number
        #: Batch size: smaller than the worker's own after an attempt that ran out of memory.
        self.batch_size: int | None = claimed.attempt.batch_size or batch_size
        #: The URL to fetch, with its signature if it has one. `download` fetches it.
        self.audio_url: str = claimed.audio_url
        self.lease_token: str = claimed.lease.token
        #: The trace that the work belongs to, by W3C Trace Context, for spans of your own; None if there is none.
        self.traceparent: str | None = claimed.traceparent
        self._api = api
        self._engine = engine
        self._work_directory = work_directory
        self._ask_monitor = ask_monitor
        self._is_leaving = is_leaving
        self._self_check = self_check
        self._watch = watch
        self._allow_http = allow_http
        #: What is wrong with the recording, once it is downloaded; `complete` puts it into the transcript.
        self.warnings: list[TranscriptWarning] = []
        self._reports = ProgressReports(self._deliver)
        self._facts: dict[str, Any] = {}
        self._figures: dict[str, Any] = {"percentage": 0, "stage": None}
        self._directory: Path | None = None
        self._stopped: type[JobStopped] | None = None
        self._stop_details = ""
        self._begun_at = self._reported_at = time.monotonic()
        self._delivering = False
        self._settling = False
        self._ended = False
        #: For the worker: Ctrl-C or sys.exit ended the loop; the worker's exit releases the job.
        self.handed_back: bool = False

    @property
    def id(self) -> str:
        return self.job.job_id

    @property
    def cancelled(self) -> bool:
        """It was cancelled; the next call raises JobCancelled."""
        return self._stopped is JobCancelled

    @property
    def lost(self) -> bool:
        """It is no longer this worker's; the next call raises LeaseLost."""
        return self._stopped is LeaseLost

    @property
    def ended(self) -> bool:
        """`complete` or `fail` has succeeded, or a stop has been reported."""
        return self._ended

    @property
    def directory(self) -> Path:
        """A directory for this attempt only; removed afterwards."""
        if self._directory is None:
            if self._work_directory is not None:
                self._work_directory.mkdir(parents=True, exist_ok=True)
            self._directory = Path(tempfile.mkdtemp(prefix=f"{self.id}-", dir=self._work_directory))
        return self._directory

    def check(self) -> None:
        """Raises a JobStopped (JobCancelled, LeaseLost, …) if the job must stop. Cheap: call it often."""
        if self._stopped is not None and not self._settling:
            raise self._stopped(self.id)

    def download(self) -> Path:
        """Downloads the recording into `directory`; returns its path. Raises AudioError, and what `check` does.

        What is no recording is refused (`audio_empty`, `not_audio`), the header of a WAV is repaired, and the extension
        is that of its bytes. One that is cut short has a warning, unless the job says `require_complete`.

        `https://` and the monitor's uploads work without extras, `s3://` with boto3 and the AWS chain of credentials.
        """
        self.progress(percentage=0, stage="DOWNLOADING")
        path = self.directory / f"audio{suffix_of(self.audio_url)}"
        self._facts["file_size_bytes"] = download(self._api, self.audio_url, path, self.alive, self._allow_http)
        path, self.warnings = receive(path, require_complete=self.job.input.require_complete)
        return path

    def read_audio(self, sample_rate: int = 16_000) -> Any:
        """Downloads the recording and decodes it; returns its samples: a NumPy array of 32-bit floats from -1 to 1,
        mono, as faster-whisper, whisper and whisperX take them. Raises AudioError, and what `check` does.

        It keeps what follows a damaged packet, and every recording of a file in which several are joined, which most
        decoders leave out. The true duration is reported with the progress, and damage becomes a warning of the
        transcript. Requires PyAV and NumPy: `pip install av numpy`; faster-whisper brings both.
        """
        path = self.download()
        try:
            samples, damage = decode_audio(path, sample_rate, FORMATS, self.alive)
        except UnreadableError as error:
            raise self.truncated_rather(AudioError(error.code, str(error))) from error
        self._facts["duration_seconds"] = self._watch.audio_seconds = len(samples) / sample_rate
        if damage is not None:
            self.warnings.append(TranscriptWarning(code="audio_damaged", message=damage))
        return samples

    def truncated_rather(self, error: AudioError) -> AudioError:
        """For the worker: the error to report instead. A file whose end is missing may lack what is needed to read any
        of it: the index of an MP4.
        """
        if error.code != "audio_unreadable":
            return error
        truncated = next((one for one in self.warnings if one.code == "audio_truncated"), None)
        return error if truncated is None else AudioError("audio_truncated", f"{truncated.message}, and {error}")

    def alive(self) -> None:
        """It works, on something whose progress is not reported: loading a model. Raises what `check` does."""
        self.check()
        self._watch.alive()

    def progress(
        self,
        *,
        percentage: float | None = None,
        stage: str = "TRANSCRIBING",
        current_chunk: int | None = None,
        total_chunks: int | None = None,
        eta_seconds: float | None = None,
        duration_seconds: float | None = None,
    ) -> None:
        """Reports progress, and returns at once. Raises what `check` does.

        It is sent at once if the stage changed, otherwise at most once a second. `percentage` (0 to 100, of the
        recording) is calculated from the chunks if omitted. `duration_seconds` is the length of the recording: pass it
        once, when you know it.
        """
        self.check()
        if percentage is None:
            if not total_chunks or current_chunk is None:
                raise ValueError("progress requires percentage, or current_chunk and total_chunks")
            percentage = 100 * current_chunk / total_chunks
        if duration_seconds is not None:
            self._facts["duration_seconds"] = duration_seconds
            self._watch.audio_seconds = duration_seconds
        self._figures = {
            "percentage": min(100.0, max(0.0, percentage)),
            "stage": stage.upper(),
            "current_chunk": current_chunk,
            "total_chunks": total_chunks,
            "eta_seconds": eta_seconds,
        }
        self._reported_at = time.monotonic()
        self._watch.step(self._figures["percentage"], self._figures["stage"])
        # Sent with every report, because any single one may be lost.
        self._reports.note({**self._facts, **self._figures})

    def put_log(self, text: str, end_bytes: int) -> None:
        """Stores the end of what the transcriber printed; `end_bytes` is where it ends, since the attempt began. Raises
        ApiError.
        """
        self._api.jobs.put_attempt_log(
            self.id, self.attempt, self.lease_token, text, end_bytes=end_bytes, retries=0, timeout=LOG_TIMEOUT_SECONDS
        )

    def complete(
        self, transcript: Transcript | Mapping[str, Any] | None = None, *, output: Output | None = None
    ) -> models.Job:
        """Completes the job; waits for a monitor that is away. Returns the job: COMPLETED, or CANCELLED if that came
        first.

        `transcript` is stored by the monitor: a Transcript, or a dict with `segments` as `Transcript.of_segments`
        accepts them, and optionally `language` and `duration_seconds`. Use `output` if you have stored it elsewhere.
        Raises what `check` does, InvalidRequestError, and ValueError for an invalid transcript.
        """
        if (transcript is None) == (output is None):
            raise ValueError("complete requires a transcript, or output: where you have stored it")
        if self._stopped is not WorkerInterrupted:
            self.check()
        done = None if transcript is None else self._transcript_of(transcript)
        # To store it takes no longer than to hand the job back.
        self._delivering = True
        if self._stopped is WorkerInterrupted:
            self._stopped = None
        if done is not None:
            output = self._store(done)
        self.check()
        assert output is not None
        given = output
        self._settling = True
        job = self._end(
            lambda options: self._api.jobs.complete(self.id, self.lease_token, given, **options), "completed"
        )
        if job.state == "COMPLETED":
            self._watch.done()
            self._self_check.completed()
        return job

    def fail(
        self,
        message: str,
        *,
        code: str = "worker_error",
        retryable: bool = True,
        fault: Fault | None = None,
        retry_with: RetryWith | None = None,
    ) -> models.Job:
        """Fails the attempt; another follows if it can help. Returns the job. Raises what `check` does.

        `fault` as in JobFailed.
        """
        self.check()
        failure: Failure = {"code": code, "message": message, "retryable": retryable}
        if fault is not None:
            failure["fault"] = fault
        return self._fail(failure, retry_with)

    def stop(self, why: type[JobStopped], details: str = "") -> None:
        """For the worker: the job's next call raises it."""
        # A lease missing because its job has just been completed is not lost.
        if self._settling or self._stopped is not None or (self._delivering and why is WorkerInterrupted):
            return
        self._stop_details = details
        self._stopped = why

    def seconds_left(self) -> float | None:
        """For the worker: the time left of the work, by the last report; None if unknown."""
        percentage: float = self._figures["percentage"]
        eta_seconds: float | None = self._figures.get("eta_seconds")
        now = time.monotonic()
        if eta_seconds is not None:
            return max(0.0, eta_seconds - (now - self._reported_at))
        if percentage <= 0 or self._figures["stage"] == "DOWNLOADING":
            return None
        return (now - self._begun_at) * (100 - percentage) / percentage

    def __enter__(self) -> HeldJob:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if error is not None and not isinstance(error, Exception):
            self.handed_back = True
            return False
        self.close(error)
        return True

    def close(self, error: Exception | None = None) -> None:
        """For the worker: reports the end of an attempt that wasn't completed, and removes its directory."""
        try:
            self._tell(error)
        except JobStopped:
            log.info("%s: lost; another holds it now", self.id)
        except ApiError as refusal:
            log.error("%s: the end could not be reported: %s", self.id, refusal)
        finally:
            self._ended = True
            self.clean()

    def clean(self) -> None:
        """For the worker: sends nothing more, and removes its files."""
        self._reports.close()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def resume(self) -> bool:
        """For the worker: completes the job if an earlier attempt had stored its transcript and died before completing
        it.
        """
        if self.attempt < 2 and self.job.retry_info.last_error is None:
            return False
        try:
            transcript = self._api.jobs.transcript(self.id, retries=1)
        except ApiError:
            return False
        log.info("%s: an earlier attempt had stored its transcript", self.id)
        with self:
            self.complete(transcript)
        return True

    def _tell(self, error: Exception | None) -> None:
        if self._ended:
            if error is not None and not isinstance(error, JobStopped):
                log.error("%s: an error after the job's end", self.id, exc_info=error)
            return
        why = self._stopped or (type(error) if isinstance(error, JobStopped) else None)
        if why is LeaseLost or isinstance(error, LeaseExpiredError):
            log.info("%s: lost; another holds it now", self.id)
            return
        if why is WorkerLeaving:
            log.info("%s: released: the worker exits", self.id)
            return
        if why is JobCancelled or (isinstance(error, ConflictError) and error.state == "CANCELLING"):
            log.info("%s: cancelled", self.id)
            self._fail({"code": "cancelled", "message": "the worker stopped it", "retryable": False})
        elif why is not None and issubclass(why, WorkerRestarting):
            self._fail({"code": "worker_restarted", "message": "the worker was told to restart", "retryable": True})
        elif why is WorkerInterrupted:
            log.info("%s: released: the machine is being taken away", self.id)
            self._fail({"code": "worker_drained", "message": self._stop_details, "retryable": True})
        elif error is None:
            message = "the worker's loop continued without complete or fail"
            log.error("%s: %s", self.id, message)
            self._fail({"code": "worker_error", "message": message, "retryable": True})
        elif why is JobStalled:
            # The monitor was away when it was noticed.
            self._fail(self._stall())
        else:
            log.error("%s: failed", self.id, exc_info=error)
            self._reports.flush()
            failure, retry_with = failure_of(error, self.batch_size)
            if self._directory is not None:
                # Where this worker keeps its files is nobody's business.
                failure["message"] = failure["message"].replace(f"{self._directory}{os.sep}", "")
            self._fail(self._self_check.examine(failure), retry_with)

    def _store(self, transcript: Transcript) -> Output:
        self._reports.note(
            {**self._facts, **self._figures, "stage": "UPLOADING", "percentage": 100, "eta_seconds": None}
        )
        self._reports.flush()
        try:
            stored = until_answered(
                lambda options: self._api.jobs.put_transcript(self.id, self.lease_token, transcript, **options),
                self.check,
            )
        except ConflictError as error:
            raise self._stop_of(error) from error
        output: Output = {
            "s3_path": stored.s3_path,
            "segments_count": stored.segments_count,
            "confidence_score": stored.confidence_score,
        }
        if "suspect" in stored.model_fields_set:  # older monitors do not know it
            output["warnings"] = [{"code": warning.code, "message": warning.message} for warning in stored.warnings]
            output["suspect"] = stored.suspect
        return output

    def _transcript_of(self, given: Transcript | Mapping[str, Any]) -> Transcript:
        transcript = self._given(given)
        if not self.warnings:
            return transcript
        return transcript.model_copy(update={"warnings": [*self.warnings, *transcript.warnings]})

    def _given(self, given: Transcript | Mapping[str, Any]) -> Transcript:
        if isinstance(given, Transcript):
            return given
        if not isinstance(given, Mapping) or "segments" not in given:
            raise ValueError("a transcript is a Transcript, or a dict with segments")
        return Transcript.of_segments(
            given["segments"],
            engine=given.get("engine") or self._engine,
            language=given.get("language"),
            duration_seconds=given.get("duration_seconds") or self._facts.get("duration_seconds"),
        )

    def _fail(self, error: Failure, retry_with: RetryWith | None = None) -> models.Job:
        self._settling = True
        job = self._end(
            lambda options: self._api.jobs.fail(self.id, self.lease_token, error, retry_with=retry_with, **options),
            "failed",
        )
        if self._stopped in (None, JobStalled):
            self._self_check.failed(self.id, error)
        return job

    def hangs(self, details: str) -> bool:
        """For the worker: the monitor finds that it makes no progress. Returns whether that is news."""
        before = self._stopped
        self.stop(JobStalled, details)
        return self._stopped is not before

    def end_if_stalled(self) -> bool:
        """For the worker's heartbeat: reports a job without progress as failed. Returns whether it did."""
        if self._ended or self._settling or self._delivering or self._stopped not in (None, JobStalled):
            return False
        if self._stopped is None:
            why = self._watch.excess()
            if why is None:
                return False
            self._stop_details = why
            self._stopped = JobStalled
            log.error("%s: %s", self.id, why)
        try:
            self._api.jobs.fail(self.id, self.lease_token, self._stall(), retries=0, timeout=PROGRESS_TIMEOUT_SECONDS)
        except ApiError as error:
            if is_away(error):
                return False
            log.warning("%s: %s", self.id, error.message)
        self._ended = True
        self._reports.close()
        self._self_check.failed(self.id, self._stall())
        return True

    def _stall(self) -> Failure:
        return {"code": "engine_stalled", "message": self._stop_details, "retryable": True}

    def _end(self, send: Callable[[CallOptions], models.Job], what: str) -> models.Job:
        try:
            job = until_answered(send, self._check_leaving)
        except ConflictError as error:
            self._settling = False
            raise self._stop_of(error) from error
        except BaseException:
            self._settling = False
            raise
        self._ended = True
        self._reports.close()
        log.info("%s: %s, attempt %d: %s", self.id, what, self.attempt, job.state)
        return job

    def _stop_of(self, refusal: ConflictError) -> Exception:
        """The stop that a refusal means."""
        if isinstance(refusal, LeaseExpiredError):
            self.stop(LeaseLost)
        elif refusal.state == "CANCELLING":
            self.stop(JobCancelled)
        else:
            return refusal
        return (self._stopped or LeaseLost)(self.id)

    def _check_leaving(self) -> None:
        if self._is_leaving():
            raise LeaseLost(self.id)

    def _deliver(self, figures: dict[str, Any]) -> None:
        try:
            self._api.jobs.report_progress(
                self.id, self.lease_token, **figures, retries=0, timeout=PROGRESS_TIMEOUT_SECONDS
            )
        except LeaseExpiredError:
            self.stop(LeaseLost)
        except ConflictError:
            # The job may have been cancelled: the next heartbeat's response has the command.
            self._ask_monitor()
        except ApiError as error:
            log.debug("%s: a progress report was dropped: %s", self.id, error.message)
        except Exception:
            log.exception("%s: a progress report could not be sent", self.id)
