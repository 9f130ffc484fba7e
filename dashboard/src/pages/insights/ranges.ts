/** Ranges of time by name. Days are those of UTC, as in the reports. */
import type { AnalyticsQuery } from '../../../../protocol/analytics.ts';

const DAY_MS = 24 * 3_600_000;

export const RANGES = ['today', 'yesterday', 'last 7 days', 'last 30 days', 'last 90 days'] as const;
export type Range = (typeof RANGES)[number];

export const isRange = (text: string | null): text is Range => (RANGES as readonly (string | null)[]).includes(text);

/** `to` is excluded, and absent if it is now. */
export function timesOf(range: Range, now_ms: number): Pick<AnalyticsQuery, 'from' | 'to'> {
  const today_ms = Math.floor(now_ms / DAY_MS) * DAY_MS;
  const iso = (ms: number) => new Date(ms).toISOString();
  switch (range) {
    case 'today':
      return { from: iso(today_ms) };
    case 'yesterday':
      return { from: iso(today_ms - DAY_MS), to: iso(today_ms) };
    case 'last 7 days':
      return { from: iso(today_ms - 6 * DAY_MS) };
    case 'last 90 days':
      return { from: iso(today_ms - 89 * DAY_MS) };
    default:
      return { from: iso(today_ms - 29 * DAY_MS) };
  }
}

/** Rows of days and hours as points of a chart: seconds, or null for other groups. */
export function timeOf(group: string | null): number | null {
  if (group === null || !/^\d{4}-\d\d-\d\d/.test(group)) return null;
  const ms = Date.parse(group.length === 10 ? `${group}T00:00:00Z` : group);
  return Number.isNaN(ms) ? null : ms / 1000;
}
