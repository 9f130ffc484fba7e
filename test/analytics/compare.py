"""The figures of the analytic reports, computed by pandas from the records themselves: lines of JSON on standard input.

Prints one JSON object: report → group_by → group → figures. Knows nothing of the monitor's SQL.
"""

import json
import sys

import pandas as pd

GROUPS = ["day", "hour", "model", "device", "instance_type", "worker", "tag", "priority", "error_code"]
TOTAL = "(total)"


def main() -> None:
    jobs, runs = [], []
    for line in sys.stdin:
        job = json.loads(line)
        if job["state"] not in ("COMPLETED", "FAILED", "CANCELLED"):
            continue
        attempts = job["earlier"] + ([job["run"]] if job["run"] else [])
        last = attempts[-1] if attempts else None
        jobs.append(job_row(job, last))
        runs.extend(run_row(job, run, run is last) for run in attempts)
        if last is None:
            runs.append(run_row(job, None, True))
    json.dump(reports(pd.DataFrame(jobs), pd.DataFrame(runs)), sys.stdout)


def times(job: dict) -> dict:
    ended = pd.Timestamp(job["completed_ms"], unit="ms")
    return {"day": ended.strftime("%Y-%m-%d"), "hour": ended.strftime("%Y-%m-%dT%H:00:00Z")}


def job_row(job: dict, last: dict | None) -> dict:
    run = last or {}
    return {
        **times(job),
        "state": job["state"],
        "priority": job["priority"],
        "tag": job["tags"] or [None],
        "worker": run.get("worker_id"),
        "model": run.get("model"),
        "device": run.get("device"),
        "instance_type": run.get("instance_type"),
        "error_code": (job["last_error"] or {}).get("code"),
        "audio": job["duration_seconds"],
        "queue": job["queue_ms"] / 1000 if last or job["queue_ms"] else None,
        "processing": (run["ended_ms"] - run["assigned_ms"]) / 1000 if last else None,
        "download": (run["downloaded_ms"] - run["assigned_ms"]) / 1000 if last and run["downloaded_ms"] else None,
        "turnaround": (job["completed_ms"] - job["created_ms"]) / 1000,
    }


def run_row(job: dict, run: dict | None, is_last: bool) -> dict:
    of = run or {}
    cost = of.get("cost_usd")
    return {
        **times(job),
        "job_id": job["job_id"],
        "state": job["state"],
        "priority": job["priority"],
        "tag": job["tags"] or [None],
        "worker": of.get("worker_id"),
        "model": of.get("model"),
        "device": of.get("device"),
        "instance_type": of.get("instance_type"),
        "error_code": of.get("error_code"),
        "ran": run is not None,
        "is_last": is_last,
        "micros": None if cost is None else round(cost * 1e6),
        # How an attempt ended that another followed at once may never have been reported.
        "seconds": 0 if not run or run["ended_ms"] is None else (run["ended_ms"] - run["assigned_ms"]) / 1000,
        "audio": job["duration_seconds"],
    }


def reports(jobs: pd.DataFrame, runs: pd.DataFrame) -> dict:
    failed = runs[runs.error_code.notna() | (runs.state == "FAILED")]
    return {
        "costs": by_groups(runs, costs),
        "throughput": by_groups(jobs, throughput),
        "durations": by_groups(jobs[jobs.state == "COMPLETED"], durations),
        "failures": by_groups(failed, failures),
    }


def by_groups(frame: pd.DataFrame, figures) -> dict:
    found = {}
    for group in GROUPS:
        rows = frame.explode(group) if group == "tag" else frame
        of = {("null" if pd.isna(key) else key): figures(part) for key, part in rows.groupby(group, dropna=False)}
        found[group] = {**of, TOTAL: figures(frame)}
    return found


def costs(rows: pd.DataFrame) -> dict:
    done = rows.is_last & (rows.state == "COMPLETED")
    return {
        **{f"jobs_{state.lower()}": int((rows.is_last & (rows.state == state)).sum()) for state in STATES},
        "cost_micros": int(rows.micros.fillna(0).sum()),
        "wasted_micros": int(rows.micros[~done].fillna(0).sum()),
        "unpriced_attempts": int((rows.ran & rows.micros.isna()).sum()),
        "instance_seconds": round(float(rows.seconds.sum()), 3),
        "audio_seconds": round(float(rows.audio[done].sum()), 3),
    }


STATES = ("COMPLETED", "FAILED", "CANCELLED")


def throughput(rows: pd.DataFrame) -> dict:
    done = rows[rows.state == "COMPLETED"]
    timed = done[done.audio.notna() & (done.processing > 0)]
    return {
        **{f"jobs_{state.lower()}": int((rows.state == state).sum()) for state in STATES},
        "audio_seconds": round(float(done.audio.sum()), 3),
        "processing_seconds": round(float(done.processing.sum()), 3),
        "throughput_factor": float(timed.audio.sum() / timed.processing.sum()) if len(timed) else None,
    }


def durations(rows: pd.DataFrame) -> dict:
    found: dict = {"jobs_completed": len(rows)}
    for name in ("queue", "download", "processing", "turnaround"):
        values = rows[name].dropna().astype(float)
        quantiles = {f"p{q}": values.quantile(q / 100) for q in (50, 90, 95, 99)}
        figures = {"average": values.mean(), **quantiles, "max": values.max()}
        found[name] = {"count": len(values), **{k: None if pd.isna(v) else float(v) for k, v in figures.items()}}
    return found


def failures(rows: pd.DataFrame) -> dict:
    with_error = rows[rows.error_code.notna()]
    return {
        "jobs_failed": int((rows.is_last & (rows.state == "FAILED")).sum()),
        "attempts_failed": len(with_error),
        "jobs_recovered": int(with_error.job_id[with_error.state == "COMPLETED"].nunique()),
        "wasted_micros": int(with_error.micros.fillna(0).sum()),
    }


main()
