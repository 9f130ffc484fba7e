/** The range of a metrics series, from a request's query: whole hours or days, not too many. */
import { MonitorError } from '../../../protocol/errors.ts';
import type { MetricsQuery } from '../../../protocol/system.ts';
import { LAST_MS, parseTime } from '../../../protocol/time.ts';
import { STEP_MS } from '../../documents/system.ts';
import type { PeriodRange } from '../../views/period-series.ts';

/** Hours or days of one series. */
export const POINTS_MAX = 10_000;
const POINTS_DEFAULT = { hour: 24, day: 30 };

/** The periods that overlap `from` to `to`; by default those up to `now_ms`. */
export function seriesRange({ from, to, step = 'hour' }: MetricsQuery, now_ms: number): PeriodRange {
  const to_ms = to === undefined ? now_ms + 1 : parseTime(to);
  const end = Math.ceil(to_ms / STEP_MS[step]);
  const from_ms = from === undefined ? (end - POINTS_DEFAULT[step]) * STEP_MS[step] : parseTime(from);
  if (!(from_ms < to_ms && from_ms >= 0 && to_ms <= LAST_MS)) {
    throw new MonitorError('invalid', 'empty_range', `from (${from}) is not before to (${to ?? 'now'})`, {
      hint: 'Pass times after 1970, from before to: ?from=2025-07-07T00:00:00Z&to=2025-07-08T00:00:00Z',
    });
  }
  const first = Math.floor(from_ms / STEP_MS[step]);
  if (end - first > POINTS_MAX) {
    throw new MonitorError('invalid', 'too_many_points', `${end - first} points of one ${step} exceed ${POINTS_MAX}`, {
      hint: step === 'hour' ? 'Use ?step=day, or a shorter range.' : 'Use a shorter range.',
    });
  }
  return { step, first, end };
}
