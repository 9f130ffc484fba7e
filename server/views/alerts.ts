/** `alerts/active/{id}.json`, then `alerts/resolved/YYYY/MM/DD/{id}.json` by the day it was resolved. */
import { alertDocument } from '../documents/alerts.ts';
import { statusOf } from '../state-machine/state/alerts.ts';
import type { AlertRecord } from '../state-machine/state/records.ts';
import { activeAlertKey, resolvedAlertKey } from './keys.ts';
import type { View } from './view.ts';

export function alertView(alert: AlertRecord): View {
  const active = activeAlertKey(alert.id);
  if (statusOf(alert) === 'pending') return { present: [], absent: [active] };
  const document = () => alertDocument(alert);
  if (alert.resolved_ms === null) return { present: [{ key: active, document }], absent: [] };
  return { present: [{ key: resolvedAlertKey(alert.id, alert.resolved_ms), document }], absent: [active] };
}
