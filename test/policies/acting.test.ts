/**
 * Policies that are on, with real processes: the monitor, workers, and engines that hang. The monitor has learned from finished jobs
 * what is usual, so that a verdict takes half a minute.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { jobEnd, submitAudio } from '../../agent/testing-worker.ts';
import type { JobWithId, TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { type Cleaning, startTestMonitor, startTmon, temporaryDirectory } from '../processes/tmon.ts';
import { wav } from '../processes/wav.ts';

/** Between two looks at what processes do: without it the test takes the processor that they need. */
const pause = () => setTimeout(50);

const SPEAK = 'echo "chunk 1/2"; echo "chunk 2/2"; echo "hello world" > "$2"';

async function open(t: Cleaning, policies: string, lease_ms: number) {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'policies.yaml');
  writeFileSync(file, policies);
  const monitor = await startTestMonitor(t, { policies: file, lease_ms });
  const pids = join(directory, 'pids');
  return {
    ...monitor,
    pids,
    async worker(id: string, script: string) {
      const args = [
        'worker',
        '--server',
        monitor.url,
        '--id',
        id,
        '--engine',
        `exec:sh -c '${script}' sh {input} {output}`,
      ];
      const worker = startTmon(t, args, { environment: { TMON_WORK_DIR: temporaryDirectory(t) } });
      await worker.line(/\bready\b/);
      return worker;
    },
  };
}

/** Jobs that went as usual, on hardware like that of the workers. */
async function teach(api: TranscriptionAPI): Promise<void> {
  const teacher = 'teacher';
  await api.workers.register(teacher, { capabilities: { model: 'sh', device: 'cpu' } });
  for (let n = 0; n < 22; n++) {
    await api.jobs.submit({ audio_url: 's3://bucket/a.wav', duration_seconds: 60 });
    const { jobs } = await api.workers.claim(teacher, { max_jobs: 1 });
    const { job, lease } = jobs[0]!;
    for (const percentage of [0, 20, 40, 60, 80, 100]) {
      await api.jobs.reportProgress(job.job_id, { lease_token: lease.token, percentage, stage: 'TRANSCRIBING' });
      await commit(api);
    }
    const output = { s3_path: 's3://bucket/a.json', segments_count: 1 };
    await api.jobs.complete(job.job_id, { lease_token: lease.token, output });
  }
  await api.workers.terminate(teacher);
}

/** A report waits for the next commit, and is replaced by a later one. */
async function commit(api: TranscriptionAPI): Promise<void> {
  const { id } = await api.jobs.submit({ audio_url: 's3://bucket/a.wav' });
  await api.jobs.cancel(id);
}

/** After a start no silence counts for one lease: a job is blocked only from then on. */
async function silenceCounts(api: TranscriptionAPI): Promise<void> {
  const { id } = await api.jobs.submit({ audio_url: 's3://bucket/a.wav' });
  while ((await api.jobs.get(id)).verdict?.status !== 'blocked') await pause();
  await api.jobs.cancel(id);
}

/** Resolves after so many heartbeats: its rhythm is known then. */
async function beats(api: TranscriptionAPI, worker_id: string, count: number): Promise<void> {
  const seen = new Set<string | null>();
  while (seen.size <= count) {
    seen.add((await api.workers.get(worker_id)).last_heartbeat);
    await pause();
  }
}

async function written(path: string): Promise<number> {
  while (!existsSync(path) || !readFileSync(path, 'utf8').endsWith('\n')) {
    await pause();
  }
  return Number(readFileSync(path, 'utf8').trim());
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const actedOn = ({ actions }: JobWithId): string[][] =>
  actions.map(({ verdict, action, outcome }) => [verdict, action, outcome]);

describe('a policy that is on', { concurrency: true }, () => {
  for (const action of ['kill_engine', 'requeue']) {
    test(`${action}: an engine that hangs is ended, and the job completes on another worker, in the same attempt`, async (t) => {
      const scene = await open(t, `policies: [{name: hung_job, action: ${action}, mode: on, after: 0}]`, 8_000);
      await teach(scene.api);
      await scene.worker(
        'hung',
        `echo $$ > ${scene.pids}; echo "chunk 1/4"; sleep 0.2; echo "chunk 2/4"; sleep 100000`,
      );
      const { id } = await submitAudio(scene.api, wav(2), { max_attempts: 1 });
      const pid = await written(scene.pids);
      await scene.worker('other', SPEAK);
      const job = await jobEnd(scene.api, id);
      assert.deepEqual([job.state, job.worker?.worker_id, job.retry_info.attempt], ['COMPLETED', 'other', 1]);
      assert.deepEqual(actedOn(job), [['hung', action, 'acted']]);
      // The old worker hears of it with its next heartbeat.
      while (isAlive(pid)) await pause();
      const [decided] = await scene.api.system
        .actions({ job_id: id })
        .page()
        .then(({ items }) => items);
      assert.deepEqual([decided?.worker_id, decided?.mode, decided?.outcome], ['hung', 'on', 'acted']);
      assert.equal(typeof decided?.evidence.still_seconds, 'number');
    });
  }

  test('requeue: the job of a worker that is stopped goes to another one before its lease ends, and the old one writes nothing', async (t) => {
    const scene = await open(t, 'policies: [{name: dead_job, mode: on}]', 20_000);
    await silenceCounts(scene.api);
    const stopped = await scene.worker('stopped', `echo $$ > ${scene.pids}; sleep 60; ${SPEAK}`);
    const { id } = await submitAudio(scene.api, wav(2), { max_attempts: 1 });
    await written(scene.pids);
    await beats(scene.api, 'stopped', 3);
    stopped.kill('SIGSTOP');
    t.after(async () => void stopped.kill('SIGCONT'));
    await scene.worker('other', SPEAK);
    const job = await jobEnd(scene.api, id);
    assert.deepEqual(
      [job.state, job.worker?.worker_id, job.retry_info.attempt],
      ['COMPLETED', 'other', 1],
      JSON.stringify(job),
    );
    assert.deepEqual(actedOn(job), [['dead', 'requeue', 'acted']]);
    stopped.kill('SIGCONT');
    await stopped.line(/another worker holds it/);
    assert.equal((await scene.api.jobs.get(id)).worker?.worker_id, 'other');
  });
});
