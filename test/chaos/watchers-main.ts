/** `node test/chaos/watchers-main.ts --watchers 1000 --kills 100 [--seed N]`: watchers.test.ts at full size. */
import { parseArgs } from 'node:util';
import { runWatchers } from './watchers.ts';

const { values } = parseArgs({
  options: {
    watchers: { type: 'string', default: '1000' },
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
  },
});
const seed = Number(values.seed);
const cleaning: (() => void | Promise<void>)[] = [];
console.log(`seed ${seed}`);
try {
  const report = await runWatchers(
    { after: (run) => cleaning.push(run) },
    { watchers: Number(values.watchers), kills: Number(values.kills), seed, log: (line) => console.log(line) },
  );
  const { events, received, cuts, coalesced } = report;
  console.log(
    `${events} events in the journal, ${received} received by watchers, ${cuts} connections cut, ${coalesced} coalesced`,
  );
  console.log('no gap, no repeat');
} finally {
  for (const run of cleaning.reverse()) await run();
}
process.exit();
