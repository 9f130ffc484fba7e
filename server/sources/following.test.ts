/** `tmon serve --source`: real sources, written by reporters as in workers, and a monitor that shows their jobs. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { JOB_STATUS_SQL } from '../../protocol/job-status-table.ts';
import type { FollowedSource } from '../../protocol/source.ts';
import { Reporter } from '../../sdk/typescript/reporter/reporter.ts';
import { type Cleaning, temporaryDirectory } from '../../test/processes/tmon.ts';
import { type Json, type Monitor, type MonitorOptions, openMonitor } from '../../test/servers/monitor.ts';
import { systemClock } from '../clock.ts';
import { MemoryStore } from '../objects/memory.ts';
import { LaggingPosition } from './lagging-position.ts';
import { forgetPositions, POSITIONS, SourcePosition } from './positions.ts';

const POLL_MS = 20;

const follow = (t: Cleaning, source: string, more: MonitorOptions = {}): Promise<Monitor> =>
  openMonitor(t, { source, source_poll_ms: POLL_MS, ...more });

const job = (monitor: Monitor, job_id: string, is: (job: Json) => boolean): Promise<Json> =>
  monitor.until(`/jobs?q=${job_id}`, ({ items }) => items.some((one: Json) => one.job_id === job_id && is(one)));

/** The status of the only source, once it is as expected; polls with requests, without waiting. */
async function source(monitor: Monitor, is: (one: FollowedSource) => boolean): Promise<FollowedSource> {
  for (;;) {
    const [one] = (await monitor.get('/sources')).body.items;
    if (is(one)) return one;
  }
}

const line = (event: string, job_id: string, seconds_ago: number, more: object = {}) => {
  const timestamp = new Date(Date.now() - seconds_ago * 1000).toISOString();
  return `TRANSCRIPTION_EVENT ${JSON.stringify({ event, job_id, worker_id: 'worker-1', timestamp, ...more })}\n`;
};

/** One job that completes, one that fails, one that keeps running. */
async function work(url: string): Promise<void> {
  const reporter = Reporter.fromUrl(url, { workerId: 'worker-1', progressIntervalMs: 0 });
  for (const id of ['job-good', 'job-bad', 'job-on']) reporter.jobStart(id, { audioDuration: 60 });
  reporter.jobProgress('job-on', 45, { stage: 'transcribing' });
  reporter.jobComplete('job-good', { segments: 150 });
  reporter.jobFailed('job-bad', 'GPU out of memory');
  await reporter.close();
}

async function showsThem(monitor: Monitor): Promise<void> {
  await job(monitor, 'job-good', ({ state }) => state === 'COMPLETED');
  await job(monitor, 'job-bad', ({ state }) => state === 'FAILED');
  await job(monitor, 'job-on', ({ progress }) => progress.percentage === 45);
  const { items } = (await monitor.get('/jobs')).body;
  assert.deepEqual(items.map((one: Json) => [one.job_id, one.state, one.worker?.worker_id]).sort(), [
    ['job-bad', 'FAILED', 'worker-1'],
    ['job-good', 'COMPLETED', 'worker-1'],
    ['job-on', 'PROCESSING', 'worker-1'],
  ]);
  const { body: worker } = await monitor.get('/workers/worker-1');
  assert.deepEqual([worker.state, worker.current_job.job_id], ['ACTIVE', 'job-on']);
}

test('the jobs in a folder of status files are shown, live, with their worker', async (t) => {
  const url = `dir:${temporaryDirectory(t)}`;
  const monitor = await follow(t, url);
  await work(url);
  await showsThem(monitor);
  const one = await source(monitor, ({ state }) => state === 'FOLLOWING');
  assert.deepEqual([one.problem, one.unreadable_count, one.jobs_refused], [null, 0, 0]);
  assert.deepEqual((await monitor.get('/system/health')).body.components.sources, {
    status: 'HEALTHY',
    total_count: 1,
    failing_count: 0,
  });
});

test('the jobs in a SQLite table are shown, live, with their worker', async (t) => {
  const path = join(temporaryDirectory(t), 'jobs.db');
  const database = new DatabaseSync(path);
  database.exec(JOB_STATUS_SQL.sqlite.create);
  database.close();
  const url = `sqlite:${path}`;
  await work(url);
  await showsThem(await follow(t, url));
});

