/** CPU, memory, GPU and disk of the last hour. */
import { useMemo } from 'react';
import type { Worker } from '../../../../protocol/worker.ts';
import { Chart } from '../../parts/chart.tsx';
import { percent } from '../../parts/format.ts';
import { Panel } from '../../parts/panel.tsx';
import { type Sample, useUsage } from './use-usage.ts';
import styles from './worker.module.css';

const PARTS = [
  ['GPU', 'gpu_usage'],
  ['CPU', 'cpu_usage'],
  ['Memory', 'memory_usage'],
  ['Disk', 'disk_usage'],
] as const;

export function UsageCharts({ worker }: { worker: Worker }) {
  const samples = useUsage(worker.worker_id, worker);
  const known = samples && samples.length > 1;
  return (
    <Panel title="Use" aside={known ? 'the last hour, from its heartbeats' : undefined}>
      {samples && !known && (
        <p className={styles.none}>The charts begin with the next heartbeats: this monitor has just started.</p>
      )}
      <div className={styles.charts}>
        {PARTS.filter(([, name]) => name !== 'gpu_usage' || worker.health.gpu_usage !== null).map(([words, name]) => (
          <div key={name}>
            <h3>
              {words} <b>{percent(worker.health[name])}</b>
            </h3>
            <Line samples={samples ?? NO_SAMPLES} name={name} words={words} />
          </div>
        ))}
      </div>
    </Panel>
  );
}

const NO_SAMPLES: readonly Sample[] = [];

function Line({
  samples,
  name,
  words,
}: {
  samples: readonly Sample[];
  name: (typeof PARTS)[number][1];
  words: string;
}) {
  const data = useMemo(
    () =>
      [samples.map(({ at }) => Date.parse(at) / 1000), samples.map((sample) => sample[name])] as [
        number[],
        (number | null)[],
      ],
    [samples, name],
  );
  const values = samples.flatMap((sample) => sample[name] ?? []);
  const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  return (
    <Chart
      data={data}
      series={SERIES}
      height={86}
      top={100}
      format={percent}
      label={`${words}: ${percent(mean)} on average in the last hour, ${percent(Math.max(0, ...values))} at most`}
    />
  );
}

const SERIES = [{ name: 'use', kind: 'area', colour: 'accent-fill' }] as const;
