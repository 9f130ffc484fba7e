"""Lines of the log vocabulary on Python's own `logging`, for workers whose logs are collected anyway.

    logging.basicConfig(level=logging.INFO)
    logger = StructuredLogger(worker_id)
    logger.job_event('JOB_START', job_id, audio_duration=4860)

Python's default level hides INFO, hence the first line. Handlers, formats and levels are yours; readers (`tmon logs`,
`tmon check log:…`) ignore what precedes `TRANSCRIPTION_EVENT` on a line.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from .reporter.event import now_ms, plain, text, time_text


class StructuredLogger:
    """One per worker; thread-safe."""

    def __init__(self, worker_id: str) -> None:
        self.worker_id = worker_id
        self.logger: logging.Logger = logging.getLogger(__name__)

    def job_event(self, event: str, job_id: str, **kwargs: Any) -> None:
        """Logs `TRANSCRIPTION_EVENT {json}` at INFO: `event` (`JOB_START`, `JOB_PROGRESS`, `JOB_COMPLETE`,
        `JOB_FAILED`), `job_id`, `worker_id`, `timestamp` (UTC) and the other arguments. A value that JSON can't
        represent is written as text.
        """
        event_data = {
            "event": text(event),
            "job_id": text(job_id),
            "worker_id": text(self.worker_id),
            "timestamp": time_text(now_ms()),
            **{name: plain(value) for name, value in kwargs.items()},
        }
        self.logger.info(f"TRANSCRIPTION_EVENT {json.dumps(event_data)}")
