"""What slows jobs down."""

from __future__ import annotations

from datetime import datetime

from ..models import JobRow, SuspectJob
from .client import AsyncTranscriptionAPI

PAGE_MAX = 1000


class AsyncPerformanceAnalyzer:
    """Finds jobs by a filter, and what slows jobs down.

    Jobs have every column of `job_states`, None if unknown, and their numbers by shorter names, NaN if unknown:
    `job.file_size`, `job.download_time`, `job.processing_time`, `job.worker.gpu_usage`. Comparisons with NaN are False.
    """

    def __init__(self, api: AsyncTranscriptionAPI) -> None:
        self.api = api

    async def analyze_bottlenecks(
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
        found = await self.api.analytics.bottlenecks(from_=from_, to=to, limit=limit)
        return found.patterns

    async def query_jobs(
        self,
        filter: str | None = None,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
    ) -> list[JobRow]:
        """All jobs for which `filter` is true, `cost > avg_cost * 2` for example; the last that ended is first."""
        jobs: list[JobRow] = []
        async for job in self.api.analytics.jobs(filter=filter, from_=from_, to=to, limit=PAGE_MAX):
            jobs.append(job)
        return jobs
