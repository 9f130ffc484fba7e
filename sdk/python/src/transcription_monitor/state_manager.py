"""The documents' `StateManager`: transitions of jobs that run elsewhere, written to the monitor's journal.

Where the documents read a job, change it and write it back, this class sends the transition alone: the monitor merges
it with what it knows, so that no update is lost, and updates metrics and views with it. Jobs of the monitor's own queue
are changed by their workers, under a lease; of those this class only reads and cancels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Literal, cast

from ._sync.client import TranscriptionAPI
from .bodies import JobSighting, SightingDetails
from .errors import ConflictError
from .models import Alert, CurrentMetrics, Job
from .models.source import RefusedSighting

#: What the monitor takes from a source for each state. It has no part in a submission elsewhere: such a job waits.
_REPORTED_AS: dict[str, Literal["QUEUED", "PROCESSING", "COMPLETED", "FAILED"]] = {
    "SUBMITTED": "QUEUED",
    "QUEUED": "QUEUED",
    "PROCESSING": "PROCESSING",
    "COMPLETED": "COMPLETED",
    "FAILED": "FAILED",
}
_CANCELLED = "CANCELLED"


class StateManager:
    """Reports jobs that run elsewhere, as one source of the monitor:

        manager = StateManager(api)
        manager.update_job_state("job-1", "PROCESSING", "Assigned to worker-123")
        manager.update_job_state("job-1", "PROCESSING", {"percentage": 45, "stage": "TRANSCRIBING"})
        manager.update_job_state("job-1", "FAILED", "GPU out of memory")

    `source` names the reporting system: its jobs have the tag `source:…`.
    """

    def __init__(self, api: TranscriptionAPI, *, source: str = "state-manager") -> None:
        self._api = api
        self._source = source

    def update_job_state(
        self,
        job_id: str,
        new_state: str,
        details: str | SightingDetails | None = None,
        *,
        at: datetime | None = None,
    ) -> Job:
        """Reports that a job is SUBMITTED, QUEUED, PROCESSING, COMPLETED or FAILED, or cancels it: CANCELLED. Returns
        the job as the monitor has it then.

        A job that the monitor doesn't know becomes known. A repeated or late update changes nothing: an attempt that
        has ended stays ended, until `started_at` begins the next one. A job that was being processed is CANCELLING
        until its end is reported, or the kill deadline passes.

        `details`: fields, or a text, which is the `error` of a FAILED job, and names the worker in the documents'
        "Assigned to worker-123". Any other text has no effect, since the monitor writes the history itself. `at`: when
        it happened, now by default; a time without a zone is taken for UTC.

        Raises ValueError for another state or unknown details; ConflictError `job_of_this_queue` for a job that the
        monitor hands out to its workers, and ConflictError or NotFoundError as `api.jobs.cancel` does.
        """
        time = datetime.now(timezone.utc) if at is None else _utc(at)
        told_at = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return self._update(job_id, new_state, details, told_at)

    def get_job_state(self, job_id: str) -> dict[str, Any]:
        """The job's document, in any state. Raises NotFoundError."""
        return self._api.jobs.get(job_id).model_dump(mode="json")

    def write_state(self, key: str, state: Mapping[str, Any]) -> Job:
        """Reports the last transition in a job's document, changed as the documents' `update_job_state` does: `state`,
        `updated_at` and the last entry of `state_history`. Its other fields are the monitor's.

        `key` is `jobs/active/{job_id}/state.json`; the monitor writes that object some seconds later. Raises ValueError
        for another key, otherwise as `update_job_state` does.
        """
        found = re.fullmatch(r"jobs/active/([^/]+)/state\.json", key)
        if found is None or found[1] != state["job_id"]:
            raise ValueError(f"{key!r} is not the key of {state['job_id']}: jobs/active/{state['job_id']}/state.json")
        last = state["state_history"][-1]
        details = last["details"] if last["state"] == state["state"] else None
        return self._update(found[1], state["state"], details, state["updated_at"])

    def update_system_metrics(self) -> CurrentMetrics:
        """The metrics now. Each transition updates them in the commit that records it, so nothing has to be called."""
        return self._api.system.metrics()

    def check_alert_conditions(self, job_id: str | None = None, new_state: str | None = None) -> list[Alert]:  # noqa: ARG002
        """The active alerts, oldest first. The monitor checks their conditions itself, at least every 5 seconds. They
        concern workers, queues and the store, so the arguments select none.
        """
        return list(self._api.system.alerts())

    def _update(self, job_id: str, new_state: str, details: str | SightingDetails | None, told_at: str) -> Job:
        if new_state not in _REPORTED_AS and new_state != _CANCELLED:
            states = ", ".join([*_REPORTED_AS, _CANCELLED])
            raise ValueError(f"{new_state!r} is not a state that can be reported: {states}")
        fields = _fields(new_state, details)
        if new_state == _CANCELLED:
            return self._api.jobs.cancel(job_id)
        sighting = {**fields, "job_id": job_id, "state": _REPORTED_AS[new_state], "told_at": told_at}
        answer = self._api.sources.observe(self._source, [cast(JobSighting, sighting)])
        job = self._api.jobs.get(job_id)
        for refused in answer.refused:
            raise _refusal(refused, job)
        return job


def _fields(new_state: str, details: str | SightingDetails | None) -> SightingDetails:
    if details is None:
        return {}
    if isinstance(details, str):
        if new_state == "FAILED":
            return {"error": details[:4000]}
        assigned = re.fullmatch(r"Assigned to ([A-Za-z0-9][A-Za-z0-9_-]{0,63})", details, re.ASCII)
        return {"worker_id": assigned[1]} if assigned and new_state == "PROCESSING" else {}
    known = SightingDetails.__annotations__
    if unknown := ", ".join(repr(name) for name in details if name not in known):
        raise ValueError(f"{unknown} can't be reported of a job: the details are {', '.join(known)}")
    return details


def _refusal(refused: RefusedSighting, job: Job) -> ConflictError:
    problem = {"status": 409, "code": refused.code, "detail": refused.detail, "state": job.state}
    if refused.code == "job_of_this_queue":
        problem["detail"] = f"{refused.detail}: only the worker that holds its lease can change its state"
        problem["hint"] = (
            "Report with that lease: api.jobs.report_progress, complete or fail; api.jobs.cancel cancels it."
        )
    return ConflictError(problem)


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time.astimezone(timezone.utc)
