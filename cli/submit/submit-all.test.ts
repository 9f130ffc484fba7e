/** Many recordings at once, against a real monitor: found, submitted once each, and again only when asked for. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runTmon, temporaryDirectory } from '../../test/processes/tmon.ts';
import { wav } from '../../test/processes/wav.ts';
import { openMonitor } from '../../test/servers/monitor.ts';
import { clientOf } from '../options.ts';
import { findInputs, shownAs } from './inputs.ts';
import { type Submission, type SubmitRun, submitAll } from './submit-all.ts';

const monitor = await openMonitor({ after });
const api = clientOf({ server: monitor.url });

/** A folder as people have them. */
function recordings(t: Parameters<typeof temporaryDirectory>[0]): string {
  const folder = temporaryDirectory(t);
  mkdirSync(join(folder, 'calls', '.trash'), { recursive: true });
  writeFileSync(join(folder, 'a.wav'), wav(1));
  writeFileSync(join(folder, 'calls', 'b without a name for its kind'), wav(2));
  writeFileSync(join(folder, 'calls', 'raw.gsm'), Buffer.from([0xd0, 0x11, 0x80, 0x7f, 0, 1, 2, 3]));
  writeFileSync(join(folder, 'calls', '.trash', 'c.wav'), wav(3));
  writeFileSync(join(folder, '.hidden.wav'), wav(3));
  writeFileSync(join(folder, 'notes.mp3'), 'these are notes, whatever the name says');
  writeFileSync(join(folder, 'empty.wav'), '');
  symlinkSync(join(folder, 'a.wav'), join(folder, 'link.wav'));
  symlinkSync(folder, join(folder, 'calls', 'loop'));
  symlinkSync(join(folder, 'nowhere'), join(folder, 'broken.wav'));
  return folder;
}

const count = ({ results, failed, left }: SubmitRun) => [
  results.filter(({ skipped }) => !skipped).length,
  results.filter(({ skipped }) => skipped).length,
  failed,
  left,
];

async function run(inputs: Parameters<typeof submitAll>[1], submission: Submission, options: { once?: boolean } = {}) {
  const errors: string[] = [];
  const report = (error: unknown) => {
    errors.push((error as Error).message);
    return 1;
  };
  const ended = await submitAll(api, inputs, submission, {
    parallel: 4,
    once: options.once ?? true,
    show: () => {},
    report,
  });
  return { ...ended, errors };
}

test('a folder has the recordings in it by their bytes, and by their names where the bytes say nothing', async (t) => {
  const folder = recordings(t);
  const { inputs, others, unreadable } = await findInputs([folder], { recursive: true });
  const names = inputs.map((input) => shownAs(input).slice(folder.length + 1));
  assert.deepEqual(names, ['a.wav', 'calls/b without a name for its kind', 'calls/raw.gsm', 'link.wav']);
  assert.equal(others, 2);
  assert.deepEqual(unreadable, [`${join(folder, 'broken.wav')}: a link to nothing`]);
  await assert.rejects(findInputs([folder], {}), { exitCode: 2, hint: /--recursive/ });
  await assert.rejects(findInputs(['s3://bucket/calls/'], {}), { exitCode: 2, hint: /--recursive/ });
});

test('a list has a file or URL a line, and says which line is wrong', async (t) => {
  const folder = recordings(t);
  const list = join(folder, 'list.txt');
  writeFileSync(list, `\uFEFF# calls of May\r\n${folder}/a.wav\r\n\r\n  https://example.com/a.mp3#t=1\n`);
  const { inputs } = await findInputs([], { from: list });
  assert.deepEqual(inputs, [{ path: `${folder}/a.wav` }, { url: 'https://example.com/a.mp3#t=1' }]);
  writeFileSync(list, '# one\nnone.wav\n');
  await assert.rejects(findInputs([], { from: list }), {
    exitCode: 4,
    message: `${list}:2: none.wav: the file does not exist`,
  });
  await assert.rejects(findInputs([], { from: join(folder, 'none.txt') }), { exitCode: 4 });
});

