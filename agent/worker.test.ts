/** A worker's life: it starts, drains, stops, restarts, and outlives its monitor. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { TranscriptionAPI } from '../sdk/typescript/index.ts';
import { startTestMonitor, startTmon, temporaryDirectory } from '../test/processes/tmon.ts';
import { wav } from '../test/processes/wav.ts';
import { jobEnd, jobThat, startTestWorker, submitAudio } from './testing-worker.ts';

const SPEAK = 'echo "hello world" > "$2"';

/** An engine that waits for a write to a pipe. */
function gated(t: Parameters<typeof temporaryDirectory>[0]) {
  const gate = join(temporaryDirectory(t), 'gate');
  spawnSync('mkfifo', [gate]);
  return {
    script: `echo "chunk 1/4"; read line < ${gate}; ${SPEAK}`,
    open: () => spawnSync('sh', ['-c', `echo go > ${gate}`]),
  };
}

test('draining finishes the current job, claims no other, and exits', async (t) => {
  const { api } = await startTestMonitor(t);
  const { script, open } = gated(t);
  const worker = startTestWorker(t, api, script);
  const first = await submitAudio(api);
  await jobThat(api, first.id, ({ percentage }) => percentage > 0);
  const second = await submitAudio(api);
  worker.drain();
  await worker.line('draining');
  open();
  assert.equal(await worker.ended, 'drained');
  assert.equal((await api.jobs.get(first.id)).state, 'COMPLETED');
  assert.equal((await api.jobs.get(second.id)).state, 'QUEUED');
  assert.equal((await api.workers.get('worker-1')).state, 'TERMINATED');
});

test('a worker drained by its owner does the same', async (t) => {
  const { api } = await startTestMonitor(t, { lease_ms: 1_000 });
  const { script, open } = gated(t);
  const worker = startTestWorker(t, api, script);
  const { id } = await submitAudio(api);
  await jobThat(api, id, ({ percentage }) => percentage > 0);
  await api.workers.drain('worker-1');
  await worker.line('draining');
  open();
  assert.equal(await worker.ended, 'drained');
  assert.equal((await api.jobs.get(id)).state, 'COMPLETED');
});

test('an idle worker exits at once', async (t) => {
  const { api } = await startTestMonitor(t);
  const worker = startTestWorker(t, api, SPEAK);
  await worker.line('ready');
  worker.drain();
  assert.equal(await worker.ended, 'drained');
  assert.equal((await api.workers.get('worker-1')).state, 'TERMINATED');
});

test('stopping releases the job without counting the attempt, and another worker completes it', async (t) => {
  const { api } = await startTestMonitor(t);
  const { script } = gated(t);
  const worker = startTestWorker(t, api, script);
  const { id } = await submitAudio(api);
  await jobThat(api, id, ({ percentage }) => percentage > 0);
  worker.stop();
  assert.equal(await worker.ended, 'stopped');
  const back = await api.jobs.get(id);
  assert.deepEqual([back.state, back.retry_info.attempt], ['QUEUED', 1]);
  startTestWorker(t, api, SPEAK, { workerId: 'worker-2' });
  assert.equal((await jobEnd(api, id)).state, 'COMPLETED');
});

test('on a restart it releases its job without counting the attempt, and can register again under its id', async (t) => {
  const { api } = await startTestMonitor(t, { lease_ms: 1_000 });
  const { script } = gated(t);
  const worker = startTestWorker(t, api, script);
  const { id } = await submitAudio(api);
  await jobThat(api, id, ({ percentage }) => percentage > 0);
  await api.workers.restart('worker-1');
  assert.equal(await worker.ended, 'restart');
  const back = await api.jobs.get(id);
  assert.deepEqual([back.state, back.retry_info.attempt], ['QUEUED', 1]);
  startTestWorker(t, api, SPEAK);
  assert.equal((await jobEnd(api, id)).state, 'COMPLETED');
});

