/**
 * When every waiting and running job is expected to begin and to end, worked out once for all of them.
 *
 * List scheduling: each worker takes the next waiting job when it is expected to finish the one that it has. Means are
 * scheduled and variances added, which takes milliseconds for 10,000 jobs; what the jobs behind them wait follows from the
 * mean rate. The estimates are corrected by how right the earlier ones were (promises.ts).
 */
import type { Priority } from '../../protocol/job.ts';
import { able } from '../state-machine/state/able.ts';
import { nextClass, passedOver } from '../state-machine/state/class-order.ts';
import { FairLine, Room } from '../state-machine/state/fair-line.ts';
import { heldBack } from '../state-machine/state/held-back.ts';
import { quantile, weightOf } from '../state-machine/state/histogram.ts';
import { claimable } from '../state-machine/state/job-indexes.ts';
import { type Figures, figuresOf, type Hardware } from '../state-machine/state/pace.ts';
import type { Estimate } from '../state-machine/state/promises.ts';
import type { JobRecord, Run, WorkerRecord } from '../state-machine/state/records.ts';
import type { State } from '../state-machine/state/state.ts';
import { hasTenants } from '../state-machine/state/tenants.ts';
import {
  CLAIM_SECONDS,
  correctedBoth,
  P90,
  plainStart,
  UNKNOWN_HARDWARE,
  usualTook,
  type Work,
  workOf,
} from './expected.ts';

export type Outlook = {
  /** Of the jobs that may be claimed, from 1; an estimate beyond JOBS_MAX. Null if it may not be claimed. */
  position: number | null;
  start: Estimate | null;
  end: Estimate | null;
};

export const NO_OUTLOOK: Outlook = { position: null, start: null, end: null };

/** Waiting jobs that are scheduled one by one. */
export const JOBS_MAX = 10_000;

type Place = { position: number; start: Estimate | null; hardware: Hardware };
type Slot = { free_seconds: number; deviation: number; hardware: Hardware; figures: Figures };

export class Forecast {
  readonly at_ms: number;
  readonly #places = new Map<string, Place>();

  /** `passes_max`: see class-order.ts. */
  constructor(state: State, { passes_max, at_ms }: { passes_max: number; at_ms: number }) {
    this.at_ms = at_ms;
    const took = usualTook(state);
    const slots = took === null ? [] : this.#slots(state);
    let variance = slots.reduce((sum, { deviation }) => sum + deviation ** 2, 0);
    let position = 0;
    for (const job of claimOrder(state, passes_max)) {
      position += 1;
      if (took === null || slots.length === 0) {
        this.#places.set(job.job_id, { position, start: null, hardware: UNKNOWN_HARDWARE });
        continue;
      }
      const slot = slots[0]!;
      const { mean, deviation } = momentsOf(workOf(slot.figures, job.duration_seconds)) ?? took;
      const start = startOf(slot.free_seconds, Math.sqrt(variance) / slots.length, at_ms);
      this.#places.set(job.job_id, { position, start, hardware: slot.hardware });
      slot.free_seconds += mean;
      variance += deviation ** 2;
      sink(slots);
    }
  }

  /** In constant time. The job and the state may be newer than the forecast. */
  of(state: State, job: JobRecord): Outlook {
    if (job.state === 'PROCESSING' && job.run !== null && job.run.ended_ms === null)
      return { position: null, start: null, end: runningEnd(state, job, job.run, this.at_ms) };
    // Nobody knows how long a pause or a limit lasts.
    if (!claimable(job) || heldBack(state, job) !== null) return NO_OUTLOOK;
    const { position, start, hardware } = this.#places.get(job.job_id) ?? this.#behind(state, job);
    if (start === null) return { position, start, end: null };
    const work = workOf(figuresOf(state, hardware), job.duration_seconds);
    return { position, ...correctedBoth(state, start, work, this.at_ms) };
  }

