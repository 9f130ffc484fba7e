/** The sums over many simulated fleets, and whether they are what the project promises. */
import { type Count, type Score, TIMEOUTS_MS, WRONG, type Wrong } from './score.ts';

export type Sums = Record<Wrong, Count>;

const SIZES = [4, 12, Number.POSITIVE_INFINITY] as const;
/** Precision and recall at least. */
const PROMISED: Readonly<Record<Wrong, number>> = { dead: 0.99, hung: 0.99, slow: 0.95, starved: 0.95, blocked: 0.95 };

const zero = (): Count => ({ right: 0, wrong: 0, missed: 0, delays_ms: [], relative: [] });
const sums = (): Sums => ({ dead: zero(), hung: zero(), slow: zero(), starved: zero(), blocked: zero() });

export class Totals {
  readonly all = sums();
  readonly bySize = SIZES.map((max) => ({ max, sums: sums() }));
  readonly timeouts = TIMEOUTS_MS.map(() => ({ wrong: 0 }));
  attempts = 0;
  stuck = 0;
  healthy_requeued = 0;

  add(score: Score): void {
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
    return kept && this.healthy_requeued === 0;
  }
}

function add(into: Count, { right, wrong, missed, delays_ms, relative }: Count): void {
  into.right += right;
  into.wrong += wrong;
  into.missed += missed;
  into.delays_ms.push(...delays_ms);
  into.relative.push(...relative);
}

export const precision = ({ right, wrong }: Count): number => (right + wrong === 0 ? 1 : right / (right + wrong));
export const recall = ({ right, missed }: Count): number => (right + missed === 0 ? 1 : right / (right + missed));

export function quantileOf(values: readonly number[], part: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? null;
}