test('the same command submits each recording once, whatever its name, and goes on after an interruption', async (t) => {
  const folder = recordings(t);
  const { inputs } = await findInputs([folder], { recursive: true });
  const one = { tags: ['may'], metadata: { of: 'shop' } };
  // Interrupted: of three, two had been submitted.
  assert.deepEqual(count(await run(inputs.slice(0, 2), one)), [2, 0, 0, 0]);
  const first = await run(inputs, one);
  assert.deepEqual(count(first), [1, 3, 0, 0], 'link.wav has the bytes of a.wav');
  assert.deepEqual(count(await run(inputs, one)), [0, 4, 0, 0]);
  const listed = await Array.fromAsync(api.jobs.list({ tag: 'may' }));
  assert.equal(listed.length, 3);
  assert.equal(first.results[0]?.job.id, first.results[3]?.job.id);
  assert.equal(listed[0]?.metadata.of, 'shop');
  assert.deepEqual(count(await run(inputs, { ...one, output_format: 'srt' })), [3, 1, 0, 0], 'another command');
  assert.deepEqual(count(await run(inputs.slice(0, 1), one, { once: false })), [1, 0, 0, 0]);
  writeFileSync(join(folder, 'a.wav'), wav(1.5));
  assert.deepEqual(count(await run(inputs.slice(0, 1), one)), [1, 0, 0, 0], 'the file has changed');
});

test('an erased job does not count', async (t) => {
  const input = { path: join(recordings(t), 'a.wav') };
  const { results } = await run([input], { tags: ['erased'] });
  const { id } = results[0]!.job;
  await api.jobs.cancel(id);
  await api.jobs.erase(id);
  const again = await run([input], { tags: ['erased'] });
  assert.deepEqual(count(again), [1, 0, 0, 0]);
  assert.notEqual(again.results[0]!.job.id, id);
});

test('what is refused stops no other; a monitor that is gone stops all', async (t) => {
  const folder = recordings(t);
  const inputs = [
    { path: join(folder, 'gone.wav') },
    { url: 'ftp://example.com/a.mp3' },
    { path: join(folder, 'a.wav') },
  ];
  const ended = await run(inputs, { tags: ['refused'] });
  assert.deepEqual([count(ended), ended.exitCode, ended.errors.length], [[1, 0, 2, 0], 1, 2]);
  const gone = clientOf({ server: 'http://127.0.0.1:1' });
  const options = { parallel: 2, once: false, show: () => {}, report: () => 1 };
  await assert.rejects(submitAll(gone, [{ url: 's3://bucket/a.mp3' }], {}, options), { code: 'unreachable' });
});

test('Ctrl-C ends it with a summary, and the same command goes on', async (t) => {
  const folder = temporaryDirectory(t);
  for (let n = 0; n < 40; n += 1) writeFileSync(join(folder, `${n}.wav`), wav(1 + n / 100));
  const args = ['submit', '-r', folder, '--tag', 'stopped', '--parallel', '1', '--server', monitor.url];
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => void child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (bytes) => {
    said += bytes;
  });
  child.stdout.once('data', () => child.kill('SIGINT'));
  const [code] = await once(child, 'close');
  assert.deepEqual([code, /the same command goes on/.test(said)], [130, true], said);
  const end = await runTmon(t, args);
  assert.equal(end.code, 0, end.stderr);
  const [, submitted, skipped] = /^(\d+) submitted, (\d+) skipped$/m.exec(end.stderr) ?? [];
  assert.equal(Number(submitted) + Number(skipped), 40, end.stderr);
  assert.ok(Number(skipped) > 0);
  assert.equal((await Array.fromAsync(api.jobs.list({ tag: 'stopped', limit: 100 }))).length, 40);
});
