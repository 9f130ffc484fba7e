/**
 * The alerts that the monitor raises and resolves by itself, from what the rules find. One alert a fingerprint: it is
 * pending while its condition has not held for long enough, then fires, and is resolved when the condition clears.
 */
import { evaluate, evaluatedAt, type Found, textsOf } from '../../alerts/evaluation.ts';
import type { Observed } from '../../alerts/signals.ts';
import type { AlertEvent, Event } from '../events.ts';
import type { State } from '../state/state.ts';
import type { Context } from './decision.ts';

type AlertInput = {
  /** Ids for the alerts that may be raised. */
  ids: readonly string[];
  expire: boolean;
  observed?: Observed;
};

export function decideAlerts(
  state: State,
  { ids, expire, observed = {} }: AlertInput,
  { at_ms, policy }: Context,
): Event[] {
  const evaluated_ms = evaluatedAt(at_ms);
  const { found, unknown } = evaluate(state, policy.alerts.rules, { at_ms: evaluated_ms, expire, observed });
  const { alerts, alert_conditions } = state.tables;
  const events: Event[] = [];
  const free = [...ids].reverse();
  for (const finding of found.values()) {
    const { fingerprint, rule } = finding;
    const known = alert_conditions.get(fingerprint);
    if (known === undefined) {
      const id = free.pop();
      if (id === undefined) break;
      const data = dataOf(finding, evaluated_ms);
      events.push({ type: rule.for_ms > 0 ? 'AlertPending' : 'AlertRaised', entity: id, data });
      continue;
    }
    const alert = alerts.get(known);
    if (alert && alert.fired_ms === null && evaluated_ms - alert.created_ms >= rule.for_ms) {
      events.push({ type: 'AlertRaised', entity: known, data: dataOf(finding, evaluated_ms) });
    }
  }
  for (const [fingerprint, id] of alert_conditions.entries()) {
    const alert = alerts.get(id);
    if (found.has(fingerprint) || (alert && unknown.has(alert.rule))) continue;
    if (alert && alert.resolved_ms === null && alert.fired_ms !== null) {
      events.push({ type: 'AlertResolved', entity: id, data: { by: 'condition', evaluated_ms } });
    }
    events.push({ type: 'AlertCleared', entity: id, data: {} });
  }
  return [...events, ...endedSilences(state, at_ms)];
}

function dataOf(found: Found, evaluated_ms: number): (AlertEvent & { type: 'AlertRaised' })['data'] {
  const { rule, subject, labels } = found;
  const { message, description } = textsOf(found);
  const { name, severity, runbook_url } = rule;
  return { rule: name, subject, severity, message, labels, description, runbook_url, evaluated_ms };
}

function endedSilences(state: State, at_ms: number): Event[] {
  const events: Event[] = [];
  for (const { id, ends_ms } of state.tables.silences.values()) {
    if (ends_ms !== null && ends_ms <= at_ms) events.push({ type: 'SilenceEnded', entity: id, data: { by: 'time' } });
  }
  return events;
}
