/** Periods as the series of the chart: every period of the range, also those in which nothing happened. */
import type { MetricsPeriod } from '../../../../protocol/system.ts';

const STEP_SECONDS = { hour: 3600, day: 86_400 } as const;

/** Seconds, ended (the failed ones above the finished ones), finished, waiting. */
export function seriesOf(
  periods: readonly MetricsPeriod[],
  step: 'hour' | 'day',
): [number[], number[], number[], (number | null)[]] {
  const of = new Map(periods.map((period) => [Date.parse(period.period_start) / 1000, period]));
  const series: [number[], number[], number[], (number | null)[]] = [[], [], [], []];
  if (of.size === 0) return series;
  const times = [...of.keys()];
  const last = Math.max(...times);
  for (let at = Math.min(...times); at <= last; at += STEP_SECONDS[step]) {
    const period = of.get(at);
    const { jobs_completed = 0, jobs_failed = 0, queue_depth_mean = 0 } = period ?? {};
    series[0].push(at);
    series[1].push(jobs_completed + jobs_failed);
    series[2].push(jobs_completed);
    series[3].push(queue_depth_mean);
  }
  return series;
}
