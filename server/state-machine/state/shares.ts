/**
 * What each worker and each model did in the hours and days of log time: the periods' sums, divided. The sums over all
 * workers, or all models, of a period are those of the period (periods.ts).
 *
 * Bounded: hours of two days and days of thirty are kept, and in each of them at most so many workers and models by name;
 * what later ones do is in REST. Finished jobs are in the archive for ever, where analytics divides any range.
 */
import { DAY_MS, HOUR_MS } from '../../../protocol/time.ts';
import type { State } from './state.ts';
import { plus } from './sums.ts';
import { UNKNOWN } from './tallies.ts';

export type ShareStep = 'hour' | 'day';
export type ShareBy = 'model' | 'worker';

/** Integers. `attempts_failed` as in the figures of workers: without those that were handed back or cancelled. */
export type Share = {
  completed: number;
  attempts_failed: number;
  /** Of the attempts that completed. */
  processing_ms: number;
  /** Of all attempts that ended. */
  busy_ms: number;
  audio_ms: number;
  cost_micro_usd: number;
};

export const SHARES_KEPT = { hour: 48, day: 30 } as const;
export const NAMES_MAX = { model: 50, worker: 500 } as const;

const STEPS: readonly ShareStep[] = ['hour', 'day'];
const LENGTH_MS = { hour: HOUR_MS, day: DAY_MS } as const;
/** The name of all beyond the bound; no worker and no model has it. */
export const REST = '';

const NOTHING: Share = {
  completed: 0,
  attempts_failed: 0,
  processing_ms: 0,
  busy_ms: 0,
  audio_ms: 0,
  cost_micro_usd: 0,
};

/** Adds to the shares of the worker and the model. `at_ms`: in the open hour. */
export function share(
  state: State,
  { worker_id, model }: { worker_id: string; model: string | null },
  more: Partial<Share>,
  at_ms: number = state.at_ms,
): void {
  for (const step of STEPS) {
    const period = Math.floor(at_ms / LENGTH_MS[step]);
    const prefix = periodPrefix(step, period);
    const begun = add(state, `${prefix}worker|`, { name: worker_id, max: NAMES_MAX.worker }, more);
    add(state, `${prefix}model|`, { name: model || UNKNOWN, max: NAMES_MAX.model }, more);
    if (begun) forget(state, step, period);
  }
}

/** In the order of the periods, then of the names. `end`: excluded. */
export function sharesOf(
  { tables: { shares } }: State,
  { step, by, first, end }: { step: ShareStep; by: ShareBy; first: number; end: number },
): { period: number; name: string; share: Share }[] {
  const found: { period: number; name: string; share: Share }[] = [];
  shares.forRange(periodPrefix(step, first), periodPrefix(step, end), false, (key, value) => {
    const [, period = '', whose, ...name] = key.split('|');
    if (whose === by) found.push({ period: Number(period), name: name.join('|'), share: value });
  });
  return found;
}

/** Returns whether the name is new in the period. */
function add(
  { tables: { shares } }: State,
  prefix: string,
  { name, max }: { name: string; max: number },
  more: Partial<Share>,
): boolean {
  let key = prefix + name;
  let last = shares.get(key);
  const begun = last === undefined;
  if (begun) {
    key = prefix + nameIn(shares, prefix, { name, max });
    last = shares.get(key) ?? NOTHING;
  }
  shares.set(key, {
    completed: sum(last!.completed, more.completed),
    attempts_failed: sum(last!.attempts_failed, more.attempts_failed),
    processing_ms: sum(last!.processing_ms, more.processing_ms),
    busy_ms: sum(last!.busy_ms, more.busy_ms),
    audio_ms: sum(last!.audio_ms, more.audio_ms),
    cost_micro_usd: sum(last!.cost_micro_usd, more.cost_micro_usd),
  });
  return begun;
}

const sum = (total: number, more = 0): number => plus(total, Math.round(more));

function nameIn(
  shares: State['tables']['shares'],
  prefix: string,
  { name, max }: { name: string; max: number },
): string {
  if (shares.has(prefix + REST)) return REST;
  let names = 0;
  shares.forRange(prefix, `${prefix}\uffff`, true, () => {
    names += 1;
  });
  return names < max ? name : REST;
}

function forget({ tables: { shares } }: State, step: ShareStep, period: number): void {
  const until = periodPrefix(step, Math.max(0, period - SHARES_KEPT[step] + 1));
  const gone: string[] = [];
  shares.forRange(periodPrefix(step, 0), until, false, (key) => {
    gone.push(key);
  });
  for (const key of gone) shares.delete(key);
}

/** Digits of a period: keys are in the order of time. Later periods, of the year 100,000, are not kept. */
const DIGITS = 9;

const periodPrefix = (step: ShareStep, period: number): string => `${step}|${String(period).padStart(DIGITS, '0')}|`;
