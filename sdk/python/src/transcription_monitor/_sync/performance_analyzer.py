# Generated from ../_async/performance_analyzer.py by scripts/generate_sync.py. Edit that file instead.
"""What slows jobs down."""

from __future__ import annotations

from datetime import datetime

from ..models import JobRow, SuspectJob
from .client import TranscriptionAPI

PAGE_MAX = 1000


class PerformanceAnalyzer:
    """Finds jobs by a filter, and what slows jobs down.

    Jobs have every column of `job_states`, None if unknown, and their numbers by shorter names, NaN if unknown:
    `job.file_size`, `job.download_time`, `job.processing_time`, `job.worker.gpu_usage`. Comparisons with NaN are False.
    """

    def __init__(self, api: TranscriptionAPI) -> None:
        self.api = api

    def analyze_bottlenecks(
        self,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        limit: int | None = None,
    ) -> dict[str, list[SuspectJob]]:
        """Patterns that slow jobs down or make them fail, each with up to `limit` (20) jobs, the slowest first.

        `large_files`, `gpu_issues`, `network_issues`, `cold_starts`, `cpu_fallback`, `bad_workers`, `bad_sources`,
        `retries`. `job.evidence` says why a job is there.
        """
        found = self.api.analytics.bottlenecks(from_=from_, to=to, limit=limit)
        return found.patterns

    def query_jobs(
        self,
        filter: str | None = None,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
    ) -> list[JobRow]:
        """All jobs for which `filter` is true, `cost > avg_cost * 2` for example; the last that ended is first."""
        jobs: list[JobRow] = []
        for job in self.api.analytics.jobs(filter=filter, from_=from_, to=to, limit=PAGE_MAX):
            jobs.append(job)
        return jobs
