/**
 * `s3://bucket/prefix`, `dir:PATH`: one status file per job, below `jobs/`. The same for both, on top of listing and
 * fetching.
 *
 * Everything is listed each time (one request per 1,000 files); only changed files are fetched, so a job that has ended
 * costs one fetch in total. Files changed before `since_ms` are fetched once by a reader that remembers what it has read
 * (`Recall.complete_ms`), because a job may have hung for days; the others skip them.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { mergeSightings, type Sighting } from '../protocol/sighting.ts';
import {
  readStatusFile,
  STATUS_FILE_PREFIX,
  type StatusFileOptions,
  type StatusReport,
} from '../protocol/status-file.ts';
import { offsetInZone } from '../protocol/zone.ts';
import { decodeText } from './decode-text.ts';
import { inParallel } from './in-parallel.ts';
import {
  type FileResult,
  type Reading,
  type ReadOptions,
  type Source,
  SourceError,
  type Unreadable,
} from './source.ts';

export type ListedFile = {
  /** Begins with `jobs/`. */
  key: string;
  modified_ms: number;
  /** Changes with every write. */
  version: string;
  size_bytes: number;
};

export const MONITOR_STORE_KEY = 'meta/format.json';

/** Access to the files. The methods throw a SourceError. */
export interface StatusFilePlace {
  readonly name: string;
  /** In batches. */
  list(signal: AbortSignal): AsyncIterable<ListedFile[]>;
  /** undefined if it no longer exists. */
  fetch(key: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** After listing: whether a monitor keeps its journal there. One that has jobs also has folders beside the files. */
  isMonitorStore(signal: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}

/** Some have the transcript in them. Larger ones would fill the memory. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;
/** Files written during the listing may have a slightly earlier date. */
const OVERLAP_MS = 60_000;
const PARALLEL = 16;
/** A file that is read while it is being written is whole a moment later. */
const WRITTEN_WITHIN_MS = 200;
const WRITTEN_LATELY_MS = 10_000;

export class StatusFiles implements Source {
  readonly #place: StatusFilePlace;
  readonly #options: Pick<StatusFileOptions, 'states' | 'zone'>;
  /** Files read recently, by key, which a position can't distinguish. */
  #lately = new Map<string, ListedFile>();

  constructor(place: StatusFilePlace, options: Pick<StatusFileOptions, 'states' | 'zone'> = {}) {
    this.#place = place;
    this.#options = options;
  }

  get name(): string {
    return this.#place.name;
  }

  async *read({ since_ms, from, recall, signal }: ReadOptions): AsyncIterable<Reading> {
    const after_ms = from == null ? null : Number(from) - OVERLAP_MS;
    let newest_ms = from == null ? 0 : Number(from);
    let listed_count = 0;
    // Without a memory of the files before it, they are skipped.
    const before_ms = Math.min(since_ms, recall?.complete_ms ?? since_ms);
    for await (const listed of this.#place.list(signal)) {
      const files = listed.filter(({ key }) => isStatusFile(key));
      listed_count += files.length;
      for (const { modified_ms } of files) newest_ms = Math.max(newest_ms, modified_ms);
      const wanted = files.filter((file) => after_ms === null || this.#isNew(file, after_ms));
      const known = wanted.map(({ key, version }) => recall?.get(key, this.#readAs(version)));
      const results = await inParallel(wanted, PARALLEL, async (file, index) => {
        if (known[index] !== undefined) return known[index];
        return file.modified_ms < before_ms ? undefined : await this.#fetch(file, signal);
      });
      const sightings = new Map<string, Sighting>();
      const unreadable: Unreadable[] = [];
      let without_zone = false;
      const keep = ({ without_zone: doubtful, ...sighting }: StatusReport) => {
        without_zone ||= doubtful === true && sighting.state === 'PROCESSING';
        const other = sightings.get(sighting.job_id);
        sightings.set(sighting.job_id, other === undefined ? sighting : mergeSightings(other, sighting));
      };
      for (const [index, result] of results.entries()) {
        const { key, version } = wanted[index]!;
        if (result === undefined) continue;
        if (result !== known[index]) recall?.set(key, this.#readAs(version), result);
        if (!('why' in result)) {
          keep(result);
          continue;
        }
        const last = recall?.last?.(key);
        if (last !== undefined) keep(last);
        unreadable.push({ where: key, ...result, last_known: last !== undefined });
      }
      yield {
        sightings: [...sightings.values()],
        position: String(newest_ms),
        unreadable,
        looked_at: files.length,
        found: files.length - unreadable.length,
        without_zone,
        done: async () => {
          for (const file of files) this.#lately.set(file.key, file);
        },
      };
    }
    this.#lately = new Map([...this.#lately].filter(([, { modified_ms }]) => modified_ms >= newest_ms - OVERLAP_MS));
    if (!(await this.#place.isMonitorStore(signal))) return;
    if (listed_count > 0) {
      const position = String(newest_ms);
      yield { sightings: [], position, unreadable: [], looked_at: 0, monitor_store: true, async done() {} };
      return;
    }
    // Its jobs are in its journal and in folders below jobs/, which are not status files.
    throw new SourceError('unusable', `${this.name}: it is the store of a monitor, not a place of status files`, {
      hint: 'ask the monitor: tmon check http://MONITOR:8080 (tmon serve starts one on this store)',
    });
  }

  async close(): Promise<void> {
    await this.#place.close();
  }

  /** Read in another manner, the same version of a file may say something else. */
  #readAs(version: string): string {
    const { zone, states } = this.#options;
    const manner = [zone ?? (isLocalElsewhere() ? '?' : 'utc?'), ...[...(states ?? [])].flat()].join(' ');
    return manner === '' ? version : `${version} ${manner}`;
  }

  #isNew({ key, modified_ms, version }: ListedFile, after_ms: number): boolean {
    return modified_ms >= after_ms && this.#lately.get(key)?.version !== version;
  }

  async #fetch(file: ListedFile, signal: AbortSignal): Promise<FileResult | undefined> {
    if (file.size_bytes > FILE_BYTES_MAX) {
      return { why: `${file.size_bytes} bytes are too many for a status file` };
    }
    const name = file.key.slice(STATUS_FILE_PREFIX.length).replace(/\.json$/i, '');
    const read = async () => {
      const bytes = await this.#place.fetch(file.key, signal);
      if (bytes === undefined) return undefined;
      const doubts_zone = this.#options.zone === undefined && isLocalElsewhere();
      return readStatusFile(decodeText(bytes), file.modified_ms, {
        ...this.#options,
        name,
        doubts_zone,
        marks_zone: this.#options.zone === undefined,
      });
    };
    const result = await read();
    if (result === undefined || !('half_written' in result)) return result;
    if (Date.now() - file.modified_ms > WRITTEN_LATELY_MS) return result;
    await pause(WRITTEN_WITHIN_MS, undefined, { signal });
    return await read();
  }
}

/** Where local times are not UTC, times without a zone may be either. */
const isLocalElsewhere = (): boolean => offsetInZone(Date.now(), 'local') !== 0;

/** `jobs/` there; and if the place is named so itself, as in `s3://bucket/jobs`, also the files directly in it. */
export const placesOf = (prefix: string): string[] =>
  /(^|\/)jobs\/$/.test(prefix) ? [prefix, prefix.slice(0, -STATUS_FILE_PREFIX.length)] : [prefix];

/**
 * Its job is in the file, and only otherwise the file's name. Ignored: the folders that a full system keeps below jobs/, and hidden
 * files, which are being written.
 */
export function isStatusFile(key: string): boolean {
  const name = key.slice(STATUS_FILE_PREFIX.length);
  return /\.json$/i.test(name) && !name.includes('/') && !name.startsWith('.');
}
