/**
 * Faults of real workers, each with the verdict that it must get, within which time, and with which evidence. What is
 * healthy beside them must get none.
 */
import assert from 'node:assert/strict';
import { type ExecFileException, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Job } from '../../protocol/job.ts';
import { shelledEngine } from '../kill-table/engine.ts';
import { type Cleaning, temporaryDirectory } from '../processes/tmon.ts';
import { wav } from '../processes/wav.ts';
import { Faketime, findFaketime } from '../servers/faketime.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { type FaultScene, LEASE_MS, type Said } from './scene.ts';

/** What was found, for people; undefined if the fault can't be made on this machine. */
export type Fault = { what: string; run: (t: Cleaning, scene: FaultScene) => Promise<string | undefined> };

const BEAT_MS = LEASE_MS / 4;
/** After so many the usual interval is known; and as long after its start the monitor counts silence. */
const BEATS = 5;
/** From the first heartbeat that is missed, with heartbeats every 5 s. */
const DEAD_MS_MAX = 10_000;
/** On a machine so busy that heartbeats come late: from then on so many usual intervals, and the next look at the job. */
const DEAD_INTERVALS = 1.5;
const LOOK_MS = 2_500;
/** A hang at steps of a second: the least limit, and then the next heartbeat and the next look at the job. */
/** The least download that is called slow takes 20 s; then the next look, and the time in which silence does not count after a start. */
const SLOW_MS_MAX = 20_000 + LEASE_MS;
const HUNG_MS_MAX = 20_000 + BEAT_MS + 5_000;

export const KILLED: Fault = {
  what: 'the worker is killed',
  async run(_, scene) {
    const { worker, job } = await scene.start('killed', 'sleeps');
    await scene.beats('killed', BEATS);
    worker.kill('SIGKILL');
    return deadWithin('killed', await scene.judged(job.job_id, 'dead'));
  },
};

export const STOPPED: Fault = {
  what: 'the worker is stopped, and goes on',
  async run(_, scene) {
    const { worker, job } = await scene.start('stopped', 'sleeps');
    await scene.beats('stopped', BEATS);
    worker.kill('SIGSTOP');
    const text = deadWithin('stopped', await scene.judged(job.job_id, 'dead'));
    worker.kill('SIGCONT');
    await scene.judged(job.job_id, 'on_track');
    worker.kill('SIGKILL');
    return text;
  },
};

export const CUT: Fault = {
  what: 'the network between worker and monitor is cut, and comes back',
  async run(t, scene) {
    const proxy = await startCuttingProxy(t, scene.url);
    const { job } = await scene.start('cut', 'sleeps', { server: proxy.url });
    await scene.beats('cut', BEATS);
    proxy.cut();
    const text = deadWithin('cut', await scene.judged(job.job_id, 'dead'));
    proxy.heal();
    await scene.judged(job.job_id, 'on_track');
    assert.equal((await scene.api.jobs.get(job.job_id)).retry_info.attempt, 1);
    return text;
  },
};

const hangs = (id: 'spins' | 'sleeps'): Fault => ({
  what: `the engine ${id} after its first steps`,
  async run(_, scene) {
    const { worker, job } = await scene.start(`engine-${id}`, id);
    const { at_ms, verdict } = await scene.judged(job.job_id, 'hung');
    assert.equal(verdict.evidence.part, 'work');
    assert.equal(verdict.evidence.worker_id, `engine-${id}`);
    const delay_ms = at_ms - Date.parse(verdict.since);
    assert.ok(delay_ms <= HUNG_MS_MAX, `hung after ${delay_ms} ms`);
    const { progress } = await scene.api.jobs.get(job.job_id);
    assert.equal(progress.percentage, 30);
    worker.kill('SIGKILL');
    return `hung ${delay_ms / 1000} s after its last step`;
  },
});

export const SPINS = hangs('spins');
export const SLEEPS = hangs('sleeps');

export const GPU_LOST: Fault = {
  what: 'the GPU is lost: every job fails',
  async run(t, scene) {
    const engine = await shelledEngine(t, 'ends_without_gpu');
    const { worker, job } = await scene.start('no-gpu', engine);
    await worker.line(/claiming no jobs/);
    const { health } = await scene.api.workers.get('no-gpu');
    assert.equal(health.status, 'DEGRADED');
    assert.match(JSON.stringify(health), /gpu_unavailable/);
    await doneElsewhere(scene, job.job_id, 'no-gpu');
    worker.kill('SIGKILL');
    return 'the worker is DEGRADED, and another one does the job, at its first attempt';
  },
};

