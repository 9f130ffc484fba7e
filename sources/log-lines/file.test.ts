import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { temporaryDirectory } from '../../test/processes/tmon.ts';
import { type Source, SourceError } from '../source.ts';
import { openLogFile } from './file.ts';
import { openLog } from './open.ts';
import { openStandardInput } from './standard-input.ts';

const signal = new AbortController().signal;

async function readAll(source: Source, from: string | null = null, since_ms = 0) {
  const read = { ids: [] as string[], unreadable: [] as string[], looked_at: 0, position: from, told: [] as number[] };
  for await (const { sightings, unreadable, looked_at, position } of source.read({ since_ms, from, signal })) {
    read.ids.push(...sightings.map(({ job_id }) => job_id));
    read.told.push(...sightings.map(({ told_ms }) => told_ms));
    read.unreadable.push(...unreadable.map(({ where, why }) => `${where}: ${why}`));
    read.looked_at += looked_at;
    read.position = position ?? read.position;
  }
  return read;
}

const start = (id: string) => `2025-07-07 19:30:00,000 INFO x: JOB_START job_id=${id} worker_id=w\n`;

test('reading continues from a position; an unfinished line waits for its end', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  const log = openLogFile(path);
  writeFileSync(path, start('a') + start('bc').slice(0, -14));
  const first = await readAll(log);
  assert.deepEqual(first.ids, ['a']);
  appendFileSync(path, start('bc').slice(-14) + start('d'));
  const second = await readAll(log, first.position);
  assert.deepEqual(second.ids, ['bc', 'd']);
  assert.deepEqual((await readAll(log, second.position)).ids, []);
});

test('a last line of complete JSON is returned at once, and again when its line ends', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  const line = 'TRANSCRIPTION_EVENT {"event": "JOB_START", "job_id": "a", "worker_id": "w"}';
  writeFileSync(path, line);
  const first = await readAll(openLogFile(path));
  assert.deepEqual(first.ids, ['a']);
  appendFileSync(path, `\n${start('b')}`);
  assert.deepEqual((await readAll(openLogFile(path), first.position)).ids, ['a', 'b']);
});

test('a single read returns an unfinished last line', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, start('a') + start('b').trimEnd());
  const read = await readAll(openLogFile(path, { last_line: 'take' }));
  assert.deepEqual(read.ids, ['a', 'b']);
  assert.equal(read.looked_at, 2);
  const ids: string[] = [];
  for await (const { sightings } of openLogFile(path).read({ since_ms: 0, signal })) {
    ids.push(...sightings.map(({ job_id }) => job_id));
  }
  assert.deepEqual(ids, ['a', 'b'], 'without any position, too');
});

test('a log that was rotated is read to its end, then those after it, then the new one', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'worker.log');
  writeFileSync(path, start('a'));
  const { position } = await readAll(openLogFile(path));
  appendFileSync(path, start('b'));
  renameSync(path, `${path}.2`);
  writeFileSync(`${path}.1`, start('c'));
  utimesSync(`${path}.2`, 1_751_916_600, 1_751_916_600);
  writeFileSync(`${path}.err`, start('not-of-this-log'));
  writeFileSync(path, start('d'));
  const read = await readAll(openLogFile(path), position);
  assert.deepEqual(read.ids, ['b', 'c', 'd']);
  assert.deepEqual((await readAll(openLogFile(path), read.position)).ids, []);
});

test('a log that was rotated and compressed is also continued', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, start('a'));
  const { position } = await readAll(openLogFile(path));
  appendFileSync(path, start('b'));
  writeFileSync(`${path}-20250707.gz`, gzipSync(readFileSync(path)));
  unlinkSync(path);
  writeFileSync(path, start('c'));
  assert.deepEqual((await readAll(openLogFile(path), position)).ids, ['b', 'c']);
});

test('a log that was copied and truncated is continued in the copy, then from its beginning', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, start('a'));
  const { position } = await readAll(openLogFile(path));
  appendFileSync(path, start('b'));
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
  appendFileSync(path, start('c') + start('d') + start('e'));
  const read = await readAll(openLogFile(path), position);
  assert.deepEqual(read.ids, ['b', 'c', 'd', 'e']);
});

test('if the older part is gone, a notice says so, and the new one is read', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, start('a'));
  const { position } = await readAll(openLogFile(path));
  truncateSync(path);
  appendFileSync(path, start('c'));
  const read = await readAll(openLogFile(path), position);
  assert.deepEqual(read.ids, ['c']);
  assert.match(read.unreadable[0]!, /is gone; lines in between may be missing/);
});

test('a gzipped log is read; a truncated one is read up to the cut, with a notice', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log.gz');
  const packed = gzipSync(Array.from({ length: 20_000 }, (_, index) => start(`job-${index}`)).join(''));
  writeFileSync(path, packed);
  const whole = await readAll(openLogFile(path));
  assert.equal(new Set(whole.ids).size, 20_000);
  assert.deepEqual(whole.unreadable, []);
  writeFileSync(path, packed.subarray(0, packed.length - 100));
  const cut = await readAll(openLogFile(path));
  assert.ok(cut.ids.length > 0);
  assert.match(cut.unreadable[0]!, /is damaged and was read up to there/);
});

test('events without a time get that of the previous line, the first ones that of the file', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, `JOB_START job_id=a worker_id=w\n${start('b')}JOB_START job_id=c worker_id=w\n`);
  const read = await readAll(openLogFile(path));
  assert.equal(read.told[1], Date.UTC(2025, 6, 7, 19, 30));
  assert.equal(read.told[2], read.told[1]);
  assert.ok(read.told[0]! > read.told[1]!);
});

test('reports before since_ms are skipped', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, start('a') + start('b').replace('19:30', '20:30'));
  assert.deepEqual((await readAll(openLogFile(path), null, Date.UTC(2025, 6, 7, 20))).ids, ['b']);
});

test('a missing file, or a directory, is one line with a hint', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'logs'));
  const kind = (kind: string, hint: RegExp) => (error: unknown) =>
    error instanceof SourceError && error.kind === kind && hint.test(error.hint ?? '');
  await assert.rejects(readAll(openLogFile(join(directory, 'no.log'))), kind('missing', /ls /));
  await assert.rejects(readAll(openLogFile(join(directory, 'logs'))), kind('unusable', /logs\/\*\.log/));
  assert.throws(() => openLog('s3://bucket'), kind('invalid_url', /tmon check s3:\/\/bucket/));
  assert.throws(() => openLog('cloudwatch-logs://'), kind('invalid_url', /cloudwatch-logs:\/\/group/));
});

test('standard input is read as it arrives, including its last line', async () => {
  const stream = Readable.from([
    Buffer.from(start('a') + start('b').slice(0, 30)),
    Buffer.from(start('b').slice(30).trimEnd()),
  ]);
  const source = openStandardInput({ stream });
  assert.deepEqual((await readAll(source)).ids, ['a', 'b']);
  assert.deepEqual((await readAll(source)).ids, []);
});