test('a log that grows and is rotated: no line is missed or counted twice', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, line('JOB_START', 'job-1', 60));
  const monitor = await follow(t, `log:${path}`);
  await job(monitor, 'job-1', ({ state }) => state === 'PROCESSING');
  appendFileSync(path, line('JOB_PROGRESS', 'job-1', 50, { percentage: 45 }) + line('JOB_START', 'job-2', 40));
  await job(monitor, 'job-2', ({ state }) => state === 'PROCESSING');
  appendFileSync(path, line('JOB_COMPLETE', 'job-1', 30, { segments: 3 }));
  renameSync(path, `${path}.1`);
  writeFileSync(path, line('JOB_FAILED', 'job-2', 20, { error: 'noise' }) + line('JOB_START', 'job-3', 10));
  await job(monitor, 'job-3', ({ state }) => state === 'PROCESSING');
  await job(monitor, 'job-1', ({ state, output }) => state === 'COMPLETED' && output.segments_count === 3);
  await job(monitor, 'job-2', ({ state }) => state === 'FAILED');
  assert.equal((await source(monitor, ({ looked_at }) => looked_at >= 6)).looked_at, 6);
});

test('unreadable lines are counted and shown, and do not affect others', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  writeFileSync(path, `TRANSCRIPTION_EVENT {"event": "JOB_START", "job_\n${line('JOB_START', 'job-1', 60)}`);
  const monitor = await follow(t, `log:${path}`);
  await job(monitor, 'job-1', ({ state }) => state === 'PROCESSING');
  const { unreadable_count, unreadable } = await source(monitor, (one) => one.unreadable_count > 0);
  assert.equal(unreadable_count, 1);
  assert.ok(unreadable[0]!.why.length > 0);
});

test('what could not be read is no longer counted once it can be', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'jobs'));
  const file = join(root, 'jobs', 'job-1.json');
  writeFileSync(file, '{"job_id": "job-1", "status": "zombie"}');
  const monitor = await follow(t, `dir:${root}`);
  assert.equal((await source(monitor, (one) => one.looked_at > 0)).unreadable_count, 1);
  writeFileSync(file, JSON.stringify({ job_id: 'job-1', status: 'running', updated_at: new Date().toISOString() }));
  await job(monitor, 'job-1', ({ state }) => state === 'PROCESSING');
  assert.equal((await source(monitor, () => true)).unreadable_count, 0);
});

test('what a source leaves open is a note, and not unreadable', async (t) => {
  const path = join(temporaryDirectory(t), 'jobs.db');
  const database = new DatabaseSync(path);
  database.exec(JOB_STATUS_SQL.sqlite.create);
  database.exec("INSERT INTO job_status (job_id, status, updated_at) VALUES ('a', 'running', '03/04/2026 10:00:00')");
  database.close();
  const monitor = await follow(t, `sqlite:${path}`);
  const { notes, unreadable_count, found_count } = await source(monitor, (one) => one.looked_at > 0);
  assert.deepEqual([notes.length, unreadable_count, found_count > 0], [1, 0, true]);
});

test('a monitor that restarts reads the source again, without duplicates', async (t) => {
  const url = `dir:${temporaryDirectory(t)}`;
  const objects = new MemoryStore(systemClock);
  await work(url);
  const first = await follow(t, url, { objects });
  await showsThem(first);
  await first.stop();
  const second = await follow(t, url, { objects });
  await source(second, ({ state }) => state === 'FOLLOWING');
  await showsThem(second);
  assert.equal((await source(second, () => true)).jobs_taken, 0);
});

