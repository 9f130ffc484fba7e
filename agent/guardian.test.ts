import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PROCESS_GROUP = fileURLToPath(new URL('process-group.ts', import.meta.url));

/**
 * A process that runs an engine, which starts a child of its own; both ignore SIGTERM and hold our pipe's other
 * end.
 */
const PROGRAM = `
  import { runProcessGroup } from ${JSON.stringify(PROCESS_GROUP)};
  const script = 'trap "" TERM HUP INT; (trap "" TERM HUP INT; sleep 600) & echo "pids $$ $!"; wait';
  await runProcessGroup({
    command: ['sh', '-c', script],
    directory: '/',
    signal: new AbortController().signal,
    onLine: (line) => console.log(line),
  });
`;

test('an engine and its children do not outlive a worker killed with -9', { timeout: 30_000 }, async () => {
  const worker = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(worker.stdout), 'line')) as [string];
  const pids = line.split(' ').slice(1).map(Number);
  assert.equal(pids.length, 2);
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  for (const pid of pids) await gone(pid);
});

/** Resolves when the process runs no more; a dead one that its init has not reaped counts as gone. */
async function gone(pid: number): Promise<void> {
  while (runs(pid)) await new Promise(setImmediate);
}

function runs(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}
