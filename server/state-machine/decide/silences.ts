/** Commands of people about alerts: resolve, acknowledge, silence. */
import { formatMatcher, matchesAll } from '../../../protocol/alert-labels.ts';
import { DAY_MS, formatTime } from '../../../protocol/time.ts';
import { knownLabels } from '../../alerts/rules/known-labels.ts';
import type { State } from '../state/state.ts';
import type { CommandBody } from './commands.ts';
import { type Context, type Decision, refuse } from './decision.ts';

export const SILENCES_MAX = 1_000;
/** A silence that is meant for ever hides what it should not: switch the rule off instead. */
export const SILENCE_MAX_MS = 366 * DAY_MS;

type Body<T extends CommandBody['type']> = CommandBody & { type: T };

export function resolveAlert(state: State, { alert_id, by }: Body<'resolve_alert'>): Decision {
  const alert = state.tables.alerts.get(alert_id);
  if (!alert) return alertNotFound(alert_id);
  if (alert.resolved_ms !== null) return { events: [] };
  return { events: [{ type: 'AlertResolved', entity: alert_id, data: { by } }] };
}

export function acknowledgeAlert(state: State, { alert_id, by }: Body<'acknowledge_alert'>): Decision {
  const alert = state.tables.alerts.get(alert_id);
  if (!alert) return alertNotFound(alert_id);
  if (alert.resolved_ms !== null) {
    return refuse('conflict', 'alert_resolved', `${alert_id} was resolved at ${formatTime(alert.resolved_ms)}`);
  }
  if (alert.acknowledged) return { events: [] };
  return { events: [{ type: 'AlertAcknowledged', entity: alert_id, data: { by } }] };
}

const alertNotFound = (alert_id: string) => refuse('not_found', 'alert_not_found', `there is no alert ${alert_id}`);

export function createSilence(state: State, body: Body<'create_silence'>, { at_ms, policy }: Context): Decision {
  const { silence_id, matchers, until_resolved, by, comment, ends_ms } = body;
  const known = knownLabels(policy.alerts);
  const unknown = matchers.find(({ name }) => !known.has(name));
  if (unknown) {
    return refuse('invalid', 'unknown_label', `there is no label ${unknown.name}`, {
      hint: `The labels are ${[...known].sort().join(', ')}.`,
    });
  }
  if (until_resolved === (ends_ms !== null)) {
    const message = until_resolved ? 'ends_at and until_resolved exclude each other' : 'a silence requires an end';
    return refuse('invalid', until_resolved ? 'silence_with_two_ends' : 'silence_without_end', message, {
      hint: 'Send either ends_at or until_resolved: true.',
    });
  }
  const starts_ms = body.starts_ms ?? at_ms;
  if (ends_ms !== null && ends_ms <= Math.max(starts_ms, at_ms)) {
    return refuse('invalid', 'silence_over', `ends_at ${formatTime(ends_ms)} is before the silence begins, or past`);
  }
  if ((ends_ms ?? starts_ms) - at_ms > SILENCE_MAX_MS) {
    return refuse('invalid', 'silence_too_long', 'a silence may last a year at most', {
      hint: 'To switch a rule off, set enabled: false in the file of alert rules.',
    });
  }
  if (state.tables.silences.size >= SILENCES_MAX) {
    return refuse('conflict', 'too_many_silences', `there are ${SILENCES_MAX} silences already`, {
      hint: 'End some with `tmon alerts unsilence`.',
    });
  }
  let alert_ids: string[] | null = null;
  if (until_resolved) {
    alert_ids = [...state.tables.alerts.values()].flatMap(({ id, resolved_ms, labels }) =>
      resolved_ms === null && matchesAll(matchers, labels) ? [id] : [],
    );
    if (alert_ids.length === 0) {
      const selected = matchers.map(formatMatcher).join(', ');
      return refuse('conflict', 'nothing_to_silence', `no unresolved alert has ${selected}`, {
        hint: 'Use ends_at for a silence that begins before its alerts.',
      });
    }
  }
  const data = { matchers, starts_ms, ends_ms, alert_ids, by, comment };
  return { events: [{ type: 'SilenceCreated', entity: silence_id, data }] };
}

export function endSilence(state: State, { silence_id, by }: Body<'end_silence'>): Decision {
  if (!state.tables.silences.has(silence_id)) {
    return refuse('not_found', 'silence_not_found', `there is no silence ${silence_id}; it may have ended`);
  }
  return { events: [{ type: 'SilenceEnded', entity: silence_id, data: { by } }] };
}
