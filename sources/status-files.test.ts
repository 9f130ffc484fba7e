/** Status files are listed completely and fetched only if changed, in a bucket as in a folder. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { Sighting } from '../protocol/sighting.ts';
import { type Cleaning, temporaryDirectory } from '../test/processes/tmon.ts';
import { motoCredentials, startMoto } from '../test/servers/moto.ts';
import type { TestServer } from '../test/servers/start.ts';
import { Check } from './check/check.ts';
import { CheckMemory } from './check/memory.ts';
import { inParallel } from './in-parallel.ts';
import type { ReadOptions, Source } from './source.ts';
import { openStatusBucket } from './status-bucket.ts';
import { type StatusFilePlace, StatusFiles } from './status-files.ts';
import { openStatusFolder } from './status-folder.ts';

const { signal } = new AbortController();
const EMPTY = { waiting: 0, in_flight: 0, oldest_seconds: null, dead_letters: 0 };

/** The real system, and the keys fetched from it. */
function counted(place: StatusFilePlace): { place: StatusFilePlace; fetched: string[] } {
  const fetched: string[] = [];
  return {
    fetched,
    place: {
      name: place.name,
      list: (signal) => place.list(signal),
      fetch: (key, signal) => {
        fetched.push(key);
        return place.fetch(key, signal);
      },
      isMonitorStore: (signal) => place.isMonitorStore(signal),
      close: () => place.close(),
    },
  };
}

async function readAll(source: StatusFiles, options: Partial<ReadOptions> = {}) {
  const sightings = new Map<string, Sighting>();
  const unreadable: string[] = [];
  let position: string | null = null;
  let looked_at = 0;
  for await (const reading of source.read({ since_ms: 0, signal, ...options })) {
    for (const sighting of reading.sightings) sightings.set(sighting.job_id, sighting);
    unreadable.push(...reading.unreadable.map(({ where, why }) => `${where}: ${why}`));
    position = reading.position;
    looked_at += reading.looked_at;
    await reading.done();
  }
  return { sightings, unreadable, position, looked_at, ids: [...sightings.keys()].sort() };
}

const words = (job_id: string, status: string, more: object = {}) =>
  JSON.stringify({ job_id, worker_id: 'worker-1', status, started_at: '2025-07-07T19:30:00', percentage: 45, ...more });

type Place = {
  /** `below`: there, ending with a slash. */
  open(below?: string): Promise<StatusFilePlace>;
  write(key: string, text: string | Buffer): Promise<void>;
  remove(key: string): Promise<void>;
};

