/** Alerts that are not resolved, by the feed. Pending alerts are not in it. */
import type { Alert } from '../../../protocol/alert.ts';
import type { AlertChanged } from '../../../protocol/feed-messages.ts';

/** Null: the alert is resolved. Undefined: it is not known, and the message does not introduce it. */
export function withAlertMessage(alert: Alert | undefined, message: AlertChanged): Alert | null | undefined {
  const { event, at, seq } = message;
  if (event === 'AlertResolved') return null;
  if (event === 'AlertRaised') {
    return {
      id: message.alert_id,
      rule: message.rule ?? '',
      subject: message.subject ?? null,
      severity: message.severity ?? 'WARNING',
      status: 'firing',
      labels: message.labels ?? {},
      fingerprint: alert?.fingerprint ?? '',
      message: message.message ?? '',
      description: message.description ?? null,
      runbook_url: message.runbook_url ?? null,
      created_at: alert?.created_at ?? at,
      fired_at: at,
      acknowledged: null,
      resolved_at: null,
      resolved_by: null,
      as_of_seq: seq,
    };
  }
  if (!alert) return undefined;
  if (event !== 'AlertAcknowledged') return alert;
  return { ...alert, acknowledged: { by: message.acknowledged_by ?? 'unknown', at }, as_of_seq: seq };
}
