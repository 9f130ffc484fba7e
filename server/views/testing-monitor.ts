/** A whole monitor without its API, for tests of the views: the real engine, publisher and archive on any store. */
import { readFile } from 'node:fs/promises';
import type { Sighting } from '../../protocol/sighting.ts';
import type { SightingsAnswer } from '../../protocol/source.ts';
import { defaultRules } from '../alerts/rules/defaults.ts';
import type { Clock } from '../clock.ts';
import { forStore, readSettings, type Settings } from '../config.ts';
import { Engine } from '../engine.ts';
import { NO_ROUTES } from '../notices/routes/routes.ts';
import { MemoryStore } from '../objects/memory.ts';
import type { GetResult, ListedObject, ListOptions, ObjectStore, PutIfAbsentResult } from '../objects/store.ts';
import { defaultPolicies } from '../policies/defaults.ts';
import { type Observing, observe } from '../sources/observe.ts';
import type { CommandBody, Outcome } from '../state-machine/decide/commands.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import { TurnedClock } from '../testing-clock.ts';
import { Archive } from './archive.ts';
import { findArchivedJob } from './archived-records.ts';
import type { IndexSizes } from './indexing.ts';
import { JOURNAL_TRACES, VIEW_PREFIXES } from './keys.ts';
import { ViewPublisher } from './publisher.ts';
import { rebuildViews } from './rebuild.ts';
import type { RebuildReport } from './rebuild-report.ts';
import { withoutVersion } from './view.ts';

export type TestMonitorOptions = {
  store: ObjectStore;
  clock: Clock;
  settings?: Partial<Settings>;
  /** Other instances write to the store, too. Default false. */
  shared?: boolean;
  index_sizes?: IndexSizes;
};

let names = 0;

export class TestMonitor {
  readonly #store: ObjectStore;
  readonly engine: Engine;
  readonly publisher: ViewPublisher;
  readonly archive: Archive;
  readonly log: string[];

  static async open({
    store,
    clock,
    settings: overrides = {},
    shared = false,
    index_sizes,
  }: TestMonitorOptions): Promise<TestMonitor> {
    const settings = forStore(readSettings(overrides, {}), { shared: false });
    const log: string[] = [];
    const note = (level: string, message: string) => void log.push(`${level}: ${message}`);
    const engine = await Engine.open({
      ...settings,
      policy: { ...settings, alerts: defaultRules(), routing: NO_ROUTES, policies: defaultPolicies() },
      store,
      clock,
      random: { float: () => 0.5 },
      newId: () => `batch-${names++}`,
      instance: `test-${names++}`,
      url: 'http://127.0.0.1',
      soft_linger_ms: 20,
      tail_poll_ms: shared ? 200 : null,
      traces: JOURNAL_TRACES,
      log: note,
    });
    const publisher = new ViewPublisher({ engine, store, clock, settings, log: note });
    await publisher.start();
    const archive = new Archive({
      engine,
      store,
      clock,
      settings,
      publisher,
      log: note,
      upkeep_after_ms: 0,
      ...(index_sizes && { index_sizes }),
    });
    return new TestMonitor(store, engine, publisher, archive, log);
  }

  private constructor(store: ObjectStore, engine: Engine, publisher: ViewPublisher, archive: Archive, log: string[]) {
    this.#store = store;
    this.engine = engine;
    this.publisher = publisher;
    this.archive = archive;
    this.log = log;
  }

