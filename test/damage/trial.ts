/**
 * One damaged store, handled as its owner would:
 *
 *     doctor → start → read everything → write → start again → read → upkeep → restore the objects → start → read
 *
 * Its responses are compared with those of the same steps without damage.
 */
import { createHash } from 'node:crypto';
import { readSettings } from '../../server/config.ts';
import { acceptLossIn } from '../../server/doctor.ts';
import { inspectJournal } from '../../server/journal/inspect.ts';
import { MemoryStore } from '../../server/objects/memory.ts';
import { TurnedClock } from '../../server/testing-clock.ts';
import { UploadCleanup } from '../../server/uploads/cleanup.ts';
import { JOURNAL_TRACES } from '../../server/views/keys.ts';
import { rebuildViews } from '../../server/views/rebuild.ts';
import { TestMonitor, viewsIn } from '../../server/views/testing-monitor.ts';
import type { Caller } from '../servers/monitor.ts';
import type { Damage } from './damages.ts';
import { type FinishedStore, SETTINGS, TRANSCRIPT } from './finished-store.ts';
import { type LoggedMonitor, openLogged } from './logged-monitor.ts';
import { type ResponseValues, read, readEverything } from './responses.ts';

const DAY_MS = 86_400_000;

export type Phase = {
  responses: Map<string, ResponseValues>;
  /** All messages so far, of the log, the doctor, the probe and errors. */
  messages: string;
};

export type Trial = {
  /** null: the monitor did not start. */
  first: Phase;
  /** null: the store accepted no writes. */
  written: Phase | null;
  restored: Phase;
  /** Views after a rebuild, and its messages; null if it refused. */
  rebuilt: { views: Map<string, string> | null; messages: string };
  /**
   * Acknowledged writes that were missing: after the restart without the excuse of a halt, at the end, or after a loss
   * was accepted.
   */
  lost: string[];
};

/** `has`: a value in its response. Default: status 200. `expires`: the cleanup of uploads may remove it. */
type Acknowledged = { what: string; path: string; has?: [field: string, value: string]; expires?: boolean };

export class Trialist {
  readonly #base: FinishedStore;
  readonly #damages: readonly Damage[];
  readonly #clock: TurnedClock;
  readonly #store: MemoryStore;
  readonly #messages: string[] = [];
  readonly #acknowledged: Acknowledged[] = [];
  #halted = false;

  constructor(base: FinishedStore, damages: readonly Damage[]) {
    this.#base = base;
    this.#damages = damages;
    this.#clock = new TurnedClock(base.left_at);
    this.#store = new MemoryStore(this.#clock);
  }

