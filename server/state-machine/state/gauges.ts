/**
 * Gauges over log time: how deep the queue was and how old its oldest job, and how long workers were paid, busy and idle.
 *
 * Between two segments nothing changes, so each gauge is a step function of log time. `measureUntil` adds one step when the
 * next segment begins, in constant time, and closes the hours and days that ended meanwhile. Levels and times are integers,
 * so the sums don't depend on how events are divided into segments.
 */
import { DAY_MS, HOUR_MS, LAST_MS } from '../../../protocol/time.ts';
import { closePeriod, KEPT } from './periods.ts';
import type { Gauges } from './records.ts';
import type { State } from './state.ts';
import { plus } from './sums.ts';
import { oldestWaiting } from './waiting.ts';

/** Nothing measured. */
export const NO_GAUGES: Gauges = {
  measured_ms: 0,
  depth: null,
  depth_max: 0,
  depth_ms: 0,
  oldest_max_ms: 0,
  paid_ms: 0,
  busy_ms: 0,
  idle_ms: 0,
};

/** A longer step is not measured: no period that it covers would be kept. */
const STEP_MAX_MS = KEPT.days * DAY_MS;

type Levels = { depth: number; oldest_ms: number | null; paid: number; busy: number; idle: number };

/** Adds the time from the last segment to `to_ms`, the log time of the segment that begins. */
export function measureUntil(state: State, to_ms: number): void {
  const { gauges, at_ms } = state.scalars;
  if (!gauges || to_ms > LAST_MS || to_ms - at_ms > STEP_MAX_MS) {
    state.scalars.gauges = to_ms > LAST_MS ? null : { through_ms: to_ms, hour: NO_GAUGES, day: NO_GAUGES };
    return;
  }
  const levels = levelsOf(state);
  let { hour, day } = gauges;
  let from_ms = at_ms;
  for (let end_ms = nextHour(from_ms); end_ms <= to_ms; from_ms = end_ms, end_ms += HOUR_MS) {
    const { depth } = levels;
    hour = added(hour, levels, from_ms, end_ms);
    day = together(day, hour);
    closePeriod(state, 'hours', end_ms / HOUR_MS - 1, { ...hour, depth });
    const ended = end_ms % DAY_MS === 0;
    closePeriod(state, 'days', Math.ceil(end_ms / DAY_MS) - 1, ended ? { ...day, depth } : day);
    hour = NO_GAUGES;
    if (ended) day = NO_GAUGES;
  }
  state.scalars.gauges = { through_ms: to_ms, hour: added(hour, levels, from_ms, to_ms), day };
}

/** The gauges of the open hour and day, with the current levels; null if they are not measured. */
export function gaugesNow(state: State): { hour: Gauges; day: Gauges } | null {
  const { gauges, at_ms } = state.scalars;
  if (!gauges) return null;
  const levels = levelsOf(state);
  const { depth } = levels;
  const hour = { ...added(gauges.hour, levels, at_ms, at_ms), depth };
  return { hour, day: { ...together(gauges.day, hour), depth } };
}

function levelsOf(state: State): Levels {
  const { high, normal, low } = state.tables.waiting;
  const { live_workers, busy_workers, idle_workers } = state.fleet;
  const depth = high.size + normal.size + low.size;
  const oldest_ms = depth === 0 ? null : oldestWaiting(state);
  return { depth, oldest_ms, paid: live_workers, busy: busy_workers, idle: idle_workers };
}

function added(sums: Gauges, levels: Levels, from_ms: number, to_ms: number): Gauges {
  const ms = to_ms - from_ms;
  const age_ms = levels.oldest_ms === null ? 0 : to_ms - levels.oldest_ms;
  return {
    measured_ms: sums.measured_ms + ms,
    depth: null,
    depth_max: Math.max(sums.depth_max, levels.depth),
    depth_ms: plus(sums.depth_ms, levels.depth * ms),
    oldest_max_ms: Math.max(sums.oldest_max_ms, age_ms),
    paid_ms: plus(sums.paid_ms, levels.paid * ms),
    busy_ms: plus(sums.busy_ms, levels.busy * ms),
    idle_ms: plus(sums.idle_ms, levels.idle * ms),
  };
}

function together(a: Gauges, b: Gauges): Gauges {
  return {
    measured_ms: a.measured_ms + b.measured_ms,
    depth: null,
    depth_max: Math.max(a.depth_max, b.depth_max),
    depth_ms: plus(a.depth_ms, b.depth_ms),
    oldest_max_ms: Math.max(a.oldest_max_ms, b.oldest_max_ms),
    paid_ms: plus(a.paid_ms, b.paid_ms),
    busy_ms: plus(a.busy_ms, b.busy_ms),
    idle_ms: plus(a.idle_ms, b.idle_ms),
  };
}

const nextHour = (at_ms: number): number => (Math.floor(at_ms / HOUR_MS) + 1) * HOUR_MS;
