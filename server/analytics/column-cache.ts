/**
 * Column files in a folder of this machine, brought from the store and named by their hash, so that one is fetched once,
 * whoever fetched it, and is whole if it is there.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MonitorError } from '../../protocol/errors.ts';
import { HOUR_MS } from '../../protocol/time.ts';
import { eachAtOnce } from '../at-once.ts';
import type { ObjectStore } from '../objects/store.ts';
import type { ColumnFile } from '../state-machine/state/records.ts';
import { columnKey } from './columns/keys.ts';
import { TABLES, type TableName } from './tables.ts';

const FETCHES_AT_ONCE = 8;
const KEPT_MS = HOUR_MS;

export type ColumnPaths = Record<TableName, string[]>;

export class ColumnCache {
  readonly folder: string;
  readonly #store: ObjectStore;

  constructor(folder: string, store: ObjectStore) {
    this.folder = folder;
    this.#store = store;
  }

  /**
   * The paths of these files. `onFetch` hears how many of how many are there. Throws MonitorError('corrupt') naming the
   * object that is missing or damaged.
   */
  async paths(
    files: readonly ColumnFile[],
    onFetch: (done: number, of: number) => void = () => {},
  ): Promise<ColumnPaths> {
    if (files.length > 0) await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const wanted = files.flatMap((file) =>
      (Object.keys(TABLES) as TableName[]).map((table) => ({ table, file, path: this.#pathOf(file.sha256[table]) })),
    );
    let done = 0;
    await eachAtOnce(wanted, FETCHES_AT_ONCE, async ({ table, file, path }) => {
      if (!(await isThere(path))) await this.#fetch(columnKey(table, file), file.sha256[table], path);
      done += 1;
      onFetch(done, wanted.length);
    });
    const of = (name: TableName) => wanted.flatMap(({ table, path }) => (table === name ? [path] : []));
    return { job_states: of('job_states'), job_attempts: of('job_attempts') };
  }

  /** Deletes files that are none of these, unless they came so recently that a query of another process may read them. */
  async keepOnly(files: readonly ColumnFile[], now_ms: number): Promise<void> {
    const kept = new Set(files.flatMap(({ sha256 }) => Object.values(sha256).map(nameOf)));
    for (const name of await readdir(this.folder).catch(() => [])) {
      if (!/^[0-9a-f]{64}\.parquet$/.test(name) || kept.has(name)) continue;
      const path = join(this.folder, name);
      const there = await stat(path).catch(() => null);
      if (there && now_ms - there.mtimeMs > KEPT_MS) await rm(path, { force: true });
    }
  }

  async #fetch(key: string, sha256: string, path: string): Promise<void> {
    const got = await this.#store.get(key);
    if (!got.found) throw damaged(key, 'is missing');
    if (createHash('sha256').update(got.bytes).digest('hex') !== sha256) throw damaged(key, 'is damaged');
    const temporary = `${path}.${randomUUID()}`;
    await writeFile(temporary, got.bytes);
    await rename(temporary, path);
  }

  #pathOf(sha256: string): string {
    return join(this.folder, nameOf(sha256));
  }
}

const nameOf = (sha256: string): string => `${sha256}.parquet`;

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const damaged = (key: string, problem: string): MonitorError =>
  new MonitorError('corrupt', 'columns_damaged', `${key} ${problem}`, {
    hint: 'A running monitor makes it again from the packs within a minute of a request that needs it.',
    extra: { key },
  });
