/** Tabs by state, with how many jobs are in each. */
import { useEffect, useRef, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import type { Job } from '../../../../protocol/job.ts';
import { useLive, useValue } from '../../live/use-live.ts';
import { count } from '../../parts/format.ts';
import { type Filters, withFilter } from './filters.ts';
import styles from './state-tabs.module.css';

const TABS: readonly { state: Job['state'] | null; name: string; counted: readonly Job['state'][] }[] = [
  { state: null, name: 'All', counted: [] },
  { state: 'PROCESSING', name: 'Running', counted: ['PROCESSING'] },
  { state: 'QUEUED', name: 'Waiting', counted: ['QUEUED'] },
  { state: 'COMPLETED', name: 'Completed', counted: ['COMPLETED'] },
  { state: 'FAILED', name: 'Failed', counted: ['FAILED'] },
  { state: 'CANCELLED', name: 'Cancelled', counted: ['CANCELLED'] },
];

export function StateTabs({ filters }: { filters: Filters }) {
  const [params] = useSearchParams();
  const counts = useCounts();
  return (
    <nav className={styles.tabs} aria-label="Jobs by state">
      {TABS.map(({ state, name, counted }) => {
        const on = (filters.state ?? null) === state;
        const query = withFilter(params, 'state', state).toString();
        const figure = counts && counted.reduce((sum, one) => sum + (counts[one] ?? 0), 0);
        return (
          <Link
            key={name}
            href={query === '' ? '/jobs' : `/jobs?${query}`}
            className={styles.tab!}
            aria-current={on ? 'true' : undefined}
            title={state && counts ? 'Jobs in memory; older ones are in the archive and are listed, too' : undefined}
          >
            {name} {figure !== null && counted.length > 0 && <span>{count(figure)}</span>}
          </Link>
        );
      })}
    </nav>
  );
}

const AGAIN_MS = 2_000;

/** Read again when the system has changed, at most every two seconds. */
function useCounts(): Readonly<Record<string, number>> | null {
  const live = useLive();
  const system = useValue(live.system);
  const [counts, setCounts] = useState<Record<string, number> | null>(null);
  const last_ms = useRef(0);
  const seq = system?.as_of_seq;
  useEffect(() => {
    if (seq === undefined) return;
    const wait_ms = Math.max(0, last_ms.current + AGAIN_MS - Date.now());
    const timer = setTimeout(() => {
      last_ms.current = Date.now();
      live.api.system.metrics().then(
        ({ jobs }) => setCounts(jobs),
        () => {},
      );
    }, wait_ms);
    return () => clearTimeout(timer);
  }, [live, seq]);
  return counts;
}
