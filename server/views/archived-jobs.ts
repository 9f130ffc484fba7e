/**
 * Jobs further back than memory reaches: through the dated keys of their views, newest hour first, by key within the hour,
 * each read from the archive. Inside an hour the store's own order is taken as it is, so that a page costs the same however
 * many jobs ended then.
 *
 * A page makes at most about `lists_max` lists and `reads_max` reads; it may be short, or empty, and says where to go on.
 */

import { MonitorError } from '../../protocol/errors.ts';
import { isId } from '../../protocol/ids.ts';
import { FINISHED_STATES } from '../../protocol/job.ts';
import { HOUR_MS } from '../../protocol/time.ts';
import { compareKeys, type ObjectStore } from '../objects/store.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { readArchivedJob } from './archived-records.ts';
import { Calendar, type End } from './calendar.ts';
import { type FinishedState, nameHour, parseHour } from './keys.ts';

export type ArchivedPage = {
  jobs: JobRecord[];
  /** Where the next page begins; null where there is nothing further back. */
  next: string | null;
};

export type ArchivedPageOptions = {
  /** `next` of the page before. */
  before?: string | undefined;
  limit: number;
  /** Only jobs that ended so. Default: all. */
  states?: readonly FinishedState[] | undefined;
  /** Only jobs of which this is true. */
  test?: ((job: JobRecord) => boolean) | undefined;
  /** Requests to the store. Defaults: 100 lists, 1,000 reads. */
  lists_max?: number | undefined;
  reads_max?: number | undefined;
};

const READ_AT_ONCE = 16;

/** One page of the jobs that have left memory; those in `state` are left out. Throws MonitorError('invalid') on a bad `before`. */
export async function archivedPage(
  store: ObjectStore,
  state: State,
  {
    before,
    limit,
    states = FINISHED_STATES,
    test = () => true,
    lists_max = 100,
    reads_max = 1000,
  }: ArchivedPageOptions,
): Promise<ArchivedPage> {
  const jobs: JobRecord[] = [];
  let reads = 0;
  for await (const { job, position, paused } of archived(store, state, { before, states, lists_max })) {
    if (paused) return { jobs, next: position };
    if (job && test(job)) jobs.push(job);
    reads += 1;
    if (jobs.length === limit || reads === reads_max) return { jobs, next: position };
  }
  return { jobs, next: null };
}

/** All of them as one long list; `position` is what a later call takes as `before`. */
export async function* archivedJobs(
  store: ObjectStore,
  state: State,
  before?: string,
): AsyncGenerator<{ job: JobRecord; position: string }> {
  const all = { before, states: FINISHED_STATES, lists_max: Number.POSITIVE_INFINITY };
  for await (const { job, position } of archived(store, state, all)) if (job) yield { job, position };
}

type Walk = { before: string | undefined; states: readonly FinishedState[]; lists_max: number };

/** `paused`: the lists are used up. No job: its view is there and it is not, which a rebuild would mend. */
type Step = { position: string; paused: boolean; job: JobRecord | undefined };

async function* archived(store: ObjectStore, memory: State, walk: Walk): AsyncGenerator<Step> {
  let chunk: End[] = [];
  const read = async (): Promise<Step[]> => {
    const jobs = await Promise.all(chunk.map((end) => readEnd(store, end)));
    const steps = chunk.map((end, index) => ({ position: positionOf(end), paused: false, job: jobs[index] }));
    chunk = [];
    return steps;
  };
  for await (const end of endsBefore(store, memory, walk)) {
    if (end.job_id !== null && memory.job(end.job_id)) continue;
    if (end.job_id !== null) chunk.push(end as End);
    if (chunk.length === READ_AT_ONCE || end.job_id === null) yield* await read();
    if (end.job_id === null)
      yield { position: positionOf({ hour: end.hour, job_id: end.after }), paused: true, job: undefined };
  }
  yield* await read();
}

type Pause = { hour: number; job_id: null; after: string };

/** The calendar with the highest bound is narrowed until what it stands at is certain: so every list brings the walk on. */
async function* endsBefore(
  store: ObjectStore,
  { at_ms }: State,
  { before, states, lists_max }: Walk,
): AsyncGenerator<End | Pause> {
  const from = before === undefined ? { hour: Math.floor(at_ms / HOUR_MS), job_id: '' } : parsePosition(before);
  const calendars = states.map((state) => new Calendar(store, state, from.hour));
  for (;;) {
    const hour = Math.max(...calendars.map(({ upper }) => upper));
    if (hour === Number.NEGATIVE_INFINITY) return;
    const after = hour === from.hour ? from.job_id : '';
    if (calendars.reduce((sum, { lists }) => sum + lists, 0) >= lists_max) {
      yield { hour, job_id: null, after };
      return;
    }
    const newest = calendars.filter(({ upper }) => upper === hour);
    const doubtful = newest.find(({ settled }) => !settled);
    if (doubtful) await doubtful.narrow();
    else {
      yield* merged(newest.map((calendar) => calendar.ends(after)));
      for (const calendar of newest) calendar.next();
    }
  }
}

/** Several sorted by key, as one sorted by key. */
async function* merged(sources: AsyncGenerator<End>[]): AsyncGenerator<End> {
  const heads = await Promise.all(sources.map(async (source) => ({ source, head: await source.next() })));
  for (;;) {
    let first: (typeof heads)[number] | undefined;
    for (const one of heads) {
      if (one.head.done) continue;
      if (!first || compareKeys(`${one.head.value.job_id}.`, `${first.head.value.job_id}.`) < 0) first = one;
    }
    if (!first) return;
    yield first.head.value;
    first.head = await first.source.next();
  }
}

/** The job, if it ended as the key of its view says. */
async function readEnd(store: ObjectStore, { state, hour, job_id }: End): Promise<JobRecord | undefined> {
  const job = await readArchivedJob(store, job_id);
  return job?.state === state && Math.floor((job.completed_ms ?? 0) / HOUR_MS) === hour ? job : undefined;
}

const positionOf = ({ hour, job_id }: { hour: number; job_id: string }): string => `${nameHour(hour)}/${job_id}`;

function parsePosition(position: string): { hour: number; job_id: string } {
  const [name = '', job_id = '', ...more] = position.split('/');
  const hour = parseHour(name);
  if (hour !== null && (job_id === '' || isId(job_id)) && more.length === 0) return { hour, job_id };
  throw new MonitorError('invalid', 'invalid_cursor', 'the cursor is not one that this monitor gave', {
    hint: "Pass the last page's next_cursor unchanged, or leave it out to begin anew.",
  });
}
