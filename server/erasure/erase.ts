/** Erases jobs by id, in memory or in the archive, and finds those that match a filter, page by page. */
import { MonitorError } from '../../protocol/errors.ts';
import type { Engine } from '../engine.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { CommandBody, Outcome } from '../state-machine/decide/commands.ts';
import type { Refusal } from '../state-machine/decide/decision.ts';
import { type ErasureReason, isErased } from '../state-machine/state/erasures.ts';
import { type ArchivedJob, type JobRecord, running } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { archivedPage } from '../views/archived-jobs.ts';
import { findArchivedJob } from '../views/archived-records.ts';

type Parts = { engine: Pick<Engine, 'state' | 'journal'>; store: ObjectStore };

export type EraseCommand = CommandBody & { type: 'erase_jobs' };

export type Erased = {
  /** The jobs that this call has erased, as they were. */
  jobs: JobRecord[];
  /** Refused: a worker holds them, or they are not there. */
  refused: { job_id: string; refusal: Refusal }[];
};

/** Jobs per command. */
export const ERASED_AT_ONCE = 200;
/** The archive changes while it is read, but hardly more often. */
const TRIES = 10;

/** Jobs that were erased before are skipped. Throws StoreError, JournalError, MonitorError. */
export async function eraseJobs(
  { engine, store }: Parts,
  job_ids: readonly string[],
  { by, reason, submit }: { by: string; reason: ErasureReason; submit: (body: EraseCommand) => Promise<Outcome> },
): Promise<Erased> {
  const erased: Erased = { jobs: [], refused: [] };
  let left = [...new Set(job_ids)];
  for (let tries = 0; left.length > 0; ) {
    const portion = left.filter((job_id) => !isErased(engine.state, job_id)).slice(0, ERASED_AT_ONCE);
    if (portion.length === 0) break;
    const read_seq = engine.state.seq;
    const jobs: { job_id: string; archived: ArchivedJob | null }[] = [];
    const records = new Map<string, JobRecord>();
    for (const job_id of portion) {
      const here = engine.state.job(job_id);
      const archived = here ? null : ((await findArchivedJob({ engine, store }, job_id)) ?? null);
      jobs.push({ job_id, archived });
      const record = here ?? archived?.job;
      if (record) records.set(job_id, record);
    }
    const refusals = await submitted(() => submit({ type: 'erase_jobs', jobs, read_seq, by, reason }), jobs);
    const again: string[] = [];
    for (const { job_id } of jobs) {
      const refusal = refusals.get(job_id);
      if (refusal?.code === 'archive_busy') again.push(job_id);
      else if (refusal) erased.refused.push({ job_id, refusal });
      else erased.jobs.push(records.get(job_id)!);
    }
    tries = again.length === portion.length ? tries + 1 : 0;
    if (tries === TRIES) {
      throw new MonitorError('unavailable', 'archive_busy', `${again[0]} is being moved in the archive`, {
        hint: 'Send the request again.',
        retry_after_seconds: 1,
      });
    }
    const done = new Set(portion);
    left = [...left.filter((job_id) => !done.has(job_id)), ...again];
  }
  return erased;
}

/** A command about one job is refused as a whole. */
async function submitted(
  submit: () => Promise<Outcome>,
  jobs: readonly { job_id: string }[],
): Promise<Map<string, Refusal>> {
  try {
    const { refused = [] } = await submit();
    return new Map(refused.map(({ index, refusal }) => [jobs[index]!.job_id, refusal]));
  } catch (error) {
    const { refusal } = error as { refusal?: Refusal };
    if (refusal === undefined || jobs.length !== 1) throw error;
    return new Map([[jobs[0]!.job_id, refusal]]);
  }
}

export type Found = { job_ids: string[]; running_ids: string[]; next: string | null };

/** Jobs in memory, oldest first, then those of the archive, newest first. Throws MonitorError('invalid') on a bad cursor. */
export async function findMatching(
  { engine, store }: Parts,
  { cursor, limit, test }: { cursor: string | undefined; limit: number; test: (job: JobRecord) => boolean },
): Promise<Found> {
  const found: Found = { job_ids: [], running_ids: [], next: null };
  const { state } = engine;
  const [, place, position = ''] = /^(memory|archive)\.(.*)$/s.exec(cursor ?? 'memory.0') ?? [];
  if (place === undefined) throw badCursor();
  if (place === 'memory') {
    if (!/^\d{1,15}$/.test(position)) throw badCursor();
    const next = inMemory(state, Number(position), { limit, test, found });
    return { ...found, next: next === null ? 'archive.' : `memory.${next}` };
  }
  const before = position === '' ? undefined : position;
  const page = await archivedPage(store, state, { before, limit, test });
  const ids = page.jobs.map(({ job_id }) => job_id).filter((job_id) => !isErased(engine.state, job_id));
  return { ...found, job_ids: ids, next: page.next === null ? null : `archive.${page.next}` };
}

/** Returns the ordinal at which the next page begins; null: there is none. */
function inMemory(
  { tables }: State,
  from: number,
  { limit, test, found }: { limit: number; test: (job: JobRecord) => boolean; found: Found },
): number | null {
  for (const [ordinal, job_id] of tables.jobs_by_creation.entries(from)) {
    if (found.job_ids.length + found.running_ids.length === limit) return ordinal;
    const job = tables.jobs.get(job_id)!;
    if (!test(job)) continue;
    if (running(job.state)) found.running_ids.push(job_id);
    else found.job_ids.push(job_id);
  }
  return null;
}

const badCursor = () =>
  new MonitorError('invalid', 'invalid_cursor', 'the cursor is not from this monitor', {
    hint: "Pass the last response's next_cursor unchanged, or omit it to start from the beginning.",
  });
