# Generated from ../_async/analytics.py by scripts/generate_sync.py. Edit that file instead.
"""`api.analytics`: what jobs cost and how they went, what slows them down, and SQL."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import Unpack

from .._call import Call, ModelT, given
from ..bodies import AnalyticsGroup, CallOptions
from ..models import (
    Bottlenecks,
    CostReport,
    DurationReport,
    FailuresReport,
    JobRow,
    SqlResult,
    ThroughputReport,
)
from .pages import Pages
from .transport import Transport


class Analytics:
    """Reports are over the jobs that ended at or after `from_` and before `to`: by default the last 30 days. Times must
    have a time zone."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def costs(
        self,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        group_by: AnalyticsGroup | None = None,
        **options: Unpack[CallOptions],
    ) -> CostReport:
        """What jobs cost, by day or another group."""
        return self._report(CostReport, "costs", _query(from_, to, group_by=group_by), options)

    def throughput(
        self,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        group_by: AnalyticsGroup | None = None,
        **options: Unpack[CallOptions],
    ) -> ThroughputReport:
        """How many jobs and how much audio were transcribed, by day or another group."""
        return self._report(ThroughputReport, "throughput", _query(from_, to, group_by=group_by), options)

    def durations(
        self,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        group_by: AnalyticsGroup | None = None,
        **options: Unpack[CallOptions],
    ) -> DurationReport:
        """Quantiles of queue, download, processing and turnaround times, by day or another group."""
        return self._report(DurationReport, "durations", _query(from_, to, group_by=group_by), options)

    def failures(
        self,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        group_by: AnalyticsGroup | None = None,
        **options: Unpack[CallOptions],
    ) -> FailuresReport:
        """What failed, and what it cost, by error code or another group."""
        return self._report(FailuresReport, "failures", _query(from_, to, group_by=group_by), options)

    def bottlenecks(
        self,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        limit: int | None = None,
        **options: Unpack[CallOptions],
    ) -> Bottlenecks:
        """Patterns that slow jobs down or make them fail, each with up to `limit` (20) jobs that show it."""
        return self._report(Bottlenecks, "bottlenecks", _query(from_, to, limit=limit), options)

    def jobs(
        self,
        *,
        filter: str | None = None,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Pages[JobRow]:
        """Jobs as rows of `job_states`, the last that ended first. `limit` is the page size (100, up to 1,000).

        `filter` is a condition such as `processing_time > avg_processing_time * 2`; docs/analytics-filter.md has the
        language. Iterating raises InvalidRequestError `invalid_filter`, which says where, if it is wrong.
        """
        query = _query(from_, to, filter=filter, limit=limit, cursor=cursor)
        return Pages(self._transport, JobRow, Call("GET", "/analytics/jobs", query, options=options))

    def sql(self, sql: str, **options: Unpack[CallOptions]) -> SqlResult:
        """Runs one SELECT over `job_states` and `job_attempts`.

        Raises ForbiddenError `sql_off` unless the monitor allows it, InvalidRequestError `invalid_sql` with `line` and
        `column`, TooLargeError if the result has too many rows or takes too long.
        """
        call = Call("POST", "/analytics/sql", body={"sql": sql}, options=options)
        return self._transport.model(SqlResult, call)

    def _report(self, model: type[ModelT], name: str, query: dict[str, object], options: CallOptions) -> ModelT:
        return self._transport.model(model, Call("GET", f"/analytics/{name}", query, options=options))


def _query(from_: datetime | str | None, to: datetime | str | None, **more: object) -> dict[str, object]:
    return given(**{"from": from_, "to": to, **more})
