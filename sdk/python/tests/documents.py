"""Documents as the monitor returns them."""

from __future__ import annotations

from typing import Any

NOW = "2025-07-07T19:30:00Z"


def job_document(**changes: Any) -> dict[str, Any]:
    return {
        "job_id": "job-1",
        "state": "QUEUED",
        "created_at": NOW,
        "updated_at": NOW,
        "started_at": None,
        "completed_at": None,
        "estimated_completion": None,
        "priority": "normal",
        "output_format": "json",
        "tags": [],
        "metadata": {},
        "input": {"s3_path": "s3://bucket/a.mp3", "duration_seconds": None, "file_size_bytes": None},
        "output": {"s3_path": None, "segments_count": 0, "confidence_score": None},
        "worker": None,
        "progress": {
            "percentage": 0,
            "stage": None,
            "current_chunk": None,
            "total_chunks": None,
            "eta_seconds": None,
        },
        "performance": {
            "queue_time_seconds": None,
            "processing_time_seconds": None,
            "throughput_factor": None,
            "download_time_seconds": None,
        },
        "state_history": [],
        "retry_info": {"attempt": 1, "max_attempts": 3, "last_error": None, "next_attempt_at": None},
        "cost_tracking": {"estimated_cost_usd": None, "actual_cost_usd": None, "instance_time_seconds": 0},
        "as_of_seq": 1,
        **changes,
    }
