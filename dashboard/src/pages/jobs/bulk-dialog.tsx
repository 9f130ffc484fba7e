/** The exact list before anything happens, then what came of it, with undo where it can be undone. */
import { Button, Modal, Progress } from '@mantine/core';
import { useEffect, useMemo, useState } from 'react';
import type { Job } from '../../../../protocol/job.ts';
import type { JobQuery } from '../../../../protocol/queue.ts';
import { useLive } from '../../live/use-live.ts';
import { useMay } from '../../live/use-may.tsx';
import { showDone, showError } from '../../parts/act.tsx';
import { ExactList } from '../../parts/exact-list.tsx';
import { count } from '../../parts/format.ts';
import styles from './bulk.module.css';
import { applies, apply, BULK_MAX, type BulkAction, collect, undoCancel } from './bulk.ts';

export type Scope = { job_ids: readonly string[] } | { query: JobQuery };

const WORDS = {
  cancel: { verb: 'Cancel', did: 'cancelled', none: 'None of them can be cancelled: they have ended.' },
  retry: {
    verb: 'Run again',
    did: 'returned to the queue',
    none: 'None of them can be run again: they have not failed and were not cancelled.',
  },
} as const;

type Props = { action: BulkAction; scope: Scope; onClose: () => void; onDone: () => void };

export function BulkDialog({ action, scope, onClose, onDone }: Props) {
  const live = useLive();
  const { jobs, found, left_out, more, error } = useCollected(action, scope);
  const [busy, setBusy] = useState(false);
  const by_queue = useMay('operate');
  const { verb, did, none } = WORDS[action];
  const total = jobs?.length ?? 0;
  const documents = useMemo(() => new Map(jobs?.map((job) => [job.job_id, job])), [jobs]);
  const run = async () => {
    setBusy(true);
    try {
      const { done, refused } = await apply(live.api, jobs!, { action, by_queue });
      for (const id of done) if (live.jobs.hasReaders(id)) live.refresh(id);
      const [first] = refused;
      const rest = first ? ` ${count(refused.length)} not: ${first.reason}.` : '';
      showDone({
        text: `${count(done.length)} ${done.length === 1 ? 'job' : 'jobs'} ${did}.${rest}`,
        ...(action === 'cancel' && done.length > 0 ? { undo: () => undoCancel(live.api, done) } : {}),
      });
      onDone();
    } catch (problem) {
      showError(problem);
      setBusy(false);
    }
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={jobs ? `${verb} ${count(total)} ${total === 1 ? 'job' : 'jobs'}` : `${verb}: reading the list`}
    >
      {error && <p className={styles.error}>{error.message}</p>}
      {!jobs && !error && (
        <>
          <p className={styles.note}>{count(found)} found …</p>
          <Progress value={100} animated aria-label="Reading the list" />
        </>
      )}
      {jobs && total === 0 && <p className={styles.note}>{none}</p>}
      {total > 0 && <ExactList job_ids={[...documents.keys()]} documents={documents} />}
      {jobs && (
        <div className={styles.note}>
          {left_out > 0 && (
            <p>{count(left_out)} of the selected jobs are left out: it does not apply to their state.</p>
          )}
          {more && <p>There are more than {count(BULK_MAX)}: these are the first, repeat it for the others.</p>}
          {action === 'cancel' && total > 0 && <p>Cancelled jobs can be returned to the queue, at its end.</p>}
        </div>
      )}
      <div className={styles.actions}>
        <Button onClick={onClose}>Leave them</Button>
        <Button
          variant="filled"
          color={action === 'cancel' ? 'red' : undefined}
          disabled={total === 0}
          loading={busy}
          onClick={run}
          data-autofocus
        >
          {verb} {total > 0 ? count(total) : ''}
        </Button>
      </div>
    </Modal>
  );
}

type Collected = { jobs: Job[] | null; found: number; left_out: number; more: boolean; error: Error | null };

function useCollected(action: BulkAction, scope: Scope): Collected {
  const live = useLive();
  const [collected, setCollected] = useState<Collected>({
    jobs: null,
    found: 0,
    left_out: 0,
    more: false,
    error: null,
  });
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const put = (change: Partial<Collected>) => {
      if (!signal.aborted) setCollected((before) => ({ ...before, ...change }));
    };
    const read = async () => {
      if ('query' in scope) {
        return collect(live.api, scope.query, { action, signal, onCount: (found) => put({ found }) });
      }
      const jobs: Job[] = [];
      for (const id of scope.job_ids) jobs.push(live.jobs.get(id) ?? (await live.api.jobs.get(id, { signal })));
      return { jobs, more: false };
    };
    read().then(
      ({ jobs, more }) => {
        const taken = jobs.filter((job) => applies(action, job));
        put({ jobs: taken, left_out: jobs.length - taken.length, more });
      },
      (error: Error) => put({ error }),
    );
    return () => stop.abort();
  }, [live, action, scope]);
  return collected;
}
