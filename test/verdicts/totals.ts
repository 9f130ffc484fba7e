/** The sums over many simulated fleets, and whether they are what the project promises. */
import { PROMISES, type PromiseKind } from '../../server/state-machine/state/promises.ts';
import {
  type Count,
  type InTime,
  noneInTime,
  type Score,
  type StepHang,
  TIMEOUTS_MS,
  WRONG,
  type Wrong,
} from './score.ts';

export type Sums = Record<Wrong, Count>;

const SIZES = [4, 12, Number.POSITIVE_INFINITY] as const;
/** Precision and recall at least. */
const PROMISED: Readonly<Record<Wrong, number>> = { dead: 0.99, hung: 0.99, slow: 0.95, starved: 0.95, blocked: 0.95 };

const zero = (): Count => ({ right: 0, wrong: 0, missed: 0, delays_ms: [] });
const sums = (): Sums => ({ dead: zero(), hung: zero(), slow: zero(), starved: zero(), blocked: zero() });

export class Totals {
  readonly all = sums();
  readonly bySize = SIZES.map((max) => ({ max, sums: sums() }));
  readonly timeouts = TIMEOUTS_MS.map(() => ({ wrong: 0 }));
  readonly promises: Record<PromiseKind, InTime> = { start: noneInTime(), end: noneInTime(), run: noneInTime() };
  fleets = 0;
  attempts = 0;
  healthy_doubted = 0;
  readonly steps = { even: [] as StepHang[], uneven: [] as StepHang[] };
  stuck = 0;
  healthy_requeued = 0;

  add(score: Score): void {
    this.fleets += 1;
    this.healthy_doubted += score.healthy_doubted;
    this.steps[score.long_steps ? 'uneven' : 'even'].push(...score.step_hangs);
    for (const kind of PROMISES) {
      const [into, from] = [this.promises[kind], score.promises[kind]];
      into.jobs += from.jobs;
      into.p50 += from.p50;
      into.p90 += from.p90;
    }
    const { sums: own } = this.bySize.find(({ max }) => score.size <= max)!;
    for (const verdict of WRONG) for (const into of [this.all, own]) add(into[verdict], score.counts[verdict]);
    for (const [i, { wrong }] of score.timeouts.entries()) this.timeouts[i]!.wrong += wrong;
    this.attempts += score.attempts;
    this.stuck += score.stuck;
    this.healthy_requeued += score.healthy_requeued;
  }

  get good(): boolean {
    const kept = WRONG.every((verdict) => {
      const least = PROMISED[verdict];
      return precision(this.all[verdict]) >= least && recall(this.all[verdict]) >= least;
    });
    const timely = PROMISES.every((kind) => {
      const { jobs, p90 } = this.promises[kind];
      return jobs === 0 || (p90 / jobs >= 0.85 && p90 / jobs <= 0.95);
    });
    return kept && timely && this.healthy_requeued === 0;
  }
}

function add(into: Count, { right, wrong, missed, delays_ms }: Count): void {
  into.right += right;
  into.wrong += wrong;
  into.missed += missed;
  for (const delay_ms of delays_ms) into.delays_ms.push(delay_ms);
}

export const precision = ({ right, wrong }: Count): number => (right + wrong === 0 ? 1 : right / (right + wrong));
export const recall = ({ right, missed }: Count): number => (right + missed === 0 ? 1 : right / (right + missed));

export function quantileOf(values: readonly number[], part: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? null;
}
