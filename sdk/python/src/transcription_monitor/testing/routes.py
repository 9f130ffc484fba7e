"""The mock monitor's endpoints: those of the real one except the live feed and analytics."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from .documents import FINISHED, MockJob, MockWorker, now, rendered
from .request import MockRequest as Request
from .state import MockState, Refusal

State = MockState
PAGE_DEFAULT = 100


def submit(state: State, request: Request) -> httpx.Response:
    return httpx.Response(201, json=state.submit(request.body).document())


def submit_batch(state: State, request: Request) -> Any:
    answers: list[dict[str, Any]] = []
    for submission in request.body["jobs"]:
        try:
            answers.append({"status": 201, "job": state.submit(submission).document()})
        except Refusal as refusal:
            error = {"status": 400, "code": refusal.code, "detail": str(refusal), **refusal.extra}
            answers.append({"status": 400, "error": error})
    return {"jobs": answers}


def page_of(items: list[dict[str, Any]], request: Request) -> Any:
    start, limit = int(request.query.get("cursor", 0)), int(request.query.get("limit", PAGE_DEFAULT))
    more = start + limit < len(items)
    return {"items": items[start : start + limit], "next_cursor": str(start + limit) if more else None}


def matches(job: MockJob, wanted: dict[str, Any]) -> bool:
    document = job.document()
    return all(FILTERS[name](document, value) for name, value in wanted.items() if name in FILTERS)


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


FILTERS: dict[str, Callable[[dict[str, Any], Any], bool]] = {
    "state": lambda job, state: bool(job["state"] == state),
    "worker_id": lambda job, worker_id: bool(job["worker"] and job["worker"]["worker_id"] == worker_id),
    "priority": lambda job, priority: bool(job["priority"] == priority),
    "tag": lambda job, tag: tag in job["tags"],
    "suspect": lambda job, suspect: job["output"]["suspect"] == (suspect in (True, "true")),
    "error_code": lambda job, code: bool((job["retry_info"]["last_error"] or {}).get("code") == code),
    "job_ids": lambda job, job_ids: job["job_id"] in job_ids,
    "created_after": lambda job, time: time_of(job["created_at"]) >= time_of(time),
    "created_before": lambda job, time: time_of(job["created_at"]) < time_of(time),
    "q": lambda job, text: text.lower() in json.dumps(job).lower(),
}


def list_jobs(state: State, request: Request) -> Any:
    newest_first = reversed(list(state.jobs.values()))
    return page_of([job.document() for job in newest_first if matches(job, request.query)], request)


def get_job(state: State, request: Request, job_id: str) -> httpx.Response:
    job = state.job(job_id)
    etag = f'"{job.version}"'
    if request.headers.get("if-none-match") == etag:
        return httpx.Response(304, headers={"etag": etag})
    return httpx.Response(200, json=job.document(), headers={"etag": etag})


def get_progress(state: State, _: Request, job_id: str) -> Any:
    document = state.job(job_id).document()
    named = {name: document[name] for name in ("job_id", "state", "updated_at", "as_of_seq")}
    return {**named, **document["progress"]}


def get_timeline(state: State, _: Request, job_id: str) -> Any:
    document = state.job(job_id).document()
    return {name: document[name] for name in ("job_id", "state", "state_history", "as_of_seq")}


def get_why(state: State, _: Request, job_id: str) -> Any:
    document = state.job(job_id).document()
    named = {name: document[name] for name in ("job_id", "state", "verdict", "as_of_seq")}
    answer = f"It is {document['state']}."
    return {**named, "answer": answer, "cost": "It has cost nothing.", "evidence": {}, "queue": None, "remedy": None}


def get_transcript(state: State, request: Request, job_id: str) -> Any:
    job = state.job(job_id)
    if job.transcript is None:
        raise Refusal(404, "transcript_not_found", f"there is no transcript of {job_id}", state=job.state)
    form = request.query.get("format", job.submission.get("output_format", "json"))
    return job.transcript if form == "json" else httpx.Response(200, text=rendered(job.transcript, form))


def get_attempt_log(state: State, request: Request, job_id: str, attempt: str) -> httpx.Response:
    job = state.job(job_id)
    complete = int(attempt) < job.attempt or job.finished
    if int(attempt) not in job.logs and (complete or int(attempt) != job.attempt):
        raise Refusal(404, "attempt_log_not_found", f"there is no log of attempt {attempt} of {job_id}")
    log = job.logs.get(int(attempt), "").encode()
    headers = {"log-end": str(len(log)), "log-complete": str(complete).lower()}
    return httpx.Response(200, content=log[int(request.query.get("after", 0)) :], headers=headers)


def put_attempt_log(state: State, request: Request, job_id: str, attempt: str) -> Any:
    job = state.held(job_id, request.headers.get("lease-token"))
    if int(attempt) != job.attempt:
        raise Refusal(409, "attempt_not_current", f"{job_id} is in its attempt {job.attempt}, not {attempt}")
    job.logs[job.attempt] = request.content.decode()
    return {"job_id": job_id, "attempt": job.attempt, "end_bytes": int(request.query["end_bytes"])}


def cancel(state: State, _: Request, job_id: str) -> httpx.Response:
    job = state.job(job_id)
    state.cancel(job)
    return httpx.Response(202 if job.state == "CANCELLING" else 200, json=job.document())


def retry(state: State, _: Request, job_id: str) -> Any:
    state.retry(state.job(job_id))
    return state.job(job_id).document()


def report_progress(state: State, request: Request, job_id: str) -> httpx.Response:
    job = state.held(job_id, request.body.get("lease_token"))
    state.report(job, request.body)
    return httpx.Response(202, json={"job_id": job_id, "state": job.state})


def put_transcript(state: State, request: Request, job_id: str) -> Any:
    return state.keep_transcript(state.held(job_id, request.headers.get("lease-token")), request.body)


def complete(state: State, request: Request, job_id: str) -> Any:
    state.complete(state.held(job_id, request.body.get("lease_token")), request.body["output"])
    return state.job(job_id).document()


def fail(state: State, request: Request, job_id: str) -> Any:
    job = state.held(job_id, request.body.get("lease_token"))
    state.fail(job, request.body["error"], request.body.get("retry_with", {}).get("batch_size"))
    return job.document()


def worker_document(state: State, worker_id: str) -> Any:
    return state.worker(worker_id).document(state.holds(worker_id))


def list_workers(state: State, request: Request) -> Any:
    return page_of([worker_document(state, worker_id) for worker_id in reversed(state.workers)], request)


def get_worker(state: State, _: Request, worker_id: str) -> Any:
    return worker_document(state, worker_id)


def worker_jobs(state: State, request: Request, worker_id: str) -> Any:
    state.worker(worker_id)
    had = [(job, *had) for job in state.jobs.values() for had in job.had_by[-1:] if had[0] == worker_id]
    return page_of(
        [
            {
                "job_id": job.job_id,
                "worker_id": worker_id,
                "attempt": attempt,
                "state": job.state,
                "assigned_at": assigned_at,
                "as_of_seq": job.version,
            }
            for job, _, attempt, assigned_at in reversed(had)
        ],
        request,
    )


def launch(_: State, __: Request) -> Any:
    raise Refusal(409, "no_fleet", "this monitor launches no workers")


def reconcile(_: State, __: Request) -> Any:
    raise Refusal(409, "fleet_not_listed", "this monitor has no fleet whose instances it can list")


def register(state: State, request: Request, worker_id: str) -> httpx.Response:
    known = worker_id in state.workers
    if known:
        worker = state.worker(worker_id, live=True)
        worker.registration, worker.state = request.body, "IDLE"
    else:
        state.workers[worker_id] = MockWorker(worker_id, request.body)
    return httpx.Response(200 if known else 201, json=worker_document(state, worker_id))


def heartbeat(state: State, request: Request, worker_id: str) -> Any:
    worker = state.worker(worker_id, live=True)
    worker.last_heartbeat, worker.health = now(), request.body.get("health", {})
    holds = state.holds(worker_id)
    commands = [{"type": "cancel_job", "job_id": job.job_id} for job in holds if job.state == "CANCELLING"]
    commands += (
        [{"type": {"DRAINING": "drain", "RESTARTING": "restart"}[worker.state]}] if worker.state != "IDLE" else []
    )
    named = request.body.get("leases", [])
    leases = [
        {"token": job.lease_token, "expires_at": now(later_seconds=60)} for job in holds if job.lease_token in named
    ]
    return {"commands": commands, "leases": leases}


def claim(state: State, request: Request, worker_id: str) -> Any:
    worker = state.worker(worker_id, live=True)
    taken = state.waiting()[: request.body.get("max_jobs", 1)] if worker.state == "IDLE" else []
    for job in taken:
        state.assign(job, worker_id)
    return {
        "jobs": [
            {
                "job": job.document(),
                "lease": {"token": job.lease_token, "expires_at": now(later_seconds=60)},
                "audio_url": job.submission["audio_url"],
                "attempt": {"number": job.attempt, "batch_size": job.batch_size},
            }
            for job in taken
        ]
    }


def drain(state: State, request: Request, worker_id: str) -> httpx.Response:
    worker = state.worker(worker_id, live=True)
    worker.reason = request.body.get("reason", worker.reason if worker.state == "DRAINING" else None)
    worker.state = "DRAINING"
    return httpx.Response(202, json=worker_document(state, worker_id))


def restart(state: State, _: Request, worker_id: str) -> httpx.Response:
    state.worker(worker_id, live=True).state = "RESTARTING"
    state.hand_back(worker_id)
    return httpx.Response(202, json=worker_document(state, worker_id))


def terminate(state: State, _: Request, worker_id: str) -> Any:
    worker = state.worker(worker_id, live=True)
    if worker.state != "DRAINING" or worker.reason is None:
        worker.reason = "terminated by request"
    worker.state = "TERMINATED"
    state.hand_back(worker_id)
    return worker_document(state, worker_id)


def queue(name: str) -> Callable[[State, Request], Any]:
    def serve(state: State, _: Request) -> Any:
        lie = [job for job in state.jobs.values() if job.dead] if name == "dlq" else state.waiting()
        held = [job for job in state.jobs.values() if job.lease_token is not None]
        counts = {
            p: sum(job.submission.get("priority", "normal") == p for job in lie) for p in ("high", "normal", "low")
        }
        return {
            "queue": name,
            "messages_visible": len(lie),
            "messages_inflight": 0 if name == "dlq" else len(held),
            "messages_delayed": 0,
            "age_oldest_message": 0 if lie else None,
            "by_priority": counts,
            "updated_at": now(),
            "as_of_seq": 1,
        }

    return serve


def bulk(name: str, take: Callable[[State, MockJob], None]) -> Callable[[State, Request], Any]:
    def serve(state: State, request: Request) -> Any:
        asked = request.body
        dry_run = asked.get("dry_run", False)
        lie = [job for job in state.jobs.values() if job.dead] if name == "dlq" else state.waiting()
        taken = [job for job in lie if matches(job, asked.get("filter", {}))]
        for job in [] if dry_run else taken:
            take(state, job)
        return {"job_ids": [job.job_id for job in taken], "dry_run": dry_run}

    return serve


def give_up(_: State, job: MockJob) -> None:
    job.dead = False


def health(state: State, _: Request) -> Any:
    workers = [worker for worker in state.workers.values() if worker.state != "TERMINATED"]
    active = [worker for worker in workers if state.holds(worker.worker_id)]
    alerts = [
        {name: alert[name] for name in ("id", "severity", "message", "created_at")} for alert in state.active_alerts()
    ]
    return {
        "timestamp": now(),
        "overall_status": "DEGRADED" if alerts else "HEALTHY",
        "components": {
            "queue": {
                "status": "HEALTHY",
                "messages_visible": len(state.waiting()),
                "messages_inflight": sum(job.lease_token is not None for job in state.jobs.values()),
                "age_oldest_message": 0 if state.waiting() else None,
            },
            "workers": {
                "status": "HEALTHY",
                "total_count": len(workers),
                "healthy_count": len(workers),
                "active_count": len(active),
                "idle_count": len(workers) - len(active),
            },
            "jobs": {
                "status": "HEALTHY",
                "total_active": sum(not job.finished for job in state.jobs.values()),
                "success_rate_24h": None,
                "average_completion_time": None,
            },
        },
        "alerts": alerts,
        "metrics": sums(state),
        "as_of_seq": 1,
    }


def sums(state: State) -> dict[str, Any]:
    completed = sum(job.state == "COMPLETED" for job in state.jobs.values())
    return {"throughput_jobs_per_hour": completed, "cost_per_hour_usd": 0, "efficiency_score": None}


def metrics(state: State, request: Request) -> Any:
    states = [job.state for job in state.jobs.values()]
    period = {
        "period_start": now()[:13] + ":00:00Z",
        "jobs_submitted": len(states),
        "jobs_completed": states.count("COMPLETED"),
        "jobs_failed": states.count("FAILED"),
        "jobs_cancelled": states.count("CANCELLED"),
        "average_processing_time": None,
        "average_queue_time": None,
        "audio_seconds": 0,
        "cost_total": 0,
        "success_rate": None,
        "audio_hours": 0,
        "queue_depth": None,
        "queue_depth_max": None,
        "queue_depth_mean": None,
        "age_oldest_message_max": None,
        "worker_seconds_paid": None,
        "worker_seconds_busy": None,
        "worker_seconds_idle": None,
        "measured_seconds": 0,
        "as_of_seq": 1,
    }
    if {"from", "to", "step"} & request.query.keys():
        times = {"from": request.query.get("from", now()), "to": request.query.get("to", now())}
        return {"step": request.query.get("step", "hour"), **times, "items": [period], "as_of_seq": 1}
    counted = {name: states.count(name) for name in sorted(set(states))}
    none = {"jobs": 0, "within_p50": None, "within_p90": None}
    estimates = {"start": none, "completion": none, "run_completion": none}
    periods = {"hour": period, "day": period}
    return {**sums(state), "timestamp": now(), "jobs": counted, **periods, "estimates": estimates, "as_of_seq": 1}


def alerts(state: State, request: Request) -> Any:
    status = request.query.get("status", "firing")
    chosen = [alert for alert in state.alerts.values() if alert["status"] == status]
    listed = state.active_alerts() if status == "unresolved" else chosen
    return page_of([{**alert, "suppressed": state.suppressed(alert)} for alert in listed], request)


def get_alert(state: State, _: Request, alert_id: str) -> Any:
    return state.alert(alert_id)


def resolve_alert(state: State, request: Request, alert_id: str) -> Any:
    alert = state.alert(alert_id)
    if alert["resolved_at"] is None:
        by = (request.body or {}).get("by", "api")
        alert.update(status="resolved", resolved_at=now(), resolved_by=by)
        state.silences = {id: one for id, one in state.silences.items() if not state.over(one)}
    return alert


def acknowledge_alert(state: State, request: Request, alert_id: str) -> Any:
    alert = state.alert(alert_id)
    if alert["resolved_at"] is not None:
        raise Refusal(409, "alert_resolved", f"{alert_id} was resolved at {alert['resolved_at']}")
    if alert["acknowledged"] is None:
        alert["acknowledged"] = {"by": (request.body or {}).get("by", "api"), "at": now()}
    return alert


def alert_rules(_: State, __: Request) -> Any:
    return {"rules": [], "inhibitions": [], "mute_times": [], "problem": None}


def policies(_: State, __: Request) -> Any:
    breaker = {"actions": 10, "share": 0.2, "within_seconds": 300, "pause_seconds": 1800}
    return {"policies": [], "circuit_breaker": breaker, "paused": None, "problem": None}


def actions(_: State, request: Request) -> Any:
    return page_of([], request)


def backtest_alert_rules(_: State, __: Request) -> Any:
    return {"from": now(), "to": now(), "firings": [], "left_out": []}


def settings(_: State, __: Request) -> Any:
    return {"version": "0.0.0", "store": "memory:", "destinations": [], "settings": []}


def worker_usage(state: State, _: Request, worker_id: str) -> Any:
    state.worker(worker_id)
    return {"worker_id": worker_id, "items": [], "as_of_seq": 1}


def silences(state: State, request: Request) -> Any:
    return page_of(list(state.silences.values()), request)


def create_silence(state: State, request: Request) -> httpx.Response:
    return httpx.Response(201, json=state.silence(request.body))


def end_silence(state: State, _: Request, silence_id: str) -> Any:
    if silence_id not in state.silences:
        raise Refusal(404, "silence_not_found", f"there is no silence {silence_id}; it may have ended")
    return {**state.silences.pop(silence_id), "ends_at": now()}


def create_upload(state: State, request: Request) -> httpx.Response:
    return httpx.Response(201, json=state.upload(request.query.get("name", "audio"), request.content))


def open_upload(state: State, _: Request, upload_id: str) -> httpx.Response:
    if upload_id not in state.uploads:
        raise Refusal(404, "upload_not_found", f"there is no upload {upload_id}")
    return httpx.Response(200, content=state.uploads[upload_id][1])


def report_events(state: State, request: Request) -> Any:
    """Only events without a lease."""
    rejected = []
    lines = request.content.decode().splitlines()
    for number, line in enumerate(lines, 1):
        event = json.loads(line)
        job_id, name = event["job_id"], event["event"]
        if not job_id.replace("-", "").replace("_", "").isalnum():
            rejected.append({"line": number, "code": "invalid_event", "detail": "/job_id is not an id"})
            continue
        if job_id not in state.jobs:
            job = MockJob(job_id, {"audio_url": event.get("audio_url", f"s3://elsewhere/{job_id}")})
            state.jobs[job_id] = job
            job.enter("PROCESSING", "Reported by its worker")
        job = state.jobs[job_id]
        if job.state in FINISHED:
            rejected.append({"line": number, "code": "transition_not_allowed", "detail": f"{job_id} is {job.state}"})
        elif name == "JOB_PROGRESS":
            told = ("percentage", "stage", "current_chunk", "total_chunks", "eta_seconds")
            state.report(job, {field: event[field] for field in told if field in event})
        elif name == "JOB_COMPLETE":
            state.complete(job, {"s3_path": event.get("s3_path"), "segments_count": event.get("segments", 0)})
        elif name == "JOB_FAILED":
            error = {"code": event.get("code", "worker_error"), "message": event.get("error", ""), "retryable": False}
            state.fail(job, error)
    return {"accepted": len(lines) - len(rejected), "rejected": rejected}


def list_sources(_: State, request: Request) -> Any:
    return page_of([], request)


def observe(state: State, request: Request, source: str) -> Any:
    """The latest report of a job wins, and an end is left only by a later start."""
    answer: dict[str, Any] = {"taken": 0, "known": 0, "refused": []}
    for told in request.body["jobs"]:
        job = state.jobs.get(told["job_id"])
        if job is not None and job.told_at is None:
            answer["refused"].append(
                {"job_id": job.job_id, "code": "job_of_this_queue", "detail": f"{job.job_id} is a job of this queue"}
            )
        elif job is not None and not _is_news(job, told):
            answer["known"] += 1
        else:
            tags, metadata = [f"source:{source}"[:128]], {"source": source}
            submission = {"audio_url": "s3://elsewhere/audio", "tags": tags, "metadata": metadata}
            job = state.jobs.setdefault(told["job_id"], MockJob(told["job_id"], submission))
            job.told_at, job.worker_id = told["told_at"], told.get("worker_id") or job.worker_id
            job.assigned_at = told.get("started_at") or job.assigned_at or job.told_at
            job.percentage, job.stage = told.get("percentage") or job.percentage, told.get("stage") or job.stage
            job.duration_seconds = told.get("audio_duration") or job.duration_seconds
            if told["state"] == "COMPLETED":
                segments, s3_path = told.get("segments") or 0, told.get("s3_path")
                job.percentage, job.last_error = 100, None
                job.output = {"s3_path": s3_path, "segments_count": segments, "confidence_score": None}
            if told["state"] == "FAILED":
                message = told.get("error") or "The worker gave no reason"
                job.last_error = {"code": "worker_error", "message": message, "retryable": False, "fault": None}
            if told["state"] == job.state:
                job.version += 1
            else:
                job.enter(told["state"], f"Reported by {source}")
            answer["taken"] += 1
    return answer


def _is_news(job: MockJob, told: dict[str, Any]) -> bool:
    last = time_of(job.completed_at if job.state == "CANCELLED" and job.completed_at else job.told_at or "")
    if job.state == "CANCELLED" or (job.finished and told["state"] in ("QUEUED", "PROCESSING")):
        return bool(told.get("started_at")) and time_of(told["started_at"]) > last
    # Of two reports at the same time the more advanced one wins.
    advance = _advance(told["state"], told.get("percentage") or 0), _advance(job.state, job.percentage)
    return (time_of(told["told_at"]), advance[0]) > (last, advance[1])


def _advance(state: str, percentage: float) -> float:
    return {"QUEUED": -1.0, "PROCESSING": percentage}.get(state, 200)


ROUTES: dict[str, Callable[..., Any]] = {
    "POST /jobs": submit,
    "POST /jobs/batch": submit_batch,
    "GET /jobs": list_jobs,
    "GET /jobs/{job_id}": get_job,
    "GET /jobs/{job_id}/progress": get_progress,
    "GET /jobs/{job_id}/timeline": get_timeline,
    "GET /jobs/{job_id}/why": get_why,
    "GET /jobs/{job_id}/transcript": get_transcript,
    "DELETE /jobs/{job_id}": cancel,
    "POST /jobs/{job_id}/retry": retry,
    "PUT /jobs/{job_id}/progress": report_progress,
    "PUT /jobs/{job_id}/transcript": put_transcript,
    "GET /jobs/{job_id}/attempts/{attempt}/log": get_attempt_log,
    "PUT /jobs/{job_id}/attempts/{attempt}/log": put_attempt_log,
    "POST /jobs/{job_id}/complete": complete,
    "POST /jobs/{job_id}/fail": fail,
    "GET /workers": list_workers,
    "POST /workers": launch,
    "POST /workers/reconcile": reconcile,
    "GET /workers/{worker_id}": get_worker,
    "PUT /workers/{worker_id}": register,
    "DELETE /workers/{worker_id}": terminate,
    "GET /workers/{worker_id}/jobs": worker_jobs,
    "GET /workers/{worker_id}/usage": worker_usage,
    "POST /workers/{worker_id}/heartbeat": heartbeat,
    "POST /workers/{worker_id}/claim": claim,
    "POST /workers/{worker_id}/drain": drain,
    "POST /workers/{worker_id}/restart": restart,
    "GET /queues/main": queue("main"),
    "GET /queues/dlq": queue("dlq"),
    "POST /queues/main/purge": bulk("main", MockState.cancel),
    "POST /queues/dlq/purge": bulk("dlq", give_up),
    "POST /queues/dlq/redrive": bulk("dlq", MockState.retry),
    "GET /system/health": health,
    "GET /system/metrics": metrics,
    "GET /system/alerts": alerts,
    "GET /system/alerts/{alert_id}": get_alert,
    "POST /system/alerts/{alert_id}/resolve": resolve_alert,
    "POST /system/alerts/{alert_id}/acknowledge": acknowledge_alert,
    "GET /system/alert-rules": alert_rules,
    "GET /system/policies": policies,
    "POST /system/policies/resume": policies,
    "GET /system/actions": actions,
    "POST /system/alert-rules/backtest": backtest_alert_rules,
    "GET /system/settings": settings,
    "GET /system/silences": silences,
    "POST /system/silences": create_silence,
    "DELETE /system/silences/{silence_id}": end_silence,
    "POST /uploads": create_upload,
    "GET /uploads/{upload_id}": open_upload,
    "POST /events": report_events,
    "GET /sources": list_sources,
    "POST /sources/{source}/jobs": observe,
}
