/** Alerts, silences and alert rules as users see them. */
import type { Alert, EffectiveAlertRules, Silence } from '../../protocol/alert.ts';
import { WEEKDAYS } from '../../protocol/alert-rules.ts';
import { formatTime } from '../../protocol/time.ts';
import { formatZone } from '../../protocol/zone.ts';
import type { AlertRules } from '../alerts/rules/rules.ts';
import { statusOf } from '../state-machine/state/alerts.ts';
import type { AlertRecord, SilenceRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { time } from './figures.ts';

export function alertDocument(alert: AlertRecord): Alert {
  return {
    id: alert.id,
    rule: alert.rule,
    subject: alert.subject,
    severity: alert.severity,
    status: statusOf(alert),
    labels: alert.labels,
    fingerprint: alert.fingerprint,
    message: alert.message,
    description: alert.description,
    runbook_url: alert.runbook_url,
    created_at: formatTime(alert.created_ms),
    fired_at: time(alert.fired_ms),
    acknowledged: alert.acknowledged && {
      by: alert.acknowledged.by,
      at: formatTime(alert.acknowledged.at_ms),
    },
    resolved_at: time(alert.resolved_ms),
    resolved_by: alert.resolved_by,
    as_of_seq: alert.version,
  };
}

/** Alerts that fire, oldest first. */
export function activeAlerts(state: State): AlertRecord[] {
  return unresolvedAlerts(state).filter(({ fired_ms }) => fired_ms !== null);
}

/** The same, and those that are pending. */
export function unresolvedAlerts(state: State): AlertRecord[] {
  const unresolved: AlertRecord[] = [];
  for (const id of state.tables.alert_conditions.values()) {
    const alert = state.tables.alerts.get(id);
    if (alert && alert.resolved_ms === null) unresolved.push(alert);
  }
  return unresolved.sort((a, b) => a.created_ms - b.created_ms || (a.id < b.id ? -1 : 1));
}

export function silenceDocument(silence: SilenceRecord): Silence {
  return {
    id: silence.id,
    matchers: [...silence.matchers],
    comment: silence.comment,
    created_by: silence.created_by,
    created_at: formatTime(silence.created_ms),
    starts_at: formatTime(silence.starts_ms),
    ends_at: time(silence.ends_ms),
    until_resolved: silence.until_resolved && [...silence.until_resolved],
  };
}

export function alertRulesDocument({
  rules,
  inhibitions,
  mute_times,
}: AlertRules): Omit<EffectiveAlertRules, 'problem'> {
  return {
    rules: rules.map(({ name, signal, where, condition, for_ms, severity, labels, runbook_url }) => ({
      name,
      signal: signal.name,
      where: [...where],
      condition: condition.kind,
      threshold: condition.kind === 'absent' ? null : condition.threshold,
      unit: signal.unit,
      for_seconds: for_ms / 1000,
      severity,
      labels,
      runbook_url,
    })),
    inhibitions: inhibitions.map(({ source, target, equal }) => ({
      source: [...source],
      target: [...target],
      equal: [...equal],
    })),
    mute_times: mute_times.map(({ name, match, zone, weekdays, from, until }) => ({
      name,
      match: [...match],
      zone: formatZone(zone),
      weekdays: weekdays.map((day) => WEEKDAYS[day]!),
      from: clockTime(from),
      until: clockTime(until),
    })),
  };
}

const clockTime = (minutes: number): string =>
  `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
