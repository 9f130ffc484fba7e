/**
 * `node test/values/main.ts --histories N --seed S`: more histories of any values. Prints the seed of one that fails.
 */
import { parseArgs } from 'node:util';
import { runHistory } from './history.ts';

const { values } = parseArgs({
  options: { histories: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
});
const first = Number(values.seed);
const histories = Number(values.histories);
const began_ms = performance.now();
let commands = 0;
for (let seed = first; seed < first + histories; seed++) {
  try {
    commands += runHistory(seed);
  } catch (error) {
    console.error(`seed ${seed} fails: node test/values/main.ts --histories 1 --seed ${seed}`);
    throw error;
  }
}
const seconds = (performance.now() - began_ms) / 1000;
console.log(`${histories} histories, ${commands} commands, ${seconds.toFixed(1)} s, all documents correct`);
