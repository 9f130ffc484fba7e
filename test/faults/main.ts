/** `npm run faults`: every fault of faults.ts, beside a healthy worker with a real recogniser (two minutes). Prints what was found. */
import { FAULTS } from './faults.ts';
import { playFaults } from './play.ts';

const WITHIN_MS = 10 * 60_000;

const cleaning: (() => void | Promise<void>)[] = [];
const late = setTimeout(() => {
  console.log(`not done within ${WITHIN_MS / 60_000} minutes`);
  void clean().finally(() => process.exit(1));
}, WITHIN_MS);
try {
  await playFaults({ after: (run) => void cleaning.push(run) }, FAULTS, ({ what }, text) =>
    console.log(`${what}: ${text ?? 'not played, as this machine cannot make it'}`),
  );
} catch (error) {
  console.log(String((error as Error).stack));
  process.exitCode = 1;
} finally {
  clearTimeout(late);
  await clean();
}

async function clean(): Promise<void> {
  for (const run of cleaning.splice(0).reverse()) await run();
}
