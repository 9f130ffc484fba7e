/** Alerts and their rules in words. */
import type { Alert, EffectiveAlertRules } from '../../../../protocol/alert.ts';
import type { ListedAlert } from '../../../../sdk/typescript/index.ts';
import { count, duration, percent, usd } from '../../parts/format.ts';
import type { Tone } from '../../parts/job-words.ts';

export type Rule = EffectiveAlertRules['rules'][number];

const TONES: Readonly<Record<Alert['severity'], Tone>> = { CRITICAL: 'bad', WARNING: 'warn', INFO: 'idle' };

export const severityTone = (severity: Alert['severity']): Tone => TONES[severity];

const RANK: Readonly<Record<Alert['severity'], number>> = { CRITICAL: 0, WARNING: 1, INFO: 2 };

/** Those that notify somebody first, then by severity, the newest first. */
export function byUrgency(alerts: readonly ListedAlert[]): ListedAlert[] {
  return [...alerts].sort(
    (a, b) =>
      Number(a.status === 'pending') - Number(b.status === 'pending') ||
      Number(a.suppressed !== null) - Number(b.suppressed !== null) ||
      RANK[a.severity] - RANK[b.severity] ||
      b.created_at.localeCompare(a.created_at),
  );
}

/** Why it notifies nobody. */
export function suppressionWords({ suppressed, acknowledged }: ListedAlert): string | null {
  if (acknowledged) return `acknowledged by ${acknowledged.by}`;
  switch (suppressed?.by) {
    case 'silence':
      return 'silenced';
    case 'inhibition':
      return 'part of another alert';
    case 'mute':
      return `muted: ${suppressed.id}`;
    default:
      return null;
  }
}

const CONDITIONS: Readonly<Record<string, string>> = {
  above: '>',
  at_least: '≥',
  below: '<',
  at_most: '≤',
  equals: '=',
};

/** `queue_age_seconds ≥ 30 m for 5 m`. */
export function conditionOf({ signal, condition, threshold, unit, for_seconds }: Rule): string {
  const held = for_seconds > 0 ? ` for ${duration(for_seconds)}` : '';
  if (threshold === null) return `${signal} ${condition}${held}`;
  return `${signal} ${CONDITIONS[condition] ?? condition} ${inUnit(threshold, unit)}${held}`;
}

function inUnit(value: number, unit: string): string {
  switch (unit) {
    case 'seconds':
      return duration(value);
    case 'usd':
      return usd(value);
    case 'share':
      return percent(100 * value);
    case 'percent':
      return percent(value);
    default:
      return count(value);
  }
}

export type Lane = { rule: string; spans: { from: number; width: number; words: string; open: boolean }[] };

type Firing = { rule: string; message: string; fired_at: string; resolved_at: string | null };

/** A lane for each rule that fired, the busiest first; places and widths in percent of the range. */
export function lanesOf(firings: readonly Firing[], from: string, to: string): Lane[] {
  const [from_ms, to_ms] = [Date.parse(from), Date.parse(to)];
  const at = (time: string) =>
    (100 * (Math.min(to_ms, Math.max(from_ms, Date.parse(time))) - from_ms)) / (to_ms - from_ms);
  const lanes = new Map<string, Lane>();
  for (const { rule, message, fired_at, resolved_at } of firings) {
    const lane = lanes.get(rule) ?? { rule, spans: [] };
    const begin = at(fired_at);
    const end = resolved_at === null ? 100 : at(resolved_at);
    lane.spans.push({ from: begin, width: end - begin, words: message, open: resolved_at === null });
    lanes.set(rule, lane);
  }
  return [...lanes.values()].sort((a, b) => b.spans.length - a.spans.length || a.rule.localeCompare(b.rule));
}