function behavesAsStatusFiles(place: () => Promise<Place>): void {
  test('[B133] a documented file is read; without updated_at, its modification time is used', async () => {
    const { open, write } = await place();
    await write('jobs/job-1.json', words('job-1', 'PROCESSING'));
    const { sightings } = await readAll(new StatusFiles(await open()));
    const { told_ms, ...told } = sightings.get('job-1')!;
    assert.ok(Math.abs(told_ms - Date.now()) < 600_000, `told ${new Date(told_ms).toISOString()}`);
    assert.deepEqual(
      [told.state, told.worker_id, told.started_ms, told.percentage],
      ['PROCESSING', 'worker-1', Date.parse('2025-07-07T19:30:00Z'), 45],
    );
  });

  test('a file that did not change is not fetched again; a deleted one is not reported', async () => {
    const { open, write, remove } = await place();
    for (const n of [1, 2, 3]) await write(`jobs/job-${n}.json`, words(`job-${n}`, 'COMPLETED'));
    const memory = new CheckMemory();
    const recall = memory.recall('any');
    const read = async () => {
      const { place: real, fetched } = counted(await open());
      const told = await readAll(new StatusFiles(real), { recall });
      recall.forget(0);
      return { fetched, ids: told.ids };
    };
    assert.equal((await read()).fetched.length, 3);
    assert.deepEqual(await read(), { fetched: [], ids: ['job-1', 'job-2', 'job-3'] });
    await write('jobs/job-2.json', words('job-2', 'FAILED', { error: 'GPU out of memory' }));
    await remove('jobs/job-3.json');
    assert.deepEqual(await read(), { fetched: ['jobs/job-2.json'], ids: ['job-1', 'job-2'] });
    assert.equal(recall.rows.length, 2);
  });

  test('continuing from a position fetches only newer files', async () => {
    const { open, write } = await place();
    await write('jobs/job-1.json', words('job-1', 'COMPLETED'));
    const { place: real, fetched } = counted(await open());
    const source = new StatusFiles(real);
    const { position } = await readAll(source);
    assert.deepEqual((await readAll(source, { from: position })).ids, []);
    await write('jobs/job-2.json', words('job-2', 'PROCESSING'));
    assert.deepEqual((await readAll(source, { from: position })).ids, ['job-2']);
    assert.deepEqual(fetched, ['jobs/job-1.json', 'jobs/job-2.json']);
    // Another process can't know which of the last minute's files were read: it reads them again.
    assert.deepEqual((await readAll(new StatusFiles(await open()), { from: position })).ids, ['job-1', 'job-2']);
    const later = String(Number(position) + 3_600_000);
    assert.deepEqual((await readAll(new StatusFiles(await open()), { from: later })).ids, []);
  });

  test('files written before `since` are not fetched, except once by a reader that remembers them', async () => {
    const { open, write } = await place();
    await write('jobs/job-1.json', words('job-1', 'PROCESSING'));
    await write('jobs/job-2.json', words('job-2', 'COMPLETED'));
    const since_ms = Date.now() + 3_600_000;
    const { place: real, fetched } = counted(await open());
    assert.deepEqual((await readAll(new StatusFiles(real), { since_ms })).ids, []);
    assert.deepEqual(fetched, []);
    const recall = new CheckMemory().recall('any');
    const looks = async () => {
      const { place: real, fetched: now } = counted(await open());
      const { ids } = await readAll(new StatusFiles(real), { since_ms, recall });
      recall.forget(since_ms);
      return { ids, fetched: now.length };
    };
    // The first look knows of no file whether its job has ended; a hung one stays.
    assert.deepEqual(await looks(), { ids: ['job-1', 'job-2'], fetched: 2 });
    assert.deepEqual(await looks(), { ids: ['job-1'], fetched: 0 });
  });

  test('files that are not a status are listed and counted, and do not affect other jobs', async () => {
    const { open, write } = await place();
    await write('jobs/job-1.json', words('job-1', 'PROCESSING'));
    await write('jobs/job-2.json', '{"job_id": "job-2", "sta');
    await write('jobs/job-3.json', '');
    await write('jobs/job-4.json', words('job-4', 'SLEEPING'));
    await write('jobs/job-7.json', ' '.repeat(4_200_000));
    // None of ours, and of a full system.
    await write('jobs/readme.txt', 'hello');
    await write('jobs/active/job-8/state.json', '{}');
    await write('elsewhere.json', '{}');
    await write('jobs/.job-9.json', '{"job_id": "job-9", "sta');
    const { ids, unreadable } = await readAll(new StatusFiles(await open()));
    assert.deepEqual(ids, ['job-1']);
    const patterns = [
      /^jobs\/job-2\.json: it is not JSON: /,
      /^jobs\/job-3\.json: it is empty$/,
      /^jobs\/job-4\.json: its status is "SLEEPING"/,
      /^jobs\/job-7\.json: 4200000 bytes are too many/,
    ];
    const sorted = unreadable.sort();
    assert.equal(sorted.length, patterns.length, sorted.join('\n'));
    for (const [index, pattern] of patterns.entries()) assert.match(sorted[index]!, pattern);
  });

  test('the place may be named with its jobs/, as the keys are printed', async () => {
    const { open, write } = await place();
    await write('jobs/job-1.json', words('job-1', 'PROCESSING'));
    const { place: named, fetched } = counted(await open('jobs/'));
    assert.deepEqual((await readAll(new StatusFiles(named))).ids, ['job-1']);
    assert.deepEqual(fetched, ['jobs/job-1.json']);
    // What lies below jobs/ there comes first.
    await write('jobs/jobs/job-2.json', words('job-2', 'PROCESSING'));
    assert.deepEqual((await readAll(new StatusFiles(await open('jobs/')))).ids, ['job-2']);
    assert.deepEqual((await readAll(new StatusFiles(await open()))).ids, ['job-1']);
  });

  test('the store of a monitor is refused, with what to ask instead, unless status files are there too', async () => {
    const { open, write } = await place();
    await write('meta/format.json', '{}');
    await write('jobs/active/job-8/state.json', '{}');
    for (const below of ['', 'jobs/']) {
      await assert.rejects(readAll(new StatusFiles(await open(below))), {
        kind: 'unusable',
        hint: /^ask the monitor: /,
      });
    }
    await write('jobs/job-1.json', words('job-1', 'COMPLETED'));
    assert.deepEqual((await readAll(new StatusFiles(await open()))).ids, ['job-1']);
    // A check does not say that all is well with jobs that it can't see.
    const check = async (...more: Source[]) => {
      const files = new StatusFiles(await open());
      return (await new Check([files, ...more]).run(Date.now() + 1000, signal)).verdict;
    };
    assert.equal(await check(), 'unknown');
    const monitor: Source = { name: 'http://m', async *read() {}, heartbeats: async () => new Map(), async close() {} };
    assert.equal(await check({ ...monitor, depth: async () => EMPTY }), 'well');
  });

  test('a file that is half-written has the state that it had before, and says so', async () => {
    const { open, write } = await place();
    const recall = new CheckMemory().recall('any');
    await write('jobs/job-1.json', words('job-1', 'PROCESSING'));
    await readAll(new StatusFiles(await open()), { recall });
    for (const text of ['{"job_id": "job-1", "sta', '']) {
      await write('jobs/job-1.json', text);
      const readings = await Array.fromAsync(new StatusFiles(await open()).read({ since_ms: 0, recall, signal }));
      const [{ sightings, unreadable } = { sightings: [], unreadable: [] }] = readings;
      assert.deepEqual(
        sightings.map(({ job_id, state }) => [job_id, state]),
        [['job-1', 'PROCESSING']],
      );
      const [{ half_written, last_known } = {}] = unreadable;
      assert.deepEqual([unreadable.length, half_written, last_known], [1, true, true]);
    }
  });

  test('a file is read in the encoding in which it was written, whatever else it holds', async () => {
    const { open, write } = await place();
    const utf16 = Buffer.from(words('job-1', 'done'), 'utf16le');
    await write('jobs/job-1.json', Buffer.concat([Buffer.from([0xff, 0xfe]), utf16]));
    await write(
      'jobs/job-2.json',
      Buffer.from(utf16.toString('utf16le').replace('job-1', 'job-2'), 'utf16le').swap16(),
    );
    await write('jobs/job-3.json', `\uFEFF${words('job-3', 'in progress')}`);
    await write('jobs/job-4.json', words('job-4', 'Error', { transcript: 'é'.repeat(1_000_000) }));
    const { sightings, unreadable } = await readAll(new StatusFiles(await open()));
    assert.deepEqual(unreadable, []);
    assert.deepEqual(
      ['job-1', 'job-2', 'job-3', 'job-4'].map((id) => sightings.get(id)?.state),
      ['COMPLETED', 'COMPLETED', 'PROCESSING', 'FAILED'],
    );
  });

  test('a file may have any name, and a job any: the file says which job it is', async () => {
    const { open, write } = await place();
    await write('jobs/meeting.mp3.json', words('meeting.mp3', 'FAILED'));
    await write('jobs/job 6.JSON', words('job-6', 'FAILED'));
    await write('jobs/a.json', words('job-7', 'PROCESSING', { updated_at: '2025-07-07T19:40:00Z' }));
    await write('jobs/b.json', words('job-7', 'COMPLETED', { updated_at: '2025-07-07T19:50:00Z' }));
    const { sightings, unreadable } = await readAll(new StatusFiles(await open()));
    assert.deepEqual(unreadable, []);
    assert.deepEqual(
      [...sightings.values()].map(({ job_id, reported_id, state }) => `${reported_id ?? job_id} ${state}`).sort(),
      ['job-6 FAILED', 'job-7 COMPLETED', 'meeting.mp3 FAILED'],
    );
  });
}

