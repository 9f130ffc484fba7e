/**
 * Evaluates alert rules: what their conditions find in the fold at one moment. Pure, so that a replay of the journal finds the
 * same as the monitor did.
 *
 * Rules are evaluated for multiples of `EVALUATION_MS` of log time. Which those are follows from the journal alone.
 */
import { type Labels, matchesAll } from '../../protocol/alert-labels.ts';
import { fingerprintOf } from '../state-machine/state/alerts.ts';
import type { State } from '../state-machine/state/state.ts';
import type { AlertRule, Condition } from './rules/rules.ts';
import type { Moment, Sample } from './signals.ts';
import { formatValue, render, type Template } from './template.ts';

export const EVALUATION_MS = 5_000;

/** The time for which the rules are evaluated at this log time. */
export const evaluatedAt = (at_ms: number): number => Math.floor(at_ms / EVALUATION_MS) * EVALUATION_MS;

export type Found = { rule: AlertRule; labels: Labels; fingerprint: string; subject: string | null; sample: Sample };

export type Findings = {
  /** By fingerprint. */
  found: ReadonlyMap<string, Found>;
  /** Rules whose signal is unknown to this instance: their alerts stay as they are. */
  unknown: ReadonlySet<string>;
};

export function evaluate(state: State, rules: readonly AlertRule[], moment: Moment): Findings {
  const found = new Map<string, Found>();
  const unknown = new Set<string>();
  for (const rule of rules) {
    const samples = rule.signal.samples(state, moment);
    if (samples === undefined) unknown.add(rule.name);
    else for (const sample of holding(rule, samples)) add(found, rule, sample);
  }
  return { found, unknown };
}

function add(found: Map<string, Found>, rule: AlertRule, sample: Sample): void {
  const labels = { alertname: rule.name, severity: rule.severity, ...sample.labels, ...rule.labels };
  const fingerprint = fingerprintOf(labels);
  const { subject } = rule.signal;
  found.set(fingerprint, {
    rule,
    labels,
    fingerprint,
    subject: subject === null ? null : (sample.labels[subject] ?? null),
    sample,
  });
}

function* holding({ where, condition }: AlertRule, samples: Iterable<Sample>): Generator<Sample> {
  let present = false;
  for (const sample of samples) {
    if (where.length > 0 && !matchesAll(where, sample.labels)) continue;
    present = true;
    if (condition.kind !== 'absent' && sample.value !== null && holds(sample.value, condition)) yield sample;
  }
  if (condition.kind !== 'absent' || present) return;
  const named = where.filter(({ op, value }) => op === '=' && value !== '' && !value.includes('*'));
  yield { labels: Object.fromEntries(named.map(({ name, value }) => [name, value])), value: null };
}

function holds(value: number, { kind, threshold }: Exclude<Condition, { kind: 'absent' }>): boolean {
  switch (kind) {
    case 'above':
      return value > threshold;
    case 'at_least':
      return value >= threshold;
    case 'below':
      return value < threshold;
    case 'at_most':
      return value <= threshold;
    case 'equals':
      return value === threshold;
  }
}

/** The texts of an alert. A template that fails never holds it back. */
export function textsOf({ rule, labels, sample }: Found): { message: string; description: string | null } {
  const { unit } = rule.signal;
  const written = (template: Template): { text: string; failed: boolean } => {
    try {
      return { text: render(template, sample, labels, unit), failed: false };
    } catch (error) {
      const plain = `${rule.name}: ${formatValue(sample.value, unit)}`;
      return { text: `${plain} (its template failed: ${(error as Error).message})`, failed: true };
    }
  };
  const description = rule.description && written(rule.description);
  return { message: written(rule.summary).text, description: description?.text ?? null };
}