test('the process: on a restart it exits with 75 if supervised, otherwise registers again', async (t) => {
  const { url, api } = await startTestMonitor(t, { lease_ms: 1_000 });
  const start = async (id: string, ...more: string[]) => {
    const engine = `exec:sh -c '${SPEAK}' sh {input} {output}`;
    const worker = startTmon(t, ['worker', '--server', url, '--id', id, '--engine', engine, ...more]);
    await worker.line(/ ready /);
    // A job makes it beat as often as this lease needs.
    const { id: jobId } = await submitAudio(api);
    assert.equal((await jobEnd(api, jobId)).state, 'COMPLETED');
    await api.workers.restart(id);
    return worker;
  };
  const supervised = await start('worker-supervised', '--supervised');
  assert.equal((await supervised.ended).code, 75);

  const alone = await start('worker-alone');
  await alone.line(/ restart /);
  const { id } = await submitAudio(api);
  assert.equal((await jobEnd(api, id)).worker?.worker_id, 'worker-alone');
});

test('two concurrent jobs if allowed', async (t) => {
  const { api } = await startTestMonitor(t);
  const { script, open } = gated(t);
  startTestWorker(t, api, script, { maxJobs: 2 });
  const jobs = [await submitAudio(api), await submitAudio(api)];
  for (const { id } of jobs) await jobThat(api, id, ({ percentage }) => percentage > 0);
  open(); // One reads the line, the other the end.
  for (const { id } of jobs) assert.equal((await jobEnd(api, id)).state, 'COMPLETED');
});

test('a claim whose answer was lost is sent again as it was, also when the worker has room for more by then', async (t) => {
  const { url, api } = await startTestMonitor(t);
  const sent = new Map<string, Set<string>>();
  let losing = false;
  let onLost = () => {};
  const losses = async (count: number) => {
    for (let lost = 0; lost < count; lost++) {
      await new Promise<void>((resolve) => {
        onLost = resolve;
      });
    }
  };
  const flaky = new TranscriptionAPI({
    baseUrl: url,
    fetch: async (input, init) => {
      if (!String(input).endsWith('/claim')) return fetch(input, init);
      const key = new Headers(init?.headers).get('idempotency-key') ?? '';
      sent.set(key, (sent.get(key) ?? new Set()).add(String(init?.body)));
      const answer = await fetch(input, init);
      if (!losing) return answer;
      await answer.text();
      onLost();
      throw new TypeError('the connection was reset');
    },
  });
  const { script, open } = gated(t);
  startTestWorker(t, flaky, script, { maxJobs: 2 });
  const first = await submitAudio(api);
  await jobThat(api, first.id, ({ percentage }) => percentage > 0);
  losing = true;
  const second = await submitAudio(api);
  await losses(1);
  open();
  assert.equal((await jobEnd(api, first.id)).state, 'COMPLETED');
  // A call is three tries: the fourth loss is of a claim that began with room for two.
  await losses(4);
  losing = false;
  await jobThat(api, second.id, ({ percentage }) => percentage > 0);
  open();
  const job = await jobEnd(api, second.id);
  assert.deepEqual([job.state, job.retry_info.attempt], ['COMPLETED', 1]);
  assert.deepEqual(
    [...sent.values()].filter((bodies) => bodies.size > 1),
    [],
    'a key came with two bodies',
  );
});

test('a heartbeat that the monitor cannot record is sent again later; the job goes on', async (t) => {
  const { url, api } = await startTestMonitor(t, { lease_ms: 2_000 });
  let refused = 0;
  let onRefused = () => {};
  const refusing = new TranscriptionAPI({
    baseUrl: url,
    fetch: async (input, init) => {
      if (!String(input).endsWith('/heartbeat')) return fetch(input, init);
      refused += 1;
      onRefused();
      const problem = { status: 503, code: 'store_unavailable', detail: 'the store takes no writes now' };
      return Response.json(problem, { status: 503, headers: { 'content-type': 'application/problem+json' } });
    },
  });
  const { script, open } = gated(t);
  const worker = startTestWorker(t, refusing, script);
  const { id } = await submitAudio(api);
  await jobThat(api, id, ({ percentage }) => percentage > 0);
  const before = refused;
  await new Promise<void>((resolve) => {
    onRefused = () => refused > before && resolve();
  });
  open();
  const job = await jobEnd(api, id);
  assert.deepEqual([job.state, job.retry_info.attempt], ['COMPLETED', 1]);
  await worker.line(/^the monitor is away/);
});

