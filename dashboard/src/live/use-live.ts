/** The live store in React. A component renders again only when the record, or the selection, that it reads changes. */
import { createContext, useCallback, useContext, useEffect, useRef, useSyncExternalStore } from 'react';
import type { Job } from '../../../protocol/job.ts';
import type { Worker } from '../../../protocol/worker.ts';
import type { Live } from './live.ts';
import type { Records, Value } from './records.ts';

export const LiveContext = createContext<Live | null>(null);

export function useLive(): Live {
  return useContext(LiveContext)!;
}

export function useValue<T>(value: Value<T>): T {
  return useSyncExternalStore(value.subscribe, value.get);
}

export function useRecord<T>(records: Records<T>, id: string): T | undefined {
  const subscribe = useCallback((reader: () => void) => records.subscribe(id, reader), [records, id]);
  return useSyncExternalStore(subscribe, () => records.get(id));
}

/** What `select` makes of the whole set; renders again only if that is another by `same`. */
export function useSelection<T, S>(
  records: Records<T>,
  select: (records: Records<T>) => S,
  same: (a: S, b: S) => boolean = Object.is,
): S {
  const last = useRef<{ version: number; select: unknown; selection: S } | null>(null);
  const subscribe = useCallback((reader: () => void) => records.subscribeAll(reader), [records]);
  return useSyncExternalStore(subscribe, () => {
    const before = last.current;
    if (before?.version === records.version && before.select === select) return before.selection;
    const next = select(records);
    const selection = before && same(before.selection, next) ? before.selection : next;
    last.current = { version: records.version, select, selection };
    return selection;
  });
}

/** Equal lists, element by element. */
export const sameList = <T>(a: readonly T[], b: readonly T[]): boolean =>
  a.length === b.length && a.every((one, index) => Object.is(one, b[index]));

/** The job, fetched if it is not known yet. */
export function useJob(job_id: string): Job | undefined {
  const live = useLive();
  const job = useRecord(live.jobs, job_id);
  const known = job !== undefined;
  useEffect(() => {
    if (!known) live.want(job_id);
  }, [live, job_id, known]);
  return job;
}

export function useWorker(worker_id: string): Worker | undefined {
  return useRecord(useLive().workers, worker_id);
}
