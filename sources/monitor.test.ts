/** A monitor as a source: every page of its lists, its queues, and its refusals. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { JumpingClock } from '../test/servers/jumping-clock.ts';
import { openMonitor } from '../test/servers/monitor.ts';
import { freePort } from '../test/servers/start.ts';
import { AUDIO, complete, fail, hold } from '../test/servers/steps.ts';
import { Check } from './check/check.ts';
import { Monitor } from './monitor.ts';
import type { SourceError } from './source.ts';

const { signal } = new AbortController();

async function statesOf(source: Monitor): Promise<Map<string, string>> {
  const states = new Map<string, string>();
  for await (const { sightings } of source.read({ since_ms: 0, signal })) {
    for (const { job_id, state, error } of sightings) states.set(job_id, error === null ? state : `${state} ${error}`);
  }
  return states;
}

test('jobs in every state are read, past the first page', async (t) => {
  const monitor = await openMonitor(t);
  const source = new Monitor(`${monitor.url}/`, { name: 'http://monitor' });
  const done = await hold(monitor);
  await complete(monitor, done);
  const broken = await hold(monitor);
  await fail(monitor, broken);
  const running = await hold(monitor);
  const jobs = Array.from({ length: 1000 }, () => ({ audio_url: AUDIO }));
  assert.equal((await monitor.post('/jobs/batch', { jobs })).status, 200);
  assert.equal((await monitor.post('/jobs', { audio_url: AUDIO })).status, 201);
  const states = await statesOf(source);
  assert.equal(states.size, 1004);
  assert.deepEqual(
    [done, broken, running].map(({ id }) => states.get(id)),
    ['COMPLETED', 'FAILED worker_error: it broke', 'PROCESSING'],
  );
  const { waiting, in_flight, dead_letters, oldest_seconds } = await source.depth(signal);
  assert.deepEqual([waiting, in_flight, dead_letters, typeof oldest_seconds], [1001, 1, 1, 'number']);
});

test('workers are heard by their heartbeats, whatever the age of their jobs’ records', async (t) => {
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { clock });
  const held = await hold(monitor, {}, 'worker-works');
  await hold(monitor, {}, 'worker-gone');
  for (let minute = 0; minute < 40; minute += 1) {
    clock.jump(30_000);
    await monitor.post('/workers/worker-works/heartbeat', { health: {}, leases: [held.token] });
    clock.jump(30_000);
    await monitor.post('/workers/worker-works/heartbeat', { health: {}, leases: [held.token] });
  }
  const source = new Monitor(monitor.url, { name: 'http://monitor' });
  const heartbeats = await source.heartbeats(signal);
  const works = heartbeats.get('worker-works')!;
  assert.deepEqual([works.healthy, heartbeats.get('worker-gone')?.healthy ?? false], [true, false]);
  assert.ok(clock.now() - works.heard_ms < 60_000);
  // Its engine reports no progress: the check says of it what the monitor does.
  const { problems } = await new Check([source]).run(clock.now(), signal);
  assert.deepEqual(
    problems.filter(({ says }) => says.includes('worker-works') || says.includes(held.id)),
    [],
  );
});

test('a job without progress whose worker sends heartbeats hangs: the worker is not gone', async (t) => {
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { clock });
  const held = await hold(monitor, {}, 'worker-hangs');
  await monitor.put(`/jobs/${held.id}/progress`, { lease_token: held.token, percentage: 60.42, stage: 'transcribing' });
  for (let half = 0; half < 80; half += 1) {
    clock.jump(30_000);
    await monitor.post('/workers/worker-hangs/heartbeat', { health: {}, leases: [held.token] });
  }
  const { problems } = await new Check([new Monitor(monitor.url, { name: 'http://monitor' })]).run(clock.now(), signal);
  assert.deepEqual(
    problems.map(({ kind, subject }) => `${kind} ${subject}`),
    [`job_stuck ${held.id}`],
  );
  assert.match(problems[0]!.says, /no progress at 60% for .*; worker-hangs reported \d+s ago: it hangs/);
});

test('a worker known only from reports is judged by them, and a terminated one is not healthy', async (t) => {
  const clock = new JumpingClock();
  const monitor = await openMonitor(t, { clock });
  const now_ms = clock.now();
  const at = (minutes: number) => new Date(now_ms + minutes * 60_000).toISOString();
  const running = (worker_id: string, minutes: number) => ({
    job_id: `job-of-${worker_id}`,
    state: 'PROCESSING',
    told_at: at(minutes),
    started_at: at(-20),
    worker_id,
  });
  await monitor.post(`/sources/${encodeURIComponent('log:/w.log')}/jobs`, {
    jobs: [running('worker-quiet', -10), running('worker-works', -1)],
  });
  const source = new Monitor(monitor.url, { name: 'http://monitor' });
  const verdict = async () => (await new Check([source]).run(clock.now(), signal)).problems.map(({ says }) => says);
  assert.deepEqual(await verdict(), ['silent for 10m; it holds job-of-worker-quiet']);
  await clock.pass(2 * 3_600_000);
  const problems = await verdict();
  assert.ok(
    problems.some((says) => /job-of-worker-works/.test(says)) && !problems.some((says) => /it hangs/.test(says)),
    problems.join('\n'),
  );
});

test('a job that failed within the time looked at counts, though it was submitted before', async (t) => {
  const monitor = await openMonitor(t);
  const now_ms = Date.now();
  const at = (hours: number) => new Date(now_ms - hours * 3_600_000).toISOString();
  const failed = (job_id: string, hours: number) => ({
    job_id,
    state: 'FAILED',
    told_at: at(hours),
    started_at: at(hours + 30),
    ended_at: at(hours),
  });
  await monitor.post(`/sources/${encodeURIComponent('log:/w.log')}/jobs`, {
    jobs: [failed('lately', 2), failed('before', 26)],
  });
  const { problems } = await new Check([new Monitor(monitor.url, { name: 'http://monitor' })]).run(now_ms, signal);
  assert.deepEqual(
    problems.map(({ kind, subject }) => `${kind} ${subject}`),
    ['job_failed lately'],
  );
});

test('a monitor that can’t read a source that it follows is not well', async (t) => {
  const monitor = await openMonitor(t, { source: 'log:/nowhere/worker.log', source_poll_ms: 20 });
  const source = new Monitor(monitor.url, { name: 'http://monitor' });
  for (;;) {
    const [one] = await source.follows(signal);
    if (one!.state === 'FAILING') break;
  }
  const { verdict, sources } = await new Check([source]).run(Date.now(), signal);
  assert.deepEqual(
    [verdict, sources.map(({ name, read }) => [name, read])],
    [
      'unknown',
      [
        ['http://monitor', true],
        ['http://monitor <- log:/nowhere/worker.log', false],
      ],
    ],
  );
});

test('a refusal is denied, silence unreachable, and anything else not a monitor', async (t) => {
  let status = 401;
  const keys: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    keys.push(request.headers.authorization);
    response.writeHead(status).end('<html>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const failure = async (at: string, key?: string) => {
    const error = (await statesOf(new Monitor(at, { name: 'http://monitor', key })).catch((why) => why)) as SourceError;
    return [error.kind, error.message];
  };
  assert.deepEqual(await failure(url, 'k-1'), ['denied', 'http://monitor: access denied (401)']);
  assert.deepEqual(keys, ['Bearer k-1']);
  status = 200;
  assert.deepEqual(await failure(url), ['unusable', 'http://monitor: HTTP 200: not a response of a monitor']);
  status = 502;
  assert.equal((await failure(url))[0], 'unreachable');
  const [kind, message] = await failure(`http://127.0.0.1:${await freePort()}`);
  assert.equal(kind, 'unreachable');
  assert.match(message!, /^http:\/\/monitor: no response: .*ECONNREFUSED/);
});
