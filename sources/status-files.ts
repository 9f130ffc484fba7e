/**
 * `s3://bucket/prefix`, `dir:PATH`: one status file per job, below `jobs/`. The same for both, on top of listing and
 * fetching.
 *
 * Everything is listed each time (one request per 1,000 files); only changed files are fetched, so a job that has ended
 * costs one fetch in total. Files changed before `since_ms` are not fetched, unless they were last seen running, so
 * that a job that hangs for days stays visible.
 */

import { mergeSightings, type Sighting } from '../protocol/sighting.ts';
import { readStatusFile, STATUS_FILE_PREFIX } from '../protocol/status-file.ts';
import { inParallel } from './in-parallel.ts';
import type { Reading, ReadOptions, Source, Unreadable } from './source.ts';

export type ListedFile = {
  /** Begins with `jobs/`. */
  key: string;
  modified_ms: number;
  /** Changes with every write. */
  version: string;
  size_bytes: number;
};

/** Access to the files. Both methods throw a SourceError. */
export interface StatusFilePlace {
  readonly name: string;
  /** In batches. */
  list(signal: AbortSignal): AsyncIterable<ListedFile[]>;
  /** undefined if it no longer exists. */
  fetch(key: string, signal: AbortSignal): Promise<string | undefined>;
  close(): Promise<void>;
}

/** No status file is larger; a larger one would fill the memory. */
const FILE_BYTES_MAX = 256 * 1024;
/** Files written during the listing may have a slightly earlier date. */
const OVERLAP_MS = 60_000;
const PARALLEL = 16;

export class StatusFiles implements Source {
  readonly #place: StatusFilePlace;
  /** Files read recently, by key, which a position can't distinguish. */
  #lately = new Map<string, ListedFile>();

  constructor(place: StatusFilePlace) {
    this.#place = place;
  }

  get name(): string {
    return this.#place.name;
  }

  async *read({ since_ms, from, recall, signal }: ReadOptions): AsyncIterable<Reading> {
    const after_ms = from == null ? null : Number(from) - OVERLAP_MS;
    let newest_ms = from == null ? 0 : Number(from);
    for await (const listed of this.#place.list(signal)) {
      const unreadable: Unreadable[] = [];
      const files = listed.filter((file) => {
        if (!isStatusFile(file.key)) return false;
        if (file.size_bytes <= FILE_BYTES_MAX) return true;
        unreadable.push({ where: file.key, why: `${file.size_bytes} bytes are too many for a status file` });
        return false;
      });
      for (const { modified_ms } of files) newest_ms = Math.max(newest_ms, modified_ms);
      const wanted = files.filter((file) => after_ms === null || this.#isNew(file, after_ms));
      const known = wanted.map((file) => recall?.get(file.key, file.version));
      const reports = await inParallel(wanted, PARALLEL, async (file, index) => {
        if (known[index] !== undefined) return known[index];
        return file.modified_ms < since_ms ? undefined : await this.#fetch(file, signal);
      });
      const sightings = new Map<string, Sighting>();
      for (const [index, one] of reports.entries()) {
        const { key, version } = wanted[index]!;
        if (one === undefined) continue;
        if ('why' in one) {
          unreadable.push({ where: key, why: one.why });
          continue;
        }
        const other = sightings.get(one.job_id);
        sightings.set(one.job_id, other === undefined ? one : mergeSightings(other, one));
        recall?.set(key, version, one);
      }
      yield {
        sightings: [...sightings.values()],
        position: String(newest_ms),
        unreadable,
        looked_at: files.length,
        done: async () => {
          for (const file of files) this.#lately.set(file.key, file);
        },
      };
    }
    this.#lately = new Map([...this.#lately].filter(([, { modified_ms }]) => modified_ms >= newest_ms - OVERLAP_MS));
  }

  async close(): Promise<void> {
    await this.#place.close();
  }

  #isNew({ key, modified_ms, version }: ListedFile, after_ms: number): boolean {
    return modified_ms >= after_ms && this.#lately.get(key)?.version !== version;
  }

  async #fetch(file: ListedFile, signal: AbortSignal): Promise<Sighting | { why: string } | undefined> {
    const text = await this.#place.fetch(file.key, signal);
    if (text === undefined) return undefined;
    return readStatusFile(text, file.modified_ms);
  }
}

/**
 * Its job is in the file, whatever the file's name. Ignored: the folders that a full system keeps below jobs/, and hidden
 * files, which are being written.
 */
function isStatusFile(key: string): boolean {
  const name = key.slice(STATUS_FILE_PREFIX.length);
  return /\.json$/i.test(name) && !name.includes('/') && !name.startsWith('.');
}
