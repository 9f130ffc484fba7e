/**
 * Finished stores to damage, each written by real monitors: one with everything that a store can contain now, the same
 * after its journal was truncated, and one written by version 0.1.0.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MemoryStore } from '../../server/objects/memory.ts';
import type { ObjectStore } from '../../server/objects/store.ts';
import { TurnedClock } from '../../server/testing-clock.ts';
import { TestMonitor } from '../../server/views/testing-monitor.ts';
import type { Json } from '../servers/monitor.ts';
import { openLogged } from './logged-monitor.ts';

/** A store that no monitor has open, and what a client knows of it. */
export type FinishedStore = {
  name: string;
  /** When its monitor stopped. */
  left_at: string;
  objects: Objects;
  job_ids: readonly string[];
  worker_ids: readonly string[];
  upload_ids: readonly string[];
  /** Sent again with the same Idempotency-Key, these get the first response. */
  repeats: readonly Repeat[];
};

export type Objects = ReadonlyMap<string, Uint8Array>;

export type Repeat = { path: string; key: string; body: object | Uint8Array };

const START = '2026-01-01T08:00:00Z';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Small, so that a few jobs fill several shards. */
const INDEX_SIZES = { index_at: 6, shard_max: 4 };

/** Everything that a store can contain; `truncated`: without the segments that its snapshots cover. */
export async function writeFinishedStores(): Promise<FinishedStore[]> {
  const clock = new TurnedClock(START);
  const store = new MemoryStore(clock);
  await fillArchive(store, clock);
  const known = await fillMemory(store, clock);
  const left_at = new Date(clock.now()).toISOString();
  const whole = { name: 'whole journal', left_at, objects: await objectsOf(store), ...known };
  const monitor = await TestMonitor.open({ store, clock, settings: { ...SETTINGS, retention_ms: 600_000 } });
  clock.leap(2 * HOUR_MS);
  await monitor.engine.journal.truncate();
  await monitor.stop();
  const truncated_at = new Date(clock.now()).toISOString();
  const truncated = { name: 'truncated journal', left_at: truncated_at, objects: await objectsOf(store), ...known };
  return [whole, truncated, await readOldStore()];
}

/** Nothing happens by itself while a case is judged. */
export const SETTINGS = {
  lease_ms: 300 * DAY_MS,
  worker_degraded_ms: 300 * DAY_MS,
  worker_lost_ms: 301 * DAY_MS,
  worker_terminated_ms: 302 * DAY_MS,
  worker_start_ms: 303 * DAY_MS,
  finished_window_ms: 1_000 * DAY_MS,
  dlq_window_ms: 1_000 * DAY_MS,
  commands_window_ms: 400 * DAY_MS,
  job_views_days: 0,
  retry_base_ms: 0,
  snapshot_segments: 1_000_000,
  snapshot_ms: 1_000 * DAY_MS,
  upload_unused_ms: DAY_MS,
  upload_keep_ms: DAY_MS,
} as const;

/** Packs of three days, a repacked and indexed part of them, ended workers, alerts and days. */
async function fillArchive(store: ObjectStore, clock: TurnedClock): Promise<void> {
  const settings = { ...SETTINGS, finished_window_ms: 0, dlq_window_ms: 0, worker_terminated_ms: 600 * DAY_MS };
  const monitor = await TestMonitor.open({ store, clock, settings, index_sizes: INDEX_SIZES });
  await monitor.register('worker-gone');
  for (let day = 0; day < 3; day++) {
    const ids = [1, 2, 3, 4].map((n) => `job-archived-${day}${n}`);
    await monitor.submit(...ids);
    await monitor.claim('worker-gone', 3);
    await monitor.complete(ids[0]!);
    clock.leap(HOUR_MS);
    await monitor.complete(ids[1]!);
    await monitor.fail(ids[2]!);
    await monitor.do({ type: 'cancel_job', job_id: ids[3]! });
    await monitor.tick(`alert-${day}`);
    clock.leap(1);
    await monitor.tick(`alert-again-${day}`);
    while ((await monitor.archive.forget()) > 0);
    if (day < 2) while ((await monitor.archive.runOnce()) > 0);
    await monitor.engine.journal.snapshot();
    clock.leap(DAY_MS);
  }
  for (const { id } of [...monitor.engine.state.tables.alerts.values()]) {
    await monitor.do({ type: 'resolve_alert', alert_id: id, by: 'api' }).catch(() => undefined);
  }
  await monitor.terminate('worker-gone');
  clock.leap(40 * DAY_MS);
  await monitor.tick('alert-later');
  await monitor.archive.forget();
  await monitor.engine.journal.mark();
  await monitor.stop();
}