describe('in a folder', () => {
  const cleaning: (() => void | Promise<void>)[] = [];
  const file: Cleaning = { after: (run) => void cleaning.push(run) };
  after(async () => {
    for (const run of cleaning) await run();
  });
  let written = 0;

  behavesAsStatusFiles(async () => {
    const path = temporaryDirectory(file);
    return {
      open: async (below = '') => openStatusFolder(join(path, below)),
      async write(key, text) {
        mkdirSync(join(path, key, '..'), { recursive: true });
        writeFileSync(join(path, key), text);
        // Two writings within a clock's tick would look like one.
        written += 1;
        const time_s = Math.floor(Date.now() / 1000) - 10 + written / 1000;
        utimesSync(join(path, key), time_s, time_s);
      },
      async remove(key) {
        rmSync(join(path, key));
      },
    };
  });

  test('a folder without jobs is empty; a nonexistent one is missing', async () => {
    const path = temporaryDirectory(file);
    assert.equal((await readAll(new StatusFiles(openStatusFolder(path)))).looked_at, 0);
    const missing = new StatusFiles(openStatusFolder(join(path, 'no-such')));
    await assert.rejects(readAll(missing), { kind: 'missing', hint: `mkdir -p ${join(path, 'no-such')}` });
    writeFileSync(join(path, 'jobs'), 'a file');
    await assert.rejects(readAll(new StatusFiles(openStatusFolder(path))), { kind: 'unusable' });
  });
});

