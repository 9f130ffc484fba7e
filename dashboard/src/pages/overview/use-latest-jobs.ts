/** The jobs submitted last, read again when one begins or ends. */
import { useEffect, useState } from 'react';
import { useLive, useSelection, useValue } from '../../live/use-live.ts';

/** Their ids; null until they are known. */
export function useLatestJobs(most: number): readonly string[] | null {
  const live = useLive();
  const epoch = useValue(live.epoch);
  const active = useSelection(live.active, (all) => [...all.entries()].map(([id]) => id).join());
  const [ids, setIds] = useState<readonly string[] | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: they say that the list has changed.
  useEffect(() => {
    const stop = new AbortController();
    const page = () => live.api.jobs.list({ limit: most }, { signal: stop.signal }).page();
    live
      .fetching(page, ({ items }) => items)
      .then(
        ({ items }) => setIds(items.map(({ job_id }) => job_id)),
        () => {},
      );
    return () => stop.abort();
  }, [live, most, epoch, active]);
  return ids;
}