  /** As a followed source reports it. */
  observe(source: string, ...sightings: Sighting[]): Promise<SightingsAnswer> {
    const { engine } = this;
    const parts: Observing = {
      engine,
      catchUp: () => engine.journal.catchUp(),
      archived: (job_id) => findArchivedJob({ engine, store: this.#store }, job_id),
      submit: async (body) => (body.sightings.length === 0 ? { refs: [], replayed: false } : this.do(body)),
    };
    return observe(parts, source, sightings);
  }

  do(body: CommandBody, id = `command-${names++}`): Promise<Outcome> {
    return this.engine.submit({ id, fingerprint: '', actor: 'test', body });
  }

  soft(body: CommandBody): void {
    this.engine.submitSoft({ id: `~${names++}`, fingerprint: '', actor: 'test', body });
  }

  register(worker_id: string, spot_price = 0.35): Promise<Outcome> {
    return this.do({
      type: 'register_worker',
      worker_id,
      registration: {
        instance_id: `i-${worker_id}`,
        capabilities: { model: 'large-v3', device: 'cuda', gpu_optimized: true, batch_size: 64 },
        location: { region: 'us-east-1', availability_zone: 'us-east-1a', instance_type: 'g4dn.xlarge', spot_price },
      },
    });
  }

  beat(worker_id: string): void {
    const health = { cpu_usage: 85.5, memory_usage: 65.2, gpu_usage: 95.8, disk_usage: 45.1 };
    this.soft({ type: 'beat', worker_id, health, leases: [] });
  }

  terminate(worker_id: string): Promise<Outcome> {
    return this.do({ type: 'terminate_worker', worker_id, reason: 'requested' });
  }

  submit(...job_ids: string[]): Promise<Outcome> {
    return this.do({
      type: 'submit_jobs',
      jobs: job_ids.map((job_id) => ({ job_id, audio_url: `s3://audio/${job_id}.mp3`, duration_seconds: 4860 })),
    });
  }

  /** Hands as many waiting jobs to the worker; the outcome's refs name them. */
  claim(worker_id: string, max_jobs = 1): Promise<Outcome> {
    return this.do({ type: 'claim_jobs', worker_id, max_jobs, secret: `secret-${names++}` });
  }

  progress(job_id: string, percentage: number): void {
    const report = { lease_token: this.token(job_id), percentage, stage: 'transcribing' };
    this.soft({ type: 'report_progress', job_id, report: { ...report, current_chunk: 15, total_chunks: 33 } });
  }

  complete(job_id: string): Promise<Outcome> {
    const output = { s3_path: `s3://transcripts/${job_id}.json`, segments_count: 150, confidence_score: 0.93 };
    return this.do({ type: 'complete_job', job_id, lease_token: this.token(job_id), output });
  }

  fail(job_id: string, retryable = false, code = 'audio_unreadable'): Promise<Outcome> {
    const error = { code, message: 'it is a text file', retryable };
    return this.do({
      type: 'fail_job',
      job_id,
      lease_token: this.token(job_id),
      error,
      batch_size: null,
      jitter: 0.5,
    });
  }

  tick(...ids: string[]): Promise<Outcome> {
    return this.do({ type: 'tick', ids, expire: false }, `~tick-${names++}`);
  }

  job(job_id: string): JobRecord {
    const job = this.engine.state.job(job_id);
    if (!job) throw new Error(`no job ${job_id} in memory`);
    return job;
  }

  token(job_id: string): string {
    return this.engine.state.job(job_id)?.run?.token ?? 'none';
  }

  async stop(): Promise<void> {
    await this.engine.stop();
    await this.publisher.stop();
  }

  /** As `kill -9` would end it. */
  crash(): void {
    this.engine.abandon();
    this.publisher.abandon();
  }
}

/**
 * Every view in the store: its key, and its text without `as_of_seq`, which may be an earlier segment with the same
 * content.
 */
export async function viewsIn(store: ObjectStore): Promise<Map<string, string>> {
  const texts = await textsIn(store);
  return new Map([...texts].map(([key, text]) => [key, withoutVersion(Buffer.from(text))]));
}

/** Every view in the store: key and text. */
export async function textsIn(store: ObjectStore): Promise<Map<string, string>> {
  const views = new Map<string, string>();
  for (const prefix of VIEW_PREFIXES) {
    for await (const { key } of store.list(prefix)) views.set(key, await textAt(store, key));
  }
  return views;
}

export async function keysIn(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

export async function textAt(store: ObjectStore, key: string): Promise<string> {
  const got = await store.get(key);
  if (!got.found) throw new Error(`${key} does not exist`);
  return Buffer.from(got.bytes).toString();
}

/** The views that a rebuild makes of this store's journal and archive, in a copy without views. */
export async function rebuiltFrom(
  store: ObjectStore,
  clock: TurnedClock,
): Promise<{ views: Map<string, string>; report: RebuildReport }> {
  const copy = new MemoryStore(clock);
  for await (const { key } of store.list('')) {
    if (VIEW_PREFIXES.some((prefix) => key.startsWith(prefix))) continue;
    await copy.put(key, Buffer.from(await textAt(store, key)));
  }
  const report = await rebuildViews({ store: copy, clock, settings: readSettings({}, {}) });
  return { views: await viewsIn(copy), report };
}

export type StoreCall = { name: 'put' | 'putIfAbsent' | 'get' | 'delete' | 'list'; key: string };

/** A store that calls a hook around each call, which may throw or never return; and counts the calls. */
export class WatchedStore implements ObjectStore {
  readonly url: string;
  readonly shared: boolean;
  readonly calls: StoreCall[] = [];
  readonly #store: ObjectStore;
  /** Called around each effect: with `done` false before it, true after it and before its result is returned. */
  onCall: (call: StoreCall, done: boolean) => Promise<void> | undefined = () => undefined;

  constructor(store: ObjectStore) {
    this.#store = store;
    this.url = store.url;
    this.shared = store.shared;
  }

  putIfAbsent(key: string, bytes: Uint8Array): Promise<PutIfAbsentResult> {
    return this.#call({ name: 'putIfAbsent', key }, () => this.#store.putIfAbsent(key, bytes));
  }

  get(key: string): Promise<GetResult> {
    return this.#call({ name: 'get', key }, () => this.#store.get(key));
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#call({ name: 'put', key }, () => this.#store.put(key, bytes));
  }

  delete(key: string): Promise<void> {
    return this.#call({ name: 'delete', key }, () => this.#store.delete(key));
  }

  async *list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject> {
    await this.#call({ name: 'list', key: prefix }, async () => undefined);
    yield* this.#store.list(prefix, options);
  }

  locate(key: string): string {
    return this.#store.locate(key);
  }

  async close(): Promise<void> {}

  /** Puts of this key so far. */
  puts(key: string): number {
    return this.calls.filter((call) => call.name === 'put' && call.key === key).length;
  }

  async #call<T>(call: StoreCall, run: () => Promise<T>): Promise<T> {
    this.calls.push(call);
    await this.onCall(call, false);
    const result = await run();
    await this.onCall(call, true);
    return result;
  }
}

/** A store left by an earlier version: all its jobs archived, each as a single object. */
export async function openOldStore(
  clock: TurnedClock,
): Promise<{ store: MemoryStore; jobs: ReadonlyMap<string, JobRecord> }> {
  // Its commands were named by a count, too.
  names = Math.max(names, 100_000);
  const url = new URL('../../test/formats/archive-of-single-objects.json', import.meta.url);
  const { objects, jobs } = JSON.parse(await readFile(url, 'utf8')) as {
    objects: Record<string, string>;
    jobs: Record<string, JobRecord>;
  };
  const store = new MemoryStore(clock);
  for (const [key, text] of Object.entries(objects)) await store.put(key, Buffer.from(text));
  return { store, jobs: new Map(Object.entries(jobs)) };
}

/** A monitor whose store can be watched and can fail; `memory` is the store behind it. */
export async function openWatched(settings: Partial<Settings> = {}) {
  const clock = new TurnedClock('2025-07-07T19:30:00Z');
  const memory = new MemoryStore(clock);
  const store = new WatchedStore(memory);
  const monitor = await TestMonitor.open({ store, clock, settings });
  return { clock, memory, store, monitor, settings };
}
