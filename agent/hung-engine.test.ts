/** Engines that hang, as real processes: each is killed with its group, and another worker completes the job. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { startTestMonitor, temporaryDirectory } from '../test/processes/tmon.ts';
import { wav } from '../test/processes/wav.ts';
import { jobEnd, startTestWorker, submitAudio } from './testing-worker.ts';

const SPEAK = 'echo "hello world" > "$2"';

/** Scripts that never end. Each first writes its process id. */
const HUNG = {
  'that is stopped': 'kill -STOP $$',
  'that spins': 'while :; do :; done',
  'that sleeps': 'sleep 100000',
  'that ignores SIGTERM': 'trap "" TERM; while :; do sleep 100000; done',
  'that reports the same progress again and again': 'while :; do echo "chunk 1/2"; sleep 0.05; done',
};

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Between two looks, so that the test does not take the processor from what it waits for. */
const pause = () => setTimeout(20);

describe('an engine', { concurrency: true }, () => {
  for (const [name, script] of Object.entries(HUNG)) {
    test(`${name} is killed, and another worker completes the job, whose attempt does not count`, async (t) => {
      const { api } = await startTestMonitor(t);
      const pids = join(temporaryDirectory(t), 'pids');
      startTestWorker(t, api, `echo $$ >> ${pids}; ${script}`, { limits: { stall_ms: 400 } });
      const { id } = await submitAudio(api, wav(2), { max_attempts: 1 });
      while (!existsSync(pids)) await pause();
      startTestWorker(t, api, SPEAK, { workerId: 'worker-2' });
      const job = await jobEnd(api, id);
      assert.deepEqual([job.state, job.worker?.worker_id, job.retry_info.attempt], ['COMPLETED', 'worker-2', 1]);
      assert.match(JSON.stringify(job.state_history), /engine_stalled/);
      for (const pid of readFileSync(pids, 'utf8').trim().split('\n')) assert.equal(isAlive(Number(pid)), false, pid);
    });
  }

  test('that works for longer than --job-timeout is killed, although it makes progress', async (t) => {
    const { api } = await startTestMonitor(t, { retry_base_ms: 1, retry_max_ms: 1 });
    const script = 'n=0; while :; do n=$((n+1)); echo "$n%"; sleep 0.05; done';
    const worker = startTestWorker(t, api, script, { limits: { job: { times: 0.25 } } });
    await submitAudio(api, wav(2), { max_attempts: 1 });
    const failed = await worker.line('failed');
    assert.match(String((failed as { error?: unknown }).error), /took longer than 1 s/);
  });
});

test('a worker whose GPU is gone stops claiming and says why, and another completes every job', async (t) => {
  const { api } = await startTestMonitor(t);
  const broken = 'echo "RuntimeError: CUDA failed with error no CUDA-capable device is detected" >&2; exit 1';
  const bad = startTestWorker(t, api, broken, { workerId: 'bad' });
  const jobs = [];
  for (let n = 0; n < 12; n += 1) jobs.push(await submitAudio(api, wav(1)));
  const { reason } = (await bad.line('claiming no jobs')) as { reason?: string };
  assert.match(reason ?? '', /3 failed attempts in a row, the last gpu_unavailable/);
  startTestWorker(t, api, SPEAK, { workerId: 'good' });
  for (const { id } of jobs) {
    const job = await jobEnd(api, id);
    assert.deepEqual([job.state, job.worker?.worker_id, job.retry_info.attempt], ['COMPLETED', 'good', 1]);
  }
  let health = (await api.workers.get('bad')).health;
  while (!health.reason?.includes('gpu_unavailable')) {
    await pause();
    health = (await api.workers.get('bad')).health;
  }
  assert.equal(health.status, 'DEGRADED');
});
