/**
 * Pages of lists, newest first. Each page is read from one state, so it is consistent however long it takes. The opaque
 * cursor has the last item returned and the segment at which the listing began, so that neither new jobs nor jobs that
 * move to the archive cause repetitions or omissions.
 */
import { MonitorError } from '../../../protocol/errors.ts';
import type { JobQuery } from '../../../protocol/queue.ts';
import { parseTime } from '../../../protocol/time.ts';
import { inScope, type JobScope } from '../../access/scope.ts';
import { JobMatcher } from '../../state-machine/decide/match.ts';
import { BLOCK_JOBS } from '../../state-machine/state/job-blocks.ts';
import { workerJobKey } from '../../state-machine/state/job-indexes.ts';
import { searchNewestFirst } from '../../state-machine/state/job-search.ts';
import type { JobRecord } from '../../state-machine/state/records.ts';
import type { State } from '../../state-machine/state/state.ts';

export const PAGE_DEFAULT = 100;
/** Jobs scanned between two pauses, for filters that few jobs match. */
const SCANNED_PER_TURN = 2_000;

/** `seq`: the segment at which the listing began. A job that has left memory since then keeps its place in the list. */
export type Cursor = ({ ordinal: number } | { archive: string }) & { seq?: number | undefined };

export function encodeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

export function decodeCursor(text: string | undefined): Cursor | null {
  if (text === undefined) return null;
  try {
    const value = JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;
    const seq = Number.isSafeInteger(value.seq) ? (value.seq as number) : undefined;
    if (Number.isSafeInteger(value.ordinal)) return { ordinal: value.ordinal as number, seq };
    if (typeof value.archive === 'string') return { archive: value.archive, seq };
  } catch {
    // Falls through to the refusal.
  }
  throw new MonitorError('invalid', 'invalid_cursor', 'the cursor is not from this monitor', {
    hint: "Pass the last page's next_cursor unchanged, or omit it to start from the beginning.",
  });
}

export function matcherOf(query: JobQuery, scope: JobScope | null): JobMatcher {
  const { created_after, created_before, state, worker_id, priority, tag, tenant, error_code, suspect, verdict } =
    query;
  const { model, q } = query;
  return new JobMatcher({
    state,
    worker_id,
    priority,
    tag,
    tenant,
    error_code,
    suspect,
    verdict,
    model,
    q,
    visible: scope === null ? undefined : (job) => inScope(scope, job),
    created_after_ms: created_after === undefined ? undefined : parseTime(created_after),
    created_before_ms: created_before === undefined ? undefined : parseTime(created_before),
  });
}

/** Returns the next matching jobs in memory below `before`, newest first, and whether memory is exhausted. */
export async function pageOfJobs(
  state: State,
  { scope, ...query }: JobQuery & { had_by?: string; scope: JobScope | null },
  before: number,
  limit: number,
): Promise<{ jobs: JobRecord[]; exhausted: boolean }> {
  const matcher = matcherOf(query, scope);
  const jobs: JobRecord[] = [];
  let scanned = 0;
  for (const job_id of newestFirst(state, query, matcher, before)) {
    const job = job_id === null ? undefined : state.job(job_id);
    if (job && matcher.test(job)) jobs.push(job);
    if (jobs.length === limit) return { jobs, exhausted: false };
    // A block that is skipped may have been read for that.
    scanned += job_id === null ? BLOCK_JOBS / 4 : 1;
    if (scanned < SCANNED_PER_TURN) continue;
    scanned = 0;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return { jobs, exhausted: true };
}

/** A state with fewer jobs than that is looked through, instead of all jobs of a worker. */
const FEW_JOBS = 1_000;

/** Yields ids below the ordinal `before`, from the narrowest index for the query; null for jobs that it skips. */
function* newestFirst(
  state: State,
  { state: name, worker_id, verdict, had_by = worker_id }: JobQuery & { had_by?: string },
  matcher: JobMatcher,
  before: number,
): Generator<string | null> {
  const { jobs_by_creation, jobs_by_state, jobs_by_worker, off_track } = state.tables;
  if (verdict !== undefined && verdict !== 'on_track') {
    for (const [ordinal, job_id] of off_track[verdict].entriesReversed(before)) if (ordinal < before) yield job_id;
    return;
  }
  const table = name === undefined ? jobs_by_creation : jobs_by_state[name];
  if (had_by === undefined || (name !== undefined && table.size < FEW_JOBS)) {
    yield* searchNewestFirst(state, table, matcher.sought(), before);
    return;
  }
  const [from, end] = [workerJobKey(had_by, 0), workerJobKey(had_by, before)];
  for (const [key, job_id] of jobs_by_worker.entriesReversed(end)) {
    if (key < from) return;
    if (key < end) yield job_id;
  }
}

/** Greater than every ordinal, and of the same padded length. */
export const NEWEST = 36 ** 10 - 1;
