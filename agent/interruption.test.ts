/**
 * A worker whose machine is being taken away: it claims no more, finishes what it can in time, and hands the rest back. Against
 * a real monitor and a metadata service.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import type { Worker } from '../protocol/worker.ts';
import { TranscriptionAPI } from '../sdk/typescript/index.ts';
import { startTestMonitor, startTmon, temporaryDirectory } from '../test/processes/tmon.ts';
import { HAND_BACK_MS } from './hand-back.ts';
import { Ec2Notices } from './notices/ec2-notices.ts';
import { NoticeWatch } from './notices/notice-watch.ts';
import { TestEc2Metadata } from './notices/testing-ec2-metadata.ts';
import { StepClock } from './testing-clock.ts';
import { jobEnd, jobThat, startTestWorker, submitAudio } from './testing-worker.ts';

const { api, url } = await startTestMonitor({ after });

const NOW_MS = Date.parse('2025-07-07T20:00:00Z');
const END = '2025-07-07T20:02:00Z';
const REASON = `spot interruption at ${END}`;
const SPEAK = 'echo "hello world" > "$2"';

/** An engine that prints `line`, then waits for a write to a pipe. */
function gated(t: TestContext, line: string) {
  const gate = join(temporaryDirectory(t), 'gate');
  spawnSync('mkfifo', [gate]);
  return {
    script: `echo "${line}"; read line < ${gate}; ${SPEAK}`,
    open: () => spawnSync('sh', ['-c', `echo go > ${gate}`]),
  };
}

/** A worker on an instance. `poll` makes it look for notices now. */
async function startOnInstance(t: TestContext, workerId: string, script: string, through: TranscriptionAPI = api) {
  const metadata = await TestEc2Metadata.start(t);
  const [polls, clock] = [new StepClock(NOW_MS), new StepClock(NOW_MS)];
  const source = new Ec2Notices({ endpoint: metadata.url, expected: false, clock: polls, timeout_ms: 60_000 });
  const watch = new NoticeWatch({ source, clock: polls, log: () => {} });
  void watch.run();
  t.after(() => watch.stop());
  await polls.waiting();
  // Nothing but the machine's end waits for time.
  const limits = { stall_ms: 'off' } as const;
  const worker = startTestWorker(t, through, script, { workerId, notices: watch, clock, limits });
  await worker.line('ready');
  return { metadata, clock, worker, poll: () => polls.step() };
}

test('an idle worker leaves at once, and the reason is shown', async (t) => {
  const { metadata, worker, poll } = await startOnInstance(t, 'worker-idle', SPEAK);
  metadata.interrupt(END);
  await poll();
  assert.equal(await worker.ended, 'drained');
  const { state, reason } = await api.workers.get('worker-idle');
  assert.deepEqual([state, reason], ['TERMINATED', REASON]);
});

/** Resolves once the monitor shows the worker so. */
async function workerThat(workerId: string, is: (worker: Worker) => boolean): Promise<Worker> {
  for (;;) {
    const worker = await api.workers.get(workerId);
    if (is(worker)) return worker;
  }
}

test('a job of unknown length is handed back at once: it is no attempt, and another worker completes it', async (t) => {
  const pid = join(temporaryDirectory(t), 'pid');
  const { script } = gated(t, 'ready');
  const { metadata, worker, poll } = await startOnInstance(t, 'worker-unknown', `echo $$ > ${pid}; ${script}`);
  const { id } = await submitAudio(api, undefined, { max_attempts: 1 });
  await jobThat(api, id, ({ stage }) => stage === 'TRANSCRIBING');
  metadata.interrupt(END);
  await poll();
  await worker.line('released: the machine is being taken away');
  assert.throws(() => process.kill(Number(readFileSync(pid, 'utf8')), 0), { code: 'ESRCH' }, 'its engine has ended');
  const back = await api.jobs.get(id);
  assert.deepEqual([back.state, back.retry_info.attempt], ['QUEUED', 1]);
  assert.deepEqual(back.retry_info.last_error?.message, `stopped: ${REASON}`);
  assert.equal(await worker.ended, 'drained');
  assert.deepEqual(worker.leftovers(), []);
  assert.equal((await api.workers.get('worker-unknown')).performance.jobs_failed, 0);
  startTestWorker(t, api, SPEAK, { workerId: 'worker-other' });
  const job = await jobEnd(api, id);
  assert.deepEqual([job.state, job.worker?.worker_id], ['COMPLETED', 'worker-other']);
});

