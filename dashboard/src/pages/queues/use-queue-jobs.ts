/** The jobs of a queue, read again when the queue changes. */
import { useEffect, useState } from 'react';
import type { Job } from '../../../../protocol/job.ts';
import type { JobQuery } from '../../../../protocol/queue.ts';
import { useLive, useValue } from '../../live/use-live.ts';

const AGAIN_MS = 3_000;

/** Null until they are known. `all`: whether these are all. */
export function useJobsOf(query: JobQuery, most: number): { jobs: readonly Job[]; all: boolean } | null {
  const live = useLive();
  const queue = useValue(live.queue);
  const epoch = useValue(live.epoch);
  const [read, setRead] = useState<{ key: string; jobs: readonly Job[]; all: boolean } | null>(null);
  const key = `${JSON.stringify(query)} ${most}`;
  const seq = useSlowly(queue?.as_of_seq ?? 0);
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

/** Follows a value, at most once in a few seconds. */
function useSlowly(value: number): number {
  const [shown, setShown] = useState({ value, at_ms: 0 });
  useEffect(() => {
    if (value === shown.value) return;
    const wait_ms = Math.max(0, shown.at_ms + AGAIN_MS - Date.now());
    const timer = setTimeout(() => setShown({ value, at_ms: Date.now() }), wait_ms);
    return () => clearTimeout(timer);
  }, [value, shown]);
  return shown.value;
}

/** The ids of the dead letters: the failed jobs that a redrive would take. Null until they are known. */
export function useDeadLetters(): ReadonlySet<string> | null {
  const live = useLive();
  const queue = useValue(live.queue);
  const [dead, setDead] = useState<ReadonlySet<string> | null>(null);
  const seq = useSlowly(queue?.as_of_seq ?? 0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the queue has changed.
  useEffect(() => {
    const stop = new AbortController();
    live.api.queues.redrive({ dry_run: true }, { signal: stop.signal }).then(
      ({ job_ids }) => setDead(new Set(job_ids)),
      () => {},
    );
    return () => stop.abort();
  }, [live, seq]);
  return dead;
}
