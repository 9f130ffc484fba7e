"""A job, from the recording to the transcript. What the worker does around it is in ../worker."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from ..models import Transcript
from ..models.transcript import TranscriptWarning
from ..worker import AudioError, HeldJob, JobFailed
from .attempt_log import AttemptLog
from .job_options import options_of
from .limits import JobTimeout
from .model_process import ModelProcess, TooLong


class Transcriber:
    """`engine_options` are those with which the model was loaded, `model` is its public name, `version` that of the
    library.
    """

    def __init__(
        self,
        process: ModelProcess,
        *,
        model: str,
        version: str | None,
        engine_options: Mapping[str, Any],
        defaults: Mapping[str, Any],
        job_timeout: JobTimeout | None = None,
    ) -> None:
        self._process = process
        self._model = model
        self._version = version
        self._engine_options = engine_options
        self._defaults = defaults
        self._job_timeout = job_timeout

    def __call__(self, job: HeldJob) -> Transcript:
        # Before the download: a job that can't be done here costs nothing.
        wanted = options_of(job.job.options, self._defaults, self._model)
        path = job.download()
        output = job.directory / "transcript.json"
        options = {**self._engine_options, "batch_size": job.batch_size or 1, "job": wanted}
        view = _View(job, self._job_timeout)
        try:
            self._process.transcribe(path, output, options, view)
        except AudioError as error:
            raise job.truncated_rather(error) from error
        finally:
            view.log.flush()
        try:
            found = json.loads(output.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise JobFailed("faster-whisper: a result, but no transcript", code="engine_crashed") from error
        transcript = Transcript.of_segments(
            found["segments"],
            engine=f"faster-whisper {self._model}",
            language=found["language"],
            duration_seconds=view.audio_seconds,
        )
        more = {"engine_version": self._version, "model": self._model, "extra": found.get("extra") or {}}
        return transcript.model_copy(update=more)


class _View:
    """Reports what the process says of one job."""

    def __init__(self, job: HeldJob, timeout: JobTimeout | None) -> None:
        self.batch_size = job.batch_size
        self.audio_seconds = job.job.input.duration_seconds
        self.log = AttemptLog(job.put_log)
        self._job = job
        self._timeout = timeout
        self._stage: str | None = None
        self._warned = False
        self._begun_at = time.monotonic()

    def waiting(self, stage: str) -> None:
        if stage != self._stage:
            self._stage = stage
            self._job.progress(percentage=0, stage=stage)
        self._job.alive()

    def begun(self) -> None:
        self._stage = "TRANSCRIBING"
        self._begun_at = time.monotonic()
        self._job.progress(percentage=0)

    def message(self, message: Mapping[str, Any]) -> None:
        if message["event"] == "audio":
            self.audio_seconds = message["duration_seconds"]
            if not self._warned:  # a second process decodes it again
                self._job.warnings.extend(TranscriptWarning(**warning) for warning in message["warnings"])
            self._warned = True
            self._job.progress(percentage=0, duration_seconds=self.audio_seconds)
        else:
            percentage: float = message["percentage"]
            spent = time.monotonic() - self._begun_at
            self._job.progress(
                percentage=percentage,
                current_chunk=message["current_chunk"],
                total_chunks=message["total_chunks"],
                eta_seconds=round(spent * (100 - percentage) / percentage, 1) if percentage > 0 else None,
            )

    def check(self) -> None:
        self._job.check()
        if self._timeout is None:
            return
        limit = self._timeout.seconds(self.audio_seconds)
        if limit is not None and time.monotonic() - self._begun_at > limit:
            raise TooLong(f"the engine took longer than {limit:.0f} s", code="engine_stalled")

    def printed(self, line: str) -> None:
        self.log.line(line)
