/** Whatever happens to a fleet, and wherever and in which zone it is written, a check at any moment agrees with it. */
import { test } from 'node:test';
import { temporaryDirectory } from '../processes/tmon.ts';
import { runTrial } from './trial.ts';

/** More: `node test/wild/histories-main.ts --histories 10000 --seed 1`. */
const HISTORIES = 100;

test('a check agrees with the history, in logs, files and tables, in three zones', async (t) => {
  const folder = temporaryDirectory(t);
  for (let seed = 1; seed <= HISTORIES; seed += 1) await runTrial(seed, folder);
});
