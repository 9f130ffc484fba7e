/** The figures of simulated fleets as tables of Markdown. */
import { TIMEOUTS_MS, WRONG } from './score.ts';
import { precision, quantileOf, recall, type Sums, type Totals } from './totals.ts';

export const figures = ({ fleets, seed }: { fleets: number; seed: number }): string =>
  `\`npm run verdicts -- --fleets ${fleets} --seed ${seed}\` simulates as many fleets whose truth is known ([test/verdicts/](../test/verdicts/fleet.ts)):`;

const share = (value: number): string => value.toFixed(4);

export function tableOf(totals: Totals): string {
  const { all, timeouts, attempts, stuck, healthy_requeued } = totals;
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
    `A job that hangs at a step is found after ${times(quantileOf(all.hung.relative, 0.5))} the P95 of its steps, or of 10 s (median; P95 ${times(quantileOf(all.hung.relative, 0.95))}); one that hangs in its download is called slow first, and hung at the ceiling.`,
    `Of ${attempts.toLocaleString('en-US')} attempts that went to their end, ${healthy_requeued} were taken from a healthy worker.`,
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

const head = (line: string): string[] => [line, line.replace(/[^|]+/g, '---')];

const delays = (values: readonly number[]): string =>
  `${inWords(quantileOf(values, 0.5))} | ${inWords(quantileOf(values, 0.95))}`;

const cells = (sums: Sums): string =>
  WRONG.map((verdict) => `${share(precision(sums[verdict]))}, ${share(recall(sums[verdict]))}`).join(' | ');

const sizeOf = (max: number, below = 1): string =>
  max === Number.POSITIVE_INFINITY ? `more than ${below}` : `${below + 1} to ${max}`;

const times = (value: number | null): string => (value === null ? '–' : `${value.toFixed(1)} times`);

function inWords(ms: number | null): string {
  if (ms === null) return '–';
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${(ms / 60_000).toFixed(1)} min`;
}
