/** What was really so in a simulated fleet, and what was said of it. */
import type { VerdictStatus } from '../../protocol/verdict.ts';
import type { JobEvent, PolicyEvent } from '../../server/state-machine/events.ts';
import type { Accuracy, PromiseKind } from '../../server/state-machine/state/promises.ts';

type Decided = (PolicyEvent & { type: 'ActionDecided' })['data'];

export type Wrong = Exclude<VerdictStatus, 'on_track'>;
export const WRONG: readonly Wrong[] = ['dead', 'hung', 'slow', 'starved', 'blocked'];
export const TIMEOUTS_MS = [30_000, 90_000, 1_800_000, 3_600_000] as const;

export type Truth = {
  kind: Wrong;
  job_id: string;
  from_ms: number;
  ends_ms: number;
  /** Of a job that hangs at a step: the P95 of its steps; otherwise 0. */
  step_ms: number;
  /** Of a job that is slow: one and a half times the P95 of its steps if it were not; 0 if another part is slow. */
  long_ms: number;
  found_ms: number | null;
  /** The monitor could see it all the time. */
  monitored: boolean;
  /** When the dead worker's next heartbeat was due. */
  missed_ms?: number;
};

/** A shorter step is not told apart from the heartbeats and ticks between which it lies. */
export const STEP_MS_MIN = 10_000;

type Wait = { queued_ms: number; ideal_ms: number; starved: boolean; blocked: boolean };
export type Count = { right: number; wrong: number; missed: number; delays_ms: number[] };
/** A hang at a step that was found: after so many times the P95 of its steps, or of STEP_MS_MIN. */
export type StepHang = { times: number; delay_ms: number; step_ms: number };
export type Example = { seed: number; job_id: string; what: string };

export type InTime = { jobs: number; p50: number; p90: number };
export const noneInTime = (): InTime => ({ jobs: 0, p50: 0, p90: 0 });

const none = (): Count => ({ right: 0, wrong: 0, missed: 0, delays_ms: [] });

export class Score {
  readonly seed: number;
  readonly size: number;
  /** Steps of this fleet are now and then two to four times as long as usual. */
  readonly long_steps: boolean;
  readonly counts: Record<Wrong, Count> = {
    dead: none(),
    hung: none(),
    slow: none(),
    starved: none(),
    blocked: none(),
  };
  /** Of fixed time-outs on progress, for dead and hung together: wrong ones, by time-out. */
  readonly timeouts: { wrong: number }[] = TIMEOUTS_MS.map(() => ({ wrong: 0 }));
  /** Standstills of dead and hung attempts until their job was taken away by its owner. */
  stuck = 0;
  attempts = 0;
  healthy_requeued = 0;
  /** What policies did, by the verdict; and how many of the jobs that they acted on were healthy. */
  readonly acted_on: Record<string, number> = {};
  healthy_acted = 0;
  /** Attempts without a fault that were called hung or dead. */
  healthy_doubted = 0;
  /** Estimates that came true: of the start, the end and the end of a run. */
  readonly promises: Record<PromiseKind, InTime> = { start: noneInTime(), end: noneInTime(), run: noneInTime() };
  readonly step_hangs: StepHang[] = [];
  readonly examples: Example[] = [];
  readonly #faults: Truth[] = [];
  readonly #beats = new Map<string, number>();
  readonly #waits = new Map<string, Wait>();
  #nobody_ms: number | null = null;

  constructor(seed: number, { size, long_steps }: { size: number; long_steps: boolean }) {
    this.seed = seed;
    this.size = size;
    this.long_steps = long_steps;
  }

  fault(truth: Truth): void {
    this.#faults.push(truth);
    if (truth.kind === 'dead' || truth.kind === 'hung') this.stuck += 1;
  }

  over(truth: Truth, at_ms: number): void {
    truth.ends_ms = Math.min(truth.ends_ms, at_ms);
  }

  willBeat(worker_id: string, at_ms: number): void {
    this.#beats.set(worker_id, at_ms);
  }

  nextBeat(worker_id: string): number {
    return this.#beats.get(worker_id) ?? 0;
  }

