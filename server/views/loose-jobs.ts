/**
 * Jobs in single objects, as older versions archived them, until they are repacked: found by the dated keys of their
 * views, newest hour first, by key within the hour, each read from the archive. Within an hour the store's order is
 * kept, so that a page costs the same however many jobs ended then.
 */

import { HOUR_MS } from '../../protocol/time.ts';
import { compareKeys, type ObjectStore } from '../objects/store.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { damageOf, type Unreadable } from './archive-objects.ts';
import { readLooseJob } from './archived-records.ts';
import { Calendar, type End } from './calendar.ts';
import type { FinishedState } from './keys.ts';

/**
 * A place in the list: after this job, among those that ended in this hour; at the beginning of the hour without a job.
 */
export type Hour = { hour: number; job_id: string };

/** `paused`: the bound of lists is reached. */
export type LooseStep = Hour & { paused: boolean; job: JobRecord | undefined; unreadable: Unreadable | undefined };

type Walk = { from: Hour; states: readonly FinishedState[]; lists_max: number };

const READ_AT_ONCE = 16;

export async function* looseJobs(store: ObjectStore, memory: State, walk: Walk): AsyncGenerator<LooseStep> {
  let chunk: End[] = [];
  const read = async (): Promise<LooseStep[]> => {
    const steps = await Promise.all(chunk.map((end) => readEnd(store, end)));
    chunk = [];
    return steps;
  };
  for await (const end of endsBefore(store, walk)) {
    if (end.job_id === null) {
      yield* await read();
      yield { hour: end.hour, job_id: end.after, paused: true, job: undefined, unreadable: undefined };
      continue;
    }
    const { job_id } = end;
    if (memory.job(job_id) || memory.tables.packed_recently.has(job_id)) continue;
    chunk.push(end);
    if (chunk.length === READ_AT_ONCE) yield* await read();
  }
  yield* await read();
}

type Pause = { hour: number; job_id: null; after: string };

/** Narrows the calendar with the highest bound until its next job is certain, so every list makes progress. */
async function* endsBefore(store: ObjectStore, { from, states, lists_max }: Walk): AsyncGenerator<End | Pause> {
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

/** Merges several lists that are sorted by key. */
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

/** With the job, if it ended as the key of its view shows. */
async function readEnd(store: ObjectStore, { state, hour, job_id }: End): Promise<LooseStep> {
  const step = { hour, job_id, paused: false, unreadable: undefined };
  try {
    const job = await readLooseJob(store, job_id);
    const fits = job?.state === state && Math.floor((job.completed_ms ?? 0) / HOUR_MS) === hour;
    return { ...step, job: fits ? job : undefined };
  } catch (error) {
    return { ...step, job: undefined, unreadable: damageOf(error) };
  }
}
