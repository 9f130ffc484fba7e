/** What a worker has used in the last hour: the samples of the monitor, continued by the heartbeats that arrive. */
import { useEffect, useMemo, useState } from 'react';
import type { Worker, WorkerUsage } from '../../../../protocol/worker.ts';
import { useLive, useValue } from '../../live/use-live.ts';

export type Sample = WorkerUsage['items'][number];

const HOUR_MS = 3_600_000;

/** Null until it is known. */
export function useUsage(worker_id: string, worker: Worker | undefined): readonly Sample[] | null {
  const live = useLive();
  const { state } = useValue(live.connection);
  const [samples, setSamples] = useState<{ worker_id: string; items: readonly Sample[] } | null>(null);
  // After a loss of the connection, heartbeats were missed.
  const connected = state === 'live';
  useEffect(() => {
    if (!connected) return;
    const stop = new AbortController();
    live.api.workers.usage(worker_id, { signal: stop.signal }).then(
      ({ items }) => setSamples({ worker_id, items }),
      () => {},
    );
    return () => stop.abort();
  }, [live, worker_id, connected]);
  const at = worker?.last_heartbeat;
  const health = worker?.health;
  useEffect(() => {
    if (!at || !health) return;
    setSamples((before) =>
      before?.worker_id === worker_id ? { worker_id, items: withSample(before.items, { at, ...health }) } : before,
    );
  }, [worker_id, at, health]);
  return useMemo(() => (samples?.worker_id === worker_id ? samples.items : null), [samples, worker_id]);
}

/** One that is later than all others is added; those of more than an hour ago leave. */
export function withSample(samples: readonly Sample[], next: Sample): readonly Sample[] {
  const last = samples.at(-1);
  if (last && next.at <= last.at) return samples;
  const { at, cpu_usage, memory_usage, gpu_usage, disk_usage } = next;
  const from = new Date(Date.parse(at) - HOUR_MS).toISOString();
  return [...samples.filter((sample) => sample.at >= from), { at, cpu_usage, memory_usage, gpu_usage, disk_usage }];
}
