"""Document B's logging, as printed there."""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from transcription_monitor import StructuredLogger

#: As printed.
USAGE = """\
# Usage
logger = StructuredLogger(worker_id)
logger.job_event('JOB_START', job_id, audio_duration=4860)
logger.job_event('JOB_PROGRESS', job_id, percentage=45, stage='transcribing')  
logger.job_event('JOB_COMPLETE', job_id, duration=1200, segments=150)
logger.job_event('JOB_FAILED', job_id, error='GPU out of memory')
"""  # noqa: W291

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    lines = [record.getMessage() for record in caplog.records]
    assert all(line.startswith("TRANSCRIPTION_EVENT {") for line in lines)
    return [json.loads(line.removeprefix("TRANSCRIPTION_EVENT ")) for line in lines]


def test_the_usage_of_document_b_runs_as_it_is_printed(caplog: pytest.LogCaptureFixture) -> None:
    """[B125] [B126] [B127]"""
    caplog.set_level(logging.INFO)
    exec(USAGE, {"StructuredLogger": StructuredLogger, "worker_id": "worker-456", "job_id": "job-123"})
    events = told(caplog)
    assert [list(event)[:4] for event in events] == [["event", "job_id", "worker_id", "timestamp"]] * 4
    assert all(TIME.fullmatch(event.pop("timestamp")) for event in events)
    who = {"job_id": "job-123", "worker_id": "worker-456"}
    assert events == [
        {"event": "JOB_START", **who, "audio_duration": 4860},
        {"event": "JOB_PROGRESS", **who, "percentage": 45, "stage": "transcribing"},
        {"event": "JOB_COMPLETE", **who, "duration": 1200, "segments": 150},
        {"event": "JOB_FAILED", **who, "error": "GPU out of memory"},
    ]
    assert {record.levelno for record in caplog.records} == {logging.INFO}


def test_whatever_a_worker_gives_is_logged_as_json_and_nothing_raises(caplog: pytest.LogCaptureFixture) -> None:
    """[B126]"""
    caplog.set_level(logging.INFO)

    class Odd:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    class Scalar:
        size = 1

        def item(self) -> float:
            return 0.5

    circle: list[object] = []
    circle.append(circle)
    StructuredLogger("worker-456").job_event(
        "JOB_PROGRESS",
        "job-123",
        path=Path("/a/b"),
        when=datetime(2025, 7, 7, 19, 30, tzinfo=timezone.utc),
        money=Decimal("1.50"),
        nothing=float("nan"),
        words={
            "b",
        },
        odd=Odd(),
        scalar=Scalar(),
        raw=b"\xff\x00a",
        half="\ud800",
        large=10**30,
        nested={1: {"two": (3, None, True)}},
        circle=circle,
    )
    [event] = told(caplog)
    assert event["path"] == "/a/b"
    assert event["when"] == "2025-07-07T19:30:00Z"
    assert (event["money"], event["nothing"], event["words"], event["odd"]) == ("1.50", None, ["b"], "<Odd>")
    assert (event["scalar"], event["raw"], event["half"]) == (0.5, "\ufffda", "?")
    assert event["large"] == str(10**30)
    assert event["nested"] == {"1": {"two": [3, None, True]}}
    assert "…" in json.dumps(event["circle"], ensure_ascii=False)
