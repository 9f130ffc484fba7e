/**
 * Why an alert notifies nobody although it fires. Pure: who notifies asks with its fold and log time. Suppressed alerts are
 * shown all the same.
 */
import type { Suppression } from '../../protocol/alert.ts';
import { type Labels, labelOf, matchesAll } from '../../protocol/alert-labels.ts';
import { DAY_MS, MINUTE_MS } from '../../protocol/time.ts';
import { offsetInZone } from '../../protocol/zone.ts';
import type { AlertRecord, SilenceRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import type { AlertRules, Inhibition, MuteTime } from './rules/rules.ts';

export type SuppressionRules = Pick<AlertRules, 'inhibitions' | 'mute_times'>;

/** Null if nothing suppresses it. */
export function suppression(
  state: State,
  alert: AlertRecord,
  at_ms: number,
  rules: SuppressionRules,
): Suppression | null {
  return suppressions(state, at_ms, rules)(alert);
}

/** The same for many alerts of one state: the sources of inhibitions are looked up once. */
export function suppressions(
  state: State,
  at_ms: number,
  { inhibitions, mute_times }: SuppressionRules,
): (alert: AlertRecord) => Suppression | null {
  const silences = [...state.tables.silences.values()].filter((silence) => holds(silence, at_ms));
  const muted = mute_times.filter((mute) => isMuted(mute, at_ms));
  const inhibited = inhibitions.map((inhibition) => inhibitors(state, inhibition));
  return (alert) => {
    if (alert.acknowledged) return { by: 'acknowledged', id: alert.acknowledged.by };
    const silence = silences.find(({ matchers }) => matchesAll(matchers, alert.labels));
    if (silence) return { by: 'silence', id: silence.id };
    for (const inhibitor of inhibited) {
      const id = inhibitor(alert);
      if (id !== null) return { by: 'inhibition', id };
    }
    const mute = muted.find(({ match }) => matchesAll(match, alert.labels));
    return mute ? { by: 'mute', id: mute.name } : null;
  };
}

/** A silence that lasts until alerts are resolved has left the fold when they are. */
function holds({ starts_ms, ends_ms }: SilenceRecord, at_ms: number): boolean {
  return starts_ms <= at_ms && (ends_ms === null || at_ms < ends_ms);
}

/** The id of an alert that inhibits this one; null if none does. An alert never inhibits itself. */
function inhibitors(state: State, { source, target, equal }: Inhibition): (alert: AlertRecord) => string | null {
  const sources = new Map<string, string[]>();
  const keyOf = (labels: Labels) => JSON.stringify(equal.map((name) => labelOf(labels, name)));
  for (const id of state.tables.alert_conditions.values()) {
    const alert = state.tables.alerts.get(id);
    if (!alert || alert.resolved_ms !== null || alert.fired_ms === null || !matchesAll(source, alert.labels)) continue;
    const key = keyOf(alert.labels);
    const ids = sources.get(key);
    if (ids) ids.push(id);
    else sources.set(key, [id]);
  }
  return ({ id, labels }) => {
    if (sources.size === 0 || !matchesAll(target, labels)) return null;
    return sources.get(keyOf(labels))?.find((other) => other !== id) ?? null;
  };
}

export function isMuted({ zone, weekdays, from, until }: MuteTime, at_ms: number): boolean {
  const shown_ms = at_ms + offsetInZone(at_ms, zone) * MINUTE_MS;
  const day = Math.floor(shown_ms / DAY_MS);
  // The first day of 1970 was a Thursday.
  const weekday = (((day + 4) % 7) + 7) % 7;
  const minute = Math.floor((shown_ms - day * DAY_MS) / MINUTE_MS);
  // A time over midnight belongs to the day on which it begins.
  if (from < until) return weekdays.includes(weekday) && minute >= from && minute < until;
  return minute >= from ? weekdays.includes(weekday) : minute < until && weekdays.includes((weekday + 6) % 7);
}
