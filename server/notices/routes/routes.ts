/** Who is notified of which alerts, as decisions use it. */
import { type Labels, labelOf, type Matcher, matchesAll } from '../../../protocol/alert-labels.ts';
import { HOUR_MS, MINUTE_MS } from '../../../protocol/time.ts';

export type Route = {
  match: readonly Matcher[];
  /** Names of notifiers. */
  notify: readonly string[];
  group_by: readonly string[];
  /** From the first alert of a group to its message, so that more can join it. */
  group_wait_ms: number;
  /** From one message of a group to the next, when its alerts have changed. */
  group_interval_ms: number;
  /** The same when they have not. */
  repeat_interval_ms: number;
  send_resolved: boolean;
  /** Later routes may take the same alerts, too. */
  continue: boolean;
};

export type Routing = {
  routes: readonly Route[];
  /** Names of the notifiers that are configured. */
  notifiers: ReadonlySet<string>;
};

export const NO_ROUTES: Routing = { routes: [], notifiers: new Set() };

export const ROUTE_DEFAULTS: Omit<Route, 'notify'> = {
  match: [],
  group_by: ['alertname'],
  group_wait_ms: 15_000,
  group_interval_ms: 5 * MINUTE_MS,
  repeat_interval_ms: 4 * HOUR_MS,
  send_resolved: true,
  continue: false,
};

/** The routes that take an alert with these labels. */
export function* routesOf({ routes }: Routing, labels: Labels): Generator<Route> {
  for (const route of routes) {
    if (!matchesAll(route.match, labels)) continue;
    yield route;
    if (!route.continue) return;
  }
}

/** The labels that the alerts of a group share. */
export function groupLabels({ group_by }: Route, labels: Labels): Labels {
  return Object.fromEntries(group_by.map((name) => [name, labelOf(labels, name)]));
}

/** One state for each destination and group, whichever route leads there. */
export function groupKey(destination: string, labels: Labels): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([destination, ...pairs]);
}