  /** A job behind those that were scheduled, or one that has entered the queue since. */
  #behind(state: State, { priority, place }: JobRecord): Place {
    const { waiting } = state.tables;
    const { high, normal } = waiting;
    const above = priority === 'high' ? 0 : high.size + (priority === 'low' ? normal.size : 0);
    const own = waiting[priority];
    const [first, last] = [own.minKey() ?? place, own.maxKey() ?? place];
    const part = last > first ? Math.min(1, Math.max(0, (place - first) / (last - first))) : 1;
    const before = above + Math.round(part * Math.max(0, own.size - 1));
    return { position: before + 1, start: plainStart(state, before, this.at_ms), hardware: UNKNOWN_HARDWARE };
  }

  /** The workers that can be counted on: each takes one job when it is free, or when one of those that it holds has ended. */
  #slots(state: State): Slot[] {
    const slots: Slot[] = [];
    for (const worker of state.tables.workers.values()) {
      // One of a tenant takes the jobs of others from nobody, and lets none of them begin.
      if (!able(worker) || worker.tenant !== undefined) continue;
      const hardware = hardwareOf(worker);
      const figures = figuresOf(state, hardware);
      if (worker.holds.length === 0) slots.push({ free_seconds: 0, deviation: 0, hardware, figures });
      for (const { job_id } of worker.holds) {
        const job = state.job(job_id);
        const run = job?.run;
        // Nobody knows when it will be free.
        if (job?.verdict?.status === 'hung' || job?.verdict?.status === 'dead') continue;
        const end = job && run && run.ended_ms === null ? runningEnd(state, job, run, this.at_ms) : null;
        const { p50_ms, p90_ms } = end ?? { p50_ms: this.at_ms, p90_ms: this.at_ms };
        const deviation = (p90_ms - p50_ms) / 1000 / P90;
        slots.push({ free_seconds: (p50_ms - this.at_ms) / 1000, deviation, hardware, figures });
      }
    }
    return slots.sort((a, b) => a.free_seconds - b.free_seconds);
  }
}

function startOf(seconds: number, deviation: number, at_ms: number): Estimate {
  const p50_ms = at_ms + Math.round(1000 * seconds);
  return { p50_ms, p90_ms: p50_ms + Math.round(1000 * (CLAIM_SECONDS + P90 * deviation)) };
}

const hardwareOf = ({ capabilities, location }: WorkerRecord): Hardware => ({
  model: capabilities.model ?? null,
  device: capabilities.device ?? null,
  instance_type: location.instance_type ?? null,
});

/** As a normal distribution with these quantiles. */
function momentsOf(work: Work | null): { mean: number; deviation: number } | null {
  return work && { mean: work.p50, deviation: (work.p90 - work.p50) / P90 };
}

/** The first slot has become later: moves it to its place in the heap. */
function sink(slots: Slot[]): void {
  const first = slots[0]!;
  for (let i = 0; ; ) {
    let least = 2 * i + 1;
    if (least >= slots.length) return;
    if (least + 1 < slots.length && slots[least + 1]!.free_seconds < slots[least]!.free_seconds) least += 1;
    if (slots[least]!.free_seconds >= first.free_seconds) return;
    slots[i] = slots[least]!;
    slots[least] = first;
    i = least;
  }
}

/** The waiting jobs in the order in which one worker would claim them all, at most JOBS_MAX. */
export function claimOrder(state: State, passes_max: number): Generator<JobRecord> {
  return hasTenants(state) ? fairOrder(state, passes_max) : orderOfEntry(state, passes_max);
}

/** Without those that a limit holds back. */
function* fairOrder(state: State, passes_max: number): Generator<JobRecord> {
  const options = { room: new Room(state), tenant: undefined, isFor: () => true, meets: () => true, passed_max: 0 };
  const lineOf = (priority: Priority) => new FairLine(state, priority, options);
  const heads = { high: lineOf('high'), normal: lineOf('normal'), low: lineOf('low') };
  let passes = { passed_normal: state.scalars.passed_normal, passed_low: state.scalars.passed_low };
  for (let count = 0; count < JOBS_MAX; count++) {
    const served = nextClass(passes, passes_max, (priority) => heads[priority].peek() !== undefined);
    if (served === undefined) return;
    yield heads[served].take();
    passes = passedOver(passes, served, heads.normal.waiting > 0, heads.low.waiting > 0);
  }
}

