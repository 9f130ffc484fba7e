/** What a job is promised when it enters the queue: when it is expected to begin and to end. */
import type { Priority } from '../../../protocol/job.ts';
import { expectation } from '../../verdicts/expected.ts';
import type { JobEvent } from '../events.ts';
import type { State } from '../state/state.ts';

type Promised = Pick<(JobEvent & { type: 'JobQueued' })['data'], 'start_by_ms' | 'promise'>;
type Work = { duration_seconds: number | null };

/** `before`: jobs in its way besides those that wait. */
export function promised(state: State, job: Work, priority: Priority, before: number): Promised {
  return promisedWith(state, job, waitingBefore(state, priority) + before, state.at_ms);
}

/** The same for a job that returns to its place. */
export function promisedAgain(state: State, job: Work & Turn, from_ms: number): Promised {
  let before = 0;
  for (const other of state.tables.waiting[job.priority].keys()) {
    if (other >= job.place || before === COUNTED_MAX) break;
    before += 1;
  }
  return promisedWith(state, job, before, from_ms);
}

type Turn = { priority: Priority; place: number };

/** It was near the head when it began. */
const COUNTED_MAX = 500;

function promisedWith(state: State, job: Work, before: number, from_ms: number): Promised {
  const expected = expectation(state, job, before, from_ms);
  if (expected === null) return {};
  const { plain, group, start, end } = expected;
  return { start_by_ms: plain.p90_ms, promise: end === null ? { group, start } : { group, start, end } };
}

function waitingBefore({ tables }: State, priority: Priority): number {
  const { high, normal, low } = tables.waiting;
  if (priority === 'high') return high.size;
  return high.size + normal.size + (priority === 'low' ? low.size : 0);
}
