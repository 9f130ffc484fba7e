/** Alerts as users see them. */
import type { Alert } from '../../protocol/alert.ts';
import { formatTime } from '../../protocol/time.ts';
import type { AlertRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { time } from './figures.ts';

export function alertDocument(alert: AlertRecord): Alert {
  return {
    id: alert.id,
    rule: alert.rule,
    subject: alert.subject,
    severity: alert.severity,
    message: alert.message,
    created_at: formatTime(alert.created_ms),
    resolved_at: time(alert.resolved_ms),
    resolved_by: alert.resolved_by,
    as_of_seq: alert.version,
  };
}

/** Unresolved alerts, oldest first. */
export function activeAlerts(state: State): AlertRecord[] {
  const active: AlertRecord[] = [];
  for (const id of state.tables.alert_conditions.values()) {
    const alert = state.tables.alerts.get(id);
    if (alert && alert.resolved_ms === null) active.push(alert);
  }
  return active.sort((a, b) => a.created_ms - b.created_ms || (a.id < b.id ? -1 : 1));
}
