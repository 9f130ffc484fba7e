/**
 * What a check keeps from one run to the next: progress of jobs, results of files, and the last messages sent. In
 * memory for `--every`; across runs in a small file, which may be deleted at any time and is then created again.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Teller } from './clocks.ts';
import { FileRecall, type FileRow, type Remembered } from './file-recall.ts';
import type { Track } from './track.ts';

const FORMAT = 1;

/** Since when something has been so, by our clock, and in how many checks. */
export type Since = { since_ms: number; looks: number };

type File = {
  format: number;
  tracks: Record<string, Track>;
  /** Empty but in files of earlier versions. */
  recalls: Record<string, Record<string, Remembered>>;
  told: Record<string, string>;
  unread: string[];
  /** The rest is missing in files of earlier versions. */
  files?: Record<string, FileRow[]>;
  complete?: Record<string, number>;
  found?: string[];
  since?: Record<string, Since>;
  failures?: Record<string, number>;
  tellers?: Record<string, Teller>;
};

export class CheckMemory {
  /** Progress of running jobs, by id. */
  tracks = new Map<string, Track>();
  /** Workers with a job, by id. */
  tellers = new Map<string, Teller>();
  /** The last verdict sent, by notifier. */
  readonly told = new Map<string, string>();
  /** Sources that the previous check could not read. */
  unread = new Set<string>();
  /** Sources in which a report was found, in this check or an earlier one. */
  found = new Set<string>();
  /** When the failed jobs ended that were reported to a notifier. */
  readonly failures = new Map<string, number>();
  #since = new Map<string, Since>();
  #sinceNow = new Map<string, Since>();
  readonly #recalls = new Map<string, FileRecall>();

  /** Since when `what` has been so in every check. Once per check. */
  since(what: string, now_ms: number): Since {
    const known = this.#since.get(what);
    const since = { since_ms: known?.since_ms ?? now_ms, looks: (known?.looks ?? 0) + 1 };
    this.#sinceNow.set(what, since);
    return since;
  }

  /** What was not asked for again has ended, unless a source could not be read. */
  endRound({ complete }: { complete: boolean }): void {
    this.#since = new Map([...(complete ? [] : this.#since), ...this.#sinceNow]);
    this.#sinceNow = new Map();
  }

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
      memory.found = new Set(file.found);
      for (const [subject, ended_ms] of Object.entries(file.failures ?? {})) memory.failures.set(subject, ended_ms);
      memory.tellers = new Map(Object.entries(file.tellers ?? {}));
      memory.#since = new Map(Object.entries(file.since ?? {}));
      for (const [name, files] of Object.entries(file.recalls)) {
        memory.#recalls.set(name, FileRecall.fromObject(files, file.complete?.[name]));
      }
      for (const [name, rows] of Object.entries(file.files ?? {})) {
        memory.#recalls.set(name, new FileRecall(rows, file.complete?.[name]));
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
      recalls: {},
      files: Object.fromEntries([...this.#recalls].map(([name, { rows }]) => [name, rows])),
      told: Object.fromEntries(this.told),
      unread: [...this.unread],
      complete: Object.fromEntries([...this.#recalls].map(([name, { complete_ms }]) => [name, complete_ms])),
      found: [...this.found],
      since: Object.fromEntries(this.#since),
      tellers: Object.fromEntries(this.tellers),
      failures: Object.fromEntries(this.failures),
    };
    const beside = `${path}.${process.pid}`;
    await makeFolder(dirname(resolve(path)));
    try {
      await writeFile(beside, JSON.stringify(file), { mode: 0o600 });
      await rename(beside, path);
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  }
}

/** Node's own recursive mkdir never ends below /proc. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    const above = dirname(path);
    if (code !== 'ENOENT' || above === path || existsSync(above)) throw error;
    await makeFolder(above);
    // Another run may have made it meanwhile.
    await makeFolder(path);
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