/**
 * Jobs and workers in every state that memory holds, uploads, transcripts, an alert; two snapshots and segments after
 * them.
 */
async function fillMemory(
  store: ObjectStore,
  clock: TurnedClock,
): Promise<Pick<FinishedStore, 'job_ids' | 'worker_ids' | 'upload_ids' | 'repeats'>> {
  const settings = { ...SETTINGS, retry_base_ms: DAY_MS, retry_max_ms: DAY_MS, snapshot_segments: 12 };
  const api = await openLogged({ store, clock, settings });
  const accepted = async (response: ReturnType<typeof api.post>): Promise<Json> => {
    const { status, body, text } = await response;
    if (status >= 300) throw new Error(`${status}: ${text}`);
    return body;
  };
  const repeats: Repeat[] = [];
  const repeatable = async (path: string, key: string, body: object | Uint8Array): Promise<Json> => {
    repeats.push({ path, key, body });
    return accepted(api.post(path, body, { 'idempotency-key': key }));
  };
  for (const id of ['worker-1', 'worker-2', 'worker-3', 'worker-4']) await accepted(api.put(`/workers/${id}`, WORKER));
  const audio = (from: number) => new Uint8Array(5_000).map((_, i) => (i + from) % 251);
  const uploads: Json[] = [];
  for (const n of [1, 2, 3]) uploads.push(await repeatable(`/uploads?name=call-${n}.wav`, `upload-key-${n}`, audio(n)));
  const claim = async (worker_id: string): Promise<{ job_id: string; token: string }> => {
    const { jobs } = await accepted(api.post(`/workers/${worker_id}/claim`, { max_jobs: 1 }));
    return { job_id: jobs[0].job.job_id, token: jobs[0].lease.token };
  };
  for (const output_format of ['json', 'srt']) {
    const upload = uploads[output_format === 'json' ? 0 : 1];
    await repeatable('/jobs', `job-key-${output_format}`, { ...JOB, audio_url: upload.audio_url, output_format });
    const { job_id, token } = await claim('worker-1');
    await accepted(api.put(`/jobs/${job_id}/transcript`, TRANSCRIPT, { 'lease-token': token }));
    const output = {
      s3_path: `memory:transcripts/${job_id}.${output_format}`,
      segments_count: 2,
      confidence_score: 0.9,
    };
    await accepted(api.post(`/jobs/${job_id}/complete`, { lease_token: token, output }));
  }
  // Its recording must be kept as long as it waits.
  await repeatable('/jobs', 'job-key-waits', { ...JOB, audio_url: uploads[2].audio_url, priority: 'low' });
  for (let n = 0; n < 6; n++) await accepted(api.post('/jobs', { ...JOB, tags: [`n-${n}`] }));
  const processing = await claim('worker-1');
  const report = { lease_token: processing.token, percentage: 45.5, stage: 'transcribing' };
  await accepted(api.put(`/jobs/${processing.job_id}/progress`, report));
  for (const retryable of [false, true]) {
    const { job_id, token } = await claim('worker-2');
    const error = { code: 'gpu_out_of_memory', message: 'GPU out of memory', retryable };
    await accepted(api.post(`/jobs/${job_id}/fail`, { lease_token: token, error }));
  }
  const cancelling = await claim('worker-2');
  await accepted(api.delete(`/jobs/${cancelling.job_id}`));
  await claim('worker-3');
  await accepted(api.delete('/workers/worker-3'));
  await accepted(api.post('/workers/worker-4/drain'));
  const [waiting] = (await accepted(api.get('/jobs?state=QUEUED'))).items;
  await accepted(api.delete(`/jobs/${waiting.job_id}`));
  await clock.turn(2_000);
  await accepted(api.post('/jobs', { ...JOB, tags: ['last'] }));
  const job_ids: string[] = [];
  for (let cursor = ''; ; ) {
    const page = await accepted(api.get(`/jobs?limit=1000${cursor}`));
    for (const { job_id } of page.items) job_ids.push(job_id);
    if (page.next_cursor === null) break;
    cursor = `&cursor=${page.next_cursor}`;
  }
  await api.stop();
  const worker_ids = ['worker-1', 'worker-2', 'worker-3', 'worker-4', 'worker-gone'];
  return { job_ids, worker_ids, upload_ids: uploads.map(({ upload_id }) => upload_id), repeats };
}

