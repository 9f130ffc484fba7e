/** Alerts and silences as users see them. */
import type { Alert, Silence } from '../../protocol/alert.ts';
import { formatTime } from '../../protocol/time.ts';
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