  async run(): Promise<Trial> {
    const lost: string[] = [];
    await this.#fill();
    await this.#askDoctor();
    const rebuilt = await this.#rebuild();
    const first = await this.#visit(async (monitor) => void (await this.#write(monitor)));
    const writable = !this.#halted;
    let written: Phase | null = null;
    if (writable) {
      written = await this.#visit(async (monitor) => {
        if (!this.#halted) lost.push(...(await this.#missing(monitor, 'after a restart')));
      });
      if (this.#halted) lost.push(...(await this.#acceptLoss()));
      else await this.#maintain();
    } else lost.push(...(await this.#acceptLoss()));
    await this.#restore();
    // Upkeep finds the restored objects of the archive.
    if (writable && !this.#halted) await this.#maintain();
    const restored = await this.#visit(async (monitor) => {
      lost.push(...(await this.#missing(monitor, 'after the objects were restored', true)));
    });
    if (this.#halted) lost.push('the objects were restored, and the monitor still accepts no writes');
    return { first, written, restored, rebuilt, lost };
  }

  async #fill(): Promise<void> {
    for (const [key, bytes] of this.#base.objects) await this.#store.put(key, bytes);
    for (const { key, bytes } of this.#damages) {
      if (bytes) await this.#store.put(key, bytes);
      else await this.#store.delete(key);
    }
  }

  async #askDoctor(): Promise<void> {
    try {
      const inspection = await inspectJournal(this.#store, JOURNAL_TRACES);
      for (const { key, problem } of inspection?.problems ?? []) this.#messages.push(`${key} ${problem}`);
    } catch (error) {
      this.#messages.push(String(error));
    }
  }

  async #rebuild(): Promise<Trial['rebuilt']> {
    const store = await copyOf(this.#store, this.#clock);
    const messages: string[] = [];
    try {
      const log = (_: string, message: string) => void messages.push(message);
      const report = await rebuildViews({ store, clock: this.#clock, settings: readSettings(SETTINGS, {}), log });
      const deleted = report.details.deleted.examples;
      return { views: await viewsIn(store), messages: [...messages, ...report.damaged, ...deleted].join('\n') };
    } catch (error) {
      return { views: null, messages: [...messages, textOf(error)].join('\n') };
    }
  }

  /** Starts a monitor, reads everything, and performs one more action. */
  async #visit(then: (monitor: LoggedMonitor) => Promise<void>): Promise<Phase> {
    let monitor: LoggedMonitor;
    try {
      monitor = await openLogged({ store: this.#store, clock: this.#clock, settings: SETTINGS, log: this.#messages });
    } catch (error) {
      this.#halted = true;
      this.#messages.push(textOf(error));
      return { responses: new Map(), messages: this.#messages.join('\n') };
    }
    try {
      const ready = await monitor.call('GET', '/readyz');
      this.#halted = ready.status !== 200;
      if (this.#halted) this.#messages.push(ready.text);
      const responses = await readEverything(monitor, this.#base);
      for (const { problem } of responses.values()) this.#messages.push(problem);
      const phase = { responses, messages: this.#messages.join('\n') };
      await then(monitor);
      return phase;
    } finally {
      await monitor.stop();
    }
  }

  /** Acknowledged writes are remembered; a halted store must refuse all of them. */
  async #write(monitor: Caller): Promise<void> {
    const acknowledged = this.#acknowledged;
    // If its note is gone, a repeated upload is a second one, without a job.
    const { upload_ids } = this.#base;
    for (const { path, key, body } of this.#base.repeats) {
      const { status, text, body: first } = await monitor.post(path, body, { 'idempotency-key': key });
      this.#messages.push(status >= 400 ? text : '');
      if (status >= 300) continue;
      const url = first.upload_id ? `/uploads/${first.upload_id}` : `/jobs/${first.job_id}`;
      acknowledged.push({
        what: `the repeated ${path}`,
        path: url,
        expires: first.upload_id !== undefined && !upload_ids.includes(first.upload_id),
      });
    }
    const audio = Buffer.from('some other audio');
    const sha256 = createHash('sha256').update(audio).digest('hex');
    const uploaded = await monitor.post('/uploads', audio);
    if (uploaded.status < 300) {
      const path = `/uploads/${uploaded.body.upload_id}`;
      acknowledged.push({ what: 'an upload', path, has: ['sha256', sha256] });
    }
    const audio_url = uploaded.body?.audio_url ?? 's3://audio/new.mp3';
    const { status, body: job } = await monitor.post('/jobs', { audio_url, priority: 'high' });
    if (status !== 201) return;
    const at = `/jobs/${job.job_id}`;
    acknowledged.push({ what: 'a new job', path: at });
    const worker_id = 'worker-new';
    const location = { region: 'us-east-1', availability_zone: 'a', instance_type: 'g4dn.xlarge', spot_price: 0.35 };
    const capabilities = { model: 'large-v3', device: 'cuda', gpu_optimized: true, batch_size: 64 };
    await monitor.put(`/workers/${worker_id}`, { instance_id: 'i-new', capabilities, location });
    const { body: claimed } = await monitor.post(`/workers/${worker_id}/claim`, { max_jobs: 1 });
    const token = claimed?.jobs?.[0]?.lease.token;
    const own = claimed?.jobs?.[0]?.job.job_id === job.job_id;
    if (!own) return;
    const kept = await monitor.put(`${at}/transcript`, TRANSCRIPT, { 'lease-token': token });
    if (kept.status < 300) {
      acknowledged.push({ what: 'a transcript', path: `${at}/transcript` });
    }
    const output = { s3_path: 's3://transcripts/new.json', segments_count: 1, confidence_score: null };
    const completed = await monitor.post(`${at}/complete`, { lease_token: token, output });
    if (completed.status < 300) acknowledged.push({ what: 'a completion', path: at, has: ['.state', '"COMPLETED"'] });
  }

  async #missing(monitor: Caller, when: string, isBack = false): Promise<string[]> {
    const missing: string[] = [];
    for (const { what, path, has: [field, value] = ['status', '200'], expires } of this.#acknowledged) {
      if (expires && isBack) continue;
      const { values, problem } = await read(monitor, path);
      if (values.get(field) === value) continue;
      // An error that names the damaged object is not a loss, as long as it can be restored.
      if (!isBack && this.#damages.some(({ key }) => problem.includes(key))) continue;
      missing.push(`${what}, ${when}`);
    }
    return missing;
  }

  /** On a copy: writes acknowledged after the owner accepted the loss must be kept, too. */
  async #acceptLoss(): Promise<string[]> {
    const { objects } = this.#base;
    const copy = new Trialist({ ...this.#base, objects }, []);
    for await (const { key } of this.#store.list('')) {
      const got = await this.#store.get(key);
      if (got.found) await copy.#store.put(key, got.bytes);
    }
    try {
      await acceptLossIn(copy.#store, copy.#clock);
    } catch (error) {
      // A store that shows only that it was damaged: there is nothing to continue with.
      this.#messages.push(textOf(error));
      return [];
    }
    await copy.#visit((monitor) => copy.#write(monitor));
    if (copy.#halted) return [`no writes are accepted after --accept-loss: ${copy.#messages.at(-1)}`];
    const lost: string[] = [];
    await copy.#visit(async (monitor) => void lost.push(...(await copy.#missing(monitor, 'after --accept-loss'))));
    return lost;
  }

  /** Days pass, in which the archive is kept small, snapshots are taken, segments truncated and uploads removed. */
  async #maintain(): Promise<void> {
    const log = (level: string, message: string) => void this.#messages.push(`${level}: ${message}`);
    let monitor: TestMonitor | undefined;
    try {
      this.#clock.leap(2 * DAY_MS);
      monitor = await TestMonitor.open({ store: this.#store, clock: this.#clock, settings: SETTINGS });
      for (let step = 0; step < 20; step++) {
        this.#clock.leap(700_000);
        if ((await monitor.archive.runOnce()) === 0 && step > 3) break;
      }
      await monitor.engine.journal.snapshot();
      await monitor.engine.journal.truncate();
      await new UploadCleanup({ store: this.#store, engine: monitor.engine, settings: CLEANUP, log }).runOnce();
    } catch (error) {
      this.#messages.push(textOf(error));
    } finally {
      this.#messages.push(...(monitor?.log ?? []));
      await monitor?.stop().catch((error) => this.#messages.push(textOf(error)));
    }
  }

  /**
   * Follows docs/operations.md: restores missing objects, and those that are still damaged. Objects written since are
   * kept.
   */
  async #restore(): Promise<void> {
    for (const { key, bytes } of this.#damages) {
      const now = await this.#store.get(key);
      if (now.found && !(bytes && Buffer.from(bytes).equals(now.bytes))) continue;
      await this.#store.put(key, this.#base.objects.get(key)!);
    }
  }
}

const CLEANUP = { upload_unused_ms: DAY_MS, upload_keep_ms: 0, commands_window_ms: DAY_MS };

function textOf(error: unknown): string {
  const { message, hint, problems } = error as Error & { hint?: string; problems?: unknown };
  return [message ?? String(error), hint, JSON.stringify(problems)].join(' ');
}

async function copyOf(store: MemoryStore, clock: TurnedClock): Promise<MemoryStore> {
  const copy = new MemoryStore(clock);
  for await (const { key } of store.list('')) {
    const got = await store.get(key);
    if (got.found) await copy.put(key, got.bytes);
  }
  return copy;
}