function* orderOfEntry({ tables, scalars }: State, passes_max: number): Generator<JobRecord> {
  const next = (places: Iterator<string>): string | undefined => {
    const { done, value } = places.next();
    return done ? undefined : value;
  };
  const { high, normal, low } = tables.waiting;
  const places = { high: high.values(), normal: normal.values(), low: low.values() };
  const heads = { high: next(places.high), normal: next(places.normal), low: next(places.low) };
  const left = { high: high.size, normal: normal.size, low: low.size };
  let passes = { passed_normal: scalars.passed_normal, passed_low: scalars.passed_low };
  for (let count = 0; count < JOBS_MAX; count++) {
    const served: Priority | undefined = nextClass(passes, passes_max, (priority) => heads[priority] !== undefined);
    if (served === undefined) return;
    yield tables.jobs.get(heads[served]!)!;
    heads[served] = next(places[served]);
    left[served] -= 1;
    passes = passedOver(passes, served, left.normal > 0, left.low > 0);
  }
}

/**
 * When a running attempt ends: early the pace of its hardware speaks, later its own. Both paces are combined as logarithms
 * by inverse variance. Without a duration both are of the whole recording. Null while nothing is known.
 */
export function runningEnd(state: State, job: JobRecord, run: Run, at_ms: number): Estimate | null {
  const figures = figuresOf(state, run);
  const { progress, duration_seconds } = job;
  const pulse = progress?.pulse ?? null;
  const usual = workOf(figures, duration_seconds);
  const begun = pulse !== null && pulse.first_ms !== null;
  if (!begun) {
    if (usual === null) return null;
    return later({ p50_ms: run.assigned_ms + 1000 * usual.p50, p90_ms: run.assigned_ms + 1000 * usual.p90 }, at_ms);
  }
  const audio = duration_seconds !== null && duration_seconds > 0 ? duration_seconds : 1;
  const done = ((progress!.percentage - pulse.first_percentage) / 100) * audio;
  const left = (1 - progress!.percentage / 100) * audio;
  const steps = weightOf(pulse.gaps);
  const own = done > 0 && steps > 0 ? (pulse.moved_ms - pulse.first_ms!) / 1000 / done : null;
  const known = paceOf(figures, duration_seconds);
  // A single step says little about the pace.
  const own_variance = SIGMA_OF_STEP ** 2 / Math.max(1, steps);
  const [own_weight, known_weight] = [own === null ? 0 : 1 / own_variance, known === null ? 0 : 1 / known.sigma ** 2];
  if (own_weight + known_weight === 0) return null;
  const logarithm =
    ((own === null ? 0 : own_weight * Math.log(own)) + (known === null ? 0 : known_weight * Math.log(known.pace))) /
    (own_weight + known_weight);
  const sigma = Math.sqrt(
    1 / (own_weight + known_weight) + (SIGMA_OF_STEP ** 2 * done) / (left + done) / Math.max(1, steps),
  );
  const seconds = left * Math.exp(logarithm);
  const finish = figures.quantile('finish', 0.5) ?? 0;
  const p50_ms = pulse.moved_ms + 1000 * (seconds + finish);
  return later({ p50_ms, p90_ms: p50_ms + 1000 * (seconds * (Math.exp(P90 * sigma) - 1) + finish) }, at_ms);
}

/** Of the steps of one job, as a logarithm. */
const SIGMA_OF_STEP = 0.4;
/** A job may always be unlike those before it. */
const SIGMA_OF_PACE_MIN = 0.15;

/** Seconds of work per second of audio, or per recording if its duration is unknown. */
function paceOf({ distributions }: Figures, duration_seconds: number | null): { pace: number; sigma: number } | null {
  const histogram = duration_seconds === null ? distributions.took : distributions.pace;
  const [pace, p90] = [quantile(histogram, 0.5), quantile(histogram, 0.9)];
  if (pace === null || p90 === null) return null;
  return { pace, sigma: Math.max(SIGMA_OF_PACE_MIN, Math.log(p90 / pace) / P90) };
}

/** What has not happened yet will not have happened before now. */
function later({ p50_ms, p90_ms }: Estimate, at_ms: number): Estimate {
  const p50 = Math.round(Math.max(p50_ms, at_ms));
  return { p50_ms: p50, p90_ms: Math.round(Math.max(p90_ms, p50)) };
}
