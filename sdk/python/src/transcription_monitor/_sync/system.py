# Generated from ../_async/system.py by scripts/generate_sync.py. Edit that file instead.
"""`api.system`: health, metrics and alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from typing_extensions import Unpack

from .._call import Call, given, path
from ..bodies import CallOptions
from ..models import Alert, CurrentMetrics, MetricsSeries, SystemHealth
from .pages import Pages
from .transport import Transport


class System:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def health(self, **options: Unpack[CallOptions]) -> SystemHealth:
        """The system's health: `status`, `components`, active `alerts`, `metrics`."""
        return self._transport.model(SystemHealth, Call("GET", "/system/health", options=options))

    def metrics(self, **options: Unpack[CallOptions]) -> CurrentMetrics:
        """Current metrics, with those of the current hour and day."""
        return self._transport.model(CurrentMetrics, Call("GET", "/system/metrics", options=options))

    def metrics_series(
        self,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        step: Literal["hour", "day"] = "hour",
        **options: Unpack[CallOptions],
    ) -> MetricsSeries:
        """Hours or days from `from_` up to `to`, which is excluded; by default the last 24 hours or 30 days.

        At most 10,000. Periods in which nothing happened are left out. Times must have a time zone.
        """
        query = given(**{"from": from_, "to": to, "step": step})
        return self._transport.model(MetricsSeries, Call("GET", "/system/metrics", query, options=options))

    def alerts(self, *, limit: int | None = None, **options: Unpack[CallOptions]) -> Pages[Alert]:
        """Active alerts, oldest first."""
        return Pages(self._transport, Alert, Call("GET", "/system/alerts", given(limit=limit), options=options))

    def resolve_alert(self, alert_id: str, **options: Unpack[CallOptions]) -> Alert:
        """Resolves an alert. It is raised again only after its condition has cleared. Raises NotFoundError."""
        return self._transport.model(
            Alert, Call("POST", path("system", "alerts", alert_id, "resolve"), options=options)
        )
