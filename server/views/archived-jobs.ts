/**
 * Jobs that have left memory, most recently ended first: from packs, and, while a store has any, from single objects;
 * within an hour the single objects come before the packs.
 *
 * A page makes at most about `lists_max` lists and `reads_max` reads, and examines `rows_max` jobs; it may be short, or
 * empty, and has the position of the next. Unreadable objects are reported and skipped.
 */

import { MonitorError } from '../../protocol/errors.ts';
import { isId } from '../../protocol/ids.ts';
import { FINISHED_STATES } from '../../protocol/job.ts';
import { HOUR_MS } from '../../protocol/time.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { damageOf, readPack, type Unreadable } from './archive-objects.ts';
import { type FinishedState, nameHour, parseHour } from './keys.ts';
import { type Hour, type LooseStep, looseJobs } from './loose-jobs.ts';
import { type End, type PackedStep, packedJobs } from './packed-jobs.ts';

export type ArchivedPage = {
  jobs: JobRecord[];
  /** Where the next page begins; null on the last page. */
  next: string | null;
  /** Skipped objects: their jobs may be missing from this page. */
  unreadable: Unreadable[];
};

export type ArchivedPageOptions = {
  /** `next` of the previous page. */
  before?: string | undefined;
  limit: number;
  /** Only jobs with this end. Default: all. */
  states?: readonly FinishedState[] | undefined;
  /** Only jobs for which this returns true. */
  test?: ((job: JobRecord) => boolean) | undefined;
  /** Only jobs that had left memory by this segment. Default: all. */
  through_seq?: number | undefined;
  /** Requests to the store, and jobs examined. Defaults: 100 lists, 1,000 reads, 10,000 jobs. */
  lists_max?: number | undefined;
  reads_max?: number | undefined;
  rows_max?: number | undefined;
};

/**
 * One page of the jobs that have left memory, except those in `state`. Throws MonitorError('invalid') on a bad
 * `before`.
 */
export async function archivedPage(
  store: ObjectStore,
  state: State,
  {
    before,
    limit,
    states = FINISHED_STATES,
    test = () => true,
    through_seq = Number.POSITIVE_INFINITY,
    lists_max = 100,
    reads_max = 1000,
    rows_max = 10_000,
  }: ArchivedPageOptions,
): Promise<ArchivedPage> {
  const page: ArchivedPage = { jobs: [], next: null, unreadable: [] };
  let reads = 0;
  let rows = 0;
  for await (const step of archived(store, state, { before, states, through_seq, lists_max })) {
    if (step.unreadable) page.unreadable.push(step.unreadable);
    if (step.job && test(step.job)) page.jobs.push(step.job);
    reads += step.reads;
    rows += step.rows;
    const full = page.jobs.length === limit || reads >= reads_max || rows === rows_max;
    if (step.paused || (full && step.position !== null)) return { ...page, next: step.position };
  }
  return page;
}

/** All of them as one long list; `position` is the `before` of a later call. */
export async function* archivedJobs(
  store: ObjectStore,
  state: State,
  before?: string,
): AsyncGenerator<{ job: JobRecord; position: string }> {
  const unbounded = { lists_max: Number.POSITIVE_INFINITY, through_seq: Number.POSITIVE_INFINITY };
  for await (const { job, position } of archived(store, state, { before, states: FINISHED_STATES, ...unbounded })) {
    if (job && position !== null) yield { job, position };
  }
}

type Walk = { before: string | undefined; states: readonly FinishedState[]; through_seq: number; lists_max: number };

type Step = {
  /** null: the walk can't continue from here. */
  position: string | null;
  /** The bound of lists is reached. */
  paused: boolean;
  reads: number;
  rows: number;
  job: JobRecord | undefined;
  unreadable: Unreadable | undefined;
};

async function* archived(store: ObjectStore, memory: State, walk: Walk): AsyncGenerator<Step> {
  const { states, through_seq, lists_max } = walk;
  const from = walk.before === undefined ? beginning(memory) : parsePosition(walk.before);
  const loose =
    memory.scalars.loose_jobs > 0 ? looseJobs(store, memory, { from: from.loose, states, lists_max }) : null;
  const packed = packedJobs(store, memory, { before: from.packed, through_seq });
  let looseHead = await loose?.next();
  let packedHead = await packed.next();
  for (;;) {
    if (looseHead && !looseHead.done && (packedHead.done || isFirst(looseHead.value, packedHead.value))) {
      yield looseStep(looseHead.value);
      looseHead = await loose!.next();
    } else if (!packedHead.done) {
      const step = packedStep(packedHead.value);
      const wanted = step.job && states.includes(step.job.state as FinishedState);
      yield wanted ? step : { ...step, job: undefined };
      packedHead = await packed.next();
    } else return;
  }
}

const isFirst = ({ hour }: LooseStep, { end }: PackedStep): boolean => hour >= Math.floor(end.ended_ms / HOUR_MS);

function looseStep({ hour, job_id, paused, job, unreadable }: LooseStep): Step {
  return { position: `${nameHour(hour)}/${job_id}`, paused, reads: 1, rows: 1, job, unreadable };
}

function packedStep({ end, opened, job, unreadable }: PackedStep): Step {
  const position = job ? `${end.ended_ms}/${end.job_id}` : null;
  return { position, paused: false, reads: opened, rows: 1, job, unreadable };
}

type Position = { loose: Hour; packed: End };

function beginning({ at_ms }: State): Position {
  return { loose: { hour: Math.floor(at_ms / HOUR_MS), job_id: '' }, packed: { ended_ms: Infinity, job_id: '' } };
}

function parsePosition(position: string): Position {
  const [name = '', job_id = '', ...more] = position.split('/');
  if ((job_id === '' || isId(job_id)) && more.length === 0) {
    const hour = parseHour(name);
    if (hour !== null) return { loose: { hour, job_id }, packed: { ended_ms: (hour + 1) * HOUR_MS, job_id: '' } };
    const ended_ms = /^-?\d{1,16}$/.test(name) && job_id !== '' ? Number(name) : Number.NaN;
    if (Number.isSafeInteger(ended_ms)) {
      return { loose: { hour: Math.floor(ended_ms / HOUR_MS) - 1, job_id: '' }, packed: { ended_ms, job_id } };
    }
  }
  throw new MonitorError('invalid', 'invalid_cursor', 'the cursor is not from this monitor', {
    hint: "Pass the last page's next_cursor unchanged, or omit it to start from the beginning.",
  });
}

/**
 * Jobs that have left memory since this segment, newest first by creation: they were missing from a list of memory
 * taken then.
 */
export async function archivedSince(
  store: ObjectStore,
  { tables }: State,
  { since_seq, below, from }: { since_seq: number; below: number; from: number },
): Promise<{ jobs: JobRecord[]; unreadable: Unreadable[] }> {
  const jobs: JobRecord[] = [];
  const unreadable: Unreadable[] = [];
  for (const pack of tables.packs.values()) {
    if (pack.seq <= since_seq || pack.first_ordinal >= below || pack.last_ordinal < from) continue;
    try {
      for (const job of (await readPack(store, pack)).jobs()) {
        if (job.ordinal < below && job.ordinal >= from && !tables.jobs.has(job.job_id)) jobs.push(job);
      }
    } catch (error) {
      unreadable.push(damageOf(error));
    }
  }
  return { jobs: jobs.sort((a, b) => b.ordinal - a.ordinal), unreadable };
}
