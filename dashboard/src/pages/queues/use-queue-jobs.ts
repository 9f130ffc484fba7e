/** The jobs of a queue, read again when the queue changes. */
import { useEffect, useState } from 'react';
import type { Job } from '../../../../protocol/job.ts';
import type { JobQuery } from '../../../../protocol/queue.ts';
import { useLive, useValue } from '../../live/use-live.ts';
import { useMay } from '../../live/use-may.tsx';
import { useSlowly } from '../../live/use-slowly.ts';

const AGAIN_MS = 3_000;

/** Null until they are known. `all`: whether these are all. */
export function useJobsOf(query: JobQuery, most: number): { jobs: readonly Job[]; all: boolean } | null {
  const live = useLive();
  const queue = useValue(live.queue);
  const epoch = useValue(live.epoch);
  const [read, setRead] = useState<{ key: string; jobs: readonly Job[]; all: boolean } | null>(null);
  const key = `${JSON.stringify(query)} ${most}`;
  const seq = useSlowly(queue?.as_of_seq ?? 0, AGAIN_MS);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the queue has changed.
  useEffect(() => {
    const stop = new AbortController();
    const load = async () => {
      const jobs: Job[] = [];
      for await (const job of live.api.jobs.list(
        { ...JSON.parse(key.slice(0, key.lastIndexOf(' '))), limit: 500 },
        { signal: stop.signal },
      )) {
        if (jobs.length === most) return { jobs, all: false };
        jobs.push(job);
      }
      return { jobs, all: true };
    };
    live
      .fetching(load, ({ jobs }) => jobs)
      .then(
        (found) => {
          if (!stop.signal.aborted) setRead({ key, ...found });
        },
        () => {},
      );
    return () => stop.abort();
  }, [live, key, seq, epoch, most]);
  return read?.key === key ? read : null;
}

/** `ids` null: all failed jobs, because only operators may ask which of them a redrive would take. */
export type DeadLetterSet = { size: number; ids: ReadonlySet<string> | null };

/** Null until they are known. */
export function useDeadLetters(): DeadLetterSet | null {
  const live = useLive();
  const queue = useValue(live.queue);
  const mayAsk = useMay('operate');
  const [dead, setDead] = useState<DeadLetterSet | null>(null);
  const seq = useSlowly(queue?.as_of_seq ?? 0, AGAIN_MS);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the queue has changed.
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const { queues } = live.api;
    const asked = mayAsk
      ? queues
          .redrive({ dry_run: true }, { signal })
          .then(({ job_ids }) => ({ ids: new Set(job_ids), size: job_ids.length }))
      : queues.dlq({ signal }).then(({ messages_visible: size }) => ({ ids: null, size }));
    asked.then(setDead, () => {});
    return () => stop.abort();
  }, [live, seq, mayAsk]);
  return dead;
}
