/** One change for many jobs: which of them it applies to, and how it is made with few requests. */
import type { Job } from '../../../../protocol/job.ts';
import type { JobQuery } from '../../../../protocol/queue.ts';
import type { TranscriptionAPI } from '../../../../sdk/typescript/index.ts';

export type BulkAction = 'cancel' | 'retry';

const APPLIES: Readonly<Record<BulkAction, readonly Job['state'][]>> = {
  cancel: ['SUBMITTED', 'QUEUED', 'PROCESSING'],
  retry: ['FAILED', 'CANCELLED'],
};

export const applies = (action: BulkAction, { state }: Pick<Job, 'state'>): boolean => APPLIES[action].includes(state);

/** At most this many at once; what is beyond is said. */
export const BULK_MAX = 10_000;
const PAGE = 1_000;
const AT_ONCE = 8;

/** All jobs of the query to which the action applies, newest first. */
export async function collect(
  api: TranscriptionAPI,
  query: JobQuery,
  { action, signal, onCount }: { action: BulkAction; signal: AbortSignal; onCount: (count: number) => void },
): Promise<{ jobs: Job[]; more: boolean }> {
  const jobs: Job[] = [];
  const states = query.state === undefined ? APPLIES[action] : APPLIES[action].filter((state) => state === query.state);
  for (const state of states) {
    const pages = api.jobs.list({ ...query, state, limit: PAGE }, { signal });
    for await (const job of pages) {
      if (jobs.length === BULK_MAX) return { jobs, more: true };
      jobs.push(job);
      if (jobs.length % 100 === 0) onCount(jobs.length);
    }
  }
  return { jobs: jobs.sort((a, b) => b.created_at.localeCompare(a.created_at)), more: false };
}

export type BulkResult = { done: string[]; refused: { job_id: string; reason: string }[] };

/** A queue takes many in one request (`by_queue`, for operators); what it does not take goes one by one. */
export async function apply(
  api: TranscriptionAPI,
  jobs: readonly Job[],
  { action, by_queue }: { action: BulkAction; by_queue: boolean },
): Promise<BulkResult> {
  const queued = jobs.filter(
    ({ state }) => by_queue && (action === 'cancel' ? state !== 'PROCESSING' : state === 'FAILED'),
  );
  const job_ids = queued.map(({ job_id }) => job_id);
  const request = { filter: { job_ids } };
  const taken =
    job_ids.length === 0
      ? []
      : (await (action === 'cancel' ? api.queues.purge('main', request) : api.queues.redrive(request))).job_ids;
  const done = new Set(taken);
  const rest = jobs.filter(({ job_id }) => !done.has(job_id));
  const refused: BulkResult['refused'] = [];
  await atOnce(rest, async ({ job_id }) => {
    try {
      await (action === 'cancel' ? api.jobs.cancel(job_id) : api.jobs.retry(job_id));
      done.add(job_id);
    } catch (error) {
      refused.push({ job_id, reason: (error as Error).message });
    }
  });
  return { done: [...done], refused };
}

/** Cancelled jobs return to the queue with new attempts. */
export async function undoCancel(api: TranscriptionAPI, job_ids: readonly string[]): Promise<void> {
  await atOnce(job_ids, async (job_id) => {
    await api.jobs.retry(job_id);
  });
}

async function atOnce<T>(all: readonly T[], run: (one: T) => Promise<void>): Promise<void> {
  const waiting = all.values();
  const line = async () => {
    for (const one of waiting) await run(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, line));
}
