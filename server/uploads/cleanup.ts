/**
 * Deletes unneeded objects of uploads, four times a day:
 *
 *     parts without a manifest          a day after the last part was written: the upload was interrupted
 *     uploads that no job uses          after `upload_unused_ms`
 *     uploads whose jobs have ended     after `upload_keep_ms`; never while a job may still be retried
 *     notes of Idempotency-Keys         after `commands_window_ms`
 *
 * Ages are measured by the store's clock. In doubt an upload is kept: if an older version wrote it without recording
 * its uses, or if one of its objects is damaged. Before any object is deleted, the list of uses is closed (uses.ts), so
 * that a concurrent submission cannot use the upload.
 */
import { formatTime } from '../../protocol/time.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import { Duty } from '../maintenance/duty.ts';
import type { ListedObject, ObjectStore } from '../objects/store.ts';
import type { JobRecord } from '../state-machine/state/records.ts';
import { findArchivedJob } from '../views/archived-records.ts';
import { manifestKey, noteKey, parseUploadKey, partKey, UPLOADS_PREFIX, useKey } from './keys.ts';
import { damaged, readManifest } from './parts.ts';
import { endUses, maybeRemoval, readUse } from './uses.ts';

export type CleanupOptions = {
  store: ObjectStore;
  engine: Pick<Engine, 'state' | 'journal'>;
  settings: { upload_unused_ms: number; upload_keep_ms: number; commands_window_ms: number };
  log: (level: 'info' | 'warn', message: string) => void;
};

/** A run lists all uploads, so it is rare, and does not happen immediately after each of many restarts. */
const FIRST_MS = 600_000;
const AGAIN_MS = 6 * 3_600_000;
const DAY_MS = 86_400_000;
const JOBS_A_TURN = 2_000;

/** The objects of one upload. */
type Found = {
  upload_id: string;
  manifest_ms: number | null;
  newest_ms: number;
  parts: number[];
  uses: { number: number; size_bytes: number; last_modified_ms: number }[];
};

export class UploadCleanup {
  readonly #options: CleanupOptions;

  constructor(options: CleanupOptions) {
    this.#options = options;
  }

  /** Returns the number of uploads removed, including interrupted ones. */
  async runOnce(): Promise<number> {
    const { store, engine, settings, log } = this.#options;
    if (!engine.journal.status.writable) return 0;
    const { server_ms } = await store.get(noteKey('none'));
    const jobs = await jobsByUpload(engine);
    let removed = 0;
    for await (const found of foundUploads(store, (note) => {
      if (server_ms - note.last_modified_ms > settings.commands_window_ms) return store.delete(note.key);
    })) {
      try {
        if (await this.#remove(found, { server_ms, jobs: jobs.get(found.upload_id) ?? [] })) removed += 1;
      } catch (error) {
        log('warn', `the upload ${found.upload_id} is kept: ${(error as Error).message}`);
      }
    }
    if (removed > 0) log('info', `removed ${removed} uploads, as of ${formatTime(server_ms)}`);
    return removed;
  }

  async #remove(found: Found, now: { server_ms: number; jobs: readonly JobRecord[] }): Promise<boolean> {
    const { store } = this.#options;
    const { upload_id, manifest_ms, newest_ms, parts, uses } = found;
    if (manifest_ms === null) {
      // A used upload had a manifest, unless this is an interrupted removal.
      const removal = uses.length > 0 && (await readUse(store, upload_id, uses.at(-1)!.number)) === 'removed';
      if (!removal && (uses.length > 0 || now.jobs.length > 0)) throw damaged(manifestKey(upload_id), 'missing');
      if (now.server_ms - newest_ms <= DAY_MS) return false;
      for (const part of parts) await store.delete(partKey(upload_id, part));
      for (const { number } of uses) await store.delete(useKey(upload_id, number));
      return parts.length > 0;
    }
    const last = uses.at(-1);
    const ended =
      last !== undefined &&
      maybeRemoval(upload_id, last.size_bytes) &&
      (await readUse(store, upload_id, last.number)) === 'removed';
    if (!ended) {
      const over = last ? await this.#isOver(found, now) : await this.#isUnused(found, now);
      if (!over || !(await endUses(store, upload_id, last?.number ?? 0))) return false;
    }
    // The closed list of uses stays for a day: a submission that has just read the manifest will find it.
    await store.delete(manifestKey(upload_id));
    for (const part of parts) await store.delete(partKey(upload_id, part));
    return true;
  }

