/** Temporary folders of readers: of those that were killed, and of those that run. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { WorkingFolder } from './working-folder.ts';

const MODULE = new URL('working-folder.ts', import.meta.url).href;
const PROGRAM = `
  const { WorkingFolder } = await import('${MODULE}');
  process.stdout.write((await WorkingFolder.take(process.argv[1])).path);
  process.stdin.resume();`;

async function rootFor(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'tmon-working-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  return root;
}

/** Takes a folder in a process of its own, and leaves a file in it. */
async function takeElsewhere(t: TestContext, root: string): Promise<{ child: ChildProcess; name: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, root], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [path] = (await once(child.stdout!, 'data')) as [Buffer];
  await writeFile(join(String(path), 'spill'), 'rows');
  return { child, name: basename(String(path)) };
}

const folders = async (root: string) => (await readdir(root)).sort();

test('the folder of a process that was killed is removed by the next one, that of one that runs is not', async (t) => {
  const root = await rootFor(t);
  const killed = await takeElsewhere(t, root);
  const running = await takeElsewhere(t, root);
  killed.child.kill('SIGKILL');
  await once(killed.child, 'exit');
  const own = await WorkingFolder.take(root);
  const expected = [running.name, basename(own.path)].flatMap((name) => [name, `${name}.lock`]);
  assert.deepEqual(await folders(root), expected.sort());
  assert.deepEqual(await readdir(join(root, running.name)), ['spill']);
  own.remove();
  assert.deepEqual(await folders(root), [running.name, `${running.name}.lock`]);
});

test('many that start at once get a folder each', async (t) => {
  const root = await rootFor(t);
  const taken = await Promise.all(Array.from({ length: 6 }, () => takeElsewhere(t, root)));
  const names = new Set(taken.map(({ name }) => name));
  assert.equal(names.size, 6);
  assert.deepEqual(await folders(root), [...names].flatMap((name) => [name, `${name}.lock`]).sort());
});
