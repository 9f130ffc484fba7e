/**
 * Fills a directory store as a busy day would have, through the real engine and journal: `node fill-store.ts
 * DIRECTORY`.
 *
 * 100,000 jobs, each submitted by a separate command; half of them then claimed by 1,000 workers and reported on ten
 * times; a snapshot; and 1,000 segments after it, each with one whole lifecycle in it: 14 events.
 */
import { argv } from 'node:process';
import { systemClock } from '../../server/clock.ts';
import { readSettings } from '../../server/config.ts';
import { Engine } from '../../server/engine.ts';
import { newId, newSecret, newUlid } from '../../server/ids.ts';
import { openStore } from '../../server/objects/open-store.ts';
import type { CommandBody } from '../../server/state-machine/decide/commands.ts';
import { STEPS } from '../clients/client.ts';

export const ACTIVE_JOBS = 100_000;
export const SEGMENTS_AFTER = 1_000;
const WORKERS = 1_000;
/** Commands that go into one segment while the store is filled. */
const AT_ONCE = 2_000;

export const submission = (i: number) => ({
  audio_url: `s3://customer-recordings/2025/07/07/call-${String(i).padStart(8, '0')}.mp3`,
  duration_seconds: 600 + (i % 3000),
  file_size_bytes: 9_600_000 + i,
  tags: ['calls'],
  metadata: { customer: `customer-${i % 500}` },
});

export async function openEngine(url: string, settings: object = {}) {
  const read = readSettings({ store: url, ...settings }, {});
  const store = await openStore(url, { clock: systemClock, lock: true });
  const engine = await Engine.open({
    ...read,
    policy: read,
    store,
    clock: systemClock,
    random: { float: Math.random },
    newId: newUlid,
    instance: 'bench',
    url: 'http://127.0.0.1',
    soft_linger_ms: 20,
    tail_poll_ms: null,
    log: () => undefined,
  });
  const close = async () => {
    await engine.stop();
    await store.close();
  };
  return { engine, store, close };
}

const command = (body: CommandBody) => ({ id: newUlid(), fingerprint: '', actor: 'api', body });

async function fill(url: string): Promise<void> {
  // Only this snapshot is written.
  const { engine, close } = await openEngine(url, { snapshot_segments: 1e9, snapshot_bytes: 1e12, snapshot_ms: 1e9 });
  const submit = async (bodies: CommandBody[]) => {
    for (let at = 0; at < bodies.length; at += AT_ONCE) {
      await Promise.all(bodies.slice(at, at + AT_ONCE).map((body) => engine.submit(command(body))));
    }
  };
  /** Soft commands are written with the next durable one, which is a tick without effect. */
  const flush = () => engine.submit({ ...command({ type: 'tick', ids: [], expire: false }), id: `~${newUlid()}` });
  const progress = (job_id: string, lease_token: string, step: number) =>
    engine.submitSoft({
      ...command({
        type: 'report_progress',
        job_id,
        report: {
          lease_token,
          percentage: step * 9,
          stage: 'TRANSCRIBING',
          current_chunk: step,
          total_chunks: STEPS + 1,
        },
      }),
      id: `~${newUlid()}`,
    });

  const worker_id = (i: number) => `worker-${String(i % WORKERS).padStart(26, '0')}`;
  await submit(
    Array.from({ length: WORKERS }, (_, i) => ({
      type: 'register_worker' as const,
      worker_id: worker_id(i),
      registration: {
        instance_id: `i-${String(i).padStart(17, '0')}`,
        capabilities: { model: 'large-v3', device: 'cuda' },
        location: { region: 'eu-central-1', instance_type: 'g4dn.xlarge', spot_price: 0.21 },
      },
    })),
  );
  const submitting = (i: number): CommandBody => ({
    type: 'submit_jobs',
    jobs: [{ job_id: newId('job'), ...submission(i) }],
  });
  const claiming = (i: number): CommandBody => ({
    type: 'claim_jobs',
    worker_id: worker_id(i),
    max_jobs: 1,
    secret: newSecret(),
  });
  await submit(Array.from({ length: ACTIVE_JOBS }, (_, i) => submitting(i)));
  await submit(Array.from({ length: ACTIVE_JOBS / 2 }, (_, i) => claiming(i)));
  const running = [...engine.state.tables.jobs_by_state.PROCESSING.values()];
  for (let step = 1; step <= STEPS; step++) {
    for (const job_id of running) progress(job_id, engine.state.job(job_id)!.run!.token!, step);
    await flush();
  }
  await engine.journal.snapshot();

  for (let i = 0; i < SEGMENTS_AFTER; i++) {
    const done = running[i]!;
    for (const job_id of running.slice(SEGMENTS_AFTER + i * STEPS, SEGMENTS_AFTER + (i + 1) * STEPS)) {
      progress(job_id, engine.state.job(job_id)!.run!.token!, STEPS + 1);
    }
    await Promise.all(
      [
        submitting(ACTIVE_JOBS + i),
        claiming(i),
        {
          type: 'complete_job' as const,
          job_id: done,
          lease_token: engine.state.job(done)!.run!.token!,
          output: { s3_path: `s3://customer-transcripts/${done}.json`, segments_count: 412 },
        },
      ].map((body) => engine.submit(command(body))),
    );
  }
  await close();
}

if (import.meta.main) await fill(`dir:${argv[2]}`);
