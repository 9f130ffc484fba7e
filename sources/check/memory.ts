/**
 * What a check keeps from one run to the next: progress of jobs, results of files, and the last messages sent. In
 * memory for `--every`; across runs in a small file, which may be deleted at any time and is then created again.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { hasEnded, type Sighting } from '../../protocol/sighting.ts';
import type { Recall } from '../source.ts';
import type { Track } from './track.ts';

const FORMAT = 1;

type Remembered = { version: string; sighting: Sighting };

type File = {
  format: number;
  tracks: Record<string, Track>;
  recalls: Record<string, Record<string, Remembered>>;
  told: Record<string, string>;
  unread: string[];
};

export class CheckMemory {
  /** Progress of running jobs, by id. */
  tracks = new Map<string, Track>();
  /** The last verdict sent, by notifier. */
  readonly told = new Map<string, string>();
  /** Sources that the previous check could not read. */
  unread = new Set<string>();
  readonly #recalls = new Map<string, FileRecall>();

  /** Results of the files of one source. */
  recall(source: string): FileRecall {
    const recall = this.#recalls.get(source) ?? new FileRecall();
    this.#recalls.set(source, recall);
    return recall;
  }

  /** Empty if there is no file yet. `damaged` is called for a file that can't be read; it is then overwritten. */
  static async load(path: string, damaged: (why: string) => void = () => {}): Promise<CheckMemory> {
    const memory = new CheckMemory();
    try {
      const file = JSON.parse(await readFile(path, 'utf8')) as File;
      if (file.format !== FORMAT) throw new Error(`its format is ${file.format}, not ${FORMAT}`);
      memory.tracks = new Map(Object.entries(file.tracks));
      memory.unread = new Set(file.unread);
      for (const [name, answer] of Object.entries(file.told)) memory.told.set(name, answer);
      for (const [name, files] of Object.entries(file.recalls)) {
        memory.#recalls.set(name, new FileRecall(Object.entries(files)));
      }
      return memory;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return memory;
      damaged((error as Error).message);
      return new CheckMemory();
    }
  }

  /** Atomically, because another run may be reading it. */
  async save(path: string): Promise<void> {
    const file: File = {
      format: FORMAT,
      tracks: Object.fromEntries(this.tracks),
      recalls: Object.fromEntries([...this.#recalls].map(([name, recall]) => [name, Object.fromEntries(recall.files)])),
      told: Object.fromEntries(this.told),
      unread: [...this.unread],
    };
    const beside = `${path}.${process.pid}`;
    await mkdir(dirname(resolve(path)), { recursive: true, mode: 0o700 });
    try {
      await writeFile(beside, JSON.stringify(file), { mode: 0o600 });
      await rename(beside, path);
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  }
}

/** Forgets files that a complete read did not request, because they are gone, and jobs that ended too long ago. */
export class FileRecall implements Recall {
  readonly files: Map<string, Remembered>;
  #requested = new Set<string>();

  constructor(files: Iterable<[string, Remembered]> = []) {
    this.files = new Map(files);
  }

  get(where: string, version: string): Sighting | undefined {
    this.#requested.add(where);
    const known = this.files.get(where);
    return known?.version === version ? known.sighting : undefined;
  }

  set(where: string, version: string, sighting: Sighting): void {
    this.#requested.add(where);
    this.files.set(where, { version, sighting });
  }

  forget(since_ms: number): void {
    for (const [where, { sighting }] of this.files) {
      const old = hasEnded(sighting) && sighting.told_ms < since_ms;
      if (old || !this.#requested.has(where)) this.files.delete(where);
    }
    this.#requested = new Set();
  }
}

/** A separate file for every set of sources and notifiers: a run by hand must not affect a cron job. */
export function defaultStateFile(
  names: { sources: readonly string[]; notifiers: readonly string[] },
  environment: Record<string, string | undefined> = process.env,
): string {
  const states = environment.XDG_STATE_HOME || join(homedir(), '.local', 'state');
  const key = JSON.stringify([[...names.sources].sort(), [...names.notifiers].sort()]);
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 16);
  return join(states, 'transcription-monitor', `check-${hash}.json`);
}
