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
  const read = {
    ids: [] as string[],
    names: [] as string[],
    unreadable: [] as string[],
    notes: [] as string[],
    undated: 0,
    looked_at: 0,
    position: from,
    told: [] as number[],
  };
  for await (const reading of source.read({ since_ms, from, signal })) {
    const { sightings, unreadable, looked_at, position, notes = [], undated = 0 } = reading;
    read.ids.push(...sightings.map(({ job_id }) => job_id));
    read.names.push(...sightings.map(({ job_id, reported_id = job_id }) => reported_id));
    read.notes.push(...notes);
    read.undated += undated;
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

test('a position in an empty file, or one without a head, is not taken for the place in another file', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, start('a') + start('b'));
  const { position } = await readAll(openLogFile(path));
  const [inode = '', offset = ''] = position!.split(':');
  truncateSync(path);
  const empty = await readAll(openLogFile(path), position);
  assert.equal(empty.position, position, 'while the file is empty, the position stays in the one before');
  appendFileSync(path, start('c') + start('d') + start('e'));
  const read = await readAll(openLogFile(path), `${inode}:${offset}:0:0`);
  assert.deepEqual(read.ids, ['c', 'd', 'e']);
});

test('lines that come and are rotated away while the file looks empty are read', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, '');
  const { position } = await readAll(openLogFile(path));
  appendFileSync(path, start('a'));
  renameSync(path, `${path}.1`);
  writeFileSync(path, start('b'));
  assert.deepEqual((await readAll(openLogFile(path), position)).ids, ['a', 'b']);
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

test('an event without a time stands between its dated neighbours, whatever they are', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  const undated = (id: string) => `JOB_START job_id=${id} worker_id=w\n`;
  const noise = '2025-07-07 19:20:00,000 INFO loaded\n';
  writeFileSync(path, `${undated('a')}no time\n${noise}${undated('b')}${start('c')}${undated('d')}`);
  const log = openLogFile(path);
  const read = await readAll(log);
  const [before, after] = [Date.UTC(2025, 6, 7, 19, 20), Date.UTC(2025, 6, 7, 19, 30)];
  assert.deepEqual(read.told, [before, before, after, after]);
  appendFileSync(path, undated('e'));
  assert.deepEqual((await readAll(log, read.position)).told, [after], 'read on from a position, too');
});

test('the first dated line may be in a later chunk', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, `JOB_START job_id=a worker_id=w\n${'no time\n'.repeat(300_000)}${start('b')}`);
  const read = await readAll(openLogFile(path));
  assert.deepEqual(read.ids, ['a', 'b']);
  assert.equal(read.told[0], Date.UTC(2025, 6, 7, 19, 30));
});

test('without any time that is understood, events get that of the file, which is said', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, '19h28 JOB_START job_id=a worker_id=w\nJOB_FAILED job_id=a error=x\n');
  utimesSync(path, 1_751_916_600, 1_751_916_600);
  const read = await readAll(openLogFile(path));
  assert.deepEqual(read.told, [1_751_916_600_000]);
  assert.equal(read.undated, 2);
  assert.match(read.notes[0]!, /^no line has a time that is understood \("19h28 JOB_START/);
});

test('a time of day is on the day of the line before, or the last such moment before the file’s change', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  const bare = (clock: string, id: string) => `${clock} INFO JOB_START job_id=${id} worker_id=w\n`;
  writeFileSync(path, start('a') + bare('23:59:00', 'b') + bare('[00:01:00.250]', 'c'));
  assert.deepEqual((await readAll(openLogFile(path))).told, [
    Date.UTC(2025, 6, 7, 19, 30),
    Date.UTC(2025, 6, 7, 23, 59),
    Date.UTC(2025, 6, 8, 0, 1, 0, 250),
  ]);
  writeFileSync(path, bare('23:59:00', 'b') + bare('07:01:00 AM', 'c'));
  utimesSync(path, Date.UTC(2025, 6, 8, 9) / 1000, Date.UTC(2025, 6, 8, 9) / 1000);
  assert.deepEqual((await readAll(openLogFile(path))).told, [Date.UTC(2025, 6, 7, 23, 59), Date.UTC(2025, 6, 8, 7, 1)]);
});

test('the order of day and month is shown by any line, otherwise it is said to be unknown', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  const line = (date: string, id: string) => `${date} 10:00:00 JOB_START job_id=${id} worker_id=w\n`;
  writeFileSync(path, line('03/02/2025', 'a') + line('14/02/2025', 'b'));
  const read = await readAll(openLogFile(path));
  assert.deepEqual(read.told, [Date.UTC(2025, 1, 3, 10), Date.UTC(2025, 1, 14, 10)]);
  assert.deepEqual(read.notes, []);
  writeFileSync(path, line('03/02/2025', 'a'));
  assert.match((await readAll(openLogFile(path))).notes[0]!, /do not show whether the day comes first/);
});

test('the URL names the zone of times without one', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, start('a'));
  const told = async (zone: string) => (await readAll(openLog(`log:${path}?zone=${zone}`))).told[0]!;
  assert.equal(await told('America/New_York'), Date.UTC(2025, 6, 7, 23, 30));
  assert.equal(await told('%2B05:30'), Date.UTC(2025, 6, 7, 14, 0));
  assert.equal(await told('utc'), Date.UTC(2025, 6, 7, 19, 30));
  assert.throws(
    () => openLog(`log:${path}?zone=Mars`),
    (error: unknown) => error instanceof SourceError && /"Mars" is not a zone/.test(error.message),
  );
});

test('UTF-16 is read, and read on', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  for (const big of [false, true]) {
    const encoded = (text: string) => (big ? Buffer.from(text, 'utf16le').swap16() : Buffer.from(text, 'utf16le'));
    writeFileSync(path, encoded(`\ufeff${start('a')}${start('é').slice(0, -10)}`));
    const read = await readAll(openLogFile(path));
    assert.deepEqual(read.ids, ['a']);
    appendFileSync(path, encoded(start('é').slice(-10) + start('c')));
    assert.deepEqual((await readAll(openLogFile(path), read.position)).names, ['é', 'c']);
  }
});

test('the NUL bytes that copytruncate leaves are skipped, however many', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, Buffer.concat([Buffer.alloc(5_000_000), Buffer.from(start('a') + start('b'))]));
  const read = await readAll(openLogFile(path));
  assert.deepEqual(read.ids, ['a', 'b']);
  assert.deepEqual(read.told, [Date.UTC(2025, 6, 7, 19, 30), Date.UTC(2025, 6, 7, 19, 30)]);
  assert.deepEqual(read.unreadable, []);
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