  async #isUnused(
    { upload_id, manifest_ms }: Found,
    { server_ms, jobs }: { server_ms: number; jobs: readonly JobRecord[] },
  ): Promise<boolean> {
    const { store, settings } = this.#options;
    const { upload_unused_ms, commands_window_ms } = settings;
    if (upload_unused_ms === 0 || jobs.length > 0) return false;
    if (server_ms - manifest_ms! <= Math.max(upload_unused_ms, commands_window_ms, DAY_MS)) return false;
    // Without `part_list` an older version wrote it, and an archived job may use it.
    return (await readManifest(store, upload_id)).part_list !== undefined;
  }

  /** Whether every job that used the upload has ended, cannot be retried, and ended long enough ago. */
  async #isOver(
    { upload_id, uses }: Found,
    { server_ms, jobs }: { server_ms: number; jobs: readonly JobRecord[] },
  ): Promise<boolean> {
    const { store, engine, settings } = this.#options;
    const { upload_keep_ms, commands_window_ms } = settings;
    const keep_ms = Math.max(upload_keep_ms, commands_window_ms, DAY_MS);
    if (upload_keep_ms === 0 || server_ms - uses.at(-1)!.last_modified_ms <= keep_ms) return false;
    const now_ms = engine.journal.now();
    const over = (job: JobRecord) => job.completed_ms !== null && now_ms - job.completed_ms > keep_ms;
    // A FAILED or CANCELLED job can be retried as long as it is in memory.
    if (!jobs.every((job) => job.state === 'COMPLETED' && over(job))) return false;
    for (const { number } of uses) {
      const job_ids = await readUse(store, upload_id, number);
      if (job_ids === undefined || job_ids === 'removed') return false;
      for (const job_id of job_ids) {
        if (engine.state.job(job_id)) continue;
        const archived = await findArchivedJob({ engine, store }, job_id);
        // A job in neither place was refused, or never committed.
        if (engine.state.job(job_id) || (archived && !over(archived.job))) return false;
      }
    }
    return true;
  }
}

export function cleaningUploads({ clock, ...options }: CleanupOptions & { clock: Clock }): Duty {
  const cleanup = new UploadCleanup(options);
  let started = false;
  return new Duty({
    name: 'uploads',
    clock,
    failure_ms: FIRST_MS,
    log: options.log,
    run: async () => {
      if (started) await cleanup.runOnce();
      const again_ms = started ? AGAIN_MS : FIRST_MS;
      started = true;
      return { again_ms };
    },
  });
}

/** Jobs in memory, by the upload they use. */
async function jobsByUpload({ state }: Pick<Engine, 'state'>): Promise<Map<string, JobRecord[]>> {
  const found = new Map<string, JobRecord[]>();
  let seen = 0;
  for (const job of state.clone().tables.jobs.values()) {
    seen += 1;
    if (seen % JOBS_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    const upload_id = /^upload:\/\/([^/]+)\//.exec(job.audio_url)?.[1];
    if (upload_id === undefined) continue;
    const others = found.get(upload_id);
    if (others) others.push(job);
    else found.set(upload_id, [job]);
  }
  return found;
}

/** Yields uploads in the order of their keys, and calls `onNote` for each note. */
async function* foundUploads(
  store: ObjectStore,
  onNote: (note: ListedObject) => Promise<void> | undefined,
): AsyncGenerator<Found> {
  let found: Found | undefined;
  for await (const listed of store.list(UPLOADS_PREFIX)) {
    const parsed = parseUploadKey(listed.key);
    if (parsed?.what === 'note') await onNote(listed);
    if (!parsed || parsed.what === 'note') continue;
    const { upload_id, number, what } = parsed;
    if (found && found.upload_id !== upload_id) {
      yield found;
      found = undefined;
    }
    found ??= { upload_id, manifest_ms: null, newest_ms: 0, parts: [], uses: [] };
    const { size_bytes, last_modified_ms } = listed;
    found.newest_ms = Math.max(found.newest_ms, last_modified_ms);
    if (what === 'manifest') found.manifest_ms = last_modified_ms;
    else if (what === 'part') found.parts.push(number);
    else found.uses.push({ number, size_bytes, last_modified_ms });
  }
  if (found) yield found;
}
