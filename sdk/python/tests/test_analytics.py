"""Analytics against a real monitor, whose clock is put forward, so that attempts take minutes."""

from __future__ import annotations

import asyncio
import json
import math
import secrets
import tempfile
import textwrap
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from transcription_monitor import (
    AsyncPerformanceAnalyzer,
    AsyncTranscriptionAPI,
    ForbiddenError,
    InvalidRequestError,
    PerformanceAnalyzer,
    TranscriptionAPI,
)
from transcription_monitor.models import JobRow

from .processes import NODE, ROOT, Monitor, started

#: The documents' class, as printed there.
PRINTED = """\
class PerformanceAnalyzer:
    def analyze_bottlenecks(self):
        # Identify slow jobs
        slow_jobs = self.query_jobs(
            filter="processing_time > avg_processing_time * 2"
        )
        
        # Analyze patterns
        patterns = {
            'large_files': [j for j in slow_jobs if j.file_size > 100_000_000],
            'gpu_issues': [j for j in slow_jobs if j.worker.gpu_usage < 50],
            'network_issues': [j for j in slow_jobs if j.download_time > 300]
        }
        
        return patterns
"""  # noqa: W293

LEASE_MS = 86_400_000


class Fleet:
    """A worker that takes as long as it is told."""

    def __init__(self, api: TranscriptionAPI, clock_url: str) -> None:
        self.api = api
        self._clock_url = clock_url
        #: By what is remarkable about the job.
        self.ids: dict[str, list[str]] = {}

    def run(
        self,
        kind: str,
        seconds: float,
        *,
        download: float | None = 1,
        gpu: float | None = 90,
        file_size: int | None = 1_000_000,
    ) -> None:
        self.api.workers.register(
            "worker-1",
            capabilities={"model": "large-v3", "device": "cuda"},
            location={"instance_type": "g4dn.xlarge", "spot_price": 0.36},
        )
        job = self.api.jobs.submit(f"s3://calls/{kind}.mp3", duration_seconds=600, file_size_bytes=file_size)
        [claimed] = self.api.workers.claim("worker-1", wait_seconds=5).jobs
        token = claimed.lease.token
        if gpu is not None:
            self.api.workers.heartbeat("worker-1", health={"gpu_usage": gpu}, leases=[token])
        if download is not None:
            self._pass(download)
            self.api.jobs.report_progress(job.id, token, percentage=10, stage="transcribing")
            self._commit()
        self._pass(seconds - (download or 0))
        self.api.jobs.complete(job.id, token, {"s3_path": "s3://calls/1.json", "segments_count": 3})
        self.ids.setdefault(kind, []).append(job.id)

    def _commit(self) -> None:
        """Reports before this are in the journal, with the time that it was."""
        self.api.workers.register("worker-2", capabilities={}, instance_id=secrets.token_hex(4))

    def _pass(self, seconds: float) -> None:
        httpx.post(self._clock_url, content=str(round(seconds * 1000))).raise_for_status()


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory(prefix="tmon-analytics-", ignore_cleanup_errors=True) as folder:
        settings = {
            "store": f"dir:{folder}/store",
            "analytics_cache": f"{folder}/cache",
            "analytics_sql": "on",
            "lease_ms": LEASE_MS,
            "worker_degraded_ms": LEASE_MS,
            "worker_lost_ms": LEASE_MS,
            "worker_terminated_ms": LEASE_MS,
        }
        with started([NODE, ROOT / "test" / "servers" / "jumping-main.ts", json.dumps(settings)]) as process:
            urls = json.loads(process.line(r'^\{"url"').string)
            with TranscriptionAPI(urls["url"]) as api:
                fleet = Fleet(api, urls["clock_url"])
                for _ in range(8):
                    fleet.run("usual", 60)
                fleet.run("large", 600, file_size=200_000_000)
                fleet.run("idle_gpu", 600, gpu=30)
                fleet.run("far", 600, download=400)
                fleet.run("unknown", 600, download=None, gpu=None, file_size=None)
                yield fleet


@pytest.fixture
def api(fleet: Fleet) -> TranscriptionAPI:
    return fleet.api


def patterns_of(found: dict[str, list[Any]]) -> dict[str, list[str]]:
    return {name: [job.job_id for job in jobs] for name, jobs in found.items()}


def test_the_printed_class_runs_as_printed_on_query_jobs(fleet: Fleet) -> None:
    """[A104] [A105] [A106] [A107] [A108]"""
    expected = {
        "large_files": fleet.ids["large"],
        "gpu_issues": fleet.ids["idle_gpu"],
        "network_issues": fleet.ids["far"],
    }
    names: dict[str, Any] = {}
    exec(PRINTED, names)
    analyzer = PerformanceAnalyzer(fleet.api)
    assert patterns_of(names["PerformanceAnalyzer"].analyze_bottlenecks(analyzer)) == expected

    below: dict[str, Any] = {"Base": PerformanceAnalyzer}
    exec(PRINTED.replace("PerformanceAnalyzer:", "PerformanceAnalyzer(Base):"), below)
    assert patterns_of(below["PerformanceAnalyzer"](fleet.api).analyze_bottlenecks()) == expected

    pasted: dict[str, Any] = {"slow_jobs": analyzer.query_jobs(filter="processing_time > avg_processing_time * 2")}
    assert len(pasted["slow_jobs"]) == 4
    body = PRINTED[PRINTED.index("        patterns =") : PRINTED.index("        return")]
    exec(textwrap.dedent(body), pasted)
    assert patterns_of(pasted["patterns"]) == expected


