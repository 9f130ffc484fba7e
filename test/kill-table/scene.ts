/** A monitor and workers as processes, at the end of which a job must have its transcript and no process may be left. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Job } from '../../protocol/job.ts';
import { leftProcesses, markProcesses } from '../processes/left-processes.ts';
import { type Cleaning, type Program, startTestMonitor, startTmon, temporaryDirectory } from '../processes/tmon.ts';
import { type Act, type ShelledEngine, shelledEngine, type Times } from './engine.ts';
import { isSpeech, speech } from './speech.ts';

/** Long enough for a heartbeat on a busy machine. */
const LEASE_MS = 10_000;

export type Scene<E = ShelledEngine> = Awaited<ReturnType<typeof openSceneOf<E>>>;

/** A worker program. */
export type WorkerKind<E> = {
  engine(t: Cleaning, first: Act, times?: Times): Promise<E>;
  start(t: Cleaning, worker: { server: string; id: string; engine: E; options: readonly string[] }): Program;
};

export const TMON_WORKER: WorkerKind<ShelledEngine> = {
  engine: shelledEngine,
  start(t, { server, id, engine, options }) {
    const args = ['worker', '--server', server, '--id', id, '--engine', engine.choice, ...options];
    return startTmon(t, args, { environment: { TMON_WORK_DIR: temporaryDirectory(t) } });
  },
};

export const openScene = (t: Cleaning, settings: Record<string, string | number> = {}) =>
  openSceneOf(t, TMON_WORKER, settings);

export async function openSceneOf<E>(t: Cleaning, kind: WorkerKind<E>, settings: Record<string, string | number> = {}) {
  const mark = randomUUID();
  markProcesses(mark);
  const monitor = await startTestMonitor(t, { lease_ms: LEASE_MS, ...settings });
  const { api } = monitor;
  const workers: Program[] = [];
  return {
    ...monitor,

    /** Resolves when it is ready. */
    async worker(id: string, engine: E, options: readonly string[] = []) {
      const worker = kind.start(t, { server: monitor.url, id, engine, options });
      workers.push(worker);
      await worker.line(/\bready\b/);
      return worker;
    },

    async submit(): Promise<string> {
      const { audio_url } = await api.uploads.create({ name: 'speech.wav', body: speech() });
      return (await api.jobs.submit({ audio_url })).id;
    },

    /** The job once it has ended; COMPLETED, and its transcript has the words. */
    async transcribed(id: string): Promise<Job> {
      for await (const _ of api.jobs.watch(id));
      const job = await api.jobs.get(id);
      assert.equal(job.state, 'COMPLETED', JSON.stringify(job.retry_info));
      const { text, engine } = await api.jobs.transcript(id);
      assert.match(engine, /^faster-whisper (\S*\/)?tiny\.en$/);
      assert.ok(isSpeech(text), text);
      return job;
    },

    /** Ends everything. */
    async close(): Promise<void> {
      for (const worker of workers) worker.kill('SIGTERM');
      await Promise.all(workers.map(({ ended }) => ended));
      assert.equal((await monitor.stop()).code, 0);
      assert.deepEqual(await leftProcesses(mark), []);
    },
  };
}