describe('in a bucket', () => {
  let moto: TestServer;
  let s3: S3Client;
  const saved = { ...process.env };
  let prefixes = 0;

  before(async () => {
    moto = await startMoto();
    Object.assign(process.env, {
      AWS_ENDPOINT_URL_S3: moto.endpoint,
      AWS_ACCESS_KEY_ID: motoCredentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: motoCredentials.secretAccessKey,
    });
    s3 = new S3Client({ region: 'us-east-1', forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: 'status-bucket' }));
  });
  after(async () => {
    process.env = saved;
    s3.destroy();
    await moto.stop();
  });

  const at = (prefix: string) => openStatusBucket('s3://status-bucket', { bucket: 'status-bucket', prefix });
  const put = async (Key: string, Body: string | Buffer) => {
    await s3.send(new PutObjectCommand({ Bucket: 'status-bucket', Key, Body }));
  };

  behavesAsStatusFiles(async () => {
    prefixes += 1;
    const prefix = `prefix-${prefixes}/`;
    return {
      open: (below = '') => at(`${prefix}${below}`),
      write: (key, text) => put(`${prefix}${key}`, text),
      async remove(key) {
        await s3.send(new DeleteObjectCommand({ Bucket: 'status-bucket', Key: `${prefix}${key}` }));
      },
    };
  });

  test('[B135] a listing past 1,000 keys is read to its end', async () => {
    const keys = Array.from({ length: 1001 }, (_, n) => `many/jobs/job-${n}.json`);
    await inParallel(keys, 16, (key, n) => put(key, words(`job-${n}`, 'COMPLETED')));
    const since_ms = Date.now() + 3_600_000;
    const { looked_at, unreadable } = await readAll(new StatusFiles(await at('many/')), { since_ms });
    assert.deepEqual([looked_at, unreadable], [1001, []]);
  });

  test('an empty bucket is distinguished from a missing one', async () => {
    assert.equal((await readAll(new StatusFiles(await at('nothing-here/')))).looked_at, 0);
    const place = await openStatusBucket('s3://no-such', { bucket: 'no-such', prefix: '' });
    await assert.rejects(readAll(new StatusFiles(place)), {
      kind: 'missing',
      message: 's3://no-such: bucket no-such does not exist',
      hint: 'aws s3 mb s3://no-such',
    });
  });
});
