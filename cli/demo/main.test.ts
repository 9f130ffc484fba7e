/** The newcomer's command: a real recogniser on the short recordings. test/demo/main.ts runs all of it. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import { chooseDemoEngine } from './demo-engine.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

function startDemo(args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (bytes: Buffer) => {
    said.stdout += bytes;
  });
  child.stderr.on('data', (bytes: Buffer) => {
    said.stderr += bytes;
  });
  return { child, said, closed: once(child, 'close') };
}

test('it ends with a transcript of every short recording, and leaves no process', { timeout: 300_000 }, async (t) => {
  const { child, said, closed } = startDemo([
    '--store',
    `dir:${temporaryDirectory(t)}`,
    '--listen',
    '127.0.0.1:0',
    '--short',
    '--exit',
  ]);
  t.after(() => void child.kill('SIGKILL'));
  const [code] = await closed;
  assert.equal(code, 0, said.stdout + said.stderr);
  assert.match(said.stdout, /^engine {6}faster-whisper, tiny\.en on cpu$/m);
  for (const [recording, words] of [
    ['broken-computer.wav', /computer last week/],
    ['house-viewing.wav', /three rooms and a garden/],
    ['lost-keys.wav', /left my keys? on the table/],
  ] as const) {
    const at = said.stdout.lastIndexOf(recording);
    assert.match(said.stdout.slice(at, at + 600).split('\n')[1] ?? '', words, said.stdout);
  }
  const [, worker = ''] = /its own process \(pid (\d+)\)/.exec(said.stdout) ?? [];
  assert.equal(spawnSync('ps', ['-o', 'stat=', '-p', worker], { encoding: 'utf8' }).stdout.replace(/^Z.*/s, ''), '');
});

test('another engine is used if asked for, and for a platform without the wheels of faster-whisper, with its reason', async (t) => {
  const lines: string[] = [];
  const print = (line: string) => void lines.push(stripVTControlCharacters(line));
  const asked = await chooseDemoEngine('pocketsphinx', { print });
  assert.deepEqual(asked, { choice: 'pocketsphinx', name: 'pocketsphinx' });
  lines.length = 0;
  const absent = `faster-whisper?python=${temporaryDirectory(t)}/python`;
  assert.deepEqual(await chooseDemoEngine(undefined, { print, choices: [absent, 'pocketsphinx'] }), asked);
  assert.match(lines[1]!, /^engine {6}pocketsphinx, because faster-whisper cannot be installed here: .*cannot start/);
  assert.equal(lines.length, 3);
  await assert.rejects(chooseDemoEngine('whisper', { print }), { code: 'engine_choice_invalid' });
});

test('a port that is taken ends it at once, with a way out', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => void taken.close());
  const { port } = taken.address() as AddressInfo;
  const { said, closed } = startDemo(['--store', `dir:${temporaryDirectory(t)}`, '--listen', `127.0.0.1:${port}`]);
  const [code] = await closed;
  assert.equal(code, 5);
  assert.match(said.stderr, /^tmon: \S+ is already in use\nhint: .*--listen/);
});
