/** When a job is expected to begin and to end, from its place, the live workers and the usual pace: in constant time. */
import { type Histogram, valueIn } from '../state-machine/state/histogram.ts';
import { allPaces, type Figures, figuresOf, type Hardware, SPEAKS } from '../state-machine/state/pace.ts';
import { corrected, type Estimate, groupOf, type PromiseGroup } from '../state-machine/state/promises.ts';
import type { State } from '../state-machine/state/state.ts';

/** A free worker may be between two claims. */
export const CLAIM_SECONDS = 30;
/** Of a normal distribution. */
export const P90 = 1.28;

/**
 * When a job with so many before it begins. Null while no worker is able, or nothing is known of their pace. Not corrected:
 * a job is judged by it.
 */
export function plainStart(state: State, before: number, from_ms: number): Estimate | null {
  const { able_of_tenants, idle_workers } = state.fleet;
  const able_workers = state.fleet.able_workers - able_of_tenants;
  const took = usualTook(state);
  if (able_workers === 0 || took === null) return null;
  // A worker whose job hangs takes no other.
  const working = Math.max(1, able_workers - state.tables.off_track.hung.size);
  // Each end of a job lets one begin.
  const ends = Math.max(0, before - idle_workers + 1);
  const middle = (ends * took.mean) / working;
  // Workers that are busy with unlike jobs become free as if by chance.
  const deviation = Math.max(took.mean, took.deviation);
  const late = CLAIM_SECONDS + middle + (P90 * Math.sqrt(ends) * deviation) / working;
  return { p50_ms: from_ms + Math.round(middle * 1000), p90_ms: from_ms + Math.round(late * 1000) };
}

export type Expectation = { start: Estimate; end: Estimate | null };

/** The plain start of a job with so many before it, and its corrected start and end. */
export function expectation(
  state: State,
  job: { duration_seconds: number | null },
  before: number,
  from_ms: number,
): (Expectation & { plain: Estimate; group: PromiseGroup }) | null {
  const plain = plainStart(state, before, from_ms);
  if (plain === null) return null;
  const work = workOf(figuresOf(state, UNKNOWN_HARDWARE), job.duration_seconds);
  return { plain, group: groupOf(plain, from_ms), ...correctedBoth(state, plain, work, from_ms) };
}

/** Each is corrected by its own errors, but none ends before it begins. `work`: null if unknown. */
export function correctedBoth(state: State, plain: Estimate, work: Work | null, from_ms: number): Expectation {
  const group = groupOf(plain, from_ms);
  const start = corrected(state, { kind: 'start', group }, plain, from_ms);
  if (work === null) return { start, end: null };
  const { p50_ms, p90_ms } = corrected(state, { kind: 'end', group }, endAfter(plain, work), from_ms);
  return { start, end: { p50_ms: Math.max(start.p50_ms, p50_ms), p90_ms: Math.max(start.p90_ms, p90_ms) } };
}

/** The end of an attempt that begins now on this hardware; null while nothing is known. */
export function runEnd(
  state: State,
  hardware: Hardware,
  { duration_seconds }: { duration_seconds: number | null },
  from_ms: number,
): Estimate | null {
  if (usualTook(state) === null) return null;
  const work = workOf(figuresOf(state, hardware), duration_seconds);
  if (work === null) return null;
  const plain = { p50_ms: from_ms + 1000 * work.p50, p90_ms: from_ms + 1000 * work.p90 };
  return corrected(state, { kind: 'run', group: 'now' }, plain, from_ms);
}

/** Any: which worker will take the job is not known. */
export const UNKNOWN_HARDWARE: Hardware = { model: null, device: null, instance_type: null };

/** In seconds, of a whole attempt. */
export type Work = { p50: number; p90: number };

/** How long an attempt takes; null if unknown. */
export function workOf(figures: Figures, duration_seconds: number | null): Work | null {
  const [p50, p90] = [figures.quantile('pace', 0.5), figures.quantile('pace', 0.9)];
  if (duration_seconds === null || p50 === null || p90 === null) {
    const [half, most] = [figures.quantile('took', 0.5), figures.quantile('took', 0.9)];
    return half === null || most === null ? null : { p50: half, p90: most };
  }
  const [start, late] = [figures.quantile('start', 0.5) ?? 0, figures.quantile('start', 0.9) ?? 0];
  const middle = start + p50 * duration_seconds;
  return { p50: middle, p90: middle + Math.hypot(late - start, (p90 - p50) * duration_seconds) };
}

/** The start and the work vary independently. */
function endAfter(start: Estimate, { p50, p90 }: Work): Estimate {
  const p50_ms = start.p50_ms + 1000 * p50;
  return { p50_ms, p90_ms: p50_ms + Math.hypot(start.p90_ms - start.p50_ms, 1000 * (p90 - p50)) };
}

type Moments = { mean: number; deviation: number };

/** Of an attempt; null while too little is known: the first jobs to end are the short ones. */
export function usualTook(state: State): Moments | null {
  const { took = [], jobs = 0 } = allPaces(state) ?? {};
  return took.length === 0 || jobs < Math.max(SPEAKS, 2 * state.fleet.able_workers) ? null : momentsOf(took);
}

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
