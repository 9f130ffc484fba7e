"""`AggregationManager`, with a real monitor and its store, and the documents' program as printed there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from transcription_monitor import AggregationManager, ServerFaultError, TranscriptionAPI
from transcription_monitor.state import DirectoryClient

from .processes import Monitor, monitor

#: As printed in the documents.
PROGRAM = """\
# Pre-computed aggregations stored in S3
class AggregationManager:
    def update_hourly_metrics(self):
        # Aggregate job completion data
        hourly_stats = {
            'jobs_completed': count_completed_jobs_last_hour(),
            'average_processing_time': avg_processing_time(),
            'cost_total': sum_instance_costs(),
            'success_rate': calculate_success_rate()
        }
        
        # Store time-series data
        key = f'metrics/hourly/{datetime.now().strftime("%Y/%m/%d/%H")}.json'
        self.s3.put_object(key, hourly_stats)
"""  # noqa: W293


@pytest.fixture(scope="module")
def server() -> Iterator[Monitor]:
    with monitor() as running:
        yield running


@pytest.fixture(scope="module")
def api(server: Monitor) -> Iterator[TranscriptionAPI]:
    """Two jobs completed, one failed."""
    with TranscriptionAPI(server.url) as client:
        client.workers.register("worker-1", capabilities={}, location={"spot_price": 3600})
        for failed in (False, False, True):
            client.jobs.submit("s3://bucket/a.mp3", max_attempts=1)
            [claimed] = client.workers.claim("worker-1", wait_seconds=5).jobs
            if failed:
                client.jobs.fail(
                    claimed.job.id, claimed.lease.token, {"code": "noise", "message": "noise", "retryable": False}
                )
            else:
                output: Any = {"s3_path": "s3://bucket/a.json", "segments_count": 1, "confidence_score": None}
                client.jobs.complete(claimed.job.id, claimed.lease.token, output)
        yield client


def test_the_hour_so_far_has_the_figures_of_its_jobs_under_the_documents_names(api: TranscriptionAPI) -> None:
    """[A85] [A86] [A87] [A88] [A89] [A90]"""
    manager = AggregationManager(api)
    stats = manager.update_hourly_metrics()
    jobs = list(api.jobs.list())
    completed = [job for job in jobs if job.state == "COMPLETED"]
    assert manager.count_completed_jobs_last_hour() == stats.current.jobs_completed == len(completed) == 2
    assert manager.calculate_success_rate() == stats.current.success_rate == round(2 / 3, 4)
    seconds = [job.performance.processing_time_seconds or 0 for job in completed]
    assert manager.avg_processing_time() == pytest.approx(sum(seconds) / 2, abs=0.001)
    costs = [job.cost_tracking.actual_cost_usd or 0 for job in jobs]
    assert manager.sum_instance_costs() == pytest.approx(sum(costs), abs=1e-6)
    assert stats.current.cost_total > 0
    assert stats.key == stats.current.period_start.strftime("metrics/hourly/%Y/%m/%d/%H.json")
    assert stats.last is None


def test_an_hour_that_is_over_is_read_from_the_store(api: TranscriptionAPI, tmp_path: Path) -> None:
    manager = AggregationManager(api, DirectoryClient(str(tmp_path)))
    current = manager.update_hourly_metrics().current
    assert manager.update_hourly_metrics().last is None
    last = current.model_copy(update={"period_start": current.period_start - timedelta(hours=1)})
    path = tmp_path / last.period_start.strftime("metrics/hourly/%Y/%m/%d/%H.json")
    path.parent.mkdir(parents=True)
    path.write_text(last.model_dump_json())
    assert manager.update_hourly_metrics().last == last
    path.write_text("{}")
    with pytest.raises(ServerFaultError) as raised:
        manager.update_hourly_metrics()
    assert raised.value.code == "view_damaged"


def test_the_printed_program_runs_with_these_methods_as_its_functions(api: TranscriptionAPI, tmp_path: Path) -> None:
    class Folder:
        def put_object(self, key: str, stats: dict[str, Any]) -> None:
            path = tmp_path / key
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(stats))

    ours = AggregationManager(api)
    functions = {
        name: getattr(ours, name)
        for name in (
            "count_completed_jobs_last_hour",
            "avg_processing_time",
            "sum_instance_costs",
            "calculate_success_rate",
        )
    }
    program: dict[str, Any] = {"datetime": datetime, **functions}
    exec(PROGRAM, program)
    printed = program["AggregationManager"]()
    printed.s3 = Folder()
    printed.update_hourly_metrics()
    (written,) = tmp_path.rglob("*.json")
    current = ours.update_hourly_metrics().current
    assert json.loads(written.read_text()) == {
        name: getattr(current, name)
        for name in ("jobs_completed", "average_processing_time", "cost_total", "success_rate")
    }


def test_a_stored_hour_needs_a_store(api: TranscriptionAPI) -> None:
    with pytest.raises(ValueError, match="needs a store"):
        AggregationManager(api).stored_hour(datetime.now(timezone.utc))
