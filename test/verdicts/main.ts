/**
 * How right the verdicts are: simulated fleets whose truth is known, beside fixed time-outs.
 *
 *     npm run verdicts -- --fleets 1000 --seed 1           writes the figures into docs/verdicts.md
 *     npm run verdicts -- --fleets 50 --seed 7 --examples  prints each wrong or missed verdict, with the seed of its fleet
 */
import { parseArgs } from 'node:util';
import { simulate } from './fleet.ts';
import { writeInto } from './page.ts';
import { figures, tableOf } from './table.ts';
import { Totals } from './totals.ts';

const { values } = parseArgs({
  options: {
    fleets: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    examples: { type: 'boolean', default: false },
    'no-page': { type: 'boolean', default: false },
  },
});
const [fleets, seed] = [Number(values.fleets), Number(values.seed)];
const totals = new Totals();
for (let i = 0; i < fleets; i++) {
  const score = simulate({ seed: seed * 1_000_003 + i });
  totals.add(score);
  if (values.examples)
    for (const one of score.examples) process.stdout.write(`${one.seed} ${one.job_id} ${one.what}\n`);
}
const text = tableOf(totals);
process.stdout.write(`${text}\n`);
if (!values['no-page'] && !values.examples) {
  writeInto('docs/verdicts.md', `${figures({ fleets, seed })}\n\n${text}`);
}
process.exitCode = totals.good ? 0 : 1;
