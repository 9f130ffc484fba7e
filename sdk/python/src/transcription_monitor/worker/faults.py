"""Whose fault a failure is, by its code: the table of the monitor (protocol/fault.ts)."""

from __future__ import annotations

from ..bodies import Failure, Fault

_OF_WORKER = {
    "disk_full",
    "engine_broken",
    "engine_choice_invalid",
    "engine_missing",
    "engine_stalled",
    "gpu_unavailable",
}


def fault_of(failure: Failure) -> Fault | None:
    """None if it is unknown."""
    code = failure["code"]
    if "fault" in failure:
        return failure["fault"]
    if code in _OF_WORKER:
        return "worker"
    if code in ("audio_unreachable", "engine_unreachable"):
        return "service"
    return "audio" if code in ("no_audio_track", "not_audio") or code.startswith("audio_") else None
