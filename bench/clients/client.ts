/**
 * The client side of one contender, as a separate process: it connects, does the requested work, and reports how long
 * it took. All clients of a contender are coroutines of one such process.
 */
import { argv, cpuUsage } from 'node:process';

export type Work = {
  /**
   * `lifecycles`: each step of a job is a separate request (or statement, or command), which completes before the next.
   * `batches`: many jobs per request, if the contender supports that. `submits`: only the first step, each timed.
   * `updates`: only progress, each client for its own job.
   */
  kind: 'lifecycles' | 'batches' | 'submits' | 'updates';
  /** Jobs in total; `updates`: updates in total. */
  jobs: number;
  /** Concurrent clients. */
  clients: number;
  /** Jobs per batch. */
  batch: number;
};

export type WorkDone = {
  elapsed_ms: number;
  /** CPU that this client process used. */
  cpu_ms: number;
  /** `submits`: the duration of each, ms. */
  latencies_ms: number[];
};

export interface LifecycleClient {
  /** Before timed work: what a client does periodically, whatever it works on. */
  begin?(): Promise<void>;
  /** One job's complete lifecycle, as client number `client`. */
  lifecycle(client: number): Promise<void>;
  /** Complete lifecycles of `jobs` jobs, many jobs per request. */
  batch?(client: number, jobs: number): Promise<void>;
  /** One durable write: a new job. */
  submit(client: number): Promise<void>;
  /** A job that this client holds: how to report its progress, and how to end it. */
  hold?(client: number): Promise<HeldJob>;
  /** Replaces the above if clients don't perform lifecycles one by one. */
  run?(work: Work): Promise<void>;
  close(): Promise<void>;
}

export type HeldJob = { update(step: number): Promise<unknown>; complete(): Promise<unknown> };

/** The reports of a job's worker while it works. */
export const STEPS = 10;
export const AUDIO_URL = 's3://recordings/2025/07/07/interview-0042.mp3';
export const DURATION_SECONDS = 1800;
export const TRANSCRIPT_URL = 's3://transcripts/2025/07/07/interview-0042.json';
export const SEGMENTS = 412;

/**
 * The main function of the process: `node client.ts URL CLIENTS`, then work by messages until it gets the message to
 * end.
 */
export async function serveWork(connect: (url: string, clients: number) => Promise<LifecycleClient>): Promise<void> {
  const client = await connect(argv[2]!, Number(argv[3]));
  process.on('message', async (message: Work | 'end') => {
    if (message === 'end') {
      await client.close();
      process.disconnect?.();
      return;
    }
    process.send!(await timed(client, message));
  });
  process.on('disconnect', () => process.exit());
  process.send!('connected');
}

async function timed(client: LifecycleClient, work: Work): Promise<WorkDone> {
  const latencies_ms: number[] = [];
  await client.begin?.();
  const held =
    work.kind === 'updates' ? await Promise.all(Array.from({ length: work.clients }, (_, i) => client.hold!(i))) : [];
  const cpu = cpuUsage();
  const began_ms = performance.now();
  if (work.kind === 'updates') await spread(work, async (number, i) => held[number]!.update(1 + (i % STEPS)));
  else if (client.run && work.kind !== 'submits') await client.run(work);
  else if (work.kind === 'batches') await batches(client, work);
  else {
    await spread(work, async (number) => {
      const step_ms = performance.now();
      if (work.kind === 'lifecycles') return client.lifecycle(number);
      await client.submit(number);
      latencies_ms.push(performance.now() - step_ms);
    });
  }
  const elapsed_ms = performance.now() - began_ms;
  const used = cpuUsage(cpu);
  await Promise.all(held.map((job) => job.complete()));
  return { elapsed_ms, cpu_ms: (used.user + used.system) / 1000, latencies_ms };
}

function batches(client: LifecycleClient, { jobs, clients, batch }: Work): Promise<void> {
  const sizes = Array.from({ length: Math.ceil(jobs / batch) }, (_, i) => Math.min(batch, jobs - i * batch));
  return spread({ jobs: sizes.length, clients }, (number, i) => client.batch!(number, sizes[i]!));
}

/** Runs `one` for each of `jobs`, `clients` at a time. */
export async function spread(
  { jobs, clients }: Pick<Work, 'jobs' | 'clients'>,
  one: (client: number, job: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      while (next < jobs) await one(client, next++);
    }),
  );
}
