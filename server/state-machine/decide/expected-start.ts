/** Until when a job that enters the queue will have begun, in nine of ten cases: from the jobs before it and the live workers. */
import type { Priority } from '../../../protocol/job.ts';
import { type Histogram, valueIn } from '../state/histogram.ts';
import { allPaces, SPEAKS } from '../state/pace.ts';
import type { State } from '../state/state.ts';

/** A free worker may be between two claims. */
const CLAIM_SECONDS = 30;
/** Of a normal distribution. */
const P90 = 1.28;

/** `before`: jobs in its way besides those that wait. Null while no worker is able, or nothing is known of their pace. */
export function startBy(state: State, priority: Priority, before: number, from_ms: number): number | null {
  return startByWith(state, waitingBefore(state, priority) + before, from_ms);
}

/** The same for a job that returns to its place. */
export function startAgainBy(state: State, { priority, place }: Turn, from_ms: number): number | null {
  let before = 0;
  for (const other of state.tables.waiting[priority].keys()) {
    if (other >= place || before === COUNTED_MAX) break;
    before += 1;
  }
  return startByWith(state, before, from_ms);
}

type Turn = { priority: Priority; place: number };

/** It was near the head when it began. */
const COUNTED_MAX = 500;

function startByWith(state: State, before: number, from_ms: number): number | null {
  return expectedStart(state, before, from_ms)?.p90_ms ?? null;
}

/** When a job with so many before it begins. Null while no worker is able, or nothing is known of their pace. */
export function expectedStart(
  state: State,
  before: number,
  from_ms: number,
): { p50_ms: number; p90_ms: number } | null {
  const { able_workers, idle_workers } = state.fleet;
  const { took = [], jobs = 0 } = allPaces(state) ?? {};
  // The first jobs to end are the short ones.
  if (able_workers === 0 || took.length === 0 || jobs < Math.max(SPEAKS, 2 * able_workers)) return null;
  // Each end of a job lets one begin.
  const ends = Math.max(0, before - idle_workers + 1);
  const { mean, deviation } = momentsOf(took);
  const middle = (ends * mean) / able_workers;
  const late = CLAIM_SECONDS + middle + (P90 * Math.sqrt(ends) * deviation) / able_workers;
  return { p50_ms: from_ms + Math.round(middle * 1000), p90_ms: from_ms + Math.round(late * 1000) };
}

/** How many jobs would be claimed before this waiting one, as classes go; null if there are too many to count. */
export function positionOf({ tables }: State, { priority, place }: Turn): number | null {
  const { high, normal } = tables.waiting;
  const above = priority === 'high' ? 0 : high.size + (priority === 'low' ? normal.size : 0);
  let before = 0;
  for (const other of tables.waiting[priority].keys()) {
    if (other >= place) return above + before;
    before += 1;
    if (before > POSITION_MAX) return null;
  }
  return above + before;
}

const POSITION_MAX = 10_000;

function waitingBefore({ tables }: State, priority: Priority): number {
  const { high, normal, low } = tables.waiting;
  if (priority === 'high') return high.size;
  return high.size + normal.size + (priority === 'low' ? low.size : 0);
}

type Moments = { mean: number; deviation: number };

const MOMENTS = new WeakMap<Histogram, Moments>();

function momentsOf(histogram: Histogram): Moments {
  let moments = MOMENTS.get(histogram);
  if (moments === undefined) {
    let [weight, sum, squares] = [0, 0, 0];
    for (let i = 0; i < histogram.length; i += 2) {
      const [value, w] = [valueIn(histogram[i]!), histogram[i + 1]!];
      weight += w;
      sum += w * value;
      squares += w * value * value;
    }
    const mean = sum / weight;
    moments = { mean, deviation: Math.sqrt(Math.max(0, squares / weight - mean * mean)) };
    MOMENTS.set(histogram, moments);
  }
  return moments;
}
