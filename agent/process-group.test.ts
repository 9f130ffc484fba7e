import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type ProcessGroupRequest, runProcessGroup } from './process-group.ts';

const never = new AbortController().signal;

function node(source: string, extra: Partial<ProcessGroupRequest> = {}): ProcessGroupRequest {
  return { command: [process.execPath, '-e', source], directory: '.', signal: never, ...extra };
}

/** Resolves when the process runs no more; a dead one that its init has not reaped counts as gone. */
async function gone(pid: number): Promise<void> {
  while (runs(pid)) await new Promise(setImmediate);
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' && !existsSync('/proc/self');
  }
}

// Starts a grandchild that ignores SIGTERM, and tells its pid once it is deaf.
const GRANDCHILD = `
  process.on('SIGTERM', () => {});
  require('node:fs').writeSync(1, 'grandchild ' + process.pid + '\\n');
  setInterval(() => {}, 1000);`;
const PARENT_OF_ONE = `
  require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(GRANDCHILD)}], { stdio: 'inherit' });`;

test('an abort kills the program and a grandchild that ignores SIGTERM, then rejects with the reason', async () => {
  const stop = new AbortController();
  const reason = new Error('cancelled');
  let grandchild = 0;
  const onLine = (line: string) => {
    grandchild = Number(line.split(' ')[1]);
    stop.abort(reason);
  };
  const run = runProcessGroup(node(PARENT_OF_ONE, { signal: stop.signal, onLine, kill_grace_ms: 50 }));
  await assert.rejects(run, reason);
  assert.ok(grandchild > 0);
  await gone(grandchild);
});

test('a program that exits leaves no grandchild behind', async () => {
  let grandchild = 0;
  const source = `
    const child = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(GRANDCHILD)}],
      { stdio: ['ignore', 'pipe', 'ignore'] });
    child.stdout.once('data', (bytes) => { process.stdout.write(bytes, () => process.exit(3)); });`;
  const onLine = (line: string) => {
    grandchild = Number(line.split(' ')[1]);
  };
  const end = await runProcessGroup(node(source, { onLine }));
  assert.equal(end.exit_code, 3);
  assert.ok(grandchild > 0);
  await gone(grandchild);
});

test('an already aborted signal starts nothing', async () => {
  const reason = new Error('too late');
  const run = runProcessGroup(node('process.exit(0)', { signal: AbortSignal.abort(reason) }));
  await assert.rejects(run, reason);
});

test('lines end at \\n and \\r, keep multi-byte characters whole, and the last one needs no end', async () => {
  const lines: string[] = [];
  const source = `
    const bytes = Buffer.from('10%\\r20%\\r\\nzwölf\\nlast');
    (async () => { for (const byte of bytes) await new Promise((done) => process.stdout.write(Buffer.of(byte), done)); })();`;
  await runProcessGroup(node(source, { onLine: (line) => lines.push(line) }));
  assert.deepEqual(lines, ['10%', '20%', 'zwölf', 'last']);
});

test('a line without end is cut at 64 Ki characters, and the next line is whole', async () => {
  const lines: string[] = [];
  const source = `process.stdout.write('x'.repeat(300000) + '\\nnext\\n')`;
  await runProcessGroup(node(source, { onLine: (line) => lines.push(line) }));
  assert.deepEqual(
    lines.map((line) => line.length),
    [65536, 4],
  );
});

test('only the last 40 lines of stderr are kept', async () => {
  const source = `for (let i = 1; i <= 1000; i++) console.error('line ' + i); process.exitCode = 7;`;
  const end = await runProcessGroup(node(source));
  assert.equal(end.exit_code, 7);
  const kept = end.stderr_tail.split('\n');
  assert.equal(kept.length, 40);
  assert.equal(kept.at(-1), 'line 1000');
});

test('standard input is closed, so a program that reads it ends', async () => {
  const lines: string[] = [];
  const source = `process.stdin.on('data', () => {}).on('end', () => console.log('end of input'))`;
  await runProcessGroup(node(source, { onLine: (line) => lines.push(line) }));
  assert.deepEqual(lines, ['end of input']);
});

test('a missing program rejects with ENOENT', async () => {
  const run = runProcessGroup({ command: ['/nowhere/at-all'], directory: '.', signal: never });
  await assert.rejects(run, { code: 'ENOENT' });
});

test('a program killed by a signal reports the signal', async () => {
  const end = await runProcessGroup(node(`process.kill(process.pid, 'SIGSEGV')`));
  assert.deepEqual([end.exit_code, end.exit_signal], [null, 'SIGSEGV']);
});