const OLD = fileURLToPath(new URL('../formats/0.1.0/', import.meta.url));

async function readOldStore(): Promise<FinishedStore> {
  const recorded = JSON.parse(readFileSync(join(OLD, 'recorded.json'), 'utf8')) as Json;
  const objects = new Map<string, Uint8Array>();
  const root = join(OLD, 'store');
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!statSync(join(root, path)).isFile()) continue;
    objects.set(path.replaceAll('\\', '/'), readFileSync(join(root, path)));
  }
  const paths = Object.keys(recorded.answers);
  const ids = (pattern: RegExp) => paths.map((path) => pattern.exec(path)?.[1]).filter((id) => id !== undefined);
  const archived = [...objects.keys()].map((key) => /^archive\/jobs\/(.+)\.json$/.exec(key)?.[1]);
  const job_ids = new Set([...ids(/^\/jobs\/([^/?]+)$/), ...archived.filter((id) => id !== undefined)]);
  const upload_ids = Object.keys(recorded.bytes).map((path) => /^\/uploads\/(.+)$/.exec(path)?.[1]);
  return {
    name: 'version 0.1.0',
    left_at: recorded.written_at,
    objects,
    job_ids: [...job_ids],
    worker_ids: ids(/^\/workers\/([^/]+)\/jobs$/),
    upload_ids: upload_ids.filter((id) => id !== undefined),
    repeats: [{ path: '/jobs', key: recorded.repeat.key, body: recorded.repeat.body }],
  };
}

export async function objectsOf(store: ObjectStore): Promise<Map<string, Uint8Array>> {
  const objects = new Map<string, Uint8Array>();
  for await (const { key } of store.list('')) {
    const got = await store.get(key);
    if (got.found) objects.set(key, got.bytes);
  }
  return objects;
}

const WORKER = {
  instance_id: 'i-0123456789abcdef0',
  capabilities: { model: 'large-v3', device: 'cuda', gpu_optimized: true, batch_size: 64 },
  location: { region: 'us-east-1', availability_zone: 'us-east-1a', instance_type: 'g4dn.xlarge', spot_price: 0.35 },
};
const JOB = {
  audio_url: 's3://audio/file.mp3',
  output_format: 'srt',
  max_attempts: 3,
  duration_seconds: 4860,
  file_size_bytes: 77_760_000,
  tags: ['team-a', 'batch-7'],
  metadata: { customer: '42' },
};
export const TRANSCRIPT = {
  text: 'one two',
  language: 'en',
  duration_seconds: 3,
  engine: 'faster-whisper tiny.en',
  segments: [
    { id: 0, start_seconds: 0, end_seconds: 1.5, text: 'one', confidence: 0.9 },
    { id: 1, start_seconds: 1.5, end_seconds: 3, text: 'two', confidence: null },
  ],
};