  notMonitored(at_ms: number): void {
    for (const truth of this.#faults) if (truth.ends_ms > at_ms && truth.found_ms === null) truth.monitored = false;
    for (const wait of this.#waits.values()) wait.ideal_ms = Number.NaN;
  }

  queued(job_id: string, queued_ms: number, ideal_ms: number): void {
    this.#waits.set(job_id, { queued_ms, ideal_ms, starved: false, blocked: false });
  }

  began(job_id: string, at_ms: number): void {
    const wait = this.#waits.get(job_id);
    this.#waits.delete(job_id);
    if (wait) this.#endWait(job_id, wait, at_ms);
  }

  nobody(at_ms: number): void {
    this.#nobody_ms = at_ms;
  }

  somebody(at_ms: number): void {
    const from_ms = this.#nobody_ms;
    this.#nobody_ms = null;
    if (from_ms === null) return;
    for (const [job_id, wait] of this.#waits) {
      const blocked_ms = at_ms - Math.max(from_ms, wait.queued_ms);
      // While the monitor is down, or behind many others, it is not said.
      if (blocked_ms >= 120_000 && !wait.blocked && !Number.isNaN(wait.ideal_ms) && this.#waits.size <= 60)
        this.#miss('blocked', job_id);
    }
  }

  ended(attempt: { job_id: string; truth: Truth | null; longest_ms: number }, at_ms: number): void {
    this.attempts += 1;
    if (attempt.truth) this.over(attempt.truth, at_ms);
    if (attempt.truth?.kind === 'dead' || attempt.truth?.kind === 'hung') return;
    for (const [i, timeout_ms] of TIMEOUTS_MS.entries())
      if (attempt.longest_ms > timeout_ms) this.timeouts[i]!.wrong += 1;
  }

  requeued(attempt: { job_id: string; truth: Truth | null }, healthy: boolean, at_ms: number): void {
    if (attempt.truth) this.over(attempt.truth, at_ms);
    if (!healthy) return;
    this.healthy_requeued += 1;
    this.#example(attempt.job_id, 'healthy, but requeued');
  }

  /** `attempt`: that of a living worker; null without one. */
  acted({ verdict, action, reason }: Decided, attempt: { job_id: string; truth: Truth | null } | null): void {
    this.acted_on[verdict] = (this.acted_on[verdict] ?? 0) + 1;
    if (attempt === null || attempt.truth !== null) return;
    this.healthy_acted += 1;
    this.#example(attempt.job_id, `healthy, but ${action}: ${reason}`);
  }

  judged(
    { entity: job_id, data }: JobEvent & { type: 'JobJudged' },
    truth: Truth | null,
    at_ms: number,
    able: boolean,
  ): void {
    const { status } = data;
    if (status === 'on_track') return;
    const count = this.counts[status];
    if (status === 'blocked') {
      const wait = this.#waits.get(job_id);
      if (wait) wait.blocked = true;
      if (able) this.#wrong('blocked', job_id, data.reason, at_ms);
      else {
        count.right += 1;
        count.delays_ms.push(at_ms - Math.max(this.#nobody_ms ?? 0, wait?.queued_ms ?? 0));
      }
      return;
    }
    if (status === 'starved') return this.#starved(job_id, at_ms, data.reason);
    const isSo =
      truth?.kind === status ||
      isStretched(truth, data) ||
      (status === 'slow' && truth?.kind === 'hung' && data.evidence.part !== 'pace');
    if (!truth && status !== 'slow') this.healthy_doubted += 1;
    if (!truth || !isSo)
      return this.#wrong(status, job_id, `${data.reason} (${truth?.kind ?? 'healthy'} ${truth?.long_ms})`, at_ms);
    count.right += 1;
    if (truth.kind !== status || truth.found_ms !== null) return;
    truth.found_ms = at_ms;
    if (!truth.monitored) return;
    count.delays_ms.push(at_ms - (truth.missed_ms ?? truth.from_ms));
    if (truth.step_ms === 0) return;
    const step_ms = Math.max(STEP_MS_MIN, truth.step_ms);
    const delay_ms = at_ms - truth.from_ms;
    this.step_hangs.push({ times: delay_ms / step_ms, delay_ms, step_ms });
  }

  /** As the monitor itself counts them. */
  accuracy(kind: PromiseKind, { jobs, within_p50, within_p90 }: Accuracy): void {
    this.promises[kind] = { jobs, p50: jobs * (within_p50 ?? 0), p90: jobs * (within_p90 ?? 0) };
  }

  end(at_ms: number): void {
    for (const { kind, job_id, found_ms, from_ms, ends_ms, monitored } of this.#faults) {
      if (found_ms !== null || !monitored || ends_ms > at_ms) continue;
      // What is over so soon needs no verdict.
      if (kind === 'slow' && ends_ms - from_ms < 60_000) continue;
      // A download is slow until the ceiling.
      if (kind === 'hung' && ends_ms - from_ms < 31 * 60_000) continue;
      this.#miss(
        kind,
        job_id,
        `from ${Math.round((from_ms - 1_800_000_000_000) / 1000)} to ${Math.round((ends_ms - 1_800_000_000_000) / 1000)} s`,
      );
    }
  }

  /** A job that waits not much longer than it would have to is not starved, one that waits far longer is; between, both may be said. */
  #starved(job_id: string, at_ms: number, reason: string): void {
    const wait = this.#waits.get(job_id);
    if (!wait || Number.isNaN(wait.ideal_ms)) return;
    wait.starved = true;
    if (at_ms - wait.queued_ms < 1.25 * wait.ideal_ms + 45_000) return this.#wrong('starved', job_id, reason, at_ms);
    this.counts.starved.right += 1;
    this.counts.starved.delays_ms.push(at_ms - wait.queued_ms - wait.ideal_ms);
  }

  #endWait(job_id: string, { queued_ms, ideal_ms, starved }: Wait, at_ms: number): void {
    if (Number.isFinite(ideal_ms) && !starved && at_ms - queued_ms > 4 * ideal_ms + 300_000)
      this.#miss('starved', job_id);
  }

  #wrong(status: Wrong, job_id: string, reason: string, at_ms: number): void {
    this.counts[status].wrong += 1;
    this.#example(job_id, `wrongly ${status} at ${Math.round(at_ms / 1000) % 100_000}: ${reason}`);
  }

  #miss(status: Wrong, job_id: string, when = ''): void {
    this.counts[status].missed += 1;
    this.#example(job_id, `${status}, but not said ${when}`);
  }

  #example(job_id: string, what: string): void {
    this.examples.push({ seed: this.seed, job_id, what });
  }
}

/** While a fault stretches a step to more than one and a half times the P95 of steps, nothing moves. */
function isStretched(truth: Truth | null, { status, evidence }: (JobEvent & { type: 'JobJudged' })['data']): boolean {
  if (truth?.kind !== 'slow' || status !== 'hung' || truth.long_ms === 0) return false;
  return Number(evidence.still_seconds) * 1000 >= truth.long_ms;
}
