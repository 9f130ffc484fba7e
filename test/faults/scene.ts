/**
 * A real monitor that knows how long jobs usually take, and real workers beside each other. Each job goes to the worker that
 * is started for it; every verdict is kept, with the log time at which it was said.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobChanged } from '../../protocol/feed-messages.ts';
import type { Job } from '../../protocol/job.ts';
import { DAY_MS, formatTime } from '../../protocol/time.ts';
import type { Verdict } from '../../protocol/verdict.ts';
import { systemClock } from '../../server/clock.ts';
import { DirectoryStore } from '../../server/objects/directory.ts';
import { TurnedClock } from '../../server/testing-clock.ts';
import { TestMonitor } from '../../server/views/testing-monitor.ts';
import { type Cleaning, type Program, startTestMonitor, startTmon, temporaryDirectory } from '../processes/tmon.ts';
import { wav } from '../processes/wav.ts';

/** A quarter of it is the interval of heartbeats: 5 s. */
export const LEASE_MS = 20_000;
const HARDWARE = { model: 'engine.sh', device: 'cpu' };
const AUDIO_SECONDS = 40;

/** What the engine does once it has reported 30 %, in seven steps of a second each. */
export const ENGINES = {
  finishes: ':',
  sleeps: 'exec sleep 100000',
  spins: 'while :; do :; done',
} as const;

export type Said = { job_id: string; at_ms: number; verdict: Verdict };
export type Started = { worker: Program; job: Job };
export type FaultScene = Awaited<ReturnType<typeof openFaultScene>>;

export async function openFaultScene(t: Cleaning) {
  const directory = temporaryDirectory(t);
  await teach(directory);
  const monitor = await startTestMonitor(t, { store: `dir:${directory}`, lease_ms: LEASE_MS });
  const { api, url } = monitor;
  const said: Said[] = [];
  let starts = 0;
  const listeners = new Set<() => void>();
  const ended = new AbortController();
  t.after(() => ended.abort());
  const following = (async () => {
    for await (const message of api.feed.follow({ resource: 'jobs' }, { signal: ended.signal })) {
      const { event, at, job_id, verdict } = message as JobChanged;
      if (event !== 'JobJudged' || verdict == null) continue;
      said.push({ job_id, at_ms: Date.parse(at), verdict });
      for (const listener of listeners) listener();
    }
  })().catch(() => {});
  return {
    ...monitor,
    said,
    /** Jobs whose worker has begun. */
    get starts() {
      return starts;
    },

    /** Resolves when one more has. */
    started(before: number): Promise<void> {
      return new Promise((resolve) => {
        const look = () => {
          if (starts === before) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
      });
    },

    /** Submits a job and starts a worker for it. Resolves when the worker has the job, or has ended. */
    async start(
      id: string,
      engine: keyof typeof ENGINES | { choice: string },
      { server = url, audio_url, options = [], environment = {} }: StartingOptions = {},
    ): Promise<Started> {
      const choice = typeof engine === 'string' ? shellEngine(t, ENGINES[engine]) : engine.choice;
      const job = await api.jobs.submit({
        audio_url: audio_url ?? (await api.uploads.create({ name: 'a.wav', body: wav(AUDIO_SECONDS) })).audio_url,
        duration_seconds: AUDIO_SECONDS,
      });
      const args = ['worker', '--server', server, '--id', id, '--engine', choice, ...options];
      const worker = startTmon(t, args, { environment: { TMON_WORK_DIR: temporaryDirectory(t), ...environment } });
      for await (const { state } of api.jobs.watch(job.id)) if (state !== 'QUEUED' && state !== 'SUBMITTED') break;
      starts += 1;
      for (const listener of listeners) listener();
      return { worker, job: await api.jobs.get(job.id) };
    },

    /** The first verdict of this status on the job, past or future. */
    judged(job_id: string, status: Verdict['status']): Promise<Said> {
      return new Promise((resolve) => {
        const look = (): void => {
          const found = said.find((one) => one.job_id === job_id && one.verdict.status === status);
          if (found === undefined) return;
          listeners.delete(look);
          resolve(found);
        };
        listeners.add(look);
        look();
      });
    },

    /** Resolves when so many heartbeats of the worker have come: then its rhythm is known. */
    async beats(worker_id: string, count: number): Promise<void> {
      let left = count;
      for await (const message of api.feed.follow({ resource: 'worker', worker_id }))
        if ('event' in message && message.event === 'WorkerBeat' && --left === 0) return;
    },

    /** The job once it has ended. */
    async done(job_id: string): Promise<Job> {
      for await (const _ of api.jobs.watch(job_id));
      return api.jobs.get(job_id);
    },

    async close(): Promise<void> {
      ended.abort();
      await following;
      await monitor.stop();
    },
  };
}

type StartingOptions = {
  server?: string;
  audio_url?: string;
  options?: readonly string[];
  environment?: Record<string, string>;
};

/** A program that reports a step each second, and then does this. */
function shellEngine(t: Cleaning, then: string): string {
  const path = join(temporaryDirectory(t), HARDWARE.model);
  const transcript = '{"text": "one", "segments": [{"start": 0, "end": 1, "text": "one"}]}';
  const steps = 'for percent in 5 9 13 17 21 25 30; do sleep 1; echo "progress: $percent%"; done';
  writeFileSync(path, `#!/bin/sh\n${steps}\n${then}\necho '${transcript}' > "$2"\n`);
  chmodSync(path, 0o755);
  return `exec:${path} {input} {output}`;
}

/** Writes the journal of a monitor in which 25 jobs have gone as usual: 24 steps of about a second each. */
async function teach(directory: string): Promise<void> {
  // What was learned long ago counts for little.
  const clock = new TurnedClock(formatTime(systemClock.now() - DAY_MS));
  const store = await DirectoryStore.open(directory, { lock: true });
  const monitor = await TestMonitor.open({ store, clock });
  await monitor.do({ type: 'register_worker', worker_id: 'teacher', registration: { capabilities: HARDWARE } });
  for (let i = 0; i < 25; i++) {
    const job_id = `usual-${i}`;
    await monitor.submit(job_id);
    await monitor.claim('teacher');
    const report = async (percentage: number, stage: string) => {
      const lease_token = monitor.token(job_id);
      const report = { lease_token, percentage, stage, duration_seconds: AUDIO_SECONDS };
      monitor.soft({ type: 'report_progress', job_id, report });
      // Reports wait for the next durable command.
      await monitor.tick();
    };
    await report(0, 'downloading');
    await clock.turn(1_000);
    for (let step = 0; step < 25; step++) {
      await report(4 * step, 'transcribing');
      await clock.turn(900 + ((i + step) % 5) * 60);
    }
    await monitor.complete(job_id);
  }
  await monitor.terminate('teacher');
  await monitor.stop();
  await store.close();
}
