/** Applies events to alerts and silences. */
import type { AlertEvent } from '../events.ts';
import { withLabels } from '../state/alerts.ts';
import type { AlertRecord } from '../state/records.ts';
import type { State } from '../state/state.ts';

export function applyAlertEvent(state: State, event: AlertEvent): void {
  const alert = state.tables.alerts.get(event.entity);
  switch (event.type) {
    case 'AlertPending':
      if (alert) return;
      return state.putAlert({ ...found(state, event), fired_ms: null });
    case 'AlertRaised': {
      const fired = found(state, event);
      return state.putAlert(alert && alert.resolved_ms === null ? { ...fired, created_ms: alert.created_ms } : fired);
    }
    case 'AlertAcknowledged':
      if (!alert || alert.resolved_ms !== null) return;
      return state.putAlert({
        ...alert,
        version: state.seq,
        acknowledged: { by: event.data.by, at_ms: state.at_ms },
      });
    case 'AlertResolved':
      if (!alert || alert.resolved_ms !== null) return;
      state.putAlert({
        ...alert,
        version: state.seq,
        resolved_ms: event.data.evaluated_ms ?? state.at_ms,
        resolved_by: event.data.by,
      });
      return endSilences(state, alert.id);
    case 'AlertCleared':
      if (!alert) return;
      // One that never fired leaves no trace.
      if (alert.fired_ms === null && alert.resolved_ms === null) {
        state.removeAlert(alert.id);
        return endSilences(state, alert.id);
      }
      return state.putAlert({ ...alert, holds: false });
    case 'SilenceCreated': {
      const { matchers, starts_ms, ends_ms, alert_ids, by, comment } = event.data;
      const silence = { id: event.entity, matchers, comment, created_by: by, created_ms: state.at_ms };
      state.tables.silences.set(silence.id, { ...silence, starts_ms, ends_ms, until_resolved: alert_ids });
      return;
    }
    case 'SilenceEnded':
      state.tables.silences.delete(event.entity);
      return;
  }
}

function found(state: State, { entity, data }: AlertEvent & { type: 'AlertPending' | 'AlertRaised' }): AlertRecord {
  const { rule, subject, severity, message, labels, description, runbook_url, evaluated_ms } = data;
  const at_ms = evaluated_ms ?? state.at_ms;
  return withLabels({
    id: entity,
    version: state.seq,
    rule,
    subject,
    severity,
    message,
    created_ms: at_ms,
    fired_ms: at_ms,
    resolved_ms: null,
    resolved_by: null,
    holds: true,
    ...(labels && { labels }),
    ...(description !== undefined && { description }),
    ...(runbook_url !== undefined && { runbook_url }),
  });
}

/** Ends the silences that lasted until this alert, or the last of several, was resolved. */
function endSilences(state: State, alert_id: string): void {
  const { silences } = state.tables;
  for (const silence of [...silences.values()]) {
    if (!silence.until_resolved?.includes(alert_id)) continue;
    const until_resolved = silence.until_resolved.filter((id) => id !== alert_id);
    if (until_resolved.length === 0) silences.delete(silence.id);
    else silences.set(silence.id, { ...silence, until_resolved });
  }
}
