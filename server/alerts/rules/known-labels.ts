/** Labels that an alert can have: a matcher on any other name can only be a mistake. */
import { SIGNAL_LABELS } from '../signals.ts';
import type { AlertRules } from './rules.ts';

/** Set by each rule itself. */
export const RESERVED_LABELS: ReadonlySet<string> = new Set(['alertname', 'severity']);

export function knownLabels({ rules }: Pick<AlertRules, 'rules'>): ReadonlySet<string> {
  return new Set([...RESERVED_LABELS, ...SIGNAL_LABELS, ...rules.flatMap(({ labels }) => Object.keys(labels))]);
}
