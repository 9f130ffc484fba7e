/** What follows from the record of an alert or a silence alone. */
import { hash } from 'node:crypto';
import type { AlertStatus, Severity } from '../../../protocol/alert.ts';
import type { Labels } from '../../../protocol/alert-labels.ts';
import type { AlertRecord } from './records.ts';

/** Hash of the labels without `severity`: a rule that changes it goes on with the same alert. */
export function fingerprintOf(labels: Labels): string {
  const names = Object.keys(labels).filter((name) => name !== 'severity');
  const pairs = names.sort().map((name) => [name, labels[name]]);
  return hash('sha256', JSON.stringify(pairs)).slice(0, 16);
}

export function statusOf({ resolved_ms, fired_ms }: Pick<AlertRecord, 'resolved_ms' | 'fired_ms'>): AlertStatus {
  if (resolved_ms !== null) return 'resolved';
  return fired_ms === null ? 'pending' : 'firing';
}

type OldAlert = Pick<AlertRecord, 'rule' | 'subject' | 'severity' | 'created_ms'> & Partial<AlertRecord>;

/** What an alert of a journal, snapshot or archive without labels has in the new fields. */
export function withLabels(alert: OldAlert & Omit<AlertRecord, NewField>): AlertRecord {
  const labels = alert.labels ?? labelsOf(alert);
  // Always in this order, so that equal states give equal bytes.
  return {
    id: alert.id,
    version: alert.version,
    rule: alert.rule,
    subject: alert.subject,
    severity: alert.severity,
    message: alert.message,
    labels,
    fingerprint: alert.fingerprint ?? fingerprintOf(labels),
    description: alert.description ?? null,
    runbook_url: alert.runbook_url ?? null,
    created_ms: alert.created_ms,
    fired_ms: alert.fired_ms === undefined ? alert.created_ms : alert.fired_ms,
    acknowledged: alert.acknowledged ?? null,
    resolved_ms: alert.resolved_ms,
    resolved_by: alert.resolved_by,
    holds: alert.holds,
  };
}

type NewField = 'labels' | 'fingerprint' | 'description' | 'runbook_url' | 'fired_ms' | 'acknowledged';

/** The labels that the default rules give the same alert, so that it goes on after an update. */
function labelsOf({ rule, subject, severity }: { rule: string; subject: string | null; severity: Severity }): Labels {
  const labels = { alertname: rule, severity };
  if (subject === null) return labels;
  return { ...labels, [SUBJECT_LABELS[rule] ?? 'subject']: subject };
}

const SUBJECT_LABELS: Readonly<Record<string, string>> = {
  worker_lost: 'worker',
  worker_degraded: 'worker',
  jobs_dead_lettered: 'queue',
  queue_without_workers: 'queue',
  queue_slow: 'queue',
  audio_url_expiring: 'queue',
  store_rule: 'component',
};
