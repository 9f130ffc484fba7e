/**
 * The time series: `system/metrics/YYYY/MM/DD/hourly/HH.json` and `system/metrics/daily/YYYY-MM-DD.json` from the first
 * count on, and `metrics/hourly/YYYY/MM/DD/HH.json`, the same document, once the hour is over. A period in which
 * nothing was counted or measured has none.
 */
import { DAY_MS, HOUR_MS } from '../../protocol/time.ts';
import { periodDocument } from '../documents/system.ts';
import type { State } from '../state-machine/state/state.ts';
import { closedHourKey, dayKey, hourKey } from './keys.ts';
import type { Present, View } from './view.ts';

/** The current hour of log time; all earlier ones are over. */
export const currentHour = (state: State): number => Math.floor(state.at_ms / HOUR_MS);

export function hourView(state: State, hour: number): View {
  const document = () => periodDocument(state.tables.hours, hour, HOUR_MS);
  const present: Present[] = [{ key: hourKey(hour), document }];
  if (hour < currentHour(state)) present.push({ key: closedHourKey(hour), document });
  return { present, absent: [] };
}

export function dayView(state: State, day: number): View {
  return {
    present: [{ key: dayKey(day), document: () => periodDocument(state.tables.days, day, DAY_MS) }],
    absent: [],
  };
}
