"""A job, from the recording to the transcript. What the worker does around it is in ../worker."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ..models import Transcript
from ..models.transcript import TranscriptQuality, TranscriptWarning
from ..worker import AudioError, HeldJob, JobFailed
from ..worker.until_answered import log
from .attempt_log import AttemptLog
from .job_options import options_of
from .limits import JobTimeout
from .model_process import ModelProcess, TooLong
from .quality import is_better, judge

OnSuspect = Literal["retry", "keep"]

SECOND_TRY = "with a voice detector, and each window by itself"
SECOND_OPTIONS = {"vad_filter": True, "condition_on_previous_text": False}


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
        on_suspect: OnSuspect = "retry",
        job_timeout: JobTimeout | None = None,
    ) -> None:
        self._process = process
        self._model = model
        self._version = version
        self._engine_options = engine_options
        self._defaults = defaults
        self._on_suspect = on_suspect
        self._job_timeout = job_timeout

    def __call__(self, job: HeldJob) -> Transcript:
        # Before the download: a job that can't be done here costs nothing.
        wanted = options_of(job.job.options, self._defaults, self._model)
        path = job.download()
        options = {**self._engine_options, "batch_size": job.batch_size or 1, "job": wanted}
        view = _View(job, self._job_timeout)
        try:
            first = self._once(path, options, view)
            if not (first.quality and first.quality.suspect and self._on_suspect == "retry"):
                return first
            reason = first.quality.reasons[0].message
            log.info("%s: the transcript is suspect: a second try, %s: %s", job.id, SECOND_TRY, reason)
            try:
                second = self._once(path, {**options, **SECOND_OPTIONS}, view)
            except (JobFailed, RuntimeError) as error:
                # The first transcript is there, and marked.
                log.warning("%s: the second try has failed: %s", job.id, error)
                return first
            assert second.quality is not None
            return second if is_better(second.quality.model_dump(), first.quality.model_dump()) else first
        except AudioError as error:
            raise job.truncated_rather(error) from error
        finally:
            view.log.flush()

    def _once(self, path: Path, options: Mapping[str, Any], view: _View) -> Transcript:
        output = path.with_name("transcript.json")
        self._process.transcribe(path, output, options, view)
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
        heard = found.get("heard")
        if heard is not None:
            heard = {"duration_seconds": transcript.duration_seconds, "voice": None, **heard}
        segments = [segment.model_dump() for segment in transcript.segments]
        quality = TranscriptQuality.model_validate(judge(segments, transcript.duration_seconds, heard))
        more = {"engine_version": self._version, "model": self._model, "extra": found.get("extra") or {}}
        return transcript.model_copy(update={**more, "quality": quality})


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
