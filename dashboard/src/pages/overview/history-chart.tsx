/** Finished, failed and waiting over time: bars of jobs that ended, a line of how many waited. */
import { SegmentedControl } from '@mantine/core';
import { useMemo, useState } from 'react';
import { useSearchParams } from 'wouter';
import type { MetricsPeriod } from '../../../../protocol/system.ts';
import { Chart, type ChartSeries } from '../../parts/chart.tsx';
import { count, shortCount } from '../../parts/format.ts';
import { Panel } from '../../parts/panel.tsx';
import { clockTime } from '../../parts/times.ts';
import styles from './history-chart.module.css';
import { seriesOf } from './history-series.ts';
import { type Step, useHistory } from './use-history.ts';

const RANGES: Readonly<Record<string, { step: Step; periods: number; words: string }>> = {
  '24 h': { step: 'hour', periods: 24, words: 'the last 24 hours' },
  '7 d': { step: 'hour', periods: 7 * 24, words: 'the last 7 days' },
  '30 d': { step: 'day', periods: 30, words: 'the last 30 days' },
};

const SERIES: readonly ChartSeries[] = [
  { name: 'finished and failed', kind: 'bars', colour: 'bad-fill' },
  { name: 'finished', kind: 'bars', colour: 'accent-fill' },
  { name: 'waiting', kind: 'line', colour: 'warn-fill' },
];

export function HistoryChart() {
  const [params, setParams] = useSearchParams();
  const asked = params.get('range') ?? '';
  const chosen = Object.hasOwn(RANGES, asked) ? asked : '24 h';
  const { step, periods, words } = RANGES[chosen]!;
  const history = useHistory(step, periods);
  const data = useMemo(() => seriesOf(history ?? [], step), [history, step]);
  const [index, setIndex] = useState<number | null>(null);
  const point =
    index === null ? undefined : history?.find((one) => Date.parse(one.period_start) / 1000 === data[0][index]);
  const choose = (range: string) =>
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        if (range === '24 h') next.delete('range');
        else next.set('range', range);
        return next;
      },
      { replace: true },
    );
  return (
    <Panel
      title="Finished, failed and waiting"
      className={styles.panel}
      aside={
        <div className={styles.aside}>
          <Legend point={point} step={step} />
          <SegmentedControl
            size="xs"
            data={Object.keys(RANGES)}
            value={chosen}
            onChange={choose}
            aria-label="Time range"
          />
        </div>
      }
    >
      <div className={styles.plot}>
        <Chart
          data={data}
          series={SERIES}
          height={176}
          least={4}
          format={shortCount}
          onPoint={setIndex}
          label={sentence(history ?? [], words)}
        />
      </div>
    </Panel>
  );
}

function Legend({ point, step }: { point: MetricsPeriod | undefined; step: Step }) {
  const when = point && clockTime(point.period_start, step === 'hour' ? Date.now() : 0).replace(/:00$/, '');
  return (
    <ul className={styles.legend}>
      {when && <li>{when}</li>}
      <li data-colour="accent">{point ? `${count(point.jobs_completed)} finished` : 'finished'}</li>
      <li data-colour="bad">{point ? `${count(point.jobs_failed)} failed` : 'failed'}</li>
      <li data-colour="warn">{point ? `${(point.queue_depth_mean ?? 0).toFixed(1)} waiting` : 'waiting'}</li>
    </ul>
  );
}

function sentence(history: readonly MetricsPeriod[], words: string): string {
  const completed = history.reduce((sum, one) => sum + one.jobs_completed, 0);
  const failed = history.reduce((sum, one) => sum + one.jobs_failed, 0);
  const depth = Math.max(0, ...history.map((one) => one.queue_depth_max ?? 0));
  return `In ${words} ${count(completed)} jobs finished and ${count(failed)} failed; at most ${count(depth)} waited at a time.`;
}