def test_analyze_bottlenecks_returns_the_patterns_of_the_documents_and_others_each_job_with_its_evidence(
    fleet: Fleet,
) -> None:
    """[A104] [A106] [A107] [A108]"""
    patterns = PerformanceAnalyzer(fleet.api).analyze_bottlenecks()
    found = patterns_of(patterns)
    assert found["large_files"] == fleet.ids["large"]
    assert found["gpu_issues"] == fleet.ids["idle_gpu"]
    assert found["network_issues"] == fleet.ids["far"]
    assert {"cold_starts", "cpu_fallback", "bad_workers", "bad_sources", "retries"} < found.keys()
    [large], [idle], [far] = patterns["large_files"], patterns["gpu_issues"], patterns["network_issues"]
    assert (large.file_size, idle.worker.gpu_usage) == (200_000_000, 30)
    assert (round(far.download_time), round(far.processing_time)) == (400, 600)
    assert large.evidence.endswith("the file has 200 MB")
    assert (large.id, large.model, large.worker.worker_id, large.priority) == (
        large.job_id,
        "large-v3",
        "worker-1",
        "normal",
    )


def test_what_is_unknown_is_none_in_the_columns_and_nan_in_the_names_of_the_documents(fleet: Fleet) -> None:
    [job_id] = fleet.ids["unknown"]
    [job] = PerformanceAnalyzer(fleet.api).query_jobs(filter=f"job_id = '{job_id}'")
    assert (job.file_size_bytes, job.gpu_usage, job.download_time_seconds) == (None, None, None)
    assert all(math.isnan(value) for value in (job.file_size, job.worker.gpu_usage, job.download_time))
    assert [job.file_size > 0, job.file_size < 0, job.worker.gpu_usage < 50] == [False] * 3
    assert round(job.processing_time) == 600


def test_a_job_row_has_exactly_the_columns_of_job_states(api: TranscriptionAPI) -> None:
    columns = {column.name for column in api.analytics.sql("SELECT * FROM job_states LIMIT 0").columns}
    assert columns == JobRow.model_fields.keys()


def test_reports_add_up(api: TranscriptionAPI) -> None:
    costs = api.analytics.costs(group_by="model")
    assert [item.group for item in costs.items] == ["large-v3"]
    # 8 minutes and 4 times 10, at 0.36 dollars an hour; the steps between took milliseconds.
    assert costs.total.cost_usd == pytest.approx(48 / 60 * 0.36, abs=0.002)
    assert costs.total.cost_per_audio_minute_usd == pytest.approx(48 / 60 * 0.36 / 120, abs=0.0001)
    assert costs.from_ is not None
    assert costs.to is not None
    assert costs.from_ < costs.to
    assert api.analytics.throughput().total.jobs_completed == 12
    durations = api.analytics.durations(group_by="worker").items[0]
    assert (durations.group, round(durations.processing.p50 or 0), round(durations.processing.max or 0)) == (
        "worker-1",
        60,
        600,
    )
    assert api.analytics.failures().items == []
    assert api.analytics.costs(to=costs.from_).total.jobs_completed == 0


def test_jobs_come_page_by_page_by_a_filter_and_a_wrong_one_says_where(fleet: Fleet) -> None:
    """[A105]"""
    pages = fleet.api.analytics.jobs(filter="processing_time < avg_processing_time", limit=3)
    assert sorted(job.job_id for job in pages) == sorted(fleet.ids["usual"])
    assert len(pages.page().items) == 3
    with pytest.raises(InvalidRequestError, match="procesing_time") as raised:
        fleet.api.analytics.jobs(filter="procesing_time > 1").page()
    assert raised.value.code == "invalid_filter"


def test_sql_returns_rows_as_dictionaries_unless_the_monitor_refuses_it(api: TranscriptionAPI, server: Monitor) -> None:
    result = api.analytics.sql("SELECT state, count(*) AS jobs FROM job_states GROUP BY state")
    assert (result.items, [column.name for column in result.columns]) == (
        [{"state": "COMPLETED", "jobs": 12}],
        ["state", "jobs"],
    )
    with pytest.raises(InvalidRequestError) as raised:
        api.analytics.sql("SELECT nothing FROM job_states")
    assert raised.value.code == "invalid_sql"
    with TranscriptionAPI(server.url) as closed, pytest.raises(ForbiddenError):
        closed.analytics.sql("SELECT 1")


def test_the_analyzer_of_asyncio_does_the_same(fleet: Fleet) -> None:
    async def analyze() -> None:
        async with AsyncTranscriptionAPI(fleet.api.base_url) as api:
            analyzer = AsyncPerformanceAnalyzer(api)
            assert patterns_of(await analyzer.analyze_bottlenecks(limit=5))["large_files"] == fleet.ids["large"]
            assert len(await analyzer.query_jobs(filter="processing_time > avg_processing_time * 2")) == 4

    asyncio.run(analyze())
