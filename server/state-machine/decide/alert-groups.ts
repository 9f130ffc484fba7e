/**
 * Messages about alerts. Alerts that a route sends to one destination and that have equal values of the labels in `group_by`
 * are a group, with one state: which alerts its destination has been notified of, and when.
 *
 *     first alert → (group_wait) → message → changed → (group_interval) → message → … → all resolved → (group_wait) → message
 *                                          → unchanged → (repeat_interval) → message
 *
 * What is due follows from the fold and the log time, so a restart neither repeats nor forgets a message.
 */
import { suppressions } from '../../alerts/suppression.ts';
import {
  groupKey,
  groupLabels,
  ROUTE_DEFAULTS,
  type Route,
  type Routing,
  routesOf,
} from '../../notices/routes/routes.ts';
import type { Event } from '../events.ts';
import { type AlertGroup, type AlertLine, LINES_MAX } from '../state/notices.ts';
import type { AlertRecord } from '../state/records.ts';
import type { State } from '../state/state.ts';
import type { Context } from './decision.ts';

type Group = Pick<AlertGroup, 'key' | 'destination' | 'labels'> & {
  route: Pick<Route, 'group_wait_ms' | 'group_interval_ms' | 'repeat_interval_ms' | 'send_resolved'>;
  /** Alerts that fire and notify. */
  firing: AlertRecord[];
};

/** `notice_ids`: for the messages; what is due beyond them is sent with the next tick. */
export function decideAlertGroups(state: State, notice_ids: readonly string[], { at_ms, policy }: Context): Event[] {
  const { alert_groups } = state.tables;
  const { routing } = policy;
  if (routing.routes.length === 0 && alert_groups.size === 0) return [];
  const groups = groupsOf(state, at_ms, policy);
  const events: Event[] = [];
  const free = [...notice_ids].reverse();
  for (const [key, stored] of alert_groups.entries()) {
    if (!routing.notifiers.has(stored.destination)) events.push({ type: 'AlertGroupEnded', entity: key, data: {} });
    else if (!groups.has(key)) groups.set(key, { ...stored, route: routeOf(state, stored, routing), firing: [] });
  }
  for (const group of groups.values()) {
    const stored = alert_groups.get(group.key);
    const due = dueFor(state, group, stored, at_ms);
    if (due === null) continue;
    if (due === 'ended') {
      events.push({ type: 'AlertGroupEnded', entity: group.key, data: {} });
      continue;
    }
    const id = free.pop();
    if (id === undefined) break;
    events.push(messageOf(group, { id, due, stored, at_ms }));
  }
  return events;
}

/** Of a group without an alert that fires now. If no route leads there any more, whoever was notified hears of the end. */
function routeOf({ tables }: State, { key, destination, notified }: AlertGroup, routing: Routing): Group['route'] {
  for (const [, id] of notified) {
    const alert = tables.alerts.get(id);
    for (const route of alert ? routesOf(routing, alert.labels) : []) {
      if (route.notify.includes(destination) && groupKey(destination, groupLabels(route, alert!.labels)) === key)
        return route;
    }
  }
  return ROUTE_DEFAULTS;
}

function groupsOf(state: State, at_ms: number, { routing, alerts: rules }: Context['policy']): Map<string, Group> {
  const groups = new Map<string, Group>();
  const suppressed = suppressions(state, at_ms, rules);
  for (const id of state.tables.alert_conditions.values()) {
    const alert = state.tables.alerts.get(id);
    if (!alert || !fires(alert) || suppressed(alert)) continue;
    for (const route of routesOf(routing, alert.labels)) {
      const labels = groupLabels(route, alert.labels);
      for (const destination of route.notify) {
        const key = groupKey(destination, labels);
        const group = groups.get(key);
        if (!group) groups.set(key, { key, destination, labels, route, firing: [alert] });
        else if (!group.firing.includes(alert)) group.firing.push(alert);
      }
    }
  }
  return groups;
}

const fires = ({ fired_ms, resolved_ms }: AlertRecord): boolean => fired_ms !== null && resolved_ms === null;

