"""Alerts, silences and the rules that raise alerts."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from .base import Document, Model


class Acknowledgement(Model):
    by: str = ""
    at: AwareDatetime | None = None


class Suppression(Model):
    """Why an alert notifies nobody."""

    #: `silence`, `inhibition`, `mute` or `acknowledged`.
    by: str = ""
    #: Of the silence, of the inhibiting alert, of the mute time; or who acknowledged it.
    id: str


class Alert(Document):
    """A condition that needs a person's attention."""

    id: str
    #: The rule that raised it: `worker_lost`, `jobs_dead_lettered`, …
    rule: str = ""
    #: The worker, job or queue concerned.
    subject: str | None = None
    #: INFO, WARNING or CRITICAL.
    severity: str = ""
    #: `pending`, `firing` or `resolved`.
    status: str = ""
    #: `alertname`, `severity`, and those of the subject and the rule.
    labels: dict[str, str] = Field(default_factory=dict)
    #: Hash of the labels without `severity`; at most one unresolved alert has it.
    fingerprint: str = ""
    #: For people: `Queue depth growing`.
    message: str = ""
    description: str | None = None
    runbook_url: str | None = None
    #: When its condition was first found to hold.
    created_at: AwareDatetime | None = None
    #: None while it is pending.
    fired_at: AwareDatetime | None = None
    acknowledged: Acknowledgement | None = None
    #: None while it is active.
    resolved_at: AwareDatetime | None = None
    #: `condition` if it cleared by itself, otherwise the person who resolved it.
    resolved_by: str | None = None
    #: In lists: why it notifies nobody now; None if it does.
    suppressed: Suppression | None = None


class AlertMatcher(Model):
    """Selects alerts by a label: `worker=gpu-*`."""

    name: str = ""
    #: `=` or `!=`.
    op: str = ""
    #: `*` stands for any text.
    value: str = ""


class Silence(Model):
    """Alerts that all its matchers select notify nobody until it ends."""

    id: str
    matchers: list[AlertMatcher] = Field(default_factory=list)
    comment: str = ""
    created_by: str = ""
    created_at: AwareDatetime | None = None
    starts_at: AwareDatetime | None = None
    #: None: when the alerts in `until_resolved` are resolved.
    ends_at: AwareDatetime | None = None
    until_resolved: list[str] | None = None


class EffectiveAlertRule(Model):
    name: str = ""
    #: What it compares.
    signal: str = ""
    where: list[AlertMatcher] = Field(default_factory=list)
    #: `above`, `at_least`, `below`, `at_most`, `equals` or `absent`.
    condition: str = ""
    threshold: float | None = None
    #: `seconds`, `usd`, `share`, `percent` or `count`.
    unit: str = ""
    #: How long the condition must hold.
    for_seconds: float = 0.0
    severity: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    runbook_url: str | None = None


class Inhibition(Model):
    source: list[AlertMatcher] = Field(default_factory=list)
    target: list[AlertMatcher] = Field(default_factory=list)
    #: Labels that must be the same in both alerts.
    equal: list[str] = Field(default_factory=list)


class MuteTime(Model):
    name: str = ""
    match: list[AlertMatcher] = Field(default_factory=list)
    zone: str = ""
    weekdays: list[str] = Field(default_factory=list)
    #: Time of day; the monitor's `from`.
    from_: str = Field(alias="from", default="")
    #: Time of day, excluded.
    until: str = ""


class EffectiveAlertRules(Model):
    """The alert rules that apply."""

    rules: list[EffectiveAlertRule] = Field(default_factory=list)
    inhibitions: list[Inhibition] = Field(default_factory=list)
    mute_times: list[MuteTime] = Field(default_factory=list)
    #: Why the file could not be reloaded, so that earlier rules apply; None if it could.
    problem: str | None = None


class AlertFiring(Model):
    rule: str = ""
    #: The worker, job or queue concerned.
    subject: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    message: str = ""
    #: When the condition was first found to hold.
    created_at: AwareDatetime | None = None
    fired_at: AwareDatetime | None = None
    #: None: it still fired at the end.
    resolved_at: AwareDatetime | None = None


class AlertBacktest(Model):
    """When alert rules would have fired."""

    #: From when on the rules were evaluated; the monitor's `from`.
    from_: AwareDatetime | None = Field(alias="from", default=None)
    to: AwareDatetime | None = None
    #: Oldest first.
    firings: list[AlertFiring] = Field(default_factory=list)
    #: Rules on signals that are not in the journal.
    left_out: list[str] = Field(default_factory=list)