test('a job whose estimate is beyond the end is handed back at once, too', async (t) => {
  const { script } = gated(t, 'chunk 1/9000000');
  const { metadata, worker, poll } = await startOnInstance(t, 'worker-slow', script);
  const { id } = await submitAudio(api);
  await jobThat(api, id, ({ percentage }) => percentage > 0);
  metadata.interrupt(END);
  await poll();
  assert.equal(await worker.ended, 'drained');
  assert.equal((await api.jobs.get(id)).state, 'QUEUED');
  await api.jobs.cancel(id);
});

test('a job that will end long before the machine goes on, and the worker is DRAINING with the reason', async (t) => {
  const { script, open } = gated(t, 'chunk 3/4');
  const { metadata, worker, poll } = await startOnInstance(t, 'worker-ending', script);
  const first = await submitAudio(api);
  await jobThat(api, first.id, ({ percentage }) => percentage === 75);
  const second = await submitAudio(api);
  metadata.interrupt(END);
  await poll();
  const draining = await workerThat('worker-ending', ({ state }) => state === 'DRAINING');
  assert.deepEqual([draining.reason, draining.current_job?.job_id], [REASON, first.id]);
  open();
  assert.equal(await worker.ended, 'drained');
  const ended = await api.jobs.get(first.id);
  assert.deepEqual([ended.state, ended.retry_info.attempt], ['COMPLETED', 1]);
  assert.equal((await api.jobs.get(second.id)).state, 'QUEUED');
  await api.jobs.cancel(second.id);
});

test('a job that stalls is handed back while there is time for that, also if the clock is wrong', async (t) => {
  for (const [workerId, time] of [
    ['worker-stalled', END],
    ['worker-wrong-clock', '2025-07-08T09:00:00Z'],
  ] as const) {
    const { script } = gated(t, 'chunk 3/4');
    const { metadata, clock, worker, poll } = await startOnInstance(t, workerId, script);
    const { id } = await submitAudio(api);
    await jobThat(api, id, ({ percentage }) => percentage === 75);
    metadata.interrupt(time);
    await poll();
    assert.equal(await clock.step(), 120_000 - HAND_BACK_MS);
    assert.equal(await worker.ended, 'drained');
    const back = await api.jobs.get(id);
    assert.deepEqual([back.state, back.retry_info.attempt], ['QUEUED', 1]);
    await api.jobs.cancel(id);
  }
});

test('a transcript that exists is delivered, however little time is left', async (t) => {
  let arrived = () => {};
  let release = () => {};
  const [sending, released] = [
    new Promise<void>((resolve) => {
      arrived = resolve;
    }),
    new Promise<void>((resolve) => {
      release = resolve;
    }),
  ];
  const slow = new TranscriptionAPI({
    baseUrl: url,
    fetch: async (input, init) => {
      if (String(input).includes('/transcript')) {
        arrived();
        await released;
      }
      return fetch(input, init);
    },
  });
  const { metadata, clock, worker, poll } = await startOnInstance(t, 'worker-done', SPEAK, slow);
  const { id } = await submitAudio(api);
  await sending;
  metadata.interrupt('2025-07-07T20:00:01Z');
  await poll();
  assert.equal(await clock.step(), 0, 'even now');
  release();
  assert.equal(await worker.ended, 'drained');
  const job = await api.jobs.get(id);
  assert.deepEqual([job.state, job.retry_info.attempt], ['COMPLETED', 1]);
});

