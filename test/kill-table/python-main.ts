/**
 * `node test/kill-table/python-main.ts`: the kill table for `tmon-worker`, the worker of the Python package. Prints a line for each row;
 * exit code 1 unless all hold. One row is a test of `npm test`.
 */
import { PYTHON_WORKER } from './python-worker.ts';
import { HANGS, KILL_TABLE, type Play, playHang } from './table.ts';

const hangs = HANGS.map(([how, first]): [string, Play] => [
  `an engine that ${how} is killed after --stall-timeout, and another worker transcribes`,
  (t, kind) => playHang(t, kind, first),
]);
for (const [name, play] of [...KILL_TABLE, ...hangs]) {
  const cleaning: (() => void | Promise<void>)[] = [];
  try {
    await play({ after: (run) => void cleaning.push(run) }, PYTHON_WORKER);
    console.log(`holds  ${name}`);
  } catch (error) {
    console.log(`FAILS  ${name}\n${String((error as Error).stack)}`);
    process.exitCode = 1;
  } finally {
    for (const run of cleaning.reverse()) await run();
  }
}
