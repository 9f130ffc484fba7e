/** Programs end with the process that guards them, in whatever moment it is killed. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { startNode } from '../test/processes/tmon.ts';

const GUARDIAN = new URL('guardian.ts', import.meta.url).href;

/** Starts a program under a guardian, says its pid, and kills itself at one of three moments. */
const guarding = (moment: 'before' | 'watched' | 'released') => `
  import { spawn } from 'node:child_process';
  import { writeSync } from 'node:fs';
  import { startGuardian } from '${GUARDIAN}';
  const guardian = startGuardian();
  const env = { ...process.env, ...guardian.environment };
  const child = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true, env });
  if ('${moment}' !== 'before') guardian.watch(child.pid);
  if ('${moment}' === 'released') process.kill(child.pid), guardian.release();
  writeSync(1, 'started ' + child.pid + '\\n');
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), '${moment}' === 'before' ? 0 : 200);
`;

for (const moment of ['before', 'watched', 'released'] as const) {
  test(`kill -9 of the process ends its program: ${moment}`, { skip: !existsSync('/proc/self/environ') }, async (t) => {
    const process_ = startNode(t, ['--input-type=module-typescript', '--eval', guarding(moment)]);
    const [, pid] = await process_.line(/started (\d+)/);
    const { signal } = await process_.ended;
    assert.equal(signal, 'SIGKILL');
    while (existsSync(`/proc/${pid}/cmdline`)) await new Promise((resolve) => setTimeout(resolve, 20));
  });
}