test('a rebalance recommendation drains: the job at hand is finished, however long; then an interruption counts', async (t) => {
  const drains: unknown[] = [];
  const seen = new TranscriptionAPI({
    baseUrl: url,
    fetch: async (input, init) => {
      if (String(input).endsWith('/drain')) drains.push(JSON.parse(String(init?.body)));
      return fetch(input, init);
    },
  });
  const recommended = 'rebalance recommendation at 2025-07-07T20:00:00Z';
  const { script, open } = gated(t, 'chunk 1/9000000');
  const first = await startOnInstance(t, 'worker-rebalanced', script, seen);
  const { id } = await submitAudio(api);
  await jobThat(api, id, ({ percentage }) => percentage > 0);
  first.metadata.recommendRebalance('2025-07-07T20:00:00Z');
  await first.poll();
  assert.equal((await workerThat('worker-rebalanced', ({ state }) => state === 'DRAINING')).reason, recommended);
  open();
  assert.equal(await first.worker.ended, 'drained');
  assert.equal((await api.jobs.get(id)).state, 'COMPLETED');
  assert.deepEqual(drains, [{ reason: recommended, replace: true }]);

  const second = await startOnInstance(t, 'worker-both', gated(t, 'chunk 1/9000000').script, seen);
  const again = await submitAudio(api);
  await jobThat(api, again.id, ({ percentage }) => percentage > 0);
  second.metadata.recommendRebalance('2025-07-07T20:00:00Z');
  await second.poll();
  await workerThat('worker-both', ({ state }) => state === 'DRAINING');
  second.metadata.interrupt(END);
  await second.poll();
  assert.equal(await second.worker.ended, 'drained');
  assert.equal((await api.jobs.get(again.id)).state, 'QUEUED');
  assert.equal((await api.workers.get('worker-both')).reason, REASON);
  await api.jobs.cancel(again.id);
});

test('a machine that ends before the worker has registered runs nothing', async (t) => {
  const metadata = await TestEc2Metadata.start(t);
  metadata.interrupt(END);
  const watch = new NoticeWatch({ source: new Ec2Notices({ endpoint: metadata.url, expected: true }), log: () => {} });
  await watch.run();
  const worker = startTestWorker(t, api, SPEAK, { workerId: 'worker-late', notices: watch });
  assert.equal(await worker.ended, 'drained');
  await assert.rejects(api.workers.get('worker-late'), { status: 404 });
});

test('the process: a notice hands its job back, ends its engine, and it exits with 0', async (t) => {
  const metadata = await TestEc2Metadata.start(t);
  const { script } = gated(t, 'ready');
  const environment = { AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url, AWS_EC2_METADATA_DISABLED: 'false' };
  const engine = `exec:sh -c '${script}' sh {input} {output}`;
  const args = ['worker', '--server', url, '--id', 'worker-process', '--engine', engine];
  const worker = startTmon(t, [...args, '--work-dir', temporaryDirectory(t)], { environment });
  await worker.line(/ ready /);
  const { id } = await submitAudio(api);
  await jobThat(api, id, ({ stage }) => stage === 'TRANSCRIBING');
  const end = new Date(Date.now() + 120_000);
  metadata.interrupt(end.toISOString());
  const { code, stderr } = await worker.ended;
  assert.equal(code, 0, stderr);
  assert.match(stderr, / spot interruption at .* jobs_held=1\n/);
  assert.equal((await api.jobs.get(id)).state, 'QUEUED');
  assert.equal((await api.workers.get('worker-process')).state, 'TERMINATED');
  await api.jobs.cancel(id);
});

test('a worker that drains already reports the notice before its exit', async (t) => {
  const order: string[] = [];
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const through = new TranscriptionAPI({
    baseUrl: url,
    fetch: async (input, init) => {
      if (init?.method === 'DELETE') order.push('exit');
      if (!String(init?.body).includes(REASON)) return fetch(input, init);
      await released;
      const response = await fetch(input, init);
      order.push('notice');
      return response;
    },
  });
  const { script, open } = gated(t, 'chunk 3/4');
  const { metadata, worker, poll } = await startOnInstance(t, 'worker-twice', script, through);
  const { id } = await submitAudio(api);
  await jobThat(api, id, ({ percentage }) => percentage === 75);
  worker.drain();
  await workerThat('worker-twice', ({ state }) => state === 'DRAINING');
  metadata.interrupt(END);
  await poll();
  await worker.line(REASON);
  open();
  await worker.line('completed');
  // Its last job is over: whatever does not wait for the report happens now.
  while (worker.leftovers().length > 0) await new Promise(setImmediate);
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  release();
  assert.equal(await worker.ended, 'drained');
  assert.deepEqual(order, ['notice', 'exit']);
  assert.equal((await api.workers.get('worker-twice')).reason, REASON);
});
