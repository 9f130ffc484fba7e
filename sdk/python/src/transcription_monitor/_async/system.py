"""`api.system`: health, metrics, alerts, silences, policies and notifications."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from typing_extensions import Unpack

from .._alert_matchers import matcher, moment
from .._call import Call, given, path
from ..bodies import CallOptions, NotificationState
from ..models import (
    Alert,
    AlertBacktest,
    CurrentMetrics,
    DecidedAction,
    EffectiveAlertRules,
    EffectivePolicies,
    MetricsGroups,
    MetricsSeries,
    Notification,
    Retention,
    Silence,
    SystemHealth,
    SystemSettings,
)
from .pages import AsyncPages
from .transport import AsyncTransport


class AsyncSystem:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def health(self, **options: Unpack[CallOptions]) -> SystemHealth:
        """The system's health: `status`, `components`, active `alerts`, `metrics`."""
        return await self._transport.model(SystemHealth, Call("GET", "/system/health", options=options))

    async def metrics(self, **options: Unpack[CallOptions]) -> CurrentMetrics:
        """Current metrics, with those of the current hour and day."""
        return await self._transport.model(CurrentMetrics, Call("GET", "/system/metrics", options=options))

    async def metrics_series(
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
        return await self._transport.model(MetricsSeries, Call("GET", "/system/metrics", query, options=options))

    async def metrics_groups(
        self,
        group_by: Literal["worker", "model"],
        *,
        group: str | None = None,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        step: Literal["hour", "day"] = "hour",
        **options: Unpack[CallOptions],
    ) -> MetricsGroups:
        """The same by worker or model; with `group`, of one. Hours of two days and days of thirty are kept."""
        query = given(**{"group_by": group_by, "group": group, "from": from_, "to": to, "step": step})
        return await self._transport.model(MetricsGroups, Call("GET", "/system/metrics", query, options=options))

    def alerts(
        self,
        *,
        status: Literal["firing", "pending", "unresolved", "resolved"] | None = None,
        limit: int | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncPages[Alert]:
        """Alerts that fire, oldest first; with a status, others."""
        query = given(status=status, limit=limit)
        return AsyncPages(self._transport, Alert, Call("GET", "/system/alerts", query, options=options))

    async def alert(self, alert_id: str, **options: Unpack[CallOptions]) -> Alert:
        """An alert, also a resolved one that has left memory. Raises NotFoundError."""
        return await self._transport.model(Alert, Call("GET", path("system", "alerts", alert_id), options=options))

    async def resolve_alert(self, alert_id: str, *, by: str | None = None, **options: Unpack[CallOptions]) -> Alert:
        """Resolves an alert. It is raised again only after its condition has cleared. Raises NotFoundError."""
        call = Call("POST", path("system", "alerts", alert_id, "resolve"), body=given(by=by), options=options)
        return await self._transport.model(Alert, call)

    async def acknowledge_alert(self, alert_id: str, *, by: str | None = None, **options: Unpack[CallOptions]) -> Alert:
        """Somebody has taken it up: it notifies nobody until it is resolved. Raises NotFoundError, ConflictError."""
        call = Call("POST", path("system", "alerts", alert_id, "acknowledge"), body=given(by=by), options=options)
        return await self._transport.model(Alert, call)

    async def alert_rules(self, **options: Unpack[CallOptions]) -> EffectiveAlertRules:
        """The alert rules that apply, with inhibitions and mute times."""
        return await self._transport.model(EffectiveAlertRules, Call("GET", "/system/alert-rules", options=options))

    async def policies(self, **options: Unpack[CallOptions]) -> EffectivePolicies:
        """The policies that apply, with what they did in the last hour, and whether they are paused."""
        return await self._transport.model(EffectivePolicies, Call("GET", "/system/policies", options=options))

    async def retention(self, **options: Unpack[CallOptions]) -> Retention:
        """The rules of retention, and the jobs that they erase next."""
        return await self._transport.model(Retention, Call("GET", "/system/retention", options=options))

    async def resume_policies(self, *, by: str | None = None, **options: Unpack[CallOptions]) -> EffectivePolicies:
        """Ends the pause of the circuit breaker: what stands now does not pause the policies again."""
        call = Call("POST", "/system/policies/resume", body=given(by=by), options=options)
        return await self._transport.model(EffectivePolicies, call)

    def actions(
        self,
        *,
        policy: str | None = None,
        verdict: str | None = None,
        action: str | None = None,
        outcome: Literal["acted", "dry_run", "limited", "paused", "refused"] | None = None,
        job_id: str | None = None,
        worker_id: str | None = None,
        limit: int | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncPages[DecidedAction]:
        """The last decisions of policies, newest first: done, or why not."""
        query = given(
            policy=policy,
            verdict=verdict,
            action=action,
            outcome=outcome,
            job_id=job_id,
            worker_id=worker_id,
            limit=limit,
        )
        return AsyncPages(self._transport, DecidedAction, Call("GET", "/system/actions", query, options=options))

    async def backtest_alert_rules(
        self, *, rules: str | None = None, since: datetime | str | None = None, **options: Unpack[CallOptions]
    ) -> AlertBacktest:
        """When the rules that apply, or those of a file's text, would have fired; by default in the last day.

        One at a time. Times must have a time zone. Raises InvalidRequestError, BusyError.
        """
        body = given(rules=rules, since=moment(since))
        call = Call("POST", "/system/alert-rules/backtest", body=body, options=options)
        return await self._transport.model(AlertBacktest, call)

    async def settings(self, **options: Unpack[CallOptions]) -> SystemSettings:
        """What the monitor was started with, without secrets."""
        return await self._transport.model(SystemSettings, Call("GET", "/system/settings", options=options))

    def silences(self, **options: Unpack[CallOptions]) -> AsyncPages[Silence]:
        """Silences that have not ended, oldest first."""
        return AsyncPages(self._transport, Silence, Call("GET", "/system/silences", options=options))

    async def create_silence(
        self,
        matchers: Sequence[str],
        *,
        created_by: str,
        comment: str = "",
        starts_at: datetime | str | None = None,
        ends_at: datetime | str | None = None,
        until_resolved: bool = False,
        **options: Unpack[CallOptions],
    ) -> Silence:
        """Alerts that all matchers select (`worker=gpu-*`, `team!=night`) notify nobody until it ends.

        It ends at `ends_at`, or with `until_resolved` when the alerts that it selects now are resolved. Times must have
        a time zone. Raises InvalidRequestError, ConflictError.
        """
        body = {
            "matchers": [matcher(text) for text in matchers],
            "created_by": created_by,
            "comment": comment,
            **given(starts_at=moment(starts_at), ends_at=moment(ends_at), until_resolved=until_resolved or None),
        }
        return await self._transport.model(Silence, Call("POST", "/system/silences", body=body, options=options))

    async def end_silence(self, silence_id: str, **options: Unpack[CallOptions]) -> Silence:
        """Ends a silence now. Raises NotFoundError."""
        call = Call("DELETE", path("system", "silences", silence_id), options=options)
        return await self._transport.model(Silence, call)

    def notifications(
        self,
        *,
        state: NotificationState | None = None,
        job_id: str | None = None,
        limit: int | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncPages[Notification]:
        """Notifications, newest first; ended ones are kept for a day."""
        query = given(state=state, job_id=job_id, limit=limit)
        return AsyncPages(self._transport, Notification, Call("GET", "/system/notifications", query, options=options))

    async def notification(self, notification_id: str, **options: Unpack[CallOptions]) -> Notification:
        """A notification and the state of its delivery. Raises NotFoundError."""
        return await self._transport.model(
            Notification, Call("GET", path("system", "notifications", notification_id), options=options)
        )

    async def replay_notification(self, notification_id: str, **options: Unpack[CallOptions]) -> Notification:
        """Sends it again, under the same `webhook-id`. Raises NotFoundError."""
        return await self._transport.model(
            Notification, Call("POST", path("system", "notifications", notification_id, "replay"), options=options)
        )

    async def test_notification(
        self, *, destination: str | None = None, webhook_url: str | None = None, **options: Unpack[CallOptions]
    ) -> Notification:
        """Sends a test to a configured destination, or to a webhook; `notification` says what became of it.

        Raises InvalidRequestError, NotFoundError.
        """
        body = given(destination=destination, webhook_url=webhook_url)
        return await self._transport.model(
            Notification, Call("POST", "/system/notifications/test", body=body, options=options)
        )