test('a monitor killed with -9 in the middle of a job is waited for, and the job ends once', async (t) => {
  const monitor = await startTestMonitor(t);
  const { api } = monitor;
  const { script, open } = gated(t);
  const worker = startTestWorker(t, api, script);
  const { id } = await submitAudio(api);
  await jobThat(api, id, ({ percentage }) => percentage > 0);
  await monitor.kill();
  // The work continues meanwhile; its result is reported once the monitor is back.
  open();
  await worker.line(/^the monitor is away/);
  await monitor.restart();
  const job = await jobEnd(api, id);
  assert.equal(job.state, 'COMPLETED');
  assert.equal(job.retry_info.attempt, 1);
  await worker.line('completed');
});

test('a worker started before its monitor waits for it', async (t) => {
  const monitor = await startTestMonitor(t);
  await monitor.kill();
  const worker = startTestWorker(t, monitor.api, SPEAK);
  await worker.line(/^the monitor is away/);
  await monitor.restart();
  await worker.line('ready');
  const { id } = await submitAudio(monitor.api);
  assert.equal((await jobEnd(monitor.api, id)).state, 'COMPLETED');
});

test('a worker on a WebSocket outlives its monitor and completes its job', async (t) => {
  const monitor = await startTestMonitor(t);
  const { script, open } = gated(t);
  const api = new TranscriptionAPI({ baseUrl: monitor.url, transport: 'websocket' });
  t.after(() => api.close());
  const worker = startTestWorker(t, api, script);
  const { id } = await submitAudio(monitor.api);
  await jobThat(monitor.api, id, ({ percentage }) => percentage > 0);
  await monitor.kill();
  await worker.line(/^the monitor is away/);
  open();
  await monitor.restart();
  assert.equal((await jobEnd(monitor.api, id)).state, 'COMPLETED');
  worker.drain();
  assert.equal(await worker.ended, 'drained');
  assert.equal((await monitor.api.workers.get('worker-1')).state, 'TERMINATED');
});

test('a monitor that refuses the worker ends it with the reason', async (t) => {
  const { url } = await startTestMonitor(t);
  const api = new TranscriptionAPI({ baseUrl: url });
  const worker = startTestWorker(t, api, SPEAK, { workerId: 'no id!' });
  await assert.rejects(worker.ended, { status: 400 });
});

test('the process: SIGTERM drains it, exit code 0; the engine of one killed with -9 dies with it', {
  timeout: 60_000,
}, async (t) => {
  const { url, api } = await startTestMonitor(t);
  const { script, open } = gated(t);
  const directory = temporaryDirectory(t);
  const args = (engine: string) => ['worker', '--server', url, '--work-dir', directory, '--engine', engine];
  const gentle = startTmon(t, args(`exec:sh -c '${script}' sh {input} {output}`));
  const first = await submitAudio(api, wav(1));
  await jobThat(api, first.id, ({ percentage }) => percentage > 0);
  gentle.kill('SIGTERM');
  await gentle.line(/finishing the current jobs/);
  open();
  const { code, stderr } = await gentle.ended;
  assert.equal(code, 0, stderr);
  assert.equal((await api.jobs.get(first.id)).state, 'COMPLETED');

  const pid = join(directory, 'pid');
  const hung = startTmon(
    t,
    args(`exec:sh -c 'trap "" TERM; echo $$ > ${pid}; echo "chunk 1/4"; sleep 60' sh {input} {output}`),
  );
  const second = await submitAudio(api, wav(1));
  await jobThat(api, second.id, ({ percentage }) => percentage > 0);
  hung.kill('SIGKILL');
  await hung.ended;
  const engine = readFileSync(pid, 'utf8').trim();
  while (/^[^Z\s]/.test(spawnSync('ps', ['-o', 'stat=', '-p', engine], { encoding: 'utf8' }).stdout)) {
    await setTimeout(20);
  }
});