export const SLOW_DOWNLOAD: Fault = {
  what: 'the download drips',
  async run(t, scene) {
    const { url, finish } = await dripping(t);
    const { worker, job } = await scene.start('slow', 'finishes', { audio_url: url, options: ['--allow-http'] });
    worker.kill('SIGTERM');
    const { at_ms, verdict } = await scene.judged(job.job_id, 'slow');
    assert.equal(verdict.evidence.part, 'download');
    const delay_ms = at_ms - Date.parse(job.started_at!);
    assert.ok(delay_ms <= SLOW_MS_MAX, `slow after ${delay_ms} ms`);
    finish();
    assert.equal((await scene.done(job.job_id)).state, 'COMPLETED');
    return `slow, the download, ${delay_ms / 1000} s after it began`;
  },
};

export const DISK_FULL: Fault = {
  what: "the worker's disk is full",
  async run(t, scene) {
    const disk = smallDisk(t);
    if (disk === null) return undefined;
    const { worker, job } = await scene.start('full', 'finishes', { environment: { TMON_WORK_DIR: disk } });
    const { state_history } = await doneElsewhere(scene, job.job_id, 'full');
    assert.match(JSON.stringify(state_history), /disk_full/);
    worker.kill('SIGKILL');
    return 'the attempt fails with disk_full, and another worker does the job, at its first attempt';
  },
};

export const CLOCK_OFF: Fault = {
  what: "the worker's clock is an hour ahead",
  async run(t, scene) {
    const library = findFaketime();
    if (library === undefined) return undefined;
    const clock = new Faketime(library, join(temporaryDirectory(t), 'clock'));
    clock.set('+1h');
    const { worker, job } = await scene.start('early', 'finishes', { environment: clock.environment });
    worker.kill('SIGTERM');
    assert.equal((await scene.done(job.job_id)).state, 'COMPLETED');
    assert.deepEqual(
      scene.said.filter(({ job_id }) => job_id === job.job_id),
      [],
    );
    return 'on track to its end';
  },
};

/** In the order in which they are begun: those whose worker may take another job last. */
export const FAULTS: readonly Fault[] = [
  KILLED,
  STOPPED,
  CUT,
  SPINS,
  SLEEPS,
  CLOCK_OFF,
  SLOW_DOWNLOAD,
  DISK_FULL,
  GPU_LOST,
];

/** A fault of the worker costs the job no attempt. */
async function doneElsewhere(scene: FaultScene, job_id: string, failed: string): Promise<Job> {
  const job = await scene.done(job_id);
  assert.equal(job.state, 'COMPLETED');
  assert.notEqual(job.worker?.worker_id, failed);
  assert.equal(job.retry_info.attempt, 1);
  return job;
}

function deadWithin(worker_id: string, { at_ms, verdict }: Said): string {
  assert.equal(verdict.evidence.worker_id, worker_id);
  assert.match(verdict.reason, new RegExp(`^Nothing is heard of worker ${worker_id}`));
  const usual_ms = 1000 * Number(verdict.evidence.heartbeat_interval_seconds);
  const delay_ms = at_ms - Date.parse(verdict.since) - usual_ms;
  assert.ok(delay_ms <= Math.max(DEAD_MS_MAX, DEAD_INTERVALS * usual_ms + LOOK_MS), JSON.stringify(verdict));
  return `dead ${delay_ms / 1000} s after the first heartbeat that it missed`;
}

/** A recording of which a byte comes each 200 ms, until `finish`. */
async function dripping(t: Cleaning): Promise<{ url: string; finish: () => void }> {
  const body = wav(2);
  const finishes: (() => void)[] = [];
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'audio/wav', 'content-length': body.length });
    let sent = 0;
    const drip = setInterval(() => {
      response.write(body.subarray(sent, sent + 1));
      sent += 1;
    }, 200);
    response.once('close', () => clearInterval(drip));
    finishes.push(() => {
      clearInterval(drip);
      response.end(body.subarray(sent));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/a.wav`, finish: () => finishes.forEach((one) => void one()) };
}

/** A disk without room; null if this user can't mount one. */
function smallDisk(t: Cleaning): string | null {
  const directory = temporaryDirectory(t);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmon-faults', directory], { stdio: 'ignore' });
  } catch (error) {
    if ((error as ExecFileException).code !== undefined || process.getuid?.() !== 0) return null;
    return null;
  }
  t.after(() => void execFileSync('umount', [directory]));
  writeFileSync(join(directory, 'filler'), Buffer.alloc(900_000));
  return directory;
}
