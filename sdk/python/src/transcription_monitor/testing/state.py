"""The state of the mock monitor, and its rules."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from .documents import MockJob, MockWorker, now

AUDIO_URL = re.compile(r"(s3|https|upload)://[^\s/]+/.+")
PRIORITIES = ("high", "normal", "low")


class Refusal(Exception):
    def __init__(self, status: int, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.extra = extra


class MockState:
    def __init__(self) -> None:
        self.jobs: dict[str, MockJob] = {}
        self.workers: dict[str, MockWorker] = {}
        self.alerts: dict[str, dict[str, Any]] = {}
        self.silences: dict[str, dict[str, Any]] = {}
        self.uploads: dict[str, tuple[dict[str, Any], bytes]] = {}
        self._numbers: dict[str, int] = {}

    def name(self, kind: str) -> str:
        """`job-1`, `job-2`, …"""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f"{kind}-{self._numbers[kind]}"

    def job(self, job_id: str) -> MockJob:
        if job_id not in self.jobs:
            raise Refusal(404, "job_not_found", f"there is no job {job_id}")
        return self.jobs[job_id]

    def held(self, job_id: str, lease_token: str | None) -> MockJob:
        job = self.job(job_id)
        if job.lease_token is None or job.lease_token != lease_token:
            raise Refusal(409, "lease_expired", f"the lease on {job_id} is no longer yours", state=job.state)
        return job

    def worker(self, worker_id: str, *, live: bool = False) -> MockWorker:
        if worker_id not in self.workers:
            raise Refusal(404, "worker_not_found", f"there is no worker {worker_id}")
        worker = self.workers[worker_id]
        if live and worker.state == "TERMINATED":
            raise Refusal(409, "worker_terminated", f"{worker_id} is TERMINATED", state="TERMINATED")
        return worker

    def holds(self, worker_id: str) -> list[MockJob]:
        return [job for job in self.jobs.values() if job.worker_id == worker_id and job.lease_token is not None]

    def waiting(self) -> list[MockJob]:
        """In the order in which they are claimed."""
        queued = [job for job in self.jobs.values() if job.state == "QUEUED"]
        return sorted(queued, key=lambda job: PRIORITIES.index(job.submission.get("priority", "normal")))

    def submit(self, submission: dict[str, Any]) -> MockJob:
        errors = self.check(submission)
        if errors:
            raise Refusal(400, "invalid_body", f"body: {errors[0]['field']} {errors[0]['message']}", errors=errors)
        job = MockJob(self.name("job"), submission)
        self.jobs[job.job_id] = job
        job.enter("SUBMITTED", "Job submitted to queue")
        job.enter("QUEUED", "Waiting in the main queue")
        return job

    def check(self, submission: Any) -> list[dict[str, str]]:
        """Errors of a submission; the real monitor checks more."""
        if not isinstance(submission, dict) or "audio_url" not in submission:
            return [{"field": "/audio_url", "message": "is missing"}]
        if not AUDIO_URL.fullmatch(str(submission["audio_url"])):
            return [{"field": "/audio_url", "message": "must be s3://bucket/key, https://… or upload://…"}]
        if submission.get("priority", "normal") not in PRIORITIES:
            return [{"field": "/priority", "message": "must be one of high, normal, low"}]
        return []

    def assign(self, job: MockJob, worker_id: str) -> None:
        job.worker_id, job.assigned_at = worker_id, now()
        job.had_by.append((worker_id, job.attempt, job.assigned_at))
        job.lease_token = f"lease-{job.job_id}-{len(job.had_by)}"
        job.enter("PROCESSING", f"Assigned to {worker_id}")

    def report(self, job: MockJob, report: dict[str, Any]) -> None:
        for name, value in report.items():
            if name != "lease_token":
                setattr(job, name, value.upper() if name == "stage" and value else value)
        job.version += 1

    def keep_transcript(self, job: MockJob, transcript: dict[str, Any]) -> dict[str, Any]:
        there = job.transcript is not None
        job.transcript = job.transcript or transcript
        kept = job.transcript["segments"]
        weighted = [
            (s["confidence"], s["end_seconds"] - s["start_seconds"]) for s in kept if s["confidence"] is not None
        ]
        weights = sum(weight for _, weight in weighted)
        quality = job.transcript.get("quality") or {"suspect": False, "reasons": []}
        notes = (job.transcript.get("warnings") or []) + (quality["reasons"] if quality["suspect"] else [])
        first = {note["code"]: note["message"] for note in reversed(notes)}
        codes = list(dict.fromkeys(note["code"] for note in notes))[:20]
        extension = {"text": "txt"}.get(form := job.submission.get("output_format", "json"), form)
        return {
            "s3_path": f"mock:transcripts/{job.job_id}.{extension}",
            "segments_count": len(kept),
            "confidence_score": round(sum(c * w for c, w in weighted) / weights, 3) if weights else None,
            "warnings": [{"code": code, "message": first[code]} for code in codes],
            "suspect": quality["suspect"],
            "already_there": there,
        }

    def complete(self, job: MockJob, output: dict[str, Any]) -> None:
        self._release(job, completed=1)
        if job.state == "CANCELLING":
            job.enter("CANCELLED", "Cancelled")
            return
        job.percentage, job.eta_seconds, job.last_error = 100, None, None
        job.stage, job.current_chunk = None, job.total_chunks
        job.output = {name: value for name, value in output.items() if name != "already_there"}
        job.enter("COMPLETED", "Completed")

    def fail(self, job: MockJob, error: dict[str, Any], batch_size: int | None = None) -> None:
        self._release(job, failed=1)
        if job.state == "CANCELLING":
            job.enter("CANCELLED", "Cancelled")
            return
        job.last_error, job.batch_size = {"fault": None, **error}, batch_size
        if error["retryable"] and job.attempt < job.submission.get("max_attempts", 3):
            job.attempt += 1
            self._requeue(job, f"Attempt failed: {error['message']}")
        else:
            job.dead = True
            job.enter("FAILED", error["message"])

    def hand_back(self, worker_id: str) -> None:
        for job in self.holds(worker_id):
            self._release(job)
            self._requeue(job, f"{worker_id} released it")

    def cancel(self, job: MockJob) -> None:
        if job.finished:
            raise Refusal(409, "transition_not_allowed", f"{job.job_id} is {job.state}", state=job.state)
        if job.lease_token is not None:
            job.enter("CANCELLING", "Cancel requested")
        else:
            job.enter("CANCELLED", "Cancelled")

    def retry(self, job: MockJob, details: str = "Retry requested") -> None:
        if job.state not in ("FAILED", "CANCELLED"):
            raise Refusal(409, "transition_not_allowed", f"{job.job_id} is {job.state}", state=job.state)
        job.attempt, job.dead = 1, False
        self._requeue(job, details)

    def raise_alert(self, message: str, severity: str, rule: str) -> str:
        alert_id = self.name("alert")
        at = now()
        self.alerts[alert_id] = {
            "id": alert_id,
            "rule": rule,
            "subject": None,
            "severity": severity,
            "status": "firing",
            "labels": {"alertname": rule, "severity": severity},
            "fingerprint": hashlib.sha256(rule.encode()).hexdigest()[:16],
            "message": message,
            "description": None,
            "runbook_url": None,
            "created_at": at,
            "fired_at": at,
            "acknowledged": None,
            "resolved_at": None,
            "resolved_by": None,
            "as_of_seq": 1,
        }
        return alert_id

    def alert(self, alert_id: str) -> dict[str, Any]:
        if alert_id not in self.alerts:
            raise Refusal(404, "alert_not_found", f"there is no alert {alert_id}")
        return self.alerts[alert_id]

    def active_alerts(self) -> list[dict[str, Any]]:
        return [alert for alert in self.alerts.values() if alert["resolved_at"] is None]

    def silence(self, body: dict[str, Any]) -> dict[str, Any]:
        until_resolved = None
        if body.get("until_resolved"):
            until_resolved = [one["id"] for one in self.active_alerts() if selects(body["matchers"], one["labels"])]
            if not until_resolved:
                raise Refusal(409, "nothing_to_silence", "no unresolved alert has these labels")
        elif "ends_at" not in body:
            raise Refusal(400, "silence_without_end", "a silence requires an end")
        silence = {
            "id": self.name("silence"),
            "matchers": body["matchers"],
            "comment": body["comment"],
            "created_by": body["created_by"],
            "created_at": now(),
            "starts_at": body.get("starts_at", now()),
            "ends_at": body.get("ends_at"),
            "until_resolved": until_resolved,
        }
        self.silences[str(silence["id"])] = silence
        return silence

    def over(self, silence: dict[str, Any]) -> bool:
        """Whether all alerts that it lasts for are resolved."""
        ids = silence["until_resolved"]
        return ids is not None and all(self.alerts[alert_id]["resolved_at"] for alert_id in ids)

    def suppressed(self, alert: dict[str, Any]) -> dict[str, str] | None:
        if alert["resolved_at"] is not None:
            return None
        if alert["acknowledged"] is not None:
            return {"by": "acknowledged", "id": alert["acknowledged"]["by"]}
        for silence in self.silences.values():
            if selects(silence["matchers"], alert["labels"]):
                return {"by": "silence", "id": silence["id"]}
        return None

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        if not content:
            raise Refusal(400, "audio_empty", "the upload has no bytes")
        upload_id = self.name("upload")
        upload = {
            "upload_id": upload_id,
            "audio_url": f"upload://{upload_id}/{name}",
            "file_name": name,
            "file_size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "created_at": now(),
        }
        self.uploads[upload_id] = (upload, content)
        return upload

    def _requeue(self, job: MockJob, details: str) -> None:
        job.percentage, job.stage, job.current_chunk, job.total_chunks = 0, None, None, None
        job.enter("QUEUED", details)

    def _release(self, job: MockJob, *, completed: int = 0, failed: int = 0) -> None:
        worker = self.workers.get(job.worker_id or "")
        if worker and job.state != "CANCELLING":
            worker.jobs_completed += completed
            worker.jobs_failed += failed
        job.lease_token = None
        if not completed:
            job.worker_id = None


def selects(matchers: list[dict[str, str]], labels: dict[str, str]) -> bool:
    return all(
        (re.fullmatch(re.escape(one["value"]).replace(r"\*", ".*"), labels.get(one["name"], ""), re.DOTALL) is not None)
        == (one["op"] == "=")
        for one in matchers
    )
