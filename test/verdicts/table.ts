/** The figures of simulated fleets as tables of Markdown. */
import { PROMISES, type PromiseKind } from '../../server/state-machine/state/promises.ts';
import { type StepHang, TIMEOUTS_MS, WRONG } from './score.ts';
import { precision, quantileOf, recall, type Sums, type Totals } from './totals.ts';

export const figures = ({ fleets, seed }: { fleets: number; seed: number }): string =>
  `\`npm run verdicts -- --fleets ${fleets} --seed ${seed}\` simulates as many fleets whose truth is known ([test/verdicts/](../test/verdicts/fleet.ts)):`;

const share = (value: number): string => value.toFixed(4);

export function tableOf(totals: Totals): string {
  const { all, timeouts, attempts, stuck, healthy_requeued, healthy_doubted, steps, promises } = totals;
  const found = all.dead.right + all.hung.right;
  const both = [...all.dead.delays_ms, ...all.hung.delays_ms];
  return [
    ...head('| verdict | said | precision | recall | delay: median | P95 |'),
    ...WRONG.map(
      (verdict) =>
        `| \`${verdict}\` | ${all[verdict].right + all[verdict].wrong} | ${share(precision(all[verdict]))} | ${share(recall(all[verdict]))} | ${delays(all[verdict].delays_ms)} |`,
    ),
    '',
    'The delay of `dead` is from the first heartbeat that was missed; of `hung`, from the last step; of `starved`, from the start that was due.',
    `A job that hangs at a step is found after ${hangs(steps.even)} in fleets with even steps, and after ${hangs(steps.uneven)} in those where a healthy step is now and then two to four times as long as usual.`,
    `Of ${attempts.toLocaleString('en-US')} attempts that went to their end, ${healthy_requeued} were taken from a healthy worker, and ${healthy_doubted} without a fault were called hung or dead.`,
    '',
    'How many jobs began and ended by the estimates that they were given:',
    '',
    ...head('| estimate | jobs | by P50 | by P90 |'),
    ...PROMISES.map((kind) => {
      const { jobs, p50, p90 } = promises[kind];
      return `| ${ESTIMATES[kind]} | ${jobs} | ${percent(p50 / jobs)} | ${percent(p90 / jobs)} |`;
    }),
    '',
    'By the size of the fleet, precision and recall:',
    '',
    ...head(`| workers | ${WRONG.map((verdict) => `\`${verdict}\``).join(' | ')} |`),
    ...totals.bySize.map(({ max, sums }, i) => `| ${sizeOf(max, totals.bySize[i - 1]?.max)} | ${cells(sums)} |`),
    '',
    'Beside fixed time-outs without progress, for dead and hung jobs together:',
    '',
    ...head('| | precision | recall | delay: median | P95 |'),
    `| verdicts | ${share(found / (found + all.dead.wrong + all.hung.wrong))} | ${share(found / (found + all.dead.missed + all.hung.missed))} | ${delays(both)} |`,
    ...TIMEOUTS_MS.map((timeout_ms, i) => {
      const { wrong } = timeouts[i]!;
      return `| ${timeout_ms < 120_000 ? `${timeout_ms / 1000} s` : `${timeout_ms / 60_000} min`} | ${share(stuck / (stuck + wrong))} | 1.0000 | ${inWords(timeout_ms)} | ${inWords(timeout_ms)} |`;
    }),
  ].join('\n');
}

const ESTIMATES: Readonly<Record<PromiseKind, string>> = {
  start: 'start, when it was queued',
  end: 'end, when it was queued',
  run: 'end, when its attempt began',
};
const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;

/** In times of the P95 of steps, or of 10 s. */
function hangs(all: readonly StepHang[]): string {
  const times = (part: number): string =>
    (
      quantileOf(
        all.map((hang) => hang.times),
        part,
      ) ?? Number.NaN
    ).toFixed(1);
  const within = all.filter((hang) => hang.times <= 2 || hang.delay_ms <= BEATS_MS).length;
  return `${times(0.5)} times the P95 of its steps (median; P95 ${times(0.95)} times; ${share(within / all.length)} within twice that, or ${BEATS_MS / 1000} s)`;
}

/** A few heartbeats. */
const BEATS_MS = 30_000;

const head = (line: string): string[] => [line, line.replace(/[^|]+/g, '---')];

const delays = (values: readonly number[]): string =>
  `${inWords(quantileOf(values, 0.5))} | ${inWords(quantileOf(values, 0.95))}`;

const cells = (sums: Sums): string =>
  WRONG.map((verdict) => `${share(precision(sums[verdict]))}, ${share(recall(sums[verdict]))}`).join(' | ');

const sizeOf = (max: number, below = 1): string =>
  max === Number.POSITIVE_INFINITY ? `more than ${below}` : `${below + 1} to ${max}`;

function inWords(ms: number | null): string {
  if (ms === null) return '–';
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${(ms / 60_000).toFixed(1)} min`;
}
