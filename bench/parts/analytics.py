"""What pandas takes for three of the questions, on column files whose paths are a JSON list on standard input: `analytics.py ROUNDS`."""

import json
import resource
import statistics
import sys
import time

import pandas as pd

QUANTILES = [0.5, 0.9, 0.95, 0.99]


def completed(paths: list[str], columns: list[str]) -> pd.DataFrame:
    jobs = pd.read_parquet(paths, columns=["state", *columns])
    return jobs[jobs.state == "COMPLETED"]


def cost_query(paths: list[str]) -> pd.DataFrame:
    jobs = completed(paths, ["completed_at", "processing_time_seconds", "cost_usd", "duration_seconds"])
    jobs = jobs.assign(per_minute=jobs.cost_usd / jobs.duration_seconds * 60)
    return jobs.groupby(jobs.completed_at.dt.date).agg(
        {"state": "count", "processing_time_seconds": "mean", "cost_usd": "sum", "per_minute": "mean"}
    )


def throughput_by_day(paths: list[str]) -> pd.DataFrame:
    columns = ["state", "completed_at", "duration_seconds", "processing_time_seconds"]
    jobs = pd.read_parquet(paths, columns=columns)
    return jobs.groupby([jobs.completed_at.dt.date, "state"]).agg(
        {"completed_at": "count", "duration_seconds": "sum", "processing_time_seconds": "sum"}
    )


def durations_by_model(paths: list[str]) -> pd.DataFrame:
    measures = ["queue_time_seconds", "download_time_seconds", "processing_time_seconds", "turnaround"]
    jobs = completed(paths, ["model", "created_at", "completed_at", *measures[:3]])
    jobs = jobs.assign(turnaround=(jobs.completed_at - jobs.created_at).dt.total_seconds())
    jobs[measures].quantile(QUANTILES)
    return jobs.groupby("model", dropna=False)[measures].quantile(QUANTILES)


def main() -> None:
    paths = json.load(sys.stdin)
    for question in (cost_query, throughput_by_day, durations_by_model):
        taken, used = [], []
        for _ in range(int(sys.argv[1])):
            began, cpu = time.perf_counter(), time.process_time()
            question(paths)
            taken.append(time.perf_counter() - began)
            used.append(time.process_time() - cpu)
        name = question.__name__.replace("_", " ")
        seconds = f"median {statistics.median(taken):.2f} s, best {min(taken):.2f} s, CPU {statistics.median(used):.2f} s"
        print(f"pandas, {name:<24} {seconds}", flush=True)
    print(f"memory of pandas at its highest: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


main()