test('a monitor that restarts goes on in a log a little before where it was, and counts jobs', async (t) => {
  const path = join(temporaryDirectory(t), 'worker.log');
  const padding = 'x'.repeat(1_500);
  const jobs = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => {
      const id = `job-${from + index}`;
      return line('JOB_START', id, 60, { padding }) + line('JOB_COMPLETE', id, 50, { segments: 3, padding });
    }).join('');
  writeFileSync(path, jobs(0, 1_000));
  const objects = new MemoryStore(systemClock);
  const keys = async () => (await Array.fromAsync(objects.list(POSITIONS))).map(({ key }) => key);
  const first = await follow(t, `log:${path}`, { objects });
  const { jobs_taken } = await source(first, (one) => one.looked_at === 2_000 && one.last_read_at !== null);
  assert.equal(jobs_taken, 1_000, 'though many have their start and their end in different portions');
  await first.stop();
  const [key] = await keys();
  assert.match(key!, /^meta\/sources\/[0-9a-f]{32}\.json$/);

  // Meanwhile lines are written, and the log is rotated.
  appendFileSync(path, line('JOB_START', 'between-1', 20));
  renameSync(path, `${path}.1`);
  writeFileSync(path, line('JOB_START', 'between-2', 10));
  const second = await follow(t, `log:${path}`, { objects });
  await job(second, 'between-2', ({ state }) => state === 'PROCESSING');
  await job(second, 'between-1', ({ state }) => state === 'PROCESSING');
  const { looked_at, jobs_taken: more } = await source(second, (one) => one.last_read_at !== null);
  assert.ok(looked_at >= 2 && looked_at < 1_500, `${looked_at} lines`);
  assert.equal(more, 2);
  await second.stop();

  const readsAll = async (options: MonitorOptions) => {
    const monitor = await follow(t, `log:${path}.1`, { objects, ...options });
    const { looked_at } = await source(monitor, (one) => one.last_read_at !== null);
    await monitor.stop();
    return looked_at === 2_001;
  };
  const day_ms = 86_400_000;
  assert.equal(await readsAll({ source_since_ms: day_ms }), true, 'another URL');
  assert.equal(await readsAll({ source_since_ms: day_ms }), false);
  assert.equal(await readsAll({ source_since_ms: 2 * day_ms }), true, 'from further back');
  for (const name of await keys()) await objects.put(name, Buffer.from('{}'));
  assert.equal(await readsAll({ source_since_ms: 2 * day_ms }), true, 'a damaged position');
});

test('a position does not hold for a journal that has lost what was read before it', async () => {
  const store = new MemoryStore(systemClock);
  const engineAt = (seq: number, journal_id = 'journal-1') =>
    ({ state: { seq }, journal: { journal_id } }) as ConstructorParameters<typeof SourcePosition>[2]['engine'];
  const at = (seq: number, journal_id?: string) =>
    new SourcePosition('log:/worker.log', 1_000, { store, engine: engineAt(seq, journal_id) });
  await at(7).save('log:/worker.log', '1:2:3:4');
  assert.equal(await at(7).load('log:/worker.log'), '1:2:3:4');
  assert.equal(await at(9, 'journal-2').load('log:/worker.log'), null);
  await at(7).save('log:/worker.log', '1:2:3:4');
  assert.equal(await at(6).load('log:/worker.log'), null);
  assert.equal(await at(9).load('log:/worker.log'), null, 'also when the journal has grown beyond it again');
  await at(9).save('log:/worker.log', '1:2:3:4');
  await forgetPositions(store);
  assert.equal(await at(9).load('log:/worker.log'), null);
});

test('the position that is kept is some readings behind, until they are long past', () => {
  const lagging = new LaggingPosition();
  for (const [index, position] of [null, 'a', 'b', 'c', 'd', 'e', 'e'].entries()) lagging.add(position, index);
  assert.equal(lagging.at(10), 'a');
  assert.equal(lagging.at(60_003), 'c');
  assert.equal(lagging.at(60_010), 'e');
});

test('a source that fails is shown with a hint and read once it works again, while the monitor goes on', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'later', 'worker.log');
  const monitor = await follow(t, `log:${path}`);
  const { problem } = await source(monitor, ({ state }) => state === 'FAILING');
  assert.match(problem!.message, /does not exist/);
  assert.ok(problem!.hint);
  const health = (await monitor.get('/system/health')).body;
  assert.deepEqual([health.overall_status, health.components.sources.failing_count], ['DEGRADED', 1]);
  assert.equal((await monitor.post('/jobs', { audio_url: 's3://bucket/a.mp3' })).status, 201);
  mkdirSync(join(directory, 'later'));
  writeFileSync(path, line('JOB_START', 'job-1', 60));
  await job(monitor, 'job-1', ({ state }) => state === 'PROCESSING');
  assert.equal((await source(monitor, ({ state }) => state === 'FOLLOWING')).problem, null);
});

test('a password in the URL of a source is shown nowhere', async (t) => {
  const monitor = await follow(t, 'postgres://tmon:hidden-word@127.0.0.1:1/jobs');
  const failing = await source(monitor, ({ state }) => state === 'FAILING');
  assert.doesNotMatch(JSON.stringify(failing), /hidden-word/);
});