/** `resolved`: those that the destination was notified of. */
type Due = { firing: readonly AlertRecord[]; resolved: readonly AlertLine[]; notified: AlertGroup['notified'] };

function dueFor(
  state: State,
  { route, firing }: Group,
  stored: AlertGroup | undefined,
  at_ms: number,
): Due | 'ended' | null {
  const known = new Set(stored?.notified.map(([fingerprint]) => fingerprint));
  const fresh = firing.filter(({ fingerprint }) => !known.has(fingerprint));
  const now: AlertGroup['notified'] = firing.map(({ fingerprint, id }) => [fingerprint, id]);
  if (!stored) {
    if (fresh.length === 0) return null;
    const first_ms = Math.min(...fresh.map(({ fired_ms }) => fired_ms!));
    return at_ms >= first_ms + route.group_wait_ms ? { firing, resolved: [], notified: now } : null;
  }
  const over = stored.notified.filter(([fingerprint]) => !firesNow(state, fingerprint));
  const resolved = route.send_resolved ? over.map(([, id]) => resolvedLine(state, id, at_ms)) : [];
  // Those that a silence hides since: whoever was notified of them hears of their end, and of nothing else.
  const shown = new Set(now.map(([fingerprint]) => fingerprint));
  const hidden = stored.notified.filter((one) => !shown.has(one[0]) && !over.includes(one));
  const notified = [...now, ...hidden];
  if (notified.length === 0) {
    if (!route.send_resolved) return 'ended';
    const last_ms = Math.max(...resolved.map(({ resolved_ms }) => resolved_ms ?? 0));
    return at_ms >= last_ms + route.group_wait_ms ? { firing, resolved, notified } : null;
  }
  const changed = fresh.length > 0 || resolved.length > 0;
  const wait_ms = changed ? route.group_interval_ms : route.repeat_interval_ms;
  if (at_ms < stored.last_ms + wait_ms || (!changed && firing.length === 0)) return null;
  return { firing, resolved, notified };
}

function firesNow({ tables }: State, fingerprint: string): boolean {
  const alert = tables.alerts.get(tables.alert_conditions.get(fingerprint) ?? '');
  return alert !== undefined && fires(alert);
}

function messageOf(
  { key, destination, labels }: Group,
  { id, due, stored, at_ms }: { id: string; due: Due; stored: AlertGroup | undefined; at_ms: number },
): Event {
  const firing = due.firing.map(lineOf).sort(byUrgency);
  const lines = [...firing, ...due.resolved].slice(0, LINES_MAX);
  return {
    type: 'AlertsNotified',
    entity: id,
    data: {
      group: key,
      destination,
      labels,
      notified: due.notified,
      content: {
        kind: 'alerts',
        url: null,
        incident: stored?.incident ?? id,
        labels,
        at_ms,
        // A group whose last alerts are hidden is not over.
        open: due.notified.length > 0,
        firing: due.firing.length,
        resolved: due.resolved.length,
        lines,
      },
    },
  };
}

function lineOf(alert: AlertRecord): AlertLine {
  const { id, rule, severity, message, description, runbook_url, labels, fired_ms, resolved_ms } = alert;
  return { id, rule, severity, message, description, runbook_url, labels, fired_ms: fired_ms!, resolved_ms };
}

/** An alert that has left memory is known by its id alone. */
function resolvedLine({ tables }: State, id: string, at_ms: number): AlertLine {
  const alert = tables.alerts.get(id);
  if (alert && alert.resolved_ms !== null) return lineOf(alert);
  const unknown = { id, rule: id, severity: 'INFO', message: id, description: null, runbook_url: null } as const;
  return { ...(alert ? lineOf(alert) : { ...unknown, labels: {}, fired_ms: at_ms }), resolved_ms: at_ms };
}

const URGENCY = { CRITICAL: 0, WARNING: 1, INFO: 2 } as const;

const byUrgency = (a: AlertLine, b: AlertLine): number =>
  URGENCY[a.severity] - URGENCY[b.severity] || a.fired_ms - b.fired_ms || (a.id < b.id ? -1 : 1);
